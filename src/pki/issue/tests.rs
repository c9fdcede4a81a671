//! What is issued says what its specification says, and what would make a bad certificate is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod verifiers;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::{Authority, IssueError};
use crate::pki::key::{PrivateKey, StoredKey};
use crate::pki::parse::{Certificate, Request};
use crate::pki::renewal::Renewal;
use crate::pki::spec::{
    Attribute, CertFacts, CertSpec, DistinguishedName, ExtendedKeyUsage, KeyAlgorithm, KeyUsage, Role, San,
};
use crate::pki::tool::run;

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn generate(algorithm: KeyAlgorithm) -> PrivateKey {
    PrivateKey::generate(algorithm).unwrap()
}

fn ca_spec(key: KeyAlgorithm) -> CertSpec {
    let subject = [
        (Attribute::Country, "ES"),
        (Attribute::State, "Bizkaia"),
        (Attribute::Locality, "Bilbo"),
        (Attribute::Organization, "Ñandú & Söhne"),
        (Attribute::OrganizationalUnit, "IT"),
        (Attribute::CommonName, "build-01 Docker CA"),
        (Attribute::Email, "root@example.com"),
    ];
    let subject = DistinguishedName(subject.map(|(kind, value)| (kind, value.to_owned())).into());
    let (valid_for, renewal) = (Duration::days(3650), Renewal::default());
    CertSpec { role: Role::Ca, subject, sans: Vec::new(), key, valid_for, renewal }
}

fn leaf_spec(role: Role, key: KeyAlgorithm) -> CertSpec {
    CertSpec {
        role,
        subject: DistinguishedName::from_common_name("build-01.example.com"),
        sans: vec![
            San::Dns("build-01.example.com".to_owned()),
            San::Dns("sub.example.com".to_owned()),
            San::Ip("10.10.10.20".parse().unwrap()),
            San::Ip("2001:db8::1".parse().unwrap()),
        ],
        key,
        valid_for: Duration::days(365),
        renewal: Renewal::default(),
    }
}

fn p256_ca() -> Authority {
    Authority::create(&ca_spec(KeyAlgorithm::EcdsaP256), generate(KeyAlgorithm::EcdsaP256), now()).unwrap()
}

/// What a certificate of `spec` must say beside its names and key.
fn assert_fulfils(facts: &CertFacts, spec: &CertSpec, made: OffsetDateTime) {
    let is_ca = spec.role == Role::Ca;
    assert_eq!(facts.subject, spec.subject);
    assert_eq!(facts.sans, spec.sans);
    assert_eq!(facts.public_key.algorithm, Some(spec.key));
    assert_eq!(facts.is_ca, is_ca);
    assert_eq!(facts.key_usage, Some(KeyUsage { digital_signature: !is_ca, cert_sign: is_ca, crl_sign: is_ca }));
    assert_eq!(
        facts.extended_key_usage,
        match spec.role {
            Role::Ca => None,
            Role::Server => Some(vec![ExtendedKeyUsage::Server]),
            Role::Client => Some(vec![ExtendedKeyUsage::Client]),
        }
    );
    let made = made.truncate_to_second();
    assert_eq!(facts.not_before, made - Duration::minutes(5));
    assert_eq!(facts.not_after, made + spec.valid_for);
    assert_eq!(facts.serial.0.len(), 20);
    assert_eq!(facts.serial.0[0] & 0xc0, 0x40);
}

/// Everything that one CA issues, as files.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

