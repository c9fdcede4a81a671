//! A CA is replaced: step by step without locking a client out, at once where its key was stolen, never by accident.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::{Host, Ran, Site, on_each_suite, set_mode};

const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nclients:\n  - name: ci\n";
const TLS: &str = "etc/docker/tls";

fn rotating(ca: &str) -> String {
    MANIFEST.replace("clients:", &format!("ca: {{{ca}}}\nclients:"))
}

fn site(ca: &str) -> Site {
    Site::in_memory(&["debian"], &rotating(ca))
}

/// Names of the CAs in a bundle, in order.
fn bundle(site: &Site, path: &str) -> Vec<String> {
    let mut command = Command::new("/usr/bin/openssl");
    command.args(["storeutl", "-noout", "-text", "-certs"]).arg(site.file(&format!("{TLS}/{path}")));
    let text = Ran::run(&command, b"", Duration::from_secs(10)).ok();
    let subjects = text.stdout.lines().filter_map(|line| line.trim().strip_prefix("Subject: CN"));
    subjects.map(|name| name.trim_start_matches([' ', '=']).to_owned()).collect()
}

fn keys(site: &Site) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(site.file(TLS))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with("-key.pem"))
        .collect();
    names.sort();
    names
}

/// openssl as a client with these files would judge the server, and the server the client.
fn verifies(site: &Site, ca: &str, certificate: &str) -> bool {
    let mut command = Command::new("/usr/bin/openssl");
    let file = |path: &str| site.file(&format!("{TLS}/{path}"));
    command.args(["verify", "-x509_strict", "-attime", "1810000000", "-CAfile"]).arg(file(ca)).arg(file(certificate));
    Ran::run(&command, b"", Duration::from_secs(10)).code == 0
}

const ONE: &str = "build-01.example.com Docker CA";
const TWO: &str = "build-01.example.com Docker CA G2";

#[test]
fn a_ca_is_replaced_in_three_steps_each_in_its_time() {
    let site = site("");
    site.apply_at("2027-01-01 00:00:00").ok();
    let old_bundle = fs::read(site.file(&format!("{TLS}/ca.pem"))).unwrap();
    fs::write(site.file(&format!("{TLS}/kept-ca.pem")), &old_bundle).unwrap();
    fs::copy(site.file(&format!("{TLS}/clients/ci/cert.pem")), site.file(&format!("{TLS}/kept-cert.pem"))).unwrap();

    site.manifest(&rotating("rotate: {generation: 2}"));
    let introduced = site.apply_at("2027-02-01 00:00:00").ok();
    assert!(introduced.stdout.contains("the CA of generation 2 is trusted too from now on; it signs later"));
    assert_eq!(bundle(&site, "ca.pem"), [ONE, TWO]);
    assert_eq!(bundle(&site, "clients/ci/ca.pem"), [ONE, TWO]);
    assert_eq!(keys(&site), ["ca-key.pem", "ca-next-key.pem", "server-key.pem"]);
    assert!(verifies(&site, "kept-ca.pem", "server-cert.pem"), "who has not fetched anything goes on");

    // The time has not come.
    for day in ["2027-02-02 00:00:00", "2027-03-02 00:00:00"] {
        let waiting = site.apply_at(day).ok();
        assert!(waiting.stdout.contains("hand out each client's ca.pem before 2027-03-02 23:55:00 UTC"), "{waiting}");
        assert!(waiting.stdout.ends_with("In sync: nothing to do.\n"), "{waiting}");
    }
    let switched = site.apply_at("2027-03-03 00:00:00").ok();
    assert!(switched.stdout.contains("± server.certificate"), "{switched}");
    assert!(
        switched.stdout.contains("dockerd accepts the old certificate until 2028-01-01 00:00:00 UTC"),
        "{switched}"
    );
    assert_eq!(bundle(&site, "ca.pem"), [TWO, ONE]);
    assert_eq!(keys(&site), ["ca-key.pem", "ca-old-key.pem", "server-key.pem"]);
    assert!(verifies(&site, "ca.pem", "kept-cert.pem"), "who still has the old certificate is let in");
    assert!(!verifies(&site, "kept-ca.pem", "server-cert.pem"), "only the new CA signs");

    let waiting = site.apply_at("2027-04-01 00:00:00").ok();
    assert!(waiting.stdout.contains("may be held by ci (until 2028-01-01 00:00:00 UTC)"), "{waiting}");
    assert!(waiting.stdout.ends_with("In sync: nothing to do.\n"), "{waiting}");
    let retired = site.apply_at("2027-04-03 00:00:00").ok();
    assert!(retired.stdout.contains("- ca.old-key"), "{retired}");
    assert_eq!(bundle(&site, "ca.pem"), [TWO]);
    assert_eq!(keys(&site), ["ca-key.pem", "server-key.pem"]);
    assert!(!verifies(&site, "ca.pem", "kept-cert.pem"), "the old CA is trusted no more");
    assert!(
        verifies(&site, "clients/ci/ca.pem", "server-cert.pem") && verifies(&site, "ca.pem", "clients/ci/cert.pem")
    );
    assert!(site.apply_at("2027-04-04 00:00:00").ok().stdout.ends_with("In sync: nothing to do.\n"));
}

