//! One request to one endpoint, over TLS, in plain text or on a local socket: who asks enters, what was served and how
//! the server took it leaves.
//!
//! In TLS 1.3 the client's handshake succeeds before the server has looked at the client's certificate (RFC 8446, section
//! 4.4.2.4), so only the HTTP answer proves that a caller was let in.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};

use super::http::{self, HttpError, Response};
use super::stream::{ConnectError, Stream};
use super::verifier::Witness;
use crate::visible::one_line;

/// Who asks, and whom it trusts.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// It trusts servers with a certificate for the name, issued under one of these (DER).
    pub anchors: &'a [Vec<u8>],
    /// The certificate that it shows, if any.
    pub identity: Option<Identity<'a>>,
    /// The server's name as the caller knows it: a DNS name or an IP address.
    pub name: &'a str,
}

/// A client certificate and its key.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// Leaf first, DER.
    pub chain: &'a [Vec<u8>],
    /// PKCS#8, DER.
    pub key_pkcs8: &'a [u8],
}

/// What came of a request over TLS.
#[derive(Debug)]
pub struct Asked {
    /// The chain as served, leaf first, DER; filled also where it was not trusted. `None`: it did not come to that.
    pub served: Option<Vec<Vec<u8>>>,
    /// The end of it.
    pub outcome: Outcome,
}

/// How a request ended. The texts are for people, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server let the caller in.
    Answered {
        /// HTTP status.
        status: u16,
        /// HTTP body.
        body: Vec<u8>,
    },
    /// The caller does not trust the server's certificate.
    ServerNotTrusted(String),
    /// The server turned the caller away: a TLS alert, or the answer to plain HTTP on a TLS port.
    Refused(String),
    /// The server does not speak TLS 1.2 or 1.3.
    NotTls(String),
    /// No connection.
    Unreachable(String),
    /// A connection, but no whole answer in time. It proves nothing either way.
    NoAnswer(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status, .. } => write!(f, "answered with status {status}"),
            Self::ServerNotTrusted(why)
            | Self::Refused(why)
            | Self::NotTls(why)
            | Self::Unreachable(why)
            | Self::NoAnswer(why) => f.write_str(why),
        }
    }
}

/// What a caller brought can't be used; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// Neither a DNS name nor an IP address.
    #[error("`{}` is neither a DNS name nor an IP address", one_line(.0))]
    Name(String),
    /// An anchor is no certificate, or there is none.
    #[error("the CA certificate cannot be used: {0}")]
    Anchor(Error),
    /// The key is damaged, of an unknown kind, or another certificate's.
    #[error("the client certificate and its key cannot be used: {0}")]
    Identity(Error),
    /// The TLS library refuses its own settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(Error),
}

/// Bytes of body from a TCP endpoint; `/_ping` has 2, `/version` about 800.
const LARGEST_ANSWER: usize = 1 << 20;
/// From the local socket: `/containers/json` has about 1.2 KiB for each container.
const LARGEST_LOCAL_ANSWER: usize = 32 << 20;

/// Asks over TLS. `timeout` covers everything from connecting to the last byte.
pub fn ask(address: SocketAddr, caller: &Caller<'_>, path: &str, timeout: Duration) -> Result<Asked, CallerError> {
    let witness = Arc::new(caller.witness()?);
    let mut connection = caller.connection(&witness)?;
    let outcome = match Stream::tcp(address, timeout) {
        Err(error) => Outcome::Unreachable(told(&error)),
        Ok(mut stream) => match converse(&mut connection, &mut stream, &host_header(address), path) {
            Ok(response) => Outcome::Answered { status: response.status, body: response.body },
            Err(error) => judge(&error, timeout),
        },
    };
    Ok(Asked { served: witness.served.get().cloned(), outcome })
}

/// Asks in plain HTTP.
pub fn ask_plain(address: SocketAddr, path: &str, timeout: Duration) -> Outcome {
    let mut stream = match Stream::tcp(address, timeout) {
        Ok(stream) => stream,
        Err(error) => return Outcome::Unreachable(told(&error)),
    };
    match http::get(&mut stream, &host_header(address), path, LARGEST_ANSWER) {
        // net/http's answer; Go closes the connection after it.
        Ok(answer) if answer.status == 400 && answer.body.starts_with(b"Client sent an HTTP request to an HTTPS") => {
            Outcome::Refused(one_line(&String::from_utf8_lossy(answer.body.trim_ascii())))
        }
        Ok(answer) => Outcome::Answered { status: answer.status, body: answer.body },
        // Content type 21 is an alert, its version's first byte 3 (RFC 8446, section 5.1).
        Err(HttpError::NotHttp(start)) if start.starts_with(&[21, 3]) => {
            Outcome::Refused("answered with a TLS alert".to_owned())
        }
        Err(error) => judge(&error, timeout),
    }
}

/// Asks on a local socket. With socket activation that alone can start the service behind it.
pub fn ask_unix(socket: &Path, path: &str, timeout: Duration) -> Result<Response, Outcome> {
    let mut stream = Stream::unix(socket, timeout).map_err(|error| Outcome::Unreachable(told(&error)))?;
    http::get(&mut stream, "docker", path, LARGEST_LOCAL_ANSWER).map_err(|error| judge(&error, timeout))
}

