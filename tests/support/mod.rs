//! What the tests share: the real binary run with a cleared environment, and throw-away Docker hosts. All of it is for
//! tests that run beside others in the same process.

mod cgroup;
mod container;
mod dockseal;
mod failing;
mod host;
mod machine;
mod markdown;
mod network;
mod package;
mod ran;
mod scenario;
mod service;
mod site;
mod strace;
mod tree;

pub use dockseal::Dockseal;
pub use failing::{Before, EVERYWHERE, LIVE, listening};
pub use host::{Host, Suite};
pub use machine::cache;
pub use markdown::{Block, blocks};
pub use network::Network;
pub use package::{build_package, in_checkout};
pub use ran::Ran;
pub use scenario::{Scenario, State, is_issued};
pub use service::MANIFEST;
pub(crate) use service::on_each_suite;
pub use site::Site;
pub use strace::{Call, Traced};
pub use tree::{Node, Tree, lay_over, put, set_mode};
