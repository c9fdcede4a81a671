//! Certificates and requests that others made, well and badly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use time::macros::datetime;

use super::{Certificate, ParseError, Request};
use crate::pki::armor::ArmorError;
use crate::pki::spec::{Attribute, ExtendedKeyUsage, KeyAlgorithm, KeyUsage, San};
use crate::pki::tool::{openssl, openssl_with, run};

const P256: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// A certificate (`-x509`) or a request, made by openssl.
fn req(key: &[&str], subject: &str, options: &[&str]) -> Vec<u8> {
    let first = ["req", "-new", "-nodes", "-utf8", "-keyout", "/dev/null", "-subj", subject];
    run("openssl", &[&first, key, options].concat(), b"").unwrap()
}

fn certificate(subject: &str, extensions: &[&str]) -> Certificate {
    let options: Vec<_> = ["-x509"].into_iter().chain(extensions.iter().flat_map(|text| ["-addext", text])).collect();
    Certificate::parse(&req(&P256, subject, &options)).unwrap()
}

#[test]
fn the_facts_are_those_that_openssl_prints() {
    let options = ["-x509", "-set_serial", "0x00ff01", "-days", "90"];
    let pem = req(&P256, "/C=ES/ST=B/L=Bilbo/O=Ñ/OU=a/OU=b/CN=x/emailAddress=a@b.c/serialNumber=7", &options);
    let found = Certificate::parse(&pem).unwrap();
    let shown = |option: &str| {
        let text = openssl_with(&format!("x509 -noout {option}"), &pem).unwrap();
        String::from_utf8(text).unwrap().trim().split_once('=').unwrap().1.to_owned()
    };
    assert_eq!(found.facts.fingerprint.to_string(), shown("-fingerprint -sha256"));
    assert_eq!(found.facts.serial.to_string(), "00:FF:01");
    let values: Vec<_> = found.facts.subject.0.iter().map(|(kind, value)| format!("{kind}={value}")).collect();
    assert_eq!(values.join(" "), "C=ES ST=B L=Bilbo O=Ñ OU=a OU=b CN=x emailAddress=a@b.c 2.5.4.5=7");
    assert!(found.is_issued_in_the_name_of(&found));
    assert_eq!(found.facts.subject.0[7].0, Attribute::Email);
    assert_eq!(found.facts.public_key.algorithm, Some(KeyAlgorithm::EcdsaP256));
    assert_eq!((found.facts.not_after - found.facts.not_before).whole_days(), 90);
    let spki = openssl_with("pkey -pubin -outform der", &openssl_with("x509 -noout -pubkey", &pem).unwrap()).unwrap();
    assert_eq!(found.facts.public_key.spki, spki);
    assert!(found.facts.is_ca, "the default of openssl req -x509");
    assert_eq!(found.facts.key_usage, None);
    assert_eq!(found.facts.extended_key_usage, None);
    assert!(found.is_signed_by(&found));
    assert_eq!(found.to_pem().as_bytes(), pem, "64 columns, LF");
}

#[test]
fn usages_are_read() {
    let found = certificate(
        "/CN=x",
        &["keyUsage=critical,digitalSignature,cRLSign", "extendedKeyUsage=clientAuth,serverAuth,codeSigning,1.2.3.4"],
    );
    let usage = KeyUsage { digital_signature: true, cert_sign: false, crl_sign: true };
    assert_eq!(found.facts.key_usage, Some(usage));
    let other = |text: &str| ExtendedKeyUsage::Other(text.to_owned());
    let purposes = vec![ExtendedKeyUsage::Server, ExtendedKeyUsage::Client, other("codeSigning"), other("1.2.3.4")];
    assert_eq!(found.facts.extended_key_usage, Some(purposes));
}

#[test]
fn names_of_every_kind_are_read() {
    let found = certificate(
        "/CN=x",
        &["subjectAltName=DNS:Build-01.Example.COM,IP:10.0.0.1,IP:2001:db8::1,email:a@b.c,URI:https://x/,RID:1.2.3"],
    );
    let shown: Vec<_> = found.facts.sans.iter().map(ToString::to_string).collect();
    let expected = ["DNS:build-01.example.com", "IP:10.0.0.1", "IP:2001:db8::1", "email:a@b.c", "URI:https://x/"];
    assert_eq!(shown[..5], expected);
    assert!(shown[5].starts_with("Registered ID:"), "{}", shown[5]);
}

