//! Two years of daily runs by a clock that is set: fifty clients of many lifetimes, and a CA that is replaced in the middle.
//! On each day every client, which fetches its files now and then as a person would have it do, calls a TLS server that
//! is configured as dockerd is and reads its files when dockerd would restart.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream};
use time::{OffsetDateTime, macros::datetime};
use x509_parser::pem::parse_x509_pem;

use crate::support::{Ran, Site};

const START: OffsetDateTime = datetime!(2027-01-01 04:17 UTC);
const DAYS: i64 = 731;
/// The day on which the manifest asks for another CA.
const ROTATION: i64 = 365;
const DAY: i64 = 86_400;
const TLS: &str = "etc/docker/tls";
/// Lifetimes of the clients in days, over and over.
const LIFETIMES: [i64; 10] = [7, 10, 14, 21, 30, 60, 90, 180, 365, 700];
const CLIENTS: usize = 50;

#[test]
fn nobody_is_locked_out_in_two_years() {
    let mut life = Life::new();
    for day in 0..DAYS {
        life.run_day(day);
    }
    let Life { handshakes, applies, restarts, renewals, reissued, phases, .. } = &life;
    println!(
        "{DAYS} days, {applies} of them with changes, {restarts} restarts, {renewals} renewals by time, {reissued} by the \
         new CA, {handshakes} handshakes"
    );
    println!("the CA: {}", phases.join(", "));
    assert_eq!(*handshakes, usize::try_from(DAYS).unwrap() * CLIENTS);
    // Each leaf, the server's too, is issued once by the new CA, whatever its time.
    assert_eq!(*reissued, CLIENTS + 1);
    assert_eq!(*phases, ["introduced on day 365", "switched on day 395", "retired on day 425"]);
    assert!(*renewals > 1000, "{renewals}");
}

struct Life {
    site: Site,
    server: Server,
    clients: Vec<Client>,
    /// The dates of each leaf on the host, by its path.
    leaves: BTreeMap<String, Dates>,
    handshakes: usize,
    applies: usize,
    restarts: usize,
    renewals: usize,
    reissued: usize,
    phases: Vec<String>,
}

/// One who fetches the files of its folder every so many days, and has what it fetched last.
struct Client {
    name: String,
    fetches_every: i64,
    config: Option<Arc<ClientConfig>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Dates {
    from: i64,
    until: i64,
}

impl Life {
    fn new() -> Self {
        let clients = (0..CLIENTS).map(|number| {
            let lifetime = LIFETIMES[number % LIFETIMES.len()];
            // Within the time that a renewal leaves, and within the overlap.
            let fetches_every = (window(lifetime) / DAY - 1).clamp(1, 28);
            Client { name: format!("client-{number}"), fetches_every, config: None }
        });
        Self {
            site: Site::in_memory(&[], &manifest(1)),
            server: Server::start(),
            clients: clients.collect(),
            leaves: BTreeMap::new(),
            handshakes: 0,
            applies: 0,
            restarts: 0,
            renewals: 0,
            reissued: 0,
            phases: Vec::new(),
        }
    }

    fn run_day(&mut self, day: i64) {
        let now = START.unix_timestamp() + day * DAY;
        self.server.clock.0.store(now, Ordering::Relaxed);
        if day == ROTATION {
            self.site.manifest(&manifest(2));
        }
        self.apply(day, now);
        for index in 0..self.clients.len() {
            let (phase, every) = (i64::try_from(index).unwrap(), self.clients[index].fetches_every);
            if self.clients[index].config.is_none() || (day + phase) % every == 0 {
                let folder = self.site.file(TLS).join("clients").join(&self.clients[index].name);
                self.clients[index].config = Some(client_config(&folder, &self.server.clock));
            }
            let Client { name, config, .. } = &self.clients[index];
            let answer = call(self.server.address, Arc::clone(config.as_ref().unwrap()));
            assert_eq!(answer.as_deref(), Ok("OK"), "{name} on day {day}");
            self.handshakes += 1;
        }
    }

    /// The daily run, and what a person would see of it.
    fn apply(&mut self, day: i64, now: i64) {
        let ran = self.dockseal(now);
        let plan = ran.text().to_owned();
        if plan.contains("In sync") {
            return;
        }
        self.applies += 1;
        for (resource, phase) in
            [("is trusted too from now", "introduced"), ("signs from now on", "switched"), ("no more is", "retired")]
        {
            if plan.contains(resource) {
                self.phases.push(format!("{phase} on day {day}"));
            }
        }
        if plan.contains("± server.certificate") || plan.contains("ca.certificate") || day == 0 {
            self.server.restart(&self.site.file(TLS));
            self.restarts += 1;
        }
        let is_switched = plan.contains("signs from now on");
        for (path, lifetime) in self.paths() {
            let found = dates(&self.site.file(&path));
            let Some(before) = self.leaves.insert(path.clone(), found).filter(|before| *before != found) else {
                continue;
            };
            if is_switched {
                self.reissued += 1;
            } else {
                self.renewals += 1;
                judge_renewal(&path, lifetime, before, now);
            }
        }
        // What was done is done.
        assert!(self.dockseal(now).text().contains("In sync"), "day {day}");
    }

    fn dockseal(&self, now: i64) -> Ran {
        let at = OffsetDateTime::from_unix_timestamp(now).unwrap();
        let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        self.site.apply_at(&at.format(&format).unwrap()).ok()
    }

