//! `dockseal status` in its three forms: the JSON follows its checked-in schema, Prometheus' own tools take the metrics and
//! the example rules, and what a folder is called breaks no line.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Dockseal, Host, Ran, Site, Suite};

const SEALED: &str =
    "dockseal: 1\nhost: build-01.example.com\nserver: {sans: {ip: [10.10.10.20]}}\nclients: [{name: ci}]\n";
/// The last one looks like the fifth once it is escaped.
const HOSTILE: [&str; 5] =
    ["a\"b", "c\\", "d\u{1b}[2J", "e\n# TYPE x gauge\nx{f=\"g\"} 5", "e\\n# TYPE x gauge\\nx{f=\"g\"} 5"];

fn schema() -> String {
    Dockseal::new().args(["schema", "status"]).run().ok().stdout
}

#[track_caller]
fn parsed(text: &str) -> Value {
    let schema = serde_json::from_str(&schema()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let status: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> = validator.iter_errors(&status).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    // The schema can say no.
    let mut wrong = status.clone();
    wrong["next_run"]["restart"] = "perhaps".into();
    assert!(!validator.is_valid(&wrong));
    status
}

fn told(site: &Site, format: &str) -> String {
    site.dockseal(["status", "--now", Site::NOW, "--format", format]).run().ok().stdout
}

/// Prometheus' own checker reads it.
#[track_caller]
fn checked(metrics: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).env("PATH", "/usr/bin:/bin:/usr/local/bin");
    let ran = Ran::run(&command, metrics.as_bytes(), Duration::from_secs(60)).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "{metrics}");
}

#[test]
fn the_checked_in_schema_is_what_the_binary_prints() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/status.schema.json");
    let printed = schema();
    jsonschema::meta::validate(&serde_json::from_str(&printed).unwrap()).unwrap();
    assert_eq!(printed, fs::read_to_string(file).unwrap(), "the binary was built with another schema");
}

#[test]
fn a_sealed_host_is_told_in_json() {
    let site = Site::of(&["debian", "sealed"], SEALED);
    let status = parsed(&told(&site, "json"));
    assert_eq!((&status["format"], &status["in_sync"]), (&json!("dockseal.status/1"), &json!(true)));
    assert_eq!(status["now"], Site::NOW);
    for (name, one) in [(Value::Null, &status["server"]), ("ci".into(), &status["clients"][0])] {
        assert_eq!((&one["name"], &one["standing"], &one["signed_by_ca"]), (&name, &"present".into(), &true.into()));
        let facts = &one["certificate"];
        let path = site.file(one["path"].as_str().unwrap().trim_start_matches('/'));
        let openssl = |option: &str| {
            let mut command = Command::new("/usr/bin/openssl");
            command.args(["x509", "-noout", "-dateopt", "iso_8601", "-in"]).arg(&path).args(option.split(' '));
            Ran::run(&command, b"", Duration::from_secs(10)).ok().text().split_once('=').unwrap().1.to_owned()
        };
        assert_eq!(facts["serial"].as_str().unwrap().replace(':', ""), openssl("-serial"));
        assert_eq!(facts["sha256"].as_str().unwrap(), openssl("-fingerprint -sha256"));
        assert_eq!(facts["not_after"].as_str().unwrap().replace('T', " "), openssl("-enddate"));
        assert_eq!(facts["not_before"].as_str().unwrap().replace('T', " "), openssl("-startdate"));
        assert!(facts["days_left"].as_i64().unwrap() > 0);
    }
    assert_eq!(status["next_run"]["changes"], json!([]));
}