/// `GeneralNames` by hand: names in the wild hold what openssl would not write.
#[test]
fn malformed_names_are_kept_as_text() {
    for (der, expected) in [
        ("30:05:82:03:61:00:62", "malformed DNS name a\\0b"),
        ("30:04:82:02:ff:fe", "malformed DNS name fffe"),
        ("30:05:82:03:61:20:62", "malformed DNS name a b"),
        ("30:02:82:00", "malformed DNS name "),
        ("30:05:87:03:01:02:03", "malformed IP address 010203"),
        ("30:08:87:06:01:02:03:04:05:06", "malformed IP address 010203040506"),
        ("04:02:01:02", "malformed subjectAltName 04020102"),
        ("30:04:8c:02:01:02", "malformed name of kind 12 0102"),
    ] {
        let found = certificate("/CN=x", &[&format!("2.5.29.17=DER:{der}")]);
        assert!(matches!(&found.facts.sans[..], [San::Other(_)]), "{der}: {:?}", found.facts.sans);
        assert_eq!(found.facts.sans[0].to_string(), expected, "{der}");
    }
}

#[test]
fn an_extension_that_decides_must_be_readable() {
    // Without the extensions that openssl adds by itself.
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("bare.cnf");
    std::fs::write(&bare, "[req]\ndistinguished_name = dn\n[dn]\n").unwrap();
    let damaged = |extensions: &[&str]| {
        let options = ["-x509", "-config", bare.to_str().unwrap()].into_iter();
        let options: Vec<_> = options.chain(extensions.iter().flat_map(|text| ["-addext", text])).collect();
        Certificate::parse(&req(&P256, "/CN=x", &options)).unwrap_err().to_string()
    };
    for oid in ["2.5.29.19", "2.5.29.15", "2.5.29.37"] {
        let error = damaged(&[&format!("{oid}=DER:04:02:01:02")]);
        assert_eq!(error, format!("it is damaged: the extension {oid} can't be read"));
    }
}

#[test]
fn far_dates_and_odd_serials_are_read() {
    let pem = req(&P256, "/CN=x", &["-x509", "-days", "2900000", "-set_serial", "-5"]);
    let found = Certificate::parse(&pem).unwrap();
    assert!(found.facts.not_after > datetime!(9000-01-01 0:00 UTC));
    assert_eq!(found.facts.serial.to_string(), "FB");
    let long = format!("0x7f{}", "11".repeat(29));
    let found = Certificate::parse(&req(&P256, "/CN=x", &["-x509", "-set_serial", &long])).unwrap();
    assert_eq!(found.facts.serial.0.len(), 30);
}

#[test]
fn a_signature_is_believed_only_from_its_ca() {
    let by_curve = |curve: &str, hash: &str| {
        let option = format!("ec_paramgen_curve:{curve}");
        Certificate::parse(&req(&["-newkey", "ec", "-pkeyopt", &option], "/CN=ca", &["-x509", hash])).unwrap()
    };
    let rsa = |bits: &str, hash: &[&str]| {
        Certificate::parse(&req(&["-newkey", bits], "/CN=ca", &[&["-x509"], hash].concat())).unwrap()
    };
    let ed25519 = Certificate::parse(&req(&["-newkey", "ed25519"], "/CN=ca", &["-x509"])).unwrap();
    let mut good =
        vec![ed25519, rsa("rsa:2048", &["-sha256"]), rsa("rsa:2048", &["-sha384"]), rsa("rsa:2048", &["-sha512"])];
    for curve in ["P-256", "P-384"] {
        good.extend(["-sha256", "-sha384", "-sha512"].map(|hash| by_curve(curve, hash)));
    }
    for (i, ca) in good.iter().enumerate() {
        for (j, other) in good.iter().enumerate() {
            assert_eq!(ca.is_signed_by(other), i == j, "{i} {j}: all have the same name");
        }
        let mut forged = ca.clone();
        *forged.der.last_mut().unwrap() ^= 1;
        assert!(!forged.is_signed_by(ca));
    }
    let pss = ["-sha256", "-sigopt", "rsa_padding_mode:pss"];
    for bad in [
        by_curve("P-521", "-sha512"),
        by_curve("P-256", "-sha1"),
        by_curve("secp256k1", "-sha256"),
        rsa("rsa:2048", &["-sha1"]),
        rsa("rsa:1024", &["-sha256"]),
        rsa("rsa:2048", &pss),
    ] {
        assert!(!bad.is_signed_by(&bad));
    }
    // The same key under another name is another CA.
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    std::fs::write(&key, openssl("genpkey -algorithm ed25519").unwrap()).unwrap();
    let named = |name: &str| {
        let arguments = ["req", "-x509", "-new", "-key", key.to_str().unwrap(), "-subj", name];
        Certificate::parse(&run("openssl", &arguments, b"").unwrap()).unwrap()
    };
    let (one, two) = (named("/CN=one"), named("/CN=two"));
    assert!(one.is_signed_by(&named("/CN=one")) && !one.is_signed_by(&two) && !two.is_signed_by(&one));
}

