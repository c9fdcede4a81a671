//! What the endpoints answer: real TLS handshakes, judged by nobody here.
//!
//! An ordinary observation makes one handshake with a certificate and one without per endpoint. The full one, made after
//! a change, tries every name, every client whose key is on the host, and every kind of stranger.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::ObserveError;
use super::caller::{self, Authorities, Holder};
use super::certificate::Certificates;
use super::service::LOCAL_SOCKET;
use crate::desired::Desired;
use crate::host::{self, Asked, Caller, CallerError, Identity, Outcome, Root};
use crate::manifest::Endpoint;
use crate::pki::{Fingerprint, San};

/// A handshake on the host itself takes milliseconds; a daemon that starves may take longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The one request that needs no version and changes nothing.
const PING: &str = "/_ping";

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// One handshake with a certificate and one without.
    Ordinary,
    /// Every name, every client, every stranger.
    Full,
}

/// What one endpoint answered.
#[derive(Clone, Debug)]
pub struct Served {
    /// Where dockerd listens.
    pub endpoint: Endpoint,
    /// The certificate that was shown; `None` for a local endpoint and where no TLS was spoken.
    pub certificate: Option<Fingerprint>,
    /// Each thing tried, in order.
    pub trials: Vec<Trial>,
}

/// One thing tried at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Who called.
    pub caller: CallerKind,
    /// What came of it.
    pub answer: Answer,
}

/// Who calls an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// A client of the manifest.
    Client(String),
    /// A client made for this handshake alone, signed by the CA.
    Ephemeral,
    /// The same, signed by a CA that is trusted while it is replaced.
    EphemeralOf(String),
    /// Somebody who asks for the server by this name and goes no further.
    Name(San),
    /// Somebody who must be refused.
    Stranger(Stranger),
    /// The local user.
    Local,
}

/// A caller that must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stranger {
    /// TLS without a certificate.
    WithoutCertificate,
    /// A certificate of another CA.
    OfAnotherCa,
    /// A certificate of a CA that was trusted before.
    OfRetiredCa,
    /// Plain HTTP.
    PlainHttp,
}

/// What a caller got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// `/_ping` was answered with 200.
    Admitted,
    /// The daemon turned the caller away; its words.
    Refused(String),
    /// The caller turned the server's certificate away; why.
    ServerNotTrusted(String),
    /// No one answers, or no TLS is spoken.
    Silent(String),
}

impl fmt::Display for CallerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(name) => write!(f, "client {name}"),
            Self::Ephemeral => f.write_str("a client made for this handshake"),
            Self::EphemeralOf(ca) => write!(f, "a client of {ca} made for this handshake"),
            Self::Name(san) => write!(f, "a caller of {san}"),
            Self::Stranger(stranger) => stranger.fmt(f),
            Self::Local => f.write_str("the local user"),
        }
    }
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithoutCertificate => "a caller without a certificate",
            Self::OfAnotherCa => "a caller with a certificate of another CA",
            Self::OfRetiredCa => "a caller with a certificate of the retired CA",
            Self::PlainHttp => "a caller that speaks plain HTTP",
        })
    }
}

/// Asks every endpoint. `authorities` make the ephemeral clients.
pub fn read(
    root: &Root,
    desired: &Desired,
    certificates: &Certificates,
    depth: Depth,
    authorities: Authorities<'_>,
    now: OffsetDateTime,
) -> Result<Vec<Served>, ObserveError> {
    let trusted = certificates.trusted();
    let anchors: Vec<Vec<u8>> = trusted.iter().map(|certificate| certificate.der.clone()).collect();
    let mut holders = caller::clients(root, desired, depth)?;
    if holders.is_empty() {
        holders.extend(caller::ephemeral(root, desired, trusted, authorities.signing, now)?);
    }
    match depth {
        Depth::Ordinary => holders.extend(caller::introduced(root, desired, trusted, now)?),
        Depth::Full => holders.extend(caller::witnesses(authorities, now)?),
    }
    let foreigner = (depth == Depth::Full).then(|| caller::foreigner(now)).transpose()?;
    let survey = Survey { anchors: &anchors, desired, holders: &holders, foreigner: foreigner.as_ref(), depth };
    Ok(desired.daemon.endpoints.iter().map(|endpoint| survey.ask(endpoint)).collect::<Result<_, _>>()?)
}

/// What is asked, and with what.
pub struct Survey<'a> {
    pub anchors: &'a [Vec<u8>],
    pub desired: &'a Desired,
    pub holders: &'a [Holder],
    pub foreigner: Option<&'a Holder>,
    pub depth: Depth,
}

