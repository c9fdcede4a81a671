//! `packaging/ansible`, the collection `dockseal.docker`, with ansible-core from `PyPI`: its module in a folder, its role and
//! its fleet over real SSH on booted hosts, and what Ansible's own tools say of it.

mod collection;
mod control;
mod fleet;
mod module;
mod one_host;
