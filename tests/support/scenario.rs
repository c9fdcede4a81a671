//! Changes of a host under another root, which faults are to meet: how each begins, and what the host may be like after.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{Dockseal, Ran, Site, Traced, Tree, set_mode};

const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nclients:\n  - name: ci\n";

const ELSEWHERE: &str = "dockseal: 1\nhost: build-01.example.com\nca: {issuer: external}\nclients:\n  - name: ci\n";

/// What is done to a host.
pub struct Scenario {
    /// Where.
    pub site: Site,
    /// What comes before it: done anew each time, as a copy of the files would be other files.
    preparation: fn(&Site),
    /// The command that a fault meets, but for its root.
    pub command: &'static [&'static str],
    /// Whether it makes keys or certificates, whose bytes nobody can foretell.
    issues: bool,
    /// The undisturbed run.
    pub run: Traced,
    before: Tree,
    after: Tree,
}

impl Scenario {
    fn new(site: Site, preparation: fn(&Site), command: &'static [&'static str], issues: bool) -> Self {
        site.save();
        preparation(&site);
        let before = site.tree();
        let run = site.count_calls(command);
        assert_eq!(run.ran.code, 0, "{}", run.ran);
        let after = site.tree();
        assert_ne!(before.unlike(&after, |_| true), [""; 0], "the command does something");
        Self { site, preparation, command, issues, run, before, after }
    }

    /// Everything is new but docker's own unit.
    pub fn first_run() -> Self {
        Self::new(Self::host(), |_| {}, &["apply", "host.yaml"], true)
    }

    /// As it comes from Debian.
    fn host() -> Site {
        let site = Site::in_memory(&["debian"], MANIFEST);
        fs::create_dir_all(site.file("var/lib")).unwrap();
        site
    }

    fn sealed() -> Site {
        let site = Self::host();
        site.apply().ok();
        site
    }

    /// Another name in the server's certificate; a mode that has to be mended comes with it.
    pub fn renewal() -> Self {
        let site = Self::sealed();
        site.manifest(&MANIFEST.replace("clients:", "server:\n  sans:\n    ip: [10.1.1.1]\nclients:"));
        set_mode(&site.file("etc/docker/tls/ca.pem"), 0o744);
        Self::new(site, |_| {}, &["apply", "host.yaml"], true)
    }

    /// One more key; nothing is issued.
    pub fn daemon_json() -> Self {
        let site = Self::sealed();
        site.manifest(&format!("{MANIFEST}daemon:\n  debug: true\n"));
        set_mode(&site.file("etc/docker/daemon.json"), 0o640);
        Self::new(site, |_| {}, &["apply", "host.yaml"], false)
    }

    /// A CA that was introduced takes over: each leaf is issued anew, and keys change their places.
    pub fn switch() -> Self {
        let site = Self::host();
        site.manifest(&MANIFEST.replace("clients:", "ca: {overlap: 1h}\nclients:"));
        site.apply_at("-3h").ok();
        site.manifest(&MANIFEST.replace("clients:", "ca: {overlap: 1h, rotate: {generation: 2}}\nclients:"));
        site.apply_at("-2h").ok();
        Self::new(site, |_| {}, &["apply", "host.yaml"], true)
    }

    /// All but the PEM files goes again.
    pub fn leaving() -> Self {
        let site = Self::sealed();
        site.manifest(&format!("{MANIFEST}state: absent\n"));
        Self::new(site, |_| {}, &["apply", "host.yaml"], false)
    }

    /// They go too.
    pub fn leaving_with_keys() -> Self {
        let site = Self::sealed();
        site.manifest(&format!("{MANIFEST}state: absent\n"));
        Self::new(site, |_| {}, &["apply", "host.yaml", "--delete-keys"], false)
    }

    /// Back from new names in the server's certificate, one more client and another daemon.json.
    pub fn rollback() -> Self {
        let site = Self::sealed();
        site.manifest(&format!(
            "{MANIFEST}  - name: new\nserver:\n  sans:\n    ip: [10.1.1.1]\ndaemon:\n  debug: true\n"
        ));
        Self::new(site, |site| drop(site.apply().ok()), &["rollback"], false)
    }

    /// Keys and requests for certificates that are signed elsewhere.
    pub fn requests() -> Self {
        let site = Self::host();
        site.manifest(ELSEWHERE);
        Self::new(site, |_| {}, &["apply", "host.yaml"], true)
    }

    /// What came back signed is taken in, and dockerd's files with it.
    pub fn intake() -> Self {
        let site = Self::host();
        site.manifest(ELSEWHERE);
        site.apply().ok();
        let script = "umask 077; mkdir ca
            openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca/ca-key.pem
            openssl req -x509 -new -key ca/ca-key.pem -days 3650 -subj '/CN=Build CA' -out ca/ca.pem \
                -addext keyUsage=critical,keyCertSign,cRLSign -addext basicConstraints=critical,CA:TRUE,pathlen:0
            exec \"$0\" sign --ca ca --manifest host.yaml root/etc/docker/tls/requests/*.csr";
        let mut command = Command::new("/bin/sh");
        command.args(["-euc", script, Dockseal::BINARY]).current_dir(site.folder()).env("PATH", "/usr/bin:/bin");
        Ran::run(&command, b"", Duration::from_secs(60)).ok();
        Self::new(site, |_| {}, &["apply", "host.yaml"], false)
    }

    /// The host as the fault shall find it.
    pub fn begin(&self) -> Tree {
        self.site.reset();
        (self.preparation)(&self.site);
        self.site.tree()
    }

    /// In what it is not as the undisturbed run left it.
    fn unlike_goal(&self, now: &Tree) -> Vec<String> {
        let can_be_foretold = |path: &str| {
            let [was, is] = [&self.before, &self.after].map(|tree| tree.0.get(path).map(|node| &node.bytes));
            let is_same = was == is;
            !path.starts_with("var/lib/dockseal") && (is_same || !self.issues || !is_issued(path))
        };
        self.after.unlike(now, can_be_foretold)
    }

    /// Which of the two states this is, or what is wrong with it.
    pub fn judge(&self, before: &Tree, now: &Tree) -> Result<State, String> {
        let (was, should) = (before.not_put_back(now), self.unlike_goal(now));
        match (was.is_empty(), should.is_empty()) {
            (true, _) => Ok(State::AsItWas),
            // After a rollback the manifest has something left to do.
            (_, true) if self.command == ["rollback"] => Ok(State::AsItShouldBe),
            (_, true) => self.plan().map(|()| State::AsItShouldBe),
            _ => Err(format!("neither as it was: {was:?}\n    nor as it should be: {should:?}")),
        }
    }

    /// Nothing is left to do.
    pub fn plan(&self) -> Result<(), String> {
        let planned = self.site.dockseal(["plan"]).run();
        // What is signed elsewhere is nothing that this host could do.
        let waits = planned.code == 2 && planned.stdout.contains("\nPlan: waiting for ");
        if planned.code == 0 || waits { Ok(()) } else { Err(format!("the plan is not empty: {planned}")) }
    }

    /// Another command on the same root.
    pub fn dockseal(&self, command: &[&str]) -> Ran {
        Dockseal::new().args(command).root("root").current_dir(self.site.folder()).run()
    }
}

/// A key, a request or a certificate.
pub fn is_issued(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| ["pem", "key", "csr"].iter().any(|issued| extension == *issued))
}

/// What a host is like after a fault, in the order in which a run leads from one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The same files.
    AsItWas,
    /// What the undisturbed run makes of it.
    AsItShouldBe,
}