#[test]
fn a_bundle_is_read_whole() {
    let [one, two] = ["/CN=one", "/CN=two"].map(|name| req(&P256, name, &["-x509"]));
    let request = req(&P256, "/CN=three", &[]);
    let bundle = [b"Some text\n".as_slice(), &one, &request, &two].concat();
    let names = |found: &[Certificate]| found.iter().map(|one| one.facts.subject.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&Certificate::parse_all(&bundle).unwrap()), ["CN = one", "CN = two"]);
    assert_eq!(names(&[Certificate::parse(&bundle).unwrap()]), ["CN = one"]);
    let none = ParseError::NoCertificate { found: "CERTIFICATE REQUEST".to_owned() };
    assert_eq!(Certificate::parse(&request).unwrap_err(), none);
    assert_eq!(Certificate::parse_all(&request).unwrap_err(), none);
    assert_eq!(Certificate::parse(b"").unwrap_err(), ParseError::Armor(ArmorError::NotPem));
    let error = Certificate::parse_all(&bundle[..bundle.len() - 40]).unwrap_err();
    assert!(matches!(error, ParseError::Armor(ArmorError::Truncated { .. })), "{error}");
    let mut der = pem::parse(&one).unwrap().into_contents();
    der.push(0);
    let error = Certificate::from_der(&der).unwrap_err().to_string();
    assert!(error.contains("trailing data"), "{error}");
}

#[test]
fn requests_of_every_good_key_are_read() {
    for (key, algorithm) in [
        (P256.as_slice(), Some(KeyAlgorithm::EcdsaP256)),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], Some(KeyAlgorithm::EcdsaP384)),
        (&["-newkey", "ed25519"], Some(KeyAlgorithm::Ed25519)),
        (&["-newkey", "rsa:2048"], Some(KeyAlgorithm::Rsa2048)),
        (&["-newkey", "rsa:2560"], None),
    ] {
        let pem = req(key, "/CN=x", &["-addext", "subjectAltName=DNS:x"]);
        let public = openssl_with("pkey -pubin -outform der", &openssl_with("req -noout -pubkey", &pem).unwrap());
        let request = Request::parse(&pem).unwrap();
        assert_eq!((request.public_key.algorithm, request.public_key.spki), (algorithm, public.unwrap()));
        let text =
            String::from_utf8(pem).unwrap().replace("BEGIN CERT", "BEGIN NEW CERT").replace("END CERT", "END NEW CERT");
        assert!(Request::parse(text.as_bytes()).is_ok());
    }
}

#[test]
fn requests_that_prove_nothing_are_refused() {
    let error = |key: &[&str], options: &[&str]| Request::parse(&req(key, "/CN=x", options)).unwrap_err();
    let key = |found: &str| ParseError::UnsupportedKey { found: found.to_owned() };
    assert_eq!(error(&["-newkey", "rsa:1024"], &[]), key("RSA of 1024 bits"));
    let p521 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
    assert_eq!(error(&p521, &[]), key("of the kind 1.3.132.0.35"));
    assert_eq!(error(&["-newkey", "ed448"], &[]), key("of the kind 1.3.101.113"));
    let signature = |found: &str| ParseError::UnsupportedSignature { found: found.to_owned() };
    let rsa = ["-newkey", "rsa:2048"];
    assert_eq!(error(&rsa, &["-sigopt", "rsa_padding_mode:pss"]), signature("1.2.840.113549.1.1.10"));
    assert_eq!(error(&rsa, &["-sha1"]), signature("1.2.840.113549.1.1.5"));
    let forge = |at_end: usize| {
        let mut der = pem::parse(req(&P256, "/CN=x", &[])).unwrap().into_contents();
        let at = der.len() - at_end;
        der[at] ^= 1;
        Request::parse(pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der)).as_bytes()).unwrap_err()
    };
    assert_eq!(forge(1), ParseError::BadSignature);
    let none = ParseError::NoRequest { found: "CERTIFICATE".to_owned() };
    assert_eq!(Request::parse(&req(&P256, "/CN=x", &["-x509"])).unwrap_err(), none);
}