#[test]
fn a_leaf_does_not_outlive_its_ca() {
    let made = datetime!(2030-01-01 12:00:00.75 +2);
    let spec = CertSpec { valid_for: Duration::days(10), ..ca_spec(KeyAlgorithm::EcdsaP256) };
    let ca = Authority::create(&spec, generate(KeyAlgorithm::EcdsaP256), made).unwrap();
    assert_eq!(ca.certificate().facts.not_before, datetime!(2030-01-01 09:55 UTC));
    assert_eq!(ca.certificate().facts.not_after, datetime!(2030-01-11 10:00 UTC));
    let key = generate(KeyAlgorithm::Ed25519);
    let issue = |at| ca.issue(&leaf_spec(Role::Client, KeyAlgorithm::Ed25519), key.public_key(), at);
    let leaf = issue(made + Duration::days(1)).unwrap();
    assert_eq!(leaf.facts.not_before, datetime!(2030-01-02 09:55 UTC));
    assert_eq!(leaf.facts.not_after, ca.certificate().facts.not_after);
    // A clock that was set back: not before the CA.
    assert_eq!(issue(made - Duration::DAY).unwrap().facts.not_before, ca.certificate().facts.not_before);
    assert!(matches!(issue(made + Duration::days(11)), Err(IssueError::CaEnds { .. })));
    let late = leaf_spec(Role::Client, KeyAlgorithm::Ed25519);
    let endless = CertSpec { valid_for: Duration::days(4_000_000), ..late.clone() };
    assert!(matches!(ca.issue(&endless, key.public_key(), made), Err(IssueError::UnusableSpec { .. })));
    let none = CertSpec { valid_for: Duration::ZERO, ..late };
    assert!(matches!(ca.issue(&none, key.public_key(), made), Err(IssueError::UnusableSpec { .. })));
}

#[test]
fn specifications_that_make_bad_certificates_are_refused() {
    let ca = p256_ca();
    let key = generate(KeyAlgorithm::EcdsaP256);
    let good = leaf_spec(Role::Server, KeyAlgorithm::EcdsaP256);
    let refuse = |spec: CertSpec, part: &str| {
        let error = ca.issue(&spec, key.public_key(), now()).unwrap_err().to_string();
        assert!(error.contains(part), "{error} does not say {part}");
    };
    for name in ["a b", "", "a\n", "a_b.example", "-a", "a.", "A.example", "é", "*.a", &"a".repeat(64)] {
        refuse(CertSpec { sans: vec![San::Dns(name.to_owned())], ..good.clone() }, "is not an allowed SAN");
    }
    refuse(CertSpec { sans: vec![San::Other("email:x".to_owned())], ..good.clone() }, "email:x is not an allowed SAN");
    refuse(CertSpec { subject: ca_spec(good.key).subject, ..good.clone() }, "its subject is the CA's");
    refuse(CertSpec { role: Role::Ca, ..good.clone() }, "not issued by another");
    let subject = |kind: Attribute, value: &str| CertSpec {
        subject: DistinguishedName(vec![(kind, value.to_owned())]),
        ..good.clone()
    };
    refuse(subject(Attribute::CommonName, &"x".repeat(65)), "1 to 64 characters");
    refuse(subject(Attribute::CommonName, "a\0b"), "CN = a\\0b");
    refuse(subject(Attribute::Country, "É"), "must have two letters");
    refuse(subject(Attribute::Email, "é@example.com"), "must be ASCII");
    refuse(subject(Attribute::Other("2.5.4.300.".to_owned()), "x"), "no object identifier");
    let mut twice = good.clone();
    twice.subject.0.push(twice.subject.0[0].clone());
    refuse(twice, "is a second value of its kind");
    let mut other = good;
    other.subject.0.push((Attribute::Other("2.5.4.5".to_owned()), "serial 7".to_owned()));
    assert_eq!(ca.issue(&other, key.public_key(), now()).unwrap().facts.subject, other.subject);
}

/// A CA as people make them with openssl.
fn openssl_ca(folder: &Folder, subject: &str, options: &[&str]) -> (Certificate, PrivateKey) {
    let key = folder.write("ca-key.pem", &generate(KeyAlgorithm::EcdsaP256).to_pem().unwrap());
    let key_file = key.to_str().unwrap();
    let arguments = [&["req", "-x509", "-new", "-days", "30", "-key", key_file, "-subj", subject], options].concat();
    let pem = run("openssl", &arguments, b"").unwrap();
    folder.write("ca.pem", std::str::from_utf8(&pem).unwrap());
    (Certificate::parse(&pem).unwrap(), read_key(&key))
}

