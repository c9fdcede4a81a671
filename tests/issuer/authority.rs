//! A CA made and used with openssl, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Dockseal, Ran};

/// A leaf as a signer makes it; what a test changes is what should be noticed.
#[derive(Clone)]
pub struct Leaf<'a> {
    pub subject: &'a str,
    pub extensions: Vec<&'a str>,
    pub days: i32,
    /// As faketime takes it.
    pub when: Option<&'a str>,
}

impl<'a> Leaf<'a> {
    pub fn new(subject: &'a str, usage: &'a str, sans: &'a str) -> Self {
        let basics = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"];
        Self { subject, extensions: vec![basics[0], basics[1], usage, sans], days: 365, when: None }
    }

    pub fn server() -> Self {
        Self::new("/CN=build-01.example.com", "extendedKeyUsage=serverAuth", "subjectAltName=DNS:build-01.example.com")
    }

    pub fn with(mut self, place: usize, extension: &'a str) -> Self {
        self.extensions[place] = extension;
        self
    }
}

/// `ca.pem` and `ca-key.pem`.
pub struct Ca {
    pub folder: TempDir,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        Self::with(name, &["-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"])
    }

    pub fn with(name: &str, extension: &[&str]) -> Self {
        let ca = Self { folder: TempDir::new().unwrap() };
        ca.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca-key.pem");
        fs::set_permissions(ca.path("ca-key.pem"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let mut command = ca.command("openssl");
        command.args(["req", "-x509", "-new", "-key", "ca-key.pem", "-days", "3650", "-out", "ca.pem", "-subj", name]);
        command.args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]).args(extension);
        Ran::run(&command, b"", Duration::from_secs(20)).ok();
        ca
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    pub fn openssl(&self, arguments: &str) -> Ran {
        let mut command = self.command("openssl");
        command.args(arguments.split(' '));
        Ran::run(&command, b"", Duration::from_secs(20)).ok()
    }

    /// Signs a request as a person would with openssl; gives the certificate.
    pub fn sign(&self, request: &Path, leaf: &Leaf) -> String {
        fs::write(self.path("extensions"), leaf.extensions.join("\n")).unwrap();
        let mut command = match leaf.when {
            None => self.command("openssl"),
            Some(when) => {
                let mut command = self.command("faketime");
                command.args([when, "openssl"]);
                command
            }
        };
        command.args(["x509", "-req", "-in"]).arg(request).args(["-CA", "ca.pem", "-CAkey", "ca-key.pem"]);
        command.args(["-days", &leaf.days.to_string(), "-extfile", "extensions", "-set_serial", "0x1234567890"]);
        command.args(["-subj", leaf.subject]);
        Ran::run(&command, b"", Duration::from_secs(20)).ok().stdout
    }

    pub fn certificate(&self) -> String {
        fs::read_to_string(self.path("ca.pem")).unwrap()
    }

    /// A key and a request of somebody's own.
    pub fn request(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.path(name);
        let mut command = self.command("openssl");
        command.args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"]);
        command.arg(path.with_extension("their-key")).arg("-out").arg(&path).args(arguments);
        Ran::run(&command, b"", Duration::from_secs(20)).ok();
        path
    }

    /// `dockseal sign --ca …`, not yet run.
    pub fn dockseal_sign(&self, manifest: &Path) -> Dockseal {
        Dockseal::new().args([
            Path::new("sign"),
            Path::new("--ca"),
            self.folder.path(),
            Path::new("--manifest"),
            manifest,
        ])
    }
}

/// What openssl reads in a certificate.
pub fn text_of(certificate: &Path) -> String {
    let mut command = Command::new("/usr/bin/openssl");
    command.args(["x509", "-noout", "-text", "-nameopt", "RFC2253", "-in"]).arg(certificate);
    Ran::run(&command, b"", Duration::from_secs(20)).ok().stdout
}

/// Whether openssl takes a certificate for one of this CA, by the letter of RFC 5280.
#[track_caller]
pub fn verify(ca: &Path, certificate: &Path, purpose: &str) {
    let mut command = Command::new("/usr/bin/openssl");
    command.args(["verify", "-x509_strict", "-purpose", purpose, "-CAfile"]).arg(ca).arg(certificate);
    Ran::run(&command, b"", Duration::from_secs(20)).ok();
}