/// DER of something longer than 127 bytes.
fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let zeros = length.iter().take_while(|&&byte| byte == 0).count();
    let head = [tag, 0x80 | u8::try_from(4 - zeros).unwrap()];
    [&head, &length[zeros..], body].concat()
}

/// The parts of a SEQUENCE.
fn parts(der: &[u8]) -> Vec<&[u8]> {
    let header = |der: &[u8]| match der[1] {
        short @ ..=0x7f => (2, usize::from(short)),
        0x81 => (3, usize::from(der[2])),
        _ => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
    };
    let (start, length) = header(der);
    let mut rest = &der[start..start + length];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (start, length) = header(rest);
        let (part, after) = rest.split_at(start + length);
        found.push(part);
        rest = after;
    }
    found
}

#[test]
fn a_huge_certificate_is_quick() {
    let pem = req(&P256, "/CN=x", &["-x509", "-days", "9"]);
    let real = pem::parse(&pem).unwrap().into_contents();
    let outer = parts(&real);
    let with = |index: usize, part: Vec<u8>| {
        let mut fields: Vec<_> = parts(outer[0]).into_iter().map(<[u8]>::to_vec).collect();
        fields[index] = part;
        let rewritten: Vec<u8> = fields.concat();
        let tbs = tlv(0x30, &rewritten);
        tlv(0x30, &[tbs.as_slice(), outer[1], outer[2]].concat())
    };
    let unknown: Vec<u8> = b"\x30\x08\x06\x03\x2a\x03\x04\x04\x01\x00".repeat(60_000);
    let extensions = with(7, tlv(0xa3, &tlv(0x30, &unknown)));
    let names = tlv(0x30, &b"\x82\x01a".repeat(200_000));
    let names = [b"\x06\x03\x55\x1d\x11".as_slice(), &tlv(4, &names)].concat();
    let names = with(7, tlv(0xa3, &tlv(0x30, &tlv(0x30, &names))));
    let subject = b"\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x".repeat(50_000);
    let subject = with(5, tlv(0x30, &subject));
    let start = std::time::Instant::now();
    let error = Certificate::from_der(&extensions).unwrap_err();
    assert_eq!(error, ParseError::Damaged { what: "it has 60000 extensions".to_owned() });
    assert_eq!(Certificate::from_der(&names).unwrap().facts.sans.len(), 200_000);
    assert_eq!(Certificate::from_der(&subject).unwrap().facts.subject.0.len(), 50_000);
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Damage anywhere gives an error or a certificate, never a panic; what is read can be shown and asked.
    #[test]
    fn damage_never_panics(at in 0..10_000_usize, bytes in proptest::collection::vec(any::<u8>(), 0..6)) {
        static FORMS: std::sync::OnceLock<[Vec<u8>; 2]> = std::sync::OnceLock::new();
        let forms = FORMS.get_or_init(|| {
            let extensions = ["keyUsage=keyCertSign", "extendedKeyUsage=1.2.3", "subjectAltName=DNS:x,IP:::1,email:a@b.c"];
            let options: Vec<_> = extensions.into_iter().flat_map(|text| ["-addext", text]).collect();
            [["-x509"].as_slice(), &[]].map(|kind| {
                pem::parse(req(&P256, "/C=ES/CN=x", &[kind, &options].concat())).unwrap().into_contents()
            })
        });
        for (label, form) in ["CERTIFICATE", "CERTIFICATE REQUEST"].into_iter().zip(forms) {
            let mut der = form.clone();
            let at = at % der.len();
            let end = (at + bytes.len()).min(der.len());
            der.splice(at..end, bytes.iter().copied());
            let text = pem::encode(&pem::Pem::new(label, der.clone()));
            let mut broken = text.clone().into_bytes();
            let at = at % broken.len();
            broken.splice(at..(at + bytes.len()).min(broken.len()), bytes.iter().copied());
            let _ = (Certificate::parse_all(&broken), Request::parse(&broken));
            let _ = Request::parse(text.as_bytes());
            if let Ok(found) = Certificate::parse(text.as_bytes()) {
                let shown = format!("{:?} {} {}", found.facts, found.facts.subject, found.is_signed_by(&found));
                prop_assert!(!shown.is_empty());
                // A certificate that was changed is not believed any more.
                prop_assert!(der == *form || !found.is_signed_by(&found));
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Certificate::from_der(&bytes);
        let _ = Certificate::parse_all(&bytes);
    }
}