fn read_key(path: &Path) -> PrivateKey {
    StoredKey::parse(&fs::read(path).unwrap()).unwrap().open(None).unwrap()
}

#[test]
fn a_ca_made_by_openssl_signs() {
    let folder = Folder::new();
    for (subject, options) in [
        ("/CN=plain", [].as_slice()),
        ("/C=ES/ST=Bizkaia/L=Bilbo/O=Example/OU=IT/CN=CA/emailAddress=a@example.com", &[]),
        ("/C=ES/O=Ñandú/CN=CA", &["-utf8"]),
        ("/O=Example/serialNumber=7/CN=CA", &["-addext", "keyUsage=critical,keyCertSign"]),
    ] {
        let (certificate, key) = openssl_ca(&folder, subject, options);
        let ca = Authority::open(certificate, key).unwrap();
        let leaf_key = generate(KeyAlgorithm::EcdsaP256);
        let leaf = ca.issue(&leaf_spec(Role::Server, KeyAlgorithm::EcdsaP256), leaf_key.public_key(), now()).unwrap();
        assert_eq!(leaf.facts.not_before, ca.certificate().facts.not_before, "not before the CA");
        let leaf = folder.write("leaf.pem", &leaf.to_pem());
        let ca_file = folder.0.path().join("ca.pem");
        let verify = ["verify", "-CAfile", ca_file.to_str().unwrap(), "-purpose", "sslserver", leaf.to_str().unwrap()];
        run("openssl", &verify, b"").unwrap();
    }
}

#[test]
fn a_ca_that_can_not_sign_is_refused() {
    let folder = Folder::new();
    for (subject, options, part) in [
        ("/OU=one/OU=two/CN=CA", [].as_slice(), "two values of one kind (OU = one, OU = two, CN = CA)"),
        ("/DC=corp/DC=example/CN=CA", &[], "two values of one kind"),
        ("/O=Example+OU=IT/CN=CA", &["-multivalue-rdn"], "several values at once"),
        ("/CN=CA", &["-addext", "basicConstraints=critical,CA:FALSE"], "it is no CA"),
        ("/CN=CA", &["-addext", "keyUsage=digitalSignature"], "does not allow it to sign certificates"),
    ] {
        let (certificate, key) = openssl_ca(&folder, subject, options);
        let error = Authority::open(certificate, key).err().unwrap().to_string();
        assert!(error.starts_with("can't sign with this CA: ") && error.contains(part), "{error}");
    }
    // The attribute `name` (55 04 29) becomes 2.999 as it is read.
    let (mut certificate, key) = openssl_ca(&folder, "/name=x/CN=CA", &[]);
    while let Some(at) = certificate.der.windows(5).position(|bytes| bytes == [6, 3, 0x55, 4, 0x29]) {
        certificate.der[at + 2..at + 4].copy_from_slice(&[0x88, 0x37]);
    }
    let odd = Authority::open(Certificate::from_der(&certificate.der).unwrap(), key).err().unwrap().to_string();
    assert!(odd.contains("an attribute of an unusual kind (3.16.55.41 = x"), "{odd}");
    // A UTF8String (12) becomes a PrintableString (19).
    let (mut certificate, key) = openssl_ca(&folder, "/CN=W?", &[]);
    while let Some(at) = certificate.der.windows(4).position(|bytes| bytes == [12, 2, b'W', b'?']) {
        certificate.der[at] = 19;
    }
    let odd = Authority::open(Certificate::from_der(&certificate.der).unwrap(), key).err().unwrap().to_string();
    assert!(odd.contains("a `?` in a PrintableString (CN = W?)"), "{odd}");
    let (certificate, _) = openssl_ca(&folder, "/CN=CA", &[]);
    let other = Authority::open(certificate, generate(KeyAlgorithm::EcdsaP256)).err();
    assert!(matches!(other, Some(IssueError::KeyDiffers)));
}