#[test]
fn what_the_next_run_does_is_told_in_each_form() {
    let manifest =
        "dockseal: 1\nhost: build-01.example.com\nserver: {sans: {ip: [10.10.10.21]}}\nclients: [{name: new}]\n";
    let site = Site::of(&["debian", "sealed"], manifest);
    let status = parsed(&told(&site, "json"));
    let changes = status["next_run"]["changes"].as_array().unwrap();
    assert_eq!(changes[0]["resource"], "server.certificate");
    assert_eq!((&changes[0]["action"], &changes[0]["reason"]["kind"]), (&"replace".into(), &"sans_differ".into()));
    assert_eq!(status["orphans"][0]["name"], "ci");
    assert_eq!(status["clients"][0]["standing"], "missing");
    let text = told(&site, "text");
    let (_, next) = text.split_once("next run:\n").unwrap();
    assert!(next.starts_with("  ± server.certificate: it lacks IP:10.10.10.21"), "{text}");
    assert!(
        next.contains("\n  - client.ci.certificate: the manifest no longer names this client; dockerd would"),
        "{text}"
    );
    assert!(text.contains("client.ci (not in the manifest)") && text.contains("missing"), "{text}");
    let metrics = told(&site, "prometheus");
    assert!(metrics.contains(&format!("\ndockseal_pending_changes {}\n", changes.len())), "{metrics}");
    assert!(metrics.contains("dockseal_certificate_present{role=\"client\",name=\"new\"} 0\n"), "{metrics}");
    assert!(metrics.contains("_not_after_timestamp_seconds{role=\"orphan\",name=\"ci\"} "), "{metrics}");
    checked(&metrics);
}

