//! Certificates that a command signs: a request goes in, a chain comes out, and nothing of it is believed. All of them are
//! here, and judged, before anything is written.

use std::path::{Component, Path, PathBuf};

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};
use zeroize::Zeroizing;

use super::issue::old_copy;
use super::key::read_key;
use super::write::Write;
use super::{Apply, Cause};
use crate::host::{Entry, FileKind, Filter, Root, effective_user};
use crate::manifest::IssuerCommand;
use crate::observed::{FILE_LIMIT, LeafFacts};
use crate::pki::{CertFacts, Certificate, PrivateKey, PublicKey, Request, Role, San};
use crate::plan::{After, Change, Issue, IssueKey, Reason, unfit};

/// Bytes of a chain: with RSA-4096 throughout, a certificate has 3 KiB.
const MOST: usize = 256 * 1024;
/// A chain is not longer.
const MOST_CERTIFICATES: usize = 10;
/// How much longer than asked for a certificate may be valid: signers round, and clocks differ.
const TOLERANCE: Duration = Duration::hours(1);
/// Where the program finds others. Not the caller's: what a cron job and a person get from it should be the same.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// All that a plan needs signed.
pub struct Chain {
    /// Keys and certificates of leaves, each key before its certificate.
    pub leaves: Vec<Write>,
    /// `ca.pem`, where it came with them.
    pub ca: Option<(Write, String)>,
}

/// Has each certificate of the plan signed.
pub fn sign(apply: &Apply, command: &IssuerCommand) -> Result<Chain, Cause> {
    let jobs: Vec<(&Change, &Issue)> = apply.plan.changes.iter().filter_map(as_issue).collect();
    if !jobs.is_empty() {
        check_program(command.program.as_path())?;
    }
    let mut signer = Signer { apply, command, trusted: found_ca(apply)?, is_new: false };
    let mut leaves = Vec::with_capacity(2 * jobs.len());
    for (done, (change, issue)) in jobs.iter().enumerate() {
        leaves.extend(signer.leaf(change, issue)?);
        (apply.progress)(done + 1, jobs.len());
    }
    let of_chain = apply.plan.changes.iter().find(|change| matches!(change.after, After::CaOfChain));
    let ca = of_chain.filter(|_| signer.is_new).map(|change| {
        let pem: String = signer.trusted.iter().map(Certificate::to_pem).collect();
        (Write::public(change, pem.clone()), pem)
    });
    Ok(Chain { leaves, ca })
}

/// The time by which a certificate is judged that was made after `now`: many signers let one begin the second it is made.
pub fn later(now: OffsetDateTime) -> OffsetDateTime {
    now.max(OffsetDateTime::now_utc())
}

fn as_issue(change: &Change) -> Option<(&Change, &Issue)> {
    match &change.after {
        After::Certificate(issue) if issue.spec.role != Role::Ca => Some((change, issue)),
        _ => None,
    }
}

fn found_ca(apply: &Apply) -> Result<Vec<Certificate>, Cause> {
    let path = apply.desired.layout.ca_certificate();
    match apply.root.read(&path, FILE_LIMIT)? {
        Entry::File(contents) => Certificate::parse_all(&contents.bytes).map_err(|error| Cause::Parse { path, error }),
        Entry::Missing => Ok(Vec::new()),
        Entry::Denied | Entry::NotAFile(_) => Err(Cause::Gone(path)),
    }
}

struct Signer<'a> {
    apply: &'a Apply<'a>,
    command: &'a IssuerCommand,
    /// The signing CA first.
    trusted: Vec<Certificate>,
    /// Whether it came with the first certificate.
    is_new: bool,
}