#[test]
fn advance_takes_one_step_and_no_more() {
    let site = site("");
    site.apply().ok();
    site.manifest(&rotating("rotate: {generation: 5}"));
    let five = "build-01.example.com Docker CA G5";
    for holds in [vec![ONE, five], vec![five, ONE], vec![five], vec![five]] {
        site.dockseal(["apply", "--advance"]).run().ok();
        assert_eq!(bundle(&site, "ca.pem"), holds);
        site.dockseal(["plan"]).run().ok();
    }
}

#[test]
fn a_cut_off_goes_to_the_end_at_once_and_says_whom_it_locks_out() {
    let site = site("passphrase: {env: SECRET}");
    let run = |arguments: &[&str]| site.dockseal(arguments.iter().copied()).env("SECRET", "open sesame").run();
    run(&["apply"]).ok();
    let stolen = fs::read(site.file(&format!("{TLS}/ca-key.pem"))).unwrap();
    let planned = run(&["plan", "--now-cut-off"]).exits(2);
    assert!(planned.stdout.contains("note: locked out until they have fetched their new files: ci\n"), "{planned}");
    let done = run(&["apply", "--now-cut-off"]).ok();
    assert!(done.stdout.contains("the CA of generation 2 alone is trusted from now on"), "{done}");
    assert_eq!(bundle(&site, "ca.pem"), [TWO]);
    let new = fs::read_to_string(site.file(&format!("{TLS}/ca-key.pem"))).unwrap();
    assert!(new.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----") && new.as_bytes() != stolen);
    assert_eq!(keys(&site), ["ca-key.pem", "server-key.pem"]);
    assert!(!site.file(&format!("{TLS}/clients/ci/old-cert.pem")).exists(), "nothing of the old CA counts any more");
    run(&["plan"]).ok();
    // In the middle of a replacement: the introduced CA's key lay on the same host.
    site.manifest(&rotating("passphrase: {env: SECRET}, rotate: {generation: 3}"));
    run(&["apply"]).ok();
    run(&["apply", "--now-cut-off"]).ok();
    assert_eq!(bundle(&site, "ca.pem"), ["build-01.example.com Docker CA G4"]);
    assert_eq!(keys(&site), ["ca-key.pem", "server-key.pem"]);
}

/// Keys of CAs that wait or retire are keys of CAs.
#[test]
fn a_key_that_others_may_read_is_mended_and_one_that_others_may_write_stops_everything() {
    let site = site("");
    site.apply().ok();
    site.manifest(&rotating("rotate: {generation: 2}"));
    site.apply().ok();
    let next = site.file(&format!("{TLS}/ca-next-key.pem"));
    set_mode(&next, 0o644);
    let mended = site.apply().ok();
    assert!(mended.stdout.contains("~ ca.next-key"), "{mended}");
    set_mode(&next, 0o666);
    let refused = site.dockseal(["apply", "--advance"]).run().exits(1);
    assert!(refused.stderr.contains("ca-next-key.pem"), "{refused}");
    assert_eq!(bundle(&site, "ca.pem"), [ONE, TWO]);
}

#[test]
fn both_at_once_is_wrong_usage() {
    let site = site("");
    site.dockseal(["apply", "--advance", "--now-cut-off"]).run().exits(1);
}

#[test]
fn a_ca_near_its_end_is_replaced_by_itself() {
    let site = site("valid_for: 1000d");
    site.apply_at("2027-01-01 00:00:00").ok();
    // 1000 days, less 365 of the longest leaf and 30 of the overlap; but not before its half.
    assert!(site.apply_at("2028-08-25 00:00:00").ok().stdout.contains("± server.certificate"));
    assert_eq!(bundle(&site, "ca.pem"), [ONE]);
    let begun = site.apply_at("2028-08-29 00:00:00").ok();
    assert!(begun.stdout.contains("it ends at 2029-09-27 00:00:00 UTC: the CA of generation 2"), "{begun}");
    for day in ["2028-09-29 00:00:00", "2028-10-30 00:00:00"] {
        site.apply_at(day).ok();
    }
    assert_eq!(bundle(&site, "ca.pem"), [TWO]);
    // The next one in its turn.
    assert!(site.apply_at("2030-04-27 00:00:00").ok().stdout.contains("the CA of generation 3"));
}

/// A manifest that is silent about the name takes the CA that is there, whatever it is called, and replaces it too.
#[test]
fn a_ca_of_any_name_is_replaced() {
    let site = site("common_name: Somebody's CA");
    site.apply().ok();
    site.manifest(MANIFEST);
    site.dockseal(["plan"]).run().ok();
    site.manifest(&rotating("rotate: {generation: 2}"));
    let any = "Somebody's CA";
    for holds in [vec![any, TWO], vec![TWO, any], vec![TWO], vec![TWO]] {
        site.dockseal(["apply", "--advance"]).run().ok();
        assert_eq!(bundle(&site, "ca.pem"), holds);
    }
}

/// A key that is kept in a safe is not replaced by one on the host.
#[test]
fn a_ca_whose_key_is_elsewhere_is_not_replaced_by_itself() {
    let site = site("valid_for: 1000d");
    site.apply_at("2027-01-01 00:00:00").ok();
    fs::remove_file(site.file(&format!("{TLS}/ca-key.pem"))).unwrap();
    let late = site.at("2028-09-29 00:00:00", &["plan"]);
    assert!(!late.stdout.contains("generation"), "{late}");
}

#[test]
fn a_step_of_the_replacement_is_not_rolled_back() {
    let site = site("");
    site.apply().ok();
    site.manifest(&rotating("rotate: {generation: 2}"));
    site.apply().ok();
    let before = site.tree();
    let refused = crate::support::Dockseal::new().args(["rollback"]).root(site.root()).run().exits(1);
    assert!(refused.stderr.contains("a step of the CA's replacement, which leads forward only"), "{refused}");
    before.assert_untouched(&site.root());
    let record = fs::read_to_string(site.file("var/lib/dockseal/previous")).unwrap();
    assert_eq!(record.lines().count(), 1, "no key of a CA is recorded");
}

#[test]
fn a_wrong_clock_and_a_ca_that_has_ended_change_nothing() {
    let site = site("valid_for: 400d");
    for time in ["1970-01-02 00:00:00", "2000-01-01 00:00:00"] {
        let refused = site.apply_at(time).exits(1);
        assert!(refused.stderr.contains(&format!("error: this host's clock shows {}", &time[..10])), "{refused}");
    }
    assert!(!site.file(TLS).exists());
    site.apply_at("2027-01-01 00:00:00").ok();
    let before = site.tree();
    for (time, more) in [
        ("1970-01-02 00:00:00", ""),
        ("2026-12-01 00:00:00", ""),
        ("2031-01-01 00:00:00", ""),
        ("2026-12-01 00:00:00", "cut"),
    ] {
        let arguments: &[&str] = if more.is_empty() { &["apply"] } else { &["apply", "--now-cut-off"] };
        let refused = site.at(time, arguments).exits(1);
        let why = "ca.pem is valid from 2026-12-31 23:55:00 UTC to 2028-02-05 00:00:00 UTC, not now";
        assert!(refused.stderr.contains(why), "{refused}");
        before.assert_untouched(&site.root());
    }
    // What the error says helps.
    site.at("2031-01-01 00:00:00", &["apply", "--now-cut-off"]).ok();
    assert_eq!(bundle(&site, "ca.pem"), [TWO]);
}

/// A CA that a person trusts beside this host's own stays where it is, whatever happens to the own one.
#[test]
fn a_foreign_ca_in_the_bundle_stays() {
    let site = site("");
    site.apply().ok();
    let mut command = Command::new("/usr/bin/openssl");
    command.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=Other -days 90".split(' '));
    command.args(["-keyout", "/dev/null"]);
    let other = Ran::run(&command, b"", Duration::from_secs(10)).ok().stdout;
    let path = site.file(&format!("{TLS}/ca.pem"));
    fs::write(&path, format!("{}{other}", fs::read_to_string(&path).unwrap())).unwrap();
    site.apply().ok();
    site.manifest(&rotating("rotate: {generation: 2}"));
    for holds in [vec![ONE, TWO, "Other"], vec![TWO, ONE, "Other"], vec![TWO, "Other"]] {
        site.dockseal(["apply", "--advance"]).run().ok();
        assert_eq!(bundle(&site, "ca.pem"), holds);
    }
    site.dockseal(["apply", "--now-cut-off"]).run().ok();
    assert_eq!(bundle(&site, "ca.pem"), ["build-01.example.com Docker CA G3", "Other"]);
}

/// The key stays where the manifest says so, and goes with a CA that is cut off.
#[test]
fn a_key_is_reused_where_the_manifest_says_so() {
    let site = Site::in_memory(&["debian"], &MANIFEST.replace("name: ci", "name: ci\n    reuse_key: true"));
    site.apply_at("2027-01-01 00:00:00").ok();
    let key = || fs::read(site.file(&format!("{TLS}/clients/ci/key.pem"))).unwrap();
    let server = || fs::read(site.file(&format!("{TLS}/server-key.pem"))).unwrap();
    let (old, old_server) = (key(), server());
    let renewed = site.apply_at("2027-12-30 00:00:00").ok();
    assert!(renewed.stdout.contains("clients/ci/key.pem (kept)"), "{renewed}");
    assert_eq!(key(), old);
    assert_ne!(server(), old_server, "otherwise it is new");
    site.at("2027-12-30 00:00:00", &["apply", "--now-cut-off"]).ok();
    assert_ne!(key(), old);
}

/// Longer lifetimes count from the next renewal on.
#[test]
fn a_longer_lifetime_alone_issues_nothing() {
    let site = Site::in_memory(&["debian"], &MANIFEST.replace("name: ci", "name: ci\n    valid_for: 30d"));
    site.apply_at("2027-01-01 00:00:00").ok();
    site.manifest(MANIFEST);
    site.at("2027-01-10 00:00:00", &["plan"]).ok();
    let due = site.at("2027-01-22 00:00:00", &["plan"]).exits(2);
    assert!(due.stdout.contains("2027-01-31 00:00:00 UTC → 2028-01-22 00:00:00 UTC (365 days)"), "{due}");
}

on_each_suite!(a_client_that_fetches_its_files_is_let_in_all_the_time, no_ca_takes_over_before_dockerd_trusts_it,);

/// Where nobody may restart dockerd, it does not trust the new CA: signed by that, everyone would be locked out.
fn no_ca_takes_over_before_dockerd_trusts_it(host: &Host) {
    let manifest = |ca: &str, restart: &str| {
        format!(
            "dockseal: 1\nhost: build-01.example.com\nca: {{{ca}}}\nserver:\n  sans: {{ip: [127.0.0.1]}}\nclients: [{{name: \
             ci}}]\nsystemd: {{restart: {restart}}}\n"
        )
    };
    host.seal(&manifest("", "safe"));
    let starts = host.starts();
    host.manifest(&manifest("rotate: {generation: 2}", "never"));
    host.dockseal(["apply"]).ok();
    let bundle = host.read("/etc/docker/tls/ca.pem");
    assert_eq!(bundle.matches("BEGIN CERTIFICATE").count(), 2);
    let waits = host.dockseal(["apply", "--advance"]).ok();
    assert!(!waits.stdout.contains("signs from now on"), "{waits}");
    assert_eq!((host.read("/etc/docker/tls/ca.pem"), host.starts()), (bundle, starts));
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    // Where it may be restarted, that is drift as any other.
    host.manifest(&manifest("rotate: {generation: 2}", "safe"));
    let drift = host.dockseal(["plan"]).exits(2);
    assert!(drift.stdout.contains("does not admit a client of CN = build-01.example.com Docker CA G2"), "{drift}");
    host.manifest(&manifest("rotate: {generation: 2}", "never"));
    // Once somebody has restarted it, the replacement goes on.
    host.run(["systemctl", "restart", "docker"]).ok();
    let goes_on = host.dockseal(["apply", "--advance"]).ok();
    assert!(goes_on.stdout.contains("signs from now on"), "{goes_on}");
}

/// A docker client in a loop through all steps: not one request fails but while dockerd restarts.
fn a_client_that_fetches_its_files_is_let_in_all_the_time(host: &Host) {
    let manifest = |ca: &str| {
        format!(
            "dockseal: 1\nhost: build-01.example.com\nca: {{{ca}}}\nserver:\n  sans: {{ip: [127.0.0.1]}}\nclients:\n  - name: \
             ci\n  - name: late\n"
        )
    };
    host.seal(&manifest(""));
    // What the client holds is a copy; it fetches what was handed out after each step, as its owner was told.
    host.sh(
        r#"mkdir -p /root/ci-first /root/late && cp /etc/docker/tls/clients/ci/* /root/ci-first/ && ln -s ci-first /root/ci && cp /etc/docker/tls/clients/late/* /root/late/
        cat >/root/loop <<'END'
while [ ! -e /root/stop ]; do
    begun=$(date +%s%N)
    if said=$(DOCKER_HOST=tcp://127.0.0.1:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$(readlink -f /root/ci) docker version --format '{{.Server.Version}}' 2>&1); then
        echo "$begun ok" >>/root/log
    else
        echo "$begun FAILED $said" | tr '\n' ' ' >>/root/log; echo >>/root/log
    fi
done
END
        setsid sh /root/loop >/dev/null 2>&1 &"#,
    )
    .ok();
    let late = || {
        let call = "docker -H tcp://127.0.0.1:2376 --tlsverify --tlscacert /root/late/ca.pem --tlscert /root/late/cert.pem \
                    --tlskey /root/late/key.pem version";
        host.sh(call).code == 0
    };
    host.manifest(&manifest("rotate: {generation: 2}"));
    let mut gaps = Vec::new();
    let answered_again = || {
        let so_far = host.sh("grep -c ' ok$' /root/log").stdout;
        let so_far: u32 = so_far.trim().parse().unwrap_or(0);
        host.wait_until(&format!("[ $(grep -c ' ok$' /root/log) -ge {} ]", so_far + 4));
    };
    for (step, late_goes_on) in [("introduce", true), ("switch", true), ("retire", false)] {
        answered_again();
        let before = host.starts();
        let stepped = host.sh("date +%s%N; dockseal apply --advance /etc/dockseal/host.yaml && date +%s%N").ok();
        assert_eq!(host.starts(), before + 1, "one restart: {stepped}");
        let times: Vec<u128> = [stepped.stdout.lines().next(), stepped.stdout.lines().last()]
            .into_iter()
            .map(|line| line.unwrap().parse().unwrap())
            .collect();
        host.sh(&format!(
            "cp -r /etc/docker/tls/clients/ci /root/ci-{step} && ln -s ci-{step} /root/ci.new && mv -T /root/ci.new /root/ci"
        ))
        .ok();
        answered_again();
        assert_eq!(late(), late_goes_on, "who fetches nothing, after {step}");
        let log = host.read("/root/log");
        let requests: Vec<(u128, bool)> = log
            .lines()
            .map(|line| (line.split(' ').next().unwrap().parse().unwrap(), line.ends_with(" ok")))
            .filter(|(at, _)| *at > times[0])
            .collect();
        let failed: Vec<u128> = requests.iter().filter(|(_, is_ok)| !is_ok).map(|(at, _)| *at).collect();
        let answered = requests.iter().find(|(at, is_ok)| *is_ok && failed.last().is_some_and(|last| at > last));
        let gap = answered.map_or(0, |(at, _)| (at - failed[0]) / 1_000_000);
        gaps.push(format!("{step} {gap} ms"));
        for at in &failed {
            assert!((times[0]..=times[1]).contains(at), "a request failed outside of the restart of {step}:\n{log}");
        }
        // Late trusts what it fetched at the introduction from then on.
        if step == "introduce" {
            host.sh("cp /etc/docker/tls/clients/late/ca.pem /root/late/ca.pem").ok();
        }
    }
    host.sh("touch /root/stop").ok();
    let log = host.read("/root/log");
    let good = log.lines().filter(|line| line.ends_with(" ok")).count();
    assert!(good > 20, "{log}");
    println!("{}: {good} requests answered; without an answer for: {}", host.suite().name(), gaps.join(", "));
    host.dockseal(["plan"]).ok();
}
