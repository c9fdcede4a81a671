//! Callers of every kind against servers of every kind, on both TLS versions. The server is rustls in a thread; that
//! Go's and OpenSSL's servers are understood too is seen where real hosts are booted.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion, version};

use super::*;

type Failure = Box<dyn std::error::Error>;
type Checked = Result<(), Failure>;

const PATIENCE: Duration = Duration::from_secs(10);

/// A CA and one leaf under it that may be server and client.
struct Pki {
    ca: Vec<Vec<u8>>,
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
}

impl Pki {
    fn new(name: &str) -> Result<Self, Failure> {
        let ca_key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key)?.der().to_vec();
        let issuer = Issuer::new(params, ca_key);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["host.example".to_owned(), "127.0.0.1".to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = params.signed_by(&key, &issuer)?.der().to_vec();
        Ok(Self { ca: vec![ca], chain: vec![leaf], key: key.serialize_der() })
    }

    fn identity(&self) -> Identity<'_> {
        Identity { chain: &self.chain, key_pkcs8: &self.key }
    }

    fn caller<'a>(&'a self, identity: Option<Identity<'a>>, name: &'a str) -> Caller<'a> {
        Caller { anchors: &self.ca, identity, name }
    }

    /// A server as dockerd is: it requires a client certificate of its own CA.
    fn serve(&self, version: &'static SupportedProtocolVersion) -> Result<SocketAddr, Failure> {
        let mut anchors = RootCertStore::empty();
        anchors.add(CertificateDer::from(self.ca[0].clone()))?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(anchors), Arc::clone(provider())).build()?;
        let config = ServerConfig::builder_with_provider(Arc::clone(provider()))
            .with_protocol_versions(&[version])?
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![CertificateDer::from(self.chain[0].clone())],
                PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone())),
            )?;
        let config = Arc::new(config);
        listen(move |mut socket| {
            let mut connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            let mut tls = rustls::Stream::new(&mut connection, &mut socket);
            let mut request = [0; 1024];
            let outcome = tls.read(&mut request);
            if outcome.is_ok() {
                tls.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK")?;
                tls.conn.send_close_notify();
            }
            // A caller that is turned away has often more to say; closing then resets the connection under it.
            tls.flush()
        })
    }
}

/// Handles each connection in a thread of its own until the tests end.
fn listen(handle: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let handle = Arc::new(handle);
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let handle = Arc::clone(&handle);
            // A server's own failure shows in what its caller sees.
            thread::spawn(move || drop(handle(socket)));
        }
    });
    Ok(address)
}

const BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

#[test]
fn the_right_certificate_is_let_in_by_name_and_by_address() -> Checked {
    let pki = Pki::new("right")?;
    for version in BOTH {
        let address = pki.serve(version)?;
        for name in ["host.example", "127.0.0.1"] {
            let asked = ask(address, &pki.caller(Some(pki.identity()), name), "/_ping", PATIENCE)?;
            assert_eq!(asked.outcome, Outcome::Answered { status: 200, body: b"OK".to_vec() }, "{version:?} {name}");
            assert_eq!(asked.served.as_ref(), Some(&pki.chain));
        }
    }
    Ok(())
}

#[test]
fn an_untrusted_server_is_named_and_its_chain_still_seen() -> Checked {
    let (pki, other) = (Pki::new("right")?, Pki::new("other")?);
    for version in BOTH {
        let address = pki.serve(version)?;
        for (caller, why) in [
            (pki.caller(Some(pki.identity()), "elsewhere.example"), "not valid for name"),
            (pki.caller(Some(pki.identity()), "127.0.0.2"), "not valid for name"),
            (other.caller(Some(pki.identity()), "host.example"), "not issued by a trusted CA"),
            (other.caller(None, "host.example"), "not issued by a trusted CA"),
        ] {
            let asked = ask(address, &caller, "/_ping", PATIENCE)?;
            let told = matches!(&asked.outcome, Outcome::ServerNotTrusted(text) if text.contains(why));
            assert!(told, "{version:?} {:?}", asked.outcome);
            assert_eq!(asked.served.as_ref(), Some(&pki.chain));
        }
    }
    Ok(())
}

#[test]
fn strangers_are_refused() -> Checked {
    let (pki, other) = (Pki::new("right")?, Pki::new("other")?);
    for version in BOTH {
        let address = pki.serve(version)?;
        for identity in [None, Some(other.identity())] {
            // Often: who closes first and who writes first differs.
            for _ in 0..20 {
                let asked = ask(address, &pki.caller(identity, "host.example"), "/_ping", PATIENCE)?;
                assert!(matches!(asked.outcome, Outcome::Refused(_)), "{version:?} {:?}", asked.outcome);
                assert_eq!(asked.served.as_ref(), Some(&pki.chain));
            }
        }
        assert!(matches!(ask_plain(address, "/_ping", PATIENCE), Outcome::Refused(_)), "{version:?}");
    }
    Ok(())
}