    fn paths(&self) -> Vec<(String, i64)> {
        let client = |(number, client): (usize, &Client)| {
            (format!("{TLS}/clients/{}/cert.pem", client.name), LIFETIMES[number % LIFETIMES.len()])
        };
        let clients = self.clients.iter().enumerate().map(client);
        std::iter::once((format!("{TLS}/server-cert.pem"), 365)).chain(clients).collect()
    }
}

/// A third of the lifetime, at most 30 days, in seconds.
fn window(lifetime: i64) -> i64 {
    (lifetime * DAY / 3).min(30 * DAY)
}

/// As the documentation says: within the window, up to three days or a tenth of the lifetime earlier, and never a day late.
fn judge_renewal(path: &str, lifetime: i64, before: Dates, now: i64) {
    let (left, window) = (before.until - now, window(lifetime));
    let early = (3 * DAY).min(lifetime * DAY / 10);
    assert!(left > window - DAY, "{path} was renewed {left} s before its end, too late");
    assert!(left <= window + early + 600, "{path} was renewed {left} s before its end, too early");
}

fn manifest(generation: u32) -> String {
    let mut text = format!(
        "dockseal: 1\nhost: build-01.example.com\nca: {{rotate: {{generation: {generation}}}}}\nserver:\n  sans: {{ip: \
         [127.0.0.1]}}\nclients:\n"
    );
    for number in 0..CLIENTS {
        let lifetime = LIFETIMES[number % LIFETIMES.len()];
        writeln!(text, "  - {{name: client-{number}, valid_for: {lifetime}d, reuse_key: {}}}", number % 4 == 1)
            .unwrap();
    }
    text
}

fn dates(path: &Path) -> Dates {
    let text = fs::read(path).unwrap();
    let (_, pem) = parse_x509_pem(&text).unwrap();
    let validity = pem.parse_x509().unwrap().validity().clone();
    Dates { from: validity.not_before.timestamp(), until: validity.not_after.timestamp() }
}

/// The clock of both sides, in seconds since 1970.
#[derive(Debug, Clone)]
struct Clock(Arc<AtomicI64>);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = u64::try_from(self.0.load(Ordering::Relaxed)).unwrap();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn anchors(ca: &Path) -> Arc<RootCertStore> {
    let mut anchors = RootCertStore::empty();
    for ca in CertificateDer::pem_file_iter(ca).unwrap() {
        anchors.add(ca.unwrap()).unwrap();
    }
    Arc::new(anchors)
}

fn identity(certificate: &Path, key: &Path) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().collect::<Result<_, _>>().unwrap();
    (chain, PrivateKeyDer::from_pem_file(key).unwrap())
}

/// As docker reads `DOCKER_CERT_PATH`.
fn client_config(folder: &Path, clock: &Clock) -> Arc<ClientConfig> {
    let (chain, key) = identity(&folder.join("cert.pem"), &folder.join("key.pem"));
    let mut config = ClientConfig::builder_with_details(provider(), Arc::new(clock.clone()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(anchors(&folder.join("ca.pem")))
        .with_client_auth_cert(chain, key)
        .unwrap();
    // Each handshake shows its certificate.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

fn call(address: SocketAddr, config: Arc<ClientConfig>) -> Result<String, String> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut connection = ClientConnection::new(config, name).map_err(|error| error.to_string())?;
    let mut socket = TcpStream::connect(address).map_err(|error| error.to_string())?;
    let mut tls = Stream::new(&mut connection, &mut socket);
    tls.write_all(b"?").map_err(|error| error.to_string())?;
    let mut answer = [0; 2];
    tls.read_exact(&mut answer).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// It requires a certificate of a CA that its ca.pem holds, and reads its files when it starts.
struct Server {
    address: SocketAddr,
    clock: Clock,
    config: Arc<Mutex<Option<Arc<ServerConfig>>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config: Arc<Mutex<Option<Arc<ServerConfig>>>> = Arc::default();
        let shared = Arc::clone(&config);
        thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                let config = shared.lock().unwrap().clone().unwrap();
                let mut connection = ServerConnection::new(config).unwrap();
                let mut tls = Stream::new(&mut connection, &mut socket);
                // A caller that is turned away sees it, and says so.
                if tls.read_exact(&mut [0]).is_ok() {
                    let _ = tls.write_all(b"OK");
                }
                let _ = tls.flush();
            }
        });
        Self { address, clock: Clock(Arc::new(AtomicI64::new(0))), config }
    }

    fn restart(&self, folder: &Path) {
        let clients =
            WebPkiClientVerifier::builder_with_provider(anchors(&folder.join("ca.pem")), provider()).build().unwrap();
        let (chain, key) = identity(&folder.join("server-cert.pem"), &folder.join("server-key.pem"));
        let config = ServerConfig::builder_with_details(provider(), Arc::new(self.clock.clone()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap();
        *self.config.lock().unwrap() = Some(Arc::new(config));
    }
}

/// The judge can say no: a client that never fetches anything is locked out in time.
#[test]
fn a_client_that_never_fetches_is_locked_out() {
    let mut life = Life::new();
    life.run_day(0);
    let stale = Arc::clone(life.clients[0].config.as_ref().unwrap());
    (1..=6).for_each(|day| life.run_day(day));
    assert_eq!(call(life.server.address, Arc::clone(&stale)).as_deref(), Ok("OK"));
    (7..=8).for_each(|day| life.run_day(day));
    assert!(call(life.server.address, stale).is_err(), "its certificate was good for 7 days");
}
