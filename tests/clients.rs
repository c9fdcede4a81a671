//! Who gets in with the files of `clients/NAME`, by which program, and who does not: judged by the programs that people
//! use, not by dockseal.

use std::fmt::Write as _;

use crate::support::{Host, MANIFEST, Ran, on_each_suite};

on_each_suite!(
    the_docker_cli_gets_in_in_each_of_its_forms,
    the_four_modes_of_the_docker_cli,
    curl_gets_in,
    the_docker_sdk_for_python_gets_in,
    strangers_are_refused,
);

const CI: &str = "/etc/docker/tls/clients/ci";
const TCP: &str = "tcp://127.0.0.1:2376";
const VERSION: [&str; 3] = ["version", "--format", "{{.Server.Version}}"];

fn seal(host: &Host) {
    host.seal(MANIFEST);
    // An error about the certificate must not be one about the name.
    host.sh("printf '127.0.0.1 build-01.example.com other.example.com\n' >>/etc/hosts").ok();
}

#[track_caller]
fn assert_in(host: &Host, ran: &Ran) {
    assert!(ran.clone().ok().text().starts_with(host.suite().engine()), "{ran}");
}

fn the_docker_cli_gets_in_in_each_of_its_forms(host: &Host) {
    seal(host);
    let [ca, cert, key] = ["ca", "cert", "key"].map(|name| format!("--tls{name}={CI}/{name}.pem"));
    let ca = ca.replace("--tlsca=", "--tlscacert=");
    let flags = ["--tlsverify", &ca, &cert, &key, "-H", TCP];
    assert_in(host, &host.docker(flags.iter().chain(&VERSION)));

    let command = ["docker"].iter().chain(&VERSION);
    let environment = host.command(command).env("DOCKER_HOST", TCP).env("DOCKER_TLS_VERIFY", "1");
    assert_in(host, &environment.env("DOCKER_CERT_PATH", CI).run());

    let endpoint = format!("host={TCP},ca={CI}/ca.pem,cert={CI}/cert.pem,key={CI}/key.pem");
    host.docker(["context", "create", "sealed", "--docker", &endpoint]).ok();
    assert_in(host, &host.docker(["--context", "sealed"].iter().chain(&VERSION)));

    host.sh(&format!("mkdir -p ~/.docker; cp {CI}/*.pem ~/.docker")).ok();
    assert_in(host, &host.docker(["--tlsverify", "-H", TCP].iter().chain(&VERSION)));
}

/// The server is called by a name that its certificate does not hold, or by one that it does, with and without the
/// client's key: what the CLI does in each of its modes.
fn the_four_modes_of_the_docker_cli(host: &Host) {
    seal(host);
    let right = "tcp://build-01.example.com:2376";
    let wrong = "tcp://other.example.com:2376";
    let ca = format!("--tlscacert={CI}/ca.pem");
    let identity = [format!("--tlscert={CI}/cert.pem"), format!("--tlskey={CI}/key.pem")];
    let mut table = format!("{}: docker {}\n", host.suite().name(), cli_version(host));
    let mut outcome = |mode: &str, has_key: bool, name: &str| {
        let mut arguments = vec![mode, &ca, "-H", name];
        if has_key {
            arguments.extend(identity.iter().map(String::as_str));
        }
        let ran = host.docker(arguments.iter().chain(&VERSION));
        let said = match ran.code {
            0 => "in".to_owned(),
            _ => ran.stderr.trim().lines().last().unwrap_or_default().to_owned(),
        };
        writeln!(table, "{mode:<12} key {has_key:<5} {name:<35} {said}").unwrap();
        said
    };
    let is_name = |said: &str| said.contains("certificate is valid for build-01.example.com, not other.example.com");
    // Without --tlsverify the server is not verified: any name does. It verifies the client all the same.
    assert_eq!(outcome("--tls", true, right), "in");
    assert_eq!(outcome("--tls", true, wrong), "in");
    let refused = [outcome("--tls", false, right), outcome("--tls", false, wrong)];
    assert_eq!(outcome("--tlsverify", true, right), "in");
    assert!(is_name(&outcome("--tlsverify", true, wrong)), "{table}");
    let without_key = outcome("--tlsverify", false, right);
    assert!(is_name(&outcome("--tlsverify", false, wrong)), "{table}");
    for said in refused.iter().chain([&without_key]) {
        assert!(said.contains("tls: certificate required") || said.contains("bad certificate"), "{said}\n{table}");
    }
    // The CA's file has to be there even where it is not used.
    let absent = host.docker(["--tls", "-H", right].iter().chain(&VERSION)).exits(1);
    writeln!(table, "--tls without ca.pem: {}", absent.stderr.trim()).unwrap();
    assert!(absent.stderr.contains("/root/.docker/ca.pem: no such file or directory"), "{absent}");
    println!("{table}");
}