/// One for the process: making it is not free.
fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider()))
}

impl Caller<'_> {
    fn witness(&self) -> Result<Witness, CallerError> {
        let mut store = RootCertStore::empty();
        for anchor in self.anchors {
            store.add(CertificateDer::from(anchor.as_slice())).map_err(CallerError::Anchor)?;
        }
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider()));
        let judge = builder.build().map_err(|e| CallerError::Anchor(Error::General(e.to_string())))?;
        let schemes = provider().signature_verification_algorithms.supported_schemes();
        Ok(Witness { judge, schemes, served: OnceLock::new() })
    }

    fn connection(&self, witness: &Arc<Witness>) -> Result<ClientConnection, CallerError> {
        let name = ServerName::try_from(self.name).map_err(|_| CallerError::Name(self.name.to_owned()))?.to_owned();
        let verifier = Arc::<Witness>::clone(witness);
        let builder = ClientConfig::builder_with_provider(Arc::clone(provider()))
            .with_safe_default_protocol_versions()
            .map_err(CallerError::Setup)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key_pkcs8 }) => {
                let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
                // rustls wipes its copy when it is dropped.
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key_pkcs8)).clone_key();
                builder.with_client_auth_cert(chain, key).map_err(CallerError::Identity)?
            }
        };
        // Each question shows the certificates anew.
        config.resumption = Resumption::disabled();
        ClientConnection::new(Arc::new(config), name).map_err(CallerError::Setup)
    }
}

fn converse(
    connection: &mut ClientConnection,
    stream: &mut Stream,
    host: &str,
    path: &str,
) -> Result<Response, HttpError> {
    let answer = shake_hands(connection, stream)
        .and_then(|()| http::get(&mut rustls::Stream::new(connection, stream), host, path, LARGEST_ANSWER));
    match answer {
        Err(HttpError::Io(error)) if is_cut(&error) => Err(HttpError::Io(last_words(connection, stream, error))),
        answer => answer,
    }
}

fn shake_hands(connection: &mut ClientConnection, stream: &mut Stream) -> Result<(), HttpError> {
    while connection.is_handshaking() {
        connection.complete_io(stream)?;
    }
    Ok(())
}

fn is_cut(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// A server that refuses may close while the caller still writes. The alert that says why then waits to be read.
fn last_words(connection: &mut ClientConnection, stream: &mut Stream, cut: io::Error) -> io::Error {
    while connection.read_tls(stream).is_ok_and(|count| count > 0) {
        if let Err(error) = connection.process_new_packets() {
            return io::Error::new(io::ErrorKind::InvalidData, error);
        }
    }
    cut
}

fn judge(error: &HttpError, timeout: Duration) -> Outcome {
    let HttpError::Io(io) = error else { return Outcome::NoAnswer(error.to_string()) };
    match io.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(alert)) => Outcome::Refused(format!("TLS alert {alert:?}")),
        Some(Error::InvalidCertificate(error)) => Outcome::ServerNotTrusted(distrust(error)),
        Some(Error::NoCertificatesPresented) => Outcome::ServerNotTrusted("it shows no certificate".to_owned()),
        Some(error @ (Error::InvalidMessage(_) | Error::PeerIncompatible(_))) => {
            Outcome::NotTls(one_line(&error.to_string()))
        }
        Some(error) => Outcome::NoAnswer(one_line(&error.to_string())),
        None if io.kind() == io::ErrorKind::TimedOut => {
            Outcome::NoAnswer(format!("no answer within {} s", timeout.as_secs_f32()))
        }
        None if io.kind() == io::ErrorKind::UnexpectedEof => {
            Outcome::NoAnswer("the connection was closed without an answer".to_owned())
        }
        None => Outcome::NoAnswer(one_line(&io.to_string())),
    }
}

/// The common faults in words; rustls says the others.
fn distrust(error: &CertificateError) -> String {
    let known = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        CertificateError::UnknownIssuer => "its certificate was not issued by a trusted CA",
        CertificateError::BadSignature => "the signature on its certificate is not the trusted CA's",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers (extended key usage)"
        }
        // Among these: UnsupportedCertVersion, X.509 v1, which has no SAN.
        CertificateError::Other(other) => return one_line(&format!("its certificate is refused: {other:?}")),
        error => return one_line(&error.to_string()),
    };
    known.to_owned()
}

fn told(error: &ConnectError) -> String {
    match error {
        ConnectError::Closed { source, .. } if source.kind() == io::ErrorKind::TimedOut => {
            "no connection in time".to_owned()
        }
        error => one_line(&error.to_string()),
    }
}

/// As RFC 9110, section 7.2, wants it: an IPv6 address in brackets.
fn host_header(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.to_string(),
        // Without a scope, which no Host header holds.
        SocketAddr::V6(address) => format!("[{}]:{}", address.ip(), address.port()),
    }
}

#[cfg(test)]
mod tests;
