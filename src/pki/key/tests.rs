//! What openssl writes is read, what is written openssl reads, and what is refused is refused by name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::{KeyError, Passphrase, PrivateKey, StoredKey};
use crate::pki::armor::ArmorError;
use crate::pki::spec::KeyAlgorithm;
use crate::pki::tool::{openssl, openssl_with};

const PASS: &str = "correct horse";

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec()))
}

fn read(pem: &[u8]) -> Result<PrivateKey, KeyError> {
    StoredKey::parse(pem)?.open(None)
}

/// openssl's own idea of the public half; points in full, as every certificate has them.
fn spki(pem: &[u8]) -> Vec<u8> {
    let in_full = openssl_with("pkey -pubout -outform der -ec_conv_form uncompressed", pem);
    in_full.or_else(|_| openssl_with("pkey -pubout -outform der", pem)).unwrap()
}

fn pkcs8(pem: &[u8], options: &str) -> Vec<u8> {
    openssl_with(&format!("pkcs8 -topk8 {options}"), pem).unwrap()
}

#[test]
fn every_plain_form_of_openssl_is_read() {
    let curve = |curve: &str, form: &str| openssl(&format!("ecparam -name {curve} -genkey {form}")).unwrap();
    let rsa = openssl("genrsa -traditional 2048").unwrap();
    let forms = [
        (curve("prime256v1", "-noout"), KeyAlgorithm::EcdsaP256),
        (curve("prime256v1", ""), KeyAlgorithm::EcdsaP256),
        (curve("secp384r1", ""), KeyAlgorithm::EcdsaP384),
        (pkcs8(&curve("secp384r1", "-noout"), "-nocrypt"), KeyAlgorithm::EcdsaP384),
        (openssl_with("ec -conv_form compressed", &curve("prime256v1", "-noout")).unwrap(), KeyAlgorithm::EcdsaP256),
        (openssl_with("ec -no_public", &curve("prime256v1", "-noout")).unwrap(), KeyAlgorithm::EcdsaP256),
        (openssl("genpkey -algorithm ed25519").unwrap(), KeyAlgorithm::Ed25519),
        (openssl("genrsa 3072").unwrap(), KeyAlgorithm::Rsa3072),
        (rsa, KeyAlgorithm::Rsa2048),
    ];
    for (pem, algorithm) in forms {
        let key = read(&pem).unwrap();
        assert_eq!(key.public_key().algorithm, Some(algorithm));
        assert_eq!(key.public_key().spki, spki(&pem), "{algorithm}");
        assert!(key.to_pem().unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert_eq!(spki(key.to_pem().unwrap().as_bytes()), spki(&pem), "{algorithm}");
        assert_eq!(format!("{key:?}"), format!("PrivateKey({algorithm})"));
        let crlf = String::from_utf8(pem).unwrap().replace('\n', "\r\n");
        assert_eq!(read(crlf.as_bytes()).unwrap().public_key(), key.public_key());
    }
}

#[test]
fn rsa_of_another_size_is_read_without_a_word_for_it() {
    let key = read(&openssl("genrsa 2560").unwrap()).unwrap();
    assert_eq!(key.public_key().algorithm, None);
    assert_eq!(format!("{key:?} {:?}", key.public_key()), "PrivateKey(other) PublicKey(other)");
}

#[test]
fn every_encrypted_form_of_openssl_is_unlocked() {
    let plain = openssl("ecparam -name prime256v1 -genkey -noout").unwrap();
    let encrypted = |options: &str| {
        let arguments = ["pkcs8", "-topk8", "-passout"].into_iter().chain([concat!("pass:", "correct horse")]);
        let arguments: Vec<_> = arguments.chain(options.split(' ')).collect();
        crate::pki::tool::run("openssl", &arguments, &plain).unwrap()
    };
    for options in [
        "-v2 aes-256-cbc",
        "-v2 aes-128-cbc",
        "-v2 aes-192-cbc -v2prf hmacWithSHA512",
        "-scrypt",
        "-scrypt -scrypt_N 1024 -scrypt_r 4 -scrypt_p 2",
        "-v2 aes-256-cbc -iter 600000",
    ] {
        let pem = encrypted(options);
        let StoredKey::Encrypted(key) = StoredKey::parse(&pem).unwrap() else { panic!("{options}: not encrypted") };
        assert_eq!(format!("{key:?} {:?}", passphrase(PASS)), "EncryptedKey(…) Passphrase(…)");
        assert_eq!(key.unlock(&passphrase(PASS)).unwrap().public_key().spki, spki(&plain), "{options}");
        assert_eq!(key.unlock(&passphrase("wrong")).unwrap_err(), KeyError::WrongPassphrase, "{options}");
        assert_eq!(StoredKey::parse(&pem).unwrap().open(None).unwrap_err(), KeyError::PassphraseMissing);
    }
    let pem = crate::pki::tool::run("openssl", &["genrsa", "-aes256", "-passout", "pass:correct horse", "2048"], b"");
    let key = StoredKey::parse(&pem.unwrap()).unwrap().open(Some(&passphrase(PASS))).unwrap();
    assert_eq!(key.public_key().algorithm, Some(KeyAlgorithm::Rsa2048));
    for (options, named) in [
        ("-v2 des3", "PBKDF2 and 3DES"),
        ("-v2 aes-256-cbc -v2prf hmacWithSHA1", "PBKDF2 with HMAC-SHA1"),
        ("-v1 PBE-SHA1-3DES", "PKCS#12 and 3DES"),
    ] {
        let error = StoredKey::parse(&encrypted(options)).unwrap_err();
        assert_eq!(error, KeyError::UnsupportedEncryption { found: named.to_owned() });
        assert!(error.hint().unwrap().contains("openssl pkcs8 -topk8 -v2 aes-256-cbc"));
    }
}

#[test]
fn a_wrong_passphrase_is_named_whatever_the_padding() {
    let pem = openssl("genpkey -algorithm ed25519 -aes-256-cbc -pass pass:x").unwrap();
    let StoredKey::Encrypted(key) = StoredKey::parse(&pem).unwrap() else { panic!("not encrypted") };
    // One in 256 passes the padding: 2,000 tries meet the second check too.
    for i in 0..2_000 {
        assert_eq!(key.unlock(&passphrase(&format!("y{i}"))).unwrap_err(), KeyError::WrongPassphrase);
    }
    // The right one, but a key of another kind: not the passphrase's fault.
    let pem = openssl("genpkey -algorithm x25519 -aes-256-cbc -pass pass:x").unwrap();
    let error = StoredKey::parse(&pem).unwrap().open(Some(&passphrase("x"))).unwrap_err();
    assert!(error.to_string().starts_with("an X25519 key"), "{error}");
}

#[test]
fn openssl_reads_what_is_encrypted_here() {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
    let pem = key.to_encrypted_pem(&passphrase(PASS)).unwrap();
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let public = ["pkey", "-passin", "pass:correct horse", "-pubout", "-outform", "der"];
    assert_eq!(crate::pki::tool::run("openssl", &public, pem.as_bytes()).unwrap(), key.public_key().spki);
    let shown = String::from_utf8(openssl_with("asn1parse", pem.as_bytes()).unwrap()).unwrap();
    for part in ["PBES2", "PBKDF2", "0927C0", "hmacWithSHA256", "aes-256-cbc"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let again = StoredKey::parse(pem.as_bytes()).unwrap().open(Some(&passphrase(PASS))).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    assert_ne!(*key.to_encrypted_pem(&passphrase(PASS)).unwrap(), *pem, "salt or IV is not random");
}

#[test]
fn unusable_passphrases_are_refused() {
    let key = PrivateKey::generate(KeyAlgorithm::Ed25519).unwrap();
    for bad in ["", "a\nb", "a\0b", &"x".repeat(1025)] {
        let error = key.to_encrypted_pem(&passphrase(bad)).unwrap_err();
        assert!(matches!(error, KeyError::UnusablePassphrase { .. }), "{error}");
    }
    assert!(key.to_encrypted_pem(&passphrase(&"x".repeat(1024))).is_ok());
}

#[test]
fn other_kinds_are_named() {
    let genpkey = |options: &str| openssl(&format!("genpkey -algorithm {options}")).unwrap();
    let explicit = "ecparam -name prime256v1 -genkey -noout -param_enc explicit";
    for (pem, named) in [
        (openssl("ecparam -name secp521r1 -genkey -noout").unwrap(), "an ECDSA key on the curve P-521"),
        (genpkey("ec -pkeyopt ec_paramgen_curve:secp256k1"), "an ECDSA key on the curve secp256k1"),
        (genpkey("ed448"), "an Ed448 key"),
        (genpkey("rsa-pss"), "an RSA key that is restricted to PSS"),
        (openssl("genrsa 1024").unwrap(), "an RSA key of 1024 bits"),
        (openssl("genrsa -traditional 1024").unwrap(), "an RSA key of 1024 bits"),
        (openssl(explicit).unwrap(), "an elliptic curve that is not named but given in numbers"),
        (pkcs8(&openssl(explicit).unwrap(), "-nocrypt"), "an elliptic curve that is not named but given in numbers"),
        (pem_of("OPENSSH PRIVATE KEY", b"x").into_bytes(), "\"OPENSSH PRIVATE KEY\""),
    ] {
        assert_eq!(read(&pem).unwrap_err(), KeyError::Unsupported { found: named.to_owned() });
    }
}

#[test]
fn traditional_encryption_is_refused_with_the_command_that_converts_it() {
    let rsa = openssl("genrsa -traditional -aes128 -passout pass:xxxx 2048").unwrap();
    let plain = openssl("ecparam -name prime256v1 -genkey -noout").unwrap();
    let ec = openssl_with("ec -aes256 -passout pass:xxxx", &plain).unwrap();
    for pem in [rsa, ec] {
        let error = read(&pem).unwrap_err();
        assert_eq!(error, KeyError::TraditionalEncryption);
        assert_eq!(error.hint().unwrap(), "convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW");
        // … and the command does.
        let new = openssl_with("pkcs8 -topk8 -v2 aes-256-cbc -passin pass:xxxx -passout pass:xxxx", &pem).unwrap();
        assert!(StoredKey::parse(&new).unwrap().open(Some(&passphrase("xxxx"))).is_ok());
    }
}

#[test]
fn a_lying_public_key_is_refused() {
    let der = |pem: &[u8]| pem::parse(pem).unwrap().into_contents();
    let replace = |whole: &[u8], old: &[u8], new: &[u8]| {
        let at = whole.windows(old.len()).position(|window| window == old).unwrap();
        [&whole[..at], new, &whole[at + old.len()..]].concat()
    };
    let (mine, other) = (0, 1);
    let keys = [(); 2].map(|()| PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap());
    let lie = |whole: &[u8]| replace(whole, keys[mine].raw_public_key(), keys[other].raw_public_key());
    let pkcs8 = lie(&der(keys[mine].to_pem().unwrap().as_bytes()));
    assert_eq!(read(pem_of("PRIVATE KEY", &pkcs8).as_bytes()).unwrap_err(), KeyError::PublicKeyDiffers);
    let sec1 = lie(&der(&openssl_with("ec", keys[mine].to_pem().unwrap().as_bytes()).unwrap()));
    assert_eq!(read(pem_of("EC PRIVATE KEY", &sec1).as_bytes()).unwrap_err(), KeyError::PublicKeyDiffers);

    // Ed25519 with its public half is PKCS#8 version 2 (RFC 5958): 0x30 len 0x02 0x01 0x01 … 0x81 0x21 0x00 key.
    let keys = [(); 2].map(|()| PrivateKey::generate(KeyAlgorithm::Ed25519).unwrap());
    let first = der(keys[mine].to_pem().unwrap().as_bytes());
    let version2 = |public: &[u8]| {
        let body = [&[2, 1, 1], &first[5..], &[0x81, 0x21, 0], public].concat();
        pem_of("PRIVATE KEY", &[&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat())
    };
    let good = read(version2(keys[mine].raw_public_key()).as_bytes()).unwrap();
    assert_eq!(good.public_key(), keys[mine].public_key());
    let bad = version2(keys[other].raw_public_key());
    assert_eq!(read(bad.as_bytes()).unwrap_err(), KeyError::PublicKeyDiffers);
}

#[test]
fn rsa_numbers_that_do_not_fit_are_refused() {
    let der = pem::parse(openssl("genrsa -traditional 2048").unwrap()).unwrap().into_contents();
    for at in [300, der.len() - 1, der.len() - 300] {
        let mut bad = der.clone();
        bad[at] ^= 2;
        let error = read(pem_of("RSA PRIVATE KEY", &bad).as_bytes()).unwrap_err();
        assert_eq!(error, KeyError::Damaged { what: "its numbers make no RSA key" }, "byte {at}");
    }
    let trailing = [der.as_slice(), b"x"].concat();
    assert!(matches!(read(pem_of("RSA PRIVATE KEY", &trailing).as_bytes()), Err(KeyError::Damaged { .. })));
}

#[test]
fn text_without_one_key_is_refused() {
    let key = openssl("genpkey -algorithm ed25519").unwrap();
    let public = openssl_with("pkey -pubout", &key).unwrap();
    assert_eq!(read(&public).unwrap_err(), KeyError::NoPrivateKey { found: "PUBLIC KEY".to_owned() });
    assert_eq!(read(&key.repeat(2)).unwrap_err(), KeyError::SeveralPrivateKeys { count: 2 });
    assert_eq!(read(&key.repeat(8_000)).unwrap_err(), KeyError::SeveralPrivateKeys { count: 8_000 });
    assert!(read(&[public.as_slice(), &key].concat()).is_ok());
    assert_eq!(read(b"").unwrap_err(), KeyError::Armor(ArmorError::NotPem));
    assert!(matches!(read(&key[..key.len() / 2]).unwrap_err(), KeyError::Armor(ArmorError::Truncated { .. })));
    assert!(matches!(read(&vec![0; 64 << 20]).unwrap_err(), KeyError::Armor(ArmorError::TooLong)));
    let empty = read(b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n").unwrap_err();
    assert_eq!(empty, KeyError::Damaged { what: "it is not PKCS#8" });
}

#[test]
fn unreasonable_work_is_refused_before_it_is_done() {
    // DER by hand: SEQUENCE { SEQUENCE { PBES2, SEQUENCE { kdf, aes256-CBC } }, OCTET STRING }
    let tlv = |tag: u8, body: &[u8]| [&[tag, u8::try_from(body.len()).unwrap()], body].concat();
    let aes = [b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a".as_slice(), &tlv(4, &[0; 16])].concat();
    let file = |kdf: &[u8]| {
        let parameters = tlv(0x30, &[tlv(0x30, kdf), tlv(0x30, &aes)].concat());
        let scheme = [b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d".as_slice(), &parameters].concat();
        pem_of("ENCRYPTED PRIVATE KEY", &tlv(0x30, &[tlv(0x30, &scheme), tlv(4, &[0; 16])].concat()))
    };
    let pbkdf2 = |rounds: &[u8]| {
        let sha256 = tlv(0x30, b"\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x09\x05\x00");
        let parameters = tlv(0x30, &[tlv(4, &[0; 8]), tlv(2, rounds), sha256].concat());
        file(&[b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c".as_slice(), &parameters].concat())
    };
    let scrypt = |n: &[u8], r: &[u8], p: &[u8]| {
        let parameters = tlv(0x30, &[tlv(4, &[0; 8]), tlv(2, n), tlv(2, r), tlv(2, p)].concat());
        file(&[b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b".as_slice(), &parameters].concat())
    };
    let refused = |pem: String| StoredKey::parse(pem.as_bytes()).unwrap_err().to_string();
    assert!(StoredKey::parse(pbkdf2(&[8, 0]).as_bytes()).is_ok(), "the form by hand is right");
    assert!(StoredKey::parse(scrypt(&[0x40, 0], &[8], &[1]).as_bytes()).is_ok(), "the form by hand is right");
    for (pem, part) in [
        (pbkdf2(&[0x05, 0xf5, 0xe1, 0]), "100000000 rounds of PBKDF2"),
        (pbkdf2(&[0]), "no rounds"),
        (scrypt(&[0x40, 0, 0], &[8], &[1]), "4096 MiB of memory 1 times"),
        (scrypt(&[0x40, 0], &[8], &[0x40, 0]), "16 MiB of memory 16384 times"),
        (scrypt(&[0], &[8], &[1]), "scrypt parameters are impossible"),
        (scrypt(&[0x40, 1], &[8], &[1]), "scrypt parameters are impossible"),
        (scrypt(&[0x40, 0], &[0], &[1]), "scrypt parameters are impossible"),
    ] {
        let error = refused(pem);
        assert!(error.contains(part), "{error}");
    }
    // The library itself refuses 2^31 rounds; whoever does, no work is done.
    assert!(StoredKey::parse(pbkdf2(&[0, 0x80, 0, 0, 0]).as_bytes()).is_err());
}

fn pem_of(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Damage anywhere in a file of any form gives an error or a key, never a panic.
    #[test]
    fn damage_never_panics(form in 0..4_usize, at in 0..10_000_usize, bytes in proptest::collection::vec(any::<u8>(), 0..4)) {
        static FORMS: std::sync::OnceLock<[(&str, Vec<u8>); 4]> = std::sync::OnceLock::new();
        let (label, der) = &FORMS.get_or_init(|| {
            let der = |pem: &[u8]| pem::parse(pem).unwrap().into_contents();
            let ec = openssl("ecparam -name prime256v1 -genkey -noout").unwrap();
            [
                ("PRIVATE KEY", der(&pkcs8(&ec, "-nocrypt"))),
                ("EC PRIVATE KEY", der(&ec)),
                ("ENCRYPTED PRIVATE KEY", der(&pkcs8(&ec, "-passout pass:x -iter 2"))),
                ("RSA PRIVATE KEY", der(&openssl("genrsa -traditional 2048").unwrap())),
            ]
        })[form];
        let damage = |whole: &[u8]| {
            let mut damaged = whole.to_vec();
            let at = at % damaged.len();
            let end = (at + bytes.len()).min(damaged.len());
            damaged.splice(at..end, bytes.iter().copied());
            damaged
        };
        let _ = read(pem_of(label, &damage(der)).as_bytes());
        let _ = read(&damage(pem_of(label, der).as_bytes()));
    }

    #[test]
    fn no_text_panics(text: Vec<u8>, label in "[A-Z ]{0,20}PRIVATE KEY") {
        let _ = read(&text);
        let _ = read(pem_of(&label, &text).as_bytes());
    }
}