fn cli_version(host: &Host) -> String {
    host.docker(["version", "--format", "{{.Client.Version}}"]).ok().text().to_owned()
}

fn curl_gets_in(host: &Host) {
    seal(host);
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    let identity = format!("--cacert {CI}/ca.pem --cert {CI}/cert.pem --key {CI}/key.pem");
    let version = host.sh(&format!("curl -sS {identity} https://build-01.example.com:2376/version")).ok();
    assert!(version.stdout.contains(&format!("\"Version\":\"{}", host.suite().engine())), "{version}");
}

fn the_docker_sdk_for_python_gets_in(host: &Host) {
    seal(host);
    let client = tempfile::tempdir().unwrap();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::write(client.path().join(file), host.read(&format!("{CI}/{file}"))).unwrap();
    }
    let sdk = crate::support::cache().join("python/bin/python3");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/python_sdk.py");
    let call = host.in_network([sdk.as_os_str(), script.as_ref()]).env("DOCKER_TLS_VERIFY", "1");
    assert_in(host, &call.env("DOCKER_HOST", TCP).env("DOCKER_CERT_PATH", client.path()).run());
}

/// openssl and curl are the judges; the daemon's own journal says why.
fn strangers_are_refused(host: &Host) {
    seal(host);
    host.sh(MAKE_STRANGER).ok();
    let curl = |identity: &str| {
        host.sh(&format!("curl -sS -m 10 --cacert {CI}/ca.pem {identity} https://127.0.0.1:2376/containers/json"))
    };
    curl(&format!("--cert {CI}/cert.pem --key {CI}/key.pem")).ok();
    let server = "--cert /etc/docker/tls/server-cert.pem --key /etc/docker/tls/server-key.pem";
    let strangers = [
        ("", "client didn.t provide a certificate"),
        ("--cert /root/stranger.pem --key /root/stranger-key.pem", "certificate signed by unknown authority"),
        (server, "certificate specifies an incompatible key usage"),
    ];
    for (identity, why) in strangers {
        let ran = curl(identity);
        assert_ne!(ran.code, 0, "{ran}");
        assert_eq!(ran.stdout, "", "not a byte of an answer");
        host.wait_until(&format!("journalctl -b -u docker.service | grep -q 'TLS handshake error from .*{why}'"));
    }
    for identity in ["", "-cert /root/stranger.pem -key /root/stranger-key.pem", &server.replace("--", "-")] {
        let request = "printf 'GET /containers/json HTTP/1.0\\r\\n\\r\\n'; sleep 1";
        let options = format!("-quiet -CAfile {CI}/ca.pem -verify_return_error {identity}");
        let ran = host.sh(&format!("({request}) | openssl s_client -connect 127.0.0.1:2376 {options} 2>&1 || true"));
        assert!(ran.stdout.contains("alert"), "{ran}");
        assert!(!ran.stdout.contains("HTTP/1"), "{ran}");
    }
    let plain = host.sh("curl -sS -m 10 -w '%{http_code}' http://127.0.0.1:2376/containers/json").ok();
    assert_eq!(plain.text(), "Client sent an HTTP request to an HTTPS server.\n400");
}

const MAKE_STRANGER: &str = "\
    new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'; cd /root
    openssl req -x509 $new -days 2 -subj '/CN=build-01.example.com Docker CA' -keyout other-key.pem -out other-ca.pem
    openssl req $new -subj /CN=ci -keyout stranger-key.pem -out stranger.csr
    echo extendedKeyUsage=clientAuth >extensions
    openssl x509 -req -days 1 -in stranger.csr -CA other-ca.pem -CAkey other-key.pem -CAcreateserial \
        -extfile extensions -out stranger.pem";
