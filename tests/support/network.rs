//! A control node and booted hosts on one bridge: a network namespace of its own that dies with the test.

use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::host::{Host, HostCommand};
use super::ran::Ran;

/// The control node's address on the bridge; the hosts' follow it.
const FIRST: u8 = 1;

/// A network with this machine's files and programs at one end, the control node, and hosts at the others.
pub struct Network {
    /// Holds the namespace; the bridge goes with it, and each host's end with that host.
    holder: Child,
}

impl Network {
    /// Makes the bridge and plugs the hosts in, each with its [`Network::address`].
    pub fn of(hosts: &[Host]) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--", "sh", "-c", "echo; exec sleep infinity"]);
        let mut holder =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("setpriv and unshare start");
        // One byte says that the namespace is there.
        let mut ready = [0];
        std::io::Read::read_exact(holder.stdout.as_mut().expect("a pipe"), &mut ready).expect("the namespace is made");
        let network = Self { holder };
        let control = Self::address_of(FIRST);
        network.sh(&format!(
            "ip link set lo up; ip link add hosts type bridge; ip address add {control}/24 dev hosts; ip link set hosts up"
        ));
        for (number, host) in hosts.iter().enumerate() {
            let address = Self::address(number);
            network.sh(&format!(
                "ip link add to{number} type veth peer name host0 netns {}; ip link set to{number} master hosts up",
                host.leader()
            ));
            host.sh(&format!("ip address add {address}/24 dev host0; ip link set host0 up")).ok();
        }
        network
    }

    /// The address of the host that was plugged in as this number, from 0.
    pub fn address(number: usize) -> String {
        Self::address_of(FIRST + 1 + u8::try_from(number).expect("a few hosts"))
    }

    fn address_of(last: u8) -> String {
        format!("10.86.0.{last}")
    }

    /// A command of this machine on the control node, with the environment of a person there.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> HostCommand {
        HostCommand::in_namespace(self.holder.id(), "-n", arguments)
    }

    #[track_caller]
    fn sh(&self, script: &str) -> Ran {
        self.command(["sh", "-euc", script]).limit(Duration::from_secs(20)).run().ok()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}