impl Survey<'_> {
    pub fn ask(&self, endpoint: &Endpoint) -> Result<Served, CallerError> {
        let mut served = Served { endpoint: endpoint.clone(), certificate: None, trials: Vec::new() };
        match endpoint {
            // Without a CA there is nothing to ask with.
            Endpoint::Tcp { .. } if self.anchors.is_empty() => {}
            Endpoint::Tcp { host, port } => self.ask_tcp(host, *port, &mut served)?,
            Endpoint::Unix(path) => served.trials.push(ask_local(path)),
            Endpoint::Fd(_) => served.trials.push(ask_local(Path::new(LOCAL_SOCKET))),
        }
        Ok(served)
    }

    fn ask_tcp(&self, host: &str, port: u16, served: &mut Served) -> Result<(), CallerError> {
        let address = match dial(host, port) {
            Ok(address) => address,
            Err(error) => {
                served.trials.push(Trial { caller: CallerKind::Local, answer: Answer::Silent(error) });
                return Ok(());
            }
        };
        let host = San::Dns(self.desired.host.clone());
        for holder in self.holders {
            served.note(self.shake_hands(address, Some(holder), &host)?, holder.kind.clone());
        }
        let without = CallerKind::Stranger(Stranger::WithoutCertificate);
        served.note(self.shake_hands(address, None, &host)?, without);
        if self.depth == Depth::Ordinary {
            return Ok(());
        }
        for san in &self.desired.server.sans {
            served.note(self.shake_hands(address, None, san)?, CallerKind::Name(san.clone()));
        }
        if let Some(foreigner) = self.foreigner {
            served.note(self.shake_hands(address, Some(foreigner), &host)?, foreigner.kind.clone());
        }
        let plain = Asked { served: None, outcome: host::ask_plain(address, PING, ANSWER_WITHIN) };
        served.note(plain, CallerKind::Stranger(Stranger::PlainHttp));
        Ok(())
    }

    fn shake_hands(&self, address: SocketAddr, holder: Option<&Holder>, name: &San) -> Result<Asked, CallerError> {
        let identity = holder.map(|holder| Identity { chain: &holder.chain, key_pkcs8: holder.key.pkcs8_der() });
        let name = match name {
            San::Ip(address) => address.to_string(),
            San::Dns(name) | San::Other(name) => name.clone(),
        };
        host::ask(address, &Caller { anchors: self.anchors, identity, name: &name }, PING, ANSWER_WITHIN)
    }
}

impl Served {
    fn note(&mut self, asked: Asked, caller: CallerKind) {
        if let Some(leaf) = asked.served.as_ref().and_then(|chain| chain.first()) {
            self.certificate = Some(Fingerprint::of(leaf));
        }
        self.trials.push(Trial { caller, answer: answer(asked.outcome) });
    }
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Answered { status: 200, .. } => Answer::Admitted,
        Outcome::Answered { status, .. } => Answer::Refused(format!("answered with status {status}")),
        Outcome::Refused(why) => Answer::Refused(why),
        Outcome::ServerNotTrusted(why) => Answer::ServerNotTrusted(why),
        Outcome::NotTls(why) | Outcome::Unreachable(why) | Outcome::NoAnswer(why) => Answer::Silent(why),
    }
}

/// Who speaks plain HTTP.
pub(super) fn ask_plain(host: &str, port: u16) -> Answer {
    match dial(host, port) {
        Ok(address) => answer(host::ask_plain(address, PING, ANSWER_WITHIN)),
        Err(error) => Answer::Silent(error),
    }
}

pub(super) fn ask_local(socket: &Path) -> Trial {
    let answer = match host::ask_unix(socket, PING, ANSWER_WITHIN) {
        Ok(response) if response.status == 200 => Answer::Admitted,
        Ok(response) => Answer::Refused(format!("answered with status {}", response.status)),
        Err(error) => Answer::Silent(error.to_string()),
    };
    Trial { caller: CallerKind::Local, answer }
}

/// Where to reach an endpoint from the host itself: a wildcard address answers on the loopback.
fn dial(host: &str, port: u16) -> Result<SocketAddr, String> {
    match host.parse::<IpAddr>() {
        // dockerd binds `[::]` dual-stack, and a host may have IPv6 switched off.
        Ok(address) if address.is_unspecified() => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Ok(address) => Ok((address, port).into()),
        Err(_) => {
            let addresses = host::resolve(host, port, ANSWER_WITHIN).map_err(|error| error.to_string())?;
            addresses.into_iter().next().ok_or_else(|| format!("{host} has no address"))
        }
    }
}