impl Signer<'_> {
    /// The files of one leaf.
    fn leaf(&mut self, change: &Change, issue: &Issue) -> Result<Vec<Write>, Cause> {
        let mut files = Vec::with_capacity(3);
        let (request, key) = match &issue.key {
            IssueKey::New { path, seen } => {
                let key = PrivateKey::generate(issue.spec.key)?;
                let public = key.public_key().clone();
                files.push(Write::secret(path, key.to_pem()?, seen.as_ref().map(|seen| seen.stamp)));
                (Request::write(&issue.spec, key)?, public)
            }
            IssueKey::Kept(path) => {
                let key = read_key(self.apply.root, path, None)?;
                let public = key.public_key().clone();
                (Request::write(&issue.spec, key)?, public)
            }
            IssueKey::Request(path) => {
                let request = read_request(self.apply.root, path)?;
                (request.to_pem(), request.public_key)
            }
        };
        let fail = |why: String, reasons| Cause::Signer { resource: change.resource.to_string(), why, reasons };
        let said = self.ask(issue, &request)?;
        let chain = chain(said).map_err(|why| fail(why, Vec::new()))?;
        let certificate = self.judge(issue, &key, chain).map_err(|(why, reasons)| fail(why, reasons))?;
        files.extend(old_copy(self.apply, change, issue.keeps_old.as_deref())?);
        files.push(Write::public(change, certificate.to_pem()));
        Ok(files)
    }

    fn ask(&self, issue: &Issue, request: &str) -> Result<Vec<u8>, Cause> {
        let spec = &issue.spec;
        let name = spec.subject.0.iter().map(|(_, value)| value.as_str()).next().unwrap_or_default();
        let subject: Vec<String> = spec.subject.0.iter().map(|(kind, value)| format!("{kind}={value}")).collect();
        let sans: Vec<String> = spec.sans.iter().map(San::to_string).collect();
        let role = if spec.role == Role::Server { "server" } else { "client" };
        let until = issue.not_after.min(self.apply.now + spec.valid_for).to_offset(UtcOffset::UTC);
        let environment = [
            ("PATH", PATH.to_owned()),
            ("LC_ALL", "C".to_owned()),
            ("DOCKSEAL_ROLE", role.to_owned()),
            ("DOCKSEAL_NAME", name.to_owned()),
            ("DOCKSEAL_HOST", self.apply.desired.host.clone()),
            ("DOCKSEAL_SUBJECT", subject.join(",")),
            ("DOCKSEAL_SANS", sans.join(",")),
            ("DOCKSEAL_VALID_SECONDS", (until - self.apply.began).whole_seconds().to_string()),
            ("DOCKSEAL_NOT_AFTER", until.format(&Rfc3339).unwrap_or_default()),
        ];
        let filter = Filter {
            program: self.command.program.as_path(),
            arguments: &self.command.arguments,
            environment: &environment,
            input: request.as_bytes(),
            timeout: self.command.timeout.duration(),
            most: MOST,
        };
        Ok(filter.run()?)
    }

    fn judge(
        &mut self,
        issue: &Issue,
        key: &PublicKey,
        chain: Vec<Certificate>,
    ) -> Result<Certificate, (String, Vec<Reason>)> {
        let now = later(self.apply.began);
        let mut chain = chain.into_iter();
        let Some(leaf) = chain.next() else { return Err(("gave no certificate".to_owned(), Vec::new())) };
        if self.trusted.is_empty() {
            self.trusted = chain.collect();
            self.is_new = true;
            check_cas(&self.trusted, now).map_err(|why| (why, Vec::new()))?;
        }
        let Some(ca) = self.trusted.first() else {
            let why = "gave no certificate of its CA, and none is known here: it belongs behind the leaf's".to_owned();
            return Err((why, Vec::new()));
        };
        let found = LeafFacts { facts: leaf.facts.clone(), signed_by: leaf.is_signed_by(ca).then_some(0) };
        let wrong = unfit(self.apply.observed, (&issue.spec, &found), key, &ca.facts, now);
        if !wrong.is_empty() {
            return Err(("gave a certificate that does not fit".to_owned(), wrong));
        }
        if leaf.facts.not_after > now + issue.spec.valid_for + TOLERANCE {
            let why = format!("gave a certificate that ends at {}, later than asked for", leaf.facts.not_after);
            return Err((why, Vec::new()));
        }
        Ok(leaf)
    }
}

fn read_request(root: &Root, path: &Path) -> Result<Request, Cause> {
    match root.read_anywhere(path, FILE_LIMIT)? {
        Entry::File(contents) => {
            Request::parse(&contents.bytes).map_err(|error| Cause::Parse { path: path.to_owned(), error })
        }
        Entry::Missing | Entry::Denied | Entry::NotAFile(_) => Err(Cause::Gone(path.to_owned())),
    }
}

/// What it said, as certificates. It may be a secret by mistake: nothing of it is repeated.
fn chain(said: Vec<u8>) -> Result<Vec<Certificate>, String> {
    let said = Zeroizing::new(said);
    if said.windows(11).any(|window| window == b"PRIVATE KEY") {
        return Err("gave a private key".to_owned());
    }
    let chain =
        Certificate::parse_all(&said).map_err(|error| format!("gave what is no chain of certificates: {error}"))?;
    if chain.len() > MOST_CERTIFICATES {
        return Err(format!("gave {} certificates", chain.len()));
    }
    Ok(chain)
}

/// What becomes `ca.pem`: whoever these have signed is let in. Each is signed by the next, so that none slips in.
fn check_cas(cas: &[Certificate], now: OffsetDateTime) -> Result<(), String> {
    let may_sign = |facts: &CertFacts| facts.is_ca && facts.key_usage.is_none_or(|usage| usage.cert_sign);
    for (index, ca) in cas.iter().enumerate() {
        let subject = &ca.facts.subject;
        if !may_sign(&ca.facts) {
            return Err(format!("gave `{subject}` for its CA, which is none"));
        }
        if now < ca.facts.not_before || now > ca.facts.not_after {
            return Err(format!("gave the CA `{subject}`, which is not valid now"));
        }
        if cas.get(index + 1).is_some_and(|next| !ca.is_signed_by(next)) {
            return Err(format!("gave a chain that breaks behind `{subject}`"));
        }
    }
    Ok(())
}

/// As many as Linux follows (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// It is run as this user: nobody else may be able to change it. It is this machine's, whatever root is worked on.
fn check_program(program: &Path) -> Result<(), Cause> {
    let root = Root::live()?;
    let refuse = |why: String| Cause::Program { path: program.to_owned(), why };
    let mut path = program.to_owned();
    for _ in 0..MOST_LINKS {
        match root.look(&path)? {
            None => return Err(refuse("is not there".to_owned())),
            // Its folder is trusted, so that the link itself is.
            Some((FileKind::Symlink, _)) => {
                let target = root.read_link(&path)?.unwrap_or_default();
                path = normal(&path.parent().unwrap_or(Path::new("/")).join(target));
            }
            Some((FileKind::File, found)) if ![0, effective_user()].contains(&found.uid) => {
                return Err(refuse(format!("belongs to user {}, who could change it", found.uid)));
            }
            Some((FileKind::File, found)) if found.mode & 0o022 != 0 => {
                return Err(refuse(format!("may be written by others (mode {:04o})", found.mode)));
            }
            Some((FileKind::File, _)) => return Ok(()),
            Some((kind, _)) => return Err(refuse(format!("is {kind}, not a program"))),
        }
    }
    Err(refuse("is a symlink that leads in a circle".to_owned()))
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
        normal
    })
}