#[test]
fn the_replacement_of_the_ca_is_told_in_each_form() {
    let site = Site::of(&["debian", "sealed"], SEALED);
    assert_eq!(parsed(&told(&site, "json"))["rotation"]["phase"], "steady");
    site.manifest(&format!("{SEALED}ca: {{rotate: {{generation: 2}}}}\n"));
    site.apply().ok();
    let introduced = parsed(&told(&site, "json"));
    assert_eq!(
        (&introduced["rotation"]["phase"], &introduced["rotation"]["generation"]),
        (&json!("introduced"), &json!(1))
    );
    assert_eq!(introduced["also_trusted"].as_array().unwrap().len(), 1);
    site.dockseal(["apply", "--advance"]).run().ok();
    let switched = parsed(&told(&site, "json"));
    assert_eq!((&switched["rotation"]["phase"], &switched["rotation"]["generation"]), (&json!("switched"), &json!(2)));
    assert_eq!(switched["rotation"]["holders"][0]["client"], "ci");
    // Whoever holds the certificate of before is let in still.
    assert!(switched["clients"][0]["old_accepted_until"].is_string(), "{switched:#}");
    let (text, metrics) = (told(&site, "text"), told(&site, "prometheus"));
    assert!(
        text.contains("generation   2; the CA before is trusted still") && text.contains("to be handed out again"),
        "{text}"
    );
    for line in
        ["dockseal_ca_generation 2\n", "dockseal_ca_phase_info{phase=\"switched\"} 1\n", "dockseal_ca_old_holders 1\n"]
    {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(metrics.contains("old_accepted_until_timestamp_seconds{role=\"client\",name=\"ci\"} "), "{metrics}");
    checked(&metrics);
}

#[test]
fn a_host_that_can_t_be_changed_is_told_too() {
    let site = Site::of(&["debian", "sealed"], SEALED);
    crate::support::put(&site.file("etc/docker/daemon.json"), b"[]");
    let status = parsed(&told(&site, "json"));
    assert_eq!(status["next_run"]["errors"].as_array().unwrap().len(), 1);
    let metrics = told(&site, "prometheus");
    assert!(metrics.contains("\ndockseal_errors 1\n"), "{metrics}");
    checked(&metrics);
    parsed(&told(&Site::of(&["debian"], SEALED), "json"));
    checked(&told(&Site::of(&["debian"], SEALED), "prometheus"));
}

#[test]
fn no_name_breaks_a_line() {
    let site = Site::of(&["debian", "sealed"], SEALED);
    for name in HOSTILE {
        let folder = site.file("etc/docker/tls/clients").join(name);
        fs::create_dir(&folder).unwrap();
        fs::copy(site.file("etc/docker/tls/clients/ci/cert.pem"), folder.join("cert.pem")).unwrap();
    }
    let metrics = told(&site, "prometheus");
    checked(&metrics);
    let is_ours = |line: &str| line.starts_with("dockseal_") || line.starts_with("# HELP dockseal_");
    let strange: Vec<&str> =
        metrics.lines().filter(|line| !is_ours(line) && !line.starts_with("# TYPE dockseal_")).collect();
    assert!(strange.is_empty(), "{strange:#?}");
    assert_eq!(metrics.matches("dockseal_certificate_present{role=\"orphan\"").count(), HOSTILE.len() - 1);
    let json = told(&site, "json");
    let status = parsed(&json);
    let names: Vec<&str> =
        status["orphans"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(HOSTILE.iter().all(|name| names.contains(name)), "{names:?}");
    for text in [metrics, json, told(&site, "text")] {
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn the_example_rules_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus");
    for words in [["check", "rules", "dockseal.rules.yaml"], ["test", "rules", "dockseal.test.yaml"]] {
        let mut command = Command::new("promtool");
        command.args(words).current_dir(&folder).env("PATH", "/usr/bin:/bin:/usr/local/bin");
        Ran::run(&command, b"", Duration::from_secs(60)).ok();
    }
    // Each rule asks for what is really told.
    let site = Site::of(&["debian", "sealed"], SEALED);
    let told = told(&site, "prometheus");
    let rules = fs::read_to_string(folder.join("dockseal.rules.yaml")).unwrap();
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics: Vec<&str> = words.filter(|word| word.starts_with("dockseal_")).collect();
    assert!(metrics.len() >= 6);
    // A root has no dockerd; `a_booted_host_is_told` sees these.
    let of_dockerd = |name: &str| name.starts_with("dockseal_endpoint_") || name == "dockseal_service_active";
    for name in metrics.into_iter().filter(|name| !of_dockerd(name)) {
        assert!(told.contains(&format!("# TYPE {name} gauge\n")), "{name}");
    }
}

fn a_booted_host_is_told(suite: Suite) {
    let host = Host::boot(suite);
    host.install_dockseal();
    host.write("/etc/dockseal/host.yaml", SEALED.replace("10.10.10.20", "127.0.0.1"), 0o644);
    let fresh = parsed(&host.dockseal(["status", "--format", "json"]).ok().stdout);
    assert_eq!(fresh["next_run"]["restart"], "restart");
    host.dockseal(["apply", "--quiet"]).ok();
    let told = |format: &str| host.dockseal(["status", "--format", format]).ok().stdout;
    let sealed = parsed(&told("json"));
    assert_eq!((&sealed["in_sync"], &sealed["service"]["is_running"]), (&json!(true), &json!(true)));
    let tcp = sealed["endpoints"].as_array().unwrap().iter().find(|one| !one["serves"].is_null()).unwrap();
    assert_eq!((&tcp["answers"], &tcp["serves_disk"]), (&json!(true), &json!(true)));
    assert_eq!((&tcp["admits_strangers"], &tcp["serves"]), (&json!(false), &sealed["server"]["certificate"]["sha256"]));
    let metrics = told("prometheus");
    checked(&metrics);
    let tcp = "{endpoint=\"tcp://0.0.0.0:2376\"}";
    for line in [
        format!("dockseal_endpoint_up{tcp} 1"),
        format!("dockseal_endpoint_serves_disk{tcp} 1"),
        format!("dockseal_endpoint_admits_strangers{tcp} 0"),
        "dockseal_service_active{unit=\"docker.service\"} 1".to_owned(),
        "dockseal_pending_changes 0".to_owned(),
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    // Another certificate on the disk than the one that dockerd has read.
    host.sh("cp /etc/docker/tls/clients/ci/cert.pem /etc/docker/tls/server-cert.pem").ok();
    assert!(told("prometheus").contains(&format!("dockseal_endpoint_serves_disk{tcp} 0\n")));
    host.run(["systemctl", "stop", "docker.socket", "docker.service"]).ok();
    let stopped = parsed(&told("json"));
    assert_eq!((&stopped["service"]["is_running"], &stopped["endpoints"]), (&json!(false), &json!([])));
}

#[test]
#[ignore = "boots a host"]
fn a_bookworm_host_is_told() {
    a_booted_host_is_told(Suite::Bookworm);
}

#[test]
#[ignore = "boots a host"]
fn a_trixie_host_is_told() {
    a_booted_host_is_told(Suite::Trixie);
}

#[test]
#[ignore = "boots a host"]
fn a_sid_host_is_told() {
    a_booted_host_is_told(Suite::Sid);
}
