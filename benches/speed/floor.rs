//! The floor: the work that nobody can leave out, with the same libraries and on all cores. It knows no manifest, merges
//! nothing, compares no specification and puts nothing back.
//!
//! `issue`: keys and certificates, all files beside their targets, one syncfs, all renames, one syncfs.
//! `check`: every file is read, every certificate verified, every key matched. P-256 only, for the rest is no different.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use nix::unistd::syncfs;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, RsaKeySize};
use x509_parser::pem::parse_x509_pem;

use crate::Outcome;

/// Does one of the two.
pub fn run(work: &str, folder: &str, count: &str, key: &str) -> Outcome<()> {
    let (tls, count) = (Path::new(folder).join("etc/docker/tls"), count.parse()?);
    match work {
        "issue" => issue(&tls, count, key),
        "check" => check(&tls, count),
        other => Err(format!("no such work: {other}").into()),
    }
}

/// Where a pair stands: certificate and key. 0 is the server.
fn places(tls: &Path, number: usize) -> (PathBuf, PathBuf) {
    if number == 0 {
        return (tls.join("server-cert.pem"), tls.join("server-key.pem"));
    }
    let folder = client_folder(tls, number);
    (folder.join("cert.pem"), folder.join("key.pem"))
}

fn client_folder(tls: &Path, number: usize) -> PathBuf {
    tls.join(format!("clients/client-{number:05}"))
}

fn issue(tls: &Path, count: usize, key: &str) -> Outcome<()> {
    let keys = on_all_cores(count + 2, |_| make_key(key))?;
    let mut keys = keys.into_iter();
    let ca_key = keys.next().ok_or("no key")?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let (ca, ca_key_pem) = (params.self_signed(&ca_key)?.pem(), ca_key.serialize_pem());
    let issuer = Issuer::new(params, ca_key);
    let keys: Vec<KeyPair> = keys.collect();
    let leaves = on_all_cores(count + 1, |number| {
        let certificate =
            CertificateParams::new(vec![format!("client-{number:05}")])?.signed_by(&keys[number], &issuer)?;
        Ok((certificate.pem(), keys[number].serialize_pem()))
    })?;
    let mut files = vec![(tls.join("ca.pem"), ca.clone()), (tls.join("ca-key.pem"), ca_key_pem)];
    for (number, (certificate, key)) in leaves.into_iter().enumerate() {
        let (certificate_path, key_path) = places(tls, number);
        files.extend([(certificate_path, certificate), (key_path, key)]);
        if number > 0 {
            files.push((client_folder(tls, number).join("ca.pem"), ca.clone()));
        }
    }
    store(tls, count, &files)
}

fn store(tls: &Path, count: usize, files: &[(PathBuf, String)]) -> Outcome<()> {
    fs::create_dir_all(tls.join("clients"))?;
    for number in 1..=count {
        fs::create_dir(client_folder(tls, number))?;
    }
    for (path, text) in files {
        fs::write(beside(path), text)?;
    }
    let disk = File::open(tls)?;
    syncfs(&disk)?;
    for (path, _) in files {
        fs::rename(beside(path), path)?;
    }
    syncfs(&disk)?;
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

fn make_key(key: &str) -> Outcome<KeyPair> {
    let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
    Ok(match key {
        "ecdsa-p256" => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?,
        "rsa-2048" => rsa(RsaKeySize::_2048)?,
        "rsa-4096" => rsa(RsaKeySize::_4096)?,
        other => return Err(format!("no such key: {other}").into()),
    })
}

fn check(tls: &Path, count: usize) -> Outcome<()> {
    let ca_text = fs::read(tls.join("ca.pem"))?;
    let (_, ca_pem) = parse_x509_pem(&ca_text)?;
    let ca = ca_pem.parse_x509()?;
    on_all_cores(count + 1, |number| {
        let (certificate_path, key_path) = places(tls, number);
        let (certificate, key) = (fs::read(certificate_path)?, fs::read(key_path)?);
        let (_, certificate) = parse_x509_pem(&certificate)?;
        let certificate = certificate.parse_x509()?;
        certificate.verify_signature(Some(ca.public_key()))?;
        let (_, key) = parse_x509_pem(&key)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.contents)?;
        let matches = *key.public_key().as_ref() == *certificate.public_key().subject_public_key.data;
        let copied = number == 0 || fs::read(client_folder(tls, number).join("ca.pem"))? == ca_text;
        if matches && copied { Ok(()) } else { Err(format!("client {number} does not match").into()) }
    })?;
    Ok(())
}

fn on_all_cores<R: Send>(count: usize, work: impl Fn(usize) -> Outcome<R> + Sync) -> Outcome<Vec<R>> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let run = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            let result = work(number).map_err(|error| error.to_string());
            if let Ok(mut results) = results.lock() {
                results.push((number, result));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(run);
        }
        run();
    });
    let mut results = results.into_inner().map_err(|_| "a thread panicked")?;
    results.sort_unstable_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, result)| result).collect::<Result<_, _>>()?)
}