#[test]
fn an_own_ca_is_opened_again() {
    for algorithm in [KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048] {
        let made = Authority::create(&ca_spec(algorithm), generate(algorithm), now()).unwrap();
        let certificate = Certificate::parse(made.certificate().to_pem().as_bytes()).unwrap();
        let key = StoredKey::parse(made.key().to_pem().unwrap().as_bytes()).unwrap().open(None).unwrap();
        let again = Authority::open(certificate, key).unwrap();
        let leaf_key = generate(KeyAlgorithm::EcdsaP256);
        let leaf =
            again.issue(&leaf_spec(Role::Client, KeyAlgorithm::EcdsaP256), leaf_key.public_key(), now()).unwrap();
        assert!(leaf.is_signed_by(made.certificate()));
    }
}

#[test]
fn only_the_key_is_taken_from_a_request() {
    let folder = Folder::new();
    let key = folder.write("key.pem", &generate(KeyAlgorithm::EcdsaP384).to_pem().unwrap());
    let key_file = key.to_str().unwrap();
    let greedy = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectAltName=DNS:evil.example"];
    let arguments = [&["req", "-new", "-key", key_file, "-subj", "/CN=evil"], greedy.as_slice()].concat();
    let request = Request::parse(&run("openssl", &arguments, b"").unwrap()).unwrap();
    assert_eq!(request.public_key, *read_key(&key).public_key());
    let spec = leaf_spec(Role::Client, KeyAlgorithm::EcdsaP384);
    let made = now();
    let leaf = p256_ca().issue(&spec, &request.public_key, made).unwrap();
    assert_fulfils(&leaf.facts, &spec, made);
}

#[test]
fn serial_numbers_are_not_repeated_and_the_authority_is_shared() {
    let (ca, key) = (p256_ca(), generate(KeyAlgorithm::EcdsaP256));
    let spec = leaf_spec(Role::Client, KeyAlgorithm::EcdsaP256);
    let issue = || ca.issue(&spec, key.public_key(), now()).unwrap().facts.serial.to_string();
    let mut serials: Vec<String> = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| (0..50).map(|_| issue()).collect::<Vec<_>>()));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 100);
}

/// `cargo test --release speed -- --ignored --nocapture`
#[test]
#[ignore = "prints figures"]
fn speed() {
    let (ca, spec) = (p256_ca(), leaf_spec(Role::Client, KeyAlgorithm::EcdsaP256));
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..1_000).for_each(|_| work());
        println!("{what}: {:?} each", start.elapsed() / 1_000);
    };
    let key = generate(KeyAlgorithm::EcdsaP256);
    let leaf = ca.issue(&spec, key.public_key(), now()).unwrap();
    let (pem, key_pem) = (leaf.to_pem(), key.to_pem().unwrap());
    timed("make a key", &mut || drop(generate(KeyAlgorithm::EcdsaP256)));
    timed("key to PEM", &mut || drop(key.to_pem().unwrap()));
    timed("read a key", &mut || drop(StoredKey::parse(key_pem.as_bytes()).unwrap()));
    timed("issue", &mut || drop(ca.issue(&spec, key.public_key(), now()).unwrap()));
    timed("read a certificate", &mut || drop(Certificate::parse(pem.as_bytes()).unwrap()));
    timed("certificate to PEM", &mut || drop(leaf.to_pem()));
    timed("check a signature", &mut || assert!(leaf.is_signed_by(ca.certificate())));
    timed("all for a new client", &mut || {
        let key = generate(KeyAlgorithm::EcdsaP256);
        let leaf = ca.issue(&spec, key.public_key(), now()).unwrap();
        drop((leaf.to_pem(), key.to_pem().unwrap()));
    });
}