#[test]
fn plain_http_is_told_from_tls() -> Checked {
    let pki = Pki::new("right")?;
    let plain = listen(|mut socket| {
        let mut request = [0; 1024];
        let count = socket.read(&mut request)?;
        let get = request[..count].starts_with(b"GET ");
        socket.write_all(if get { b"HTTP/1.0 200 OK\r\n\r\nOK" } else { b"HTTP/1.1 400 Bad Request\r\n\r\n" })
    })?;
    let asked = ask(plain, &pki.caller(None, "127.0.0.1"), "/_ping", PATIENCE)?;
    assert!(matches!(asked.outcome, Outcome::NotTls(_)), "{:?}", asked.outcome);
    assert_eq!(asked.served, None);
    assert_eq!(ask_plain(plain, "/_ping", PATIENCE), Outcome::Answered { status: 200, body: b"OK".to_vec() });
    let go = listen(|mut socket| {
        assert!(socket.read(&mut [0; 1024])? > 0);
        socket.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
    })?;
    let expected = Outcome::Refused("Client sent an HTTP request to an HTTPS server.".to_owned());
    assert_eq!(ask_plain(go, "/_ping", PATIENCE), expected);
    Ok(())
}

#[test]
fn a_closed_port_is_unreachable() -> Checked {
    let pki = Pki::new("right")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    drop(listener);
    let asked = ask(address, &pki.caller(None, "127.0.0.1"), "/_ping", PATIENCE)?;
    assert!(matches!(&asked.outcome, Outcome::Unreachable(why) if why.contains("refused")), "{:?}", asked.outcome);
    assert!(matches!(ask_plain(address, "/_ping", PATIENCE), Outcome::Unreachable(_)));
    let none = tempfile::tempdir()?.path().join("none");
    assert!(matches!(ask_unix(&none, "/_ping", PATIENCE), Err(Outcome::Unreachable(_))));
    Ok(())
}

#[test]
fn silence_and_drips_end_at_the_deadline() -> Checked {
    let pki = Pki::new("right")?;
    let silent = listen(|socket| {
        thread::sleep(PATIENCE);
        drop(socket);
        Ok(())
    })?;
    // A handshake message of 16 KiB, one byte at a time; the same bytes are a header that never ends.
    let drips = |start: &'static [u8]| {
        listen(move |mut socket| {
            socket.write_all(start)?;
            loop {
                thread::sleep(Duration::from_millis(20));
                socket.write_all(b"x")?;
            }
        })
    };
    let limit = Duration::from_millis(300);
    let start = Instant::now();
    for address in [silent, drips(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")?] {
        let asked = ask(address, &pki.caller(None, "127.0.0.1"), "/_ping", limit)?;
        assert_eq!(asked.outcome, Outcome::NoAnswer("no answer within 0.3 s".to_owned()));
    }
    for address in [silent, drips(b"HTTP/1.0 200 OK\r\nX: ")?, drips(b"HTTP/1.0 200 OK\r\n\r\n")?] {
        let outcome = ask_plain(address, "/_ping", limit);
        assert_eq!(outcome, Outcome::NoAnswer("no answer within 0.3 s".to_owned()));
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn what_a_caller_cannot_use_is_told_before_anything_is_sent() -> Checked {
    let (pki, other) = (Pki::new("right")?, Pki::new("other")?);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let refuse = |caller: Caller<'_>| ask(nowhere, &caller, "/_ping", PATIENCE).err().ok_or("was used");
    let broken = [b"no certificate".to_vec()];
    let anchors = refuse(Caller { anchors: &broken, identity: None, name: "a.example" })?;
    assert!(matches!(anchors, CallerError::Anchor(_)), "{anchors}");
    let none = refuse(Caller { anchors: &[], identity: None, name: "a.example" })?;
    assert!(matches!(none, CallerError::Anchor(_)), "{none}");
    assert!(matches!(refuse(pki.caller(None, "a b\n"))?, CallerError::Name(_)));
    let mixed = Identity { chain: &pki.chain, key_pkcs8: &other.key };
    assert!(matches!(refuse(pki.caller(Some(mixed), "a.example"))?, CallerError::Identity(_)));
    let damaged = Identity { chain: &pki.chain, key_pkcs8: b"x" };
    assert!(matches!(refuse(pki.caller(Some(damaged), "a.example"))?, CallerError::Identity(_)));
    Ok(())
}

#[test]
fn a_local_socket_is_asked_in_plain_http() -> Checked {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("docker.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path)?;
    let server = thread::spawn(move || -> io::Result<Vec<u8>> {
        let (mut socket, _) = listener.accept()?;
        let mut request = vec![0; 1024];
        let count = socket.read(&mut request)?;
        request.truncate(count);
        socket.write_all(b"HTTP/1.0 200 OK\r\n\r\n")?;
        socket.write_all(&vec![b'x'; 2 << 20])?;
        Ok(request)
    });
    let response = ask_unix(&path, "/containers/json", PATIENCE).map_err(|outcome| format!("{outcome:?}"))?;
    assert_eq!((response.status, response.body.len()), (200, 2 << 20));
    let request = server.join().map_err(|_| "panicked")??;
    assert!(request.starts_with(b"GET /containers/json HTTP/1.0\r\nHost: docker\r\n"));
    Ok(())
}
