//! `packaging/ansible`, the collection `dockseal.docker`, with ansible-core from `PyPI`: its module in a folder, its role and
//! its fleet over real SSH on booted hosts, and what Ansible's own tools say of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod support;

#[path = "ansible/collection.rs"]
mod collection;
#[path = "ansible/control.rs"]
mod control;
#[path = "ansible/fleet.rs"]
mod fleet;
#[path = "ansible/module.rs"]
mod module;
#[path = "ansible/one_host.rs"]
mod one_host;
