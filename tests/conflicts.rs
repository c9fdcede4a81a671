//! What others have set on docker.service: found before anything is written, or kept.

use crate::support::{Host, MANIFEST, on_each_suite};

on_each_suite!(
    a_flag_in_the_environment_file_is_found_before_anything_is_written,
    a_drop_in_that_sorts_later_is_found_before_anything_is_written,
    an_older_drop_in_is_left_alone_and_its_flags_are_kept,
    odd_drop_ins_are_read_as_systemd_reads_them,
    foreign_keys_of_daemon_json_survive,
);

const FOLDER: &str = "/etc/systemd/system/docker.service.d";

/// An apply that ends with 1, says this, and touches nothing.
#[track_caller]
fn refused(host: &Host, why: &str) {
    host.manifest(MANIFEST);
    let (files, dockerd) = (host.files(), host.dockerd());
    for command in ["plan", "apply"] {
        let ran = host.dockseal([command]).exits(1);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(why), "{why}\n{ran}");
    }
    assert_eq!((host.files(), host.dockerd()), (files, dockerd), "nothing is written, dockerd not touched");
    assert!(host.answers_locally());
}

fn a_flag_in_the_environment_file_is_found_before_anything_is_written(host: &Host) {
    host.write("/etc/default/docker", "# A comment\n\nDOCKER_OPTS=\"-H tcp://127.0.0.1:2375\"\n", 0o644);
    let why = "error: /etc/default/docker:3 ($DOCKER_OPTS) sets -H tcp://127.0.0.1:2375, and daemon.json sets `hosts`: \
               dockerd would not start\n";
    refused(host, why);
    // A flag that nobody else sets is kept.
    host.write("/etc/default/docker", "DOCKER_OPTS=\"--label=rack=7\"\n", 0o644);
    host.seal(MANIFEST);
    assert_eq!(host.docker(["info", "--format", "{{.Labels}}"]).ok().text(), "[rack=7]");
}

fn a_drop_in_that_sorts_later_is_found_before_anything_is_written(host: &Host) {
    let text = "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS\n";
    host.write(&format!("{FOLDER}/zzz-last.conf"), text, 0o644);
    host.run(["systemctl", "daemon-reload"]).ok();
    refused(host, &format!("error: {FOLDER}/zzz-last.conf:3 sorts after the drop-in and sets ExecStart\n"));
    // One that sorts later and sets something else is none of our business.
    host.write(&format!("{FOLDER}/zzz-last.conf"), "[Service]\nLimitCORE=0\n", 0o644);
    host.run(["systemctl", "daemon-reload"]).ok();
    host.seal(MANIFEST);
    assert_eq!(host.property("LimitCORE"), "0");
}

fn an_older_drop_in_is_left_alone_and_its_flags_are_kept(host: &Host) {
    let path = format!("{FOLDER}/override.conf");
    let text = "[Service]\nEnvironment=HTTP_PROXY=http://proxy:3128\nExecStart=\n\
                ExecStart=/usr/sbin/dockerd -H fd:// -H unix:///run/second.sock --data-root=/srv/docker $DOCKER_OPTS\n";
    host.write(&path, text, 0o640);
    host.sh("systemctl daemon-reload; systemctl restart docker").ok();
    let before = host.sh(&format!("stat -c '%i %a %U %Y' {path}")).ok();
    let applied = host.seal(MANIFEST);
    let note = format!("note: {path}:4 sets ExecStart too; the drop-in is derived from it\n");
    assert!(applied.stdout.contains(&note), "{applied}");
    assert_eq!(host.sh(&format!("stat -c '%i %a %U %Y' {path}")).ok().text(), before.text());
    assert_eq!(host.read(&path), text);
    let info = host.docker(["info", "--format", "{{.DockerRootDir}} {{.HTTPProxy}}"]).ok();
    assert_eq!(info.text(), "/srv/docker http://proxy:3128");
    let loaded = host.property("ExecStart");
    assert!(loaded.contains("argv[]=/usr/sbin/dockerd --data-root=/srv/docker $DOCKER_OPTS ;"), "{loaded}");
    assert!(host.answers_locally());
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
}

/// Quotes, escapes, continued lines, specifiers and variables: dockerd gets the very same arguments as before, without
/// those that daemon.json takes over.
fn odd_drop_ins_are_read_as_systemd_reads_them(host: &Host) {
    let text = r#"
[Service]
Environment="A=one two" 'B=it''s'
Environment=C=%n D=a\x20b EMPTY=
ExecStart=
ExecStart=-/usr/sbin/dockerd \
# a comment within
    "--label=a=b c" '--label=d=%%e' --label=f=\x41\tz \
    --host=fd:// "--label=unit=%p%%%n" \
    $EMPTY --label=A=${A} $DOCKER_OPTS \
    "-H" 'unix:///run/second.sock' --label=dollar=$$A  --label=C=${C} --label=D=${D}
"#;
    host.write(&format!("{FOLDER}/10-odd.conf"), text, 0o644);
    host.write("/etc/default/docker", "DOCKER_OPTS='--label=o=1' \\\n --label=p=2\n", 0o644);
    host.sh("systemctl daemon-reload; systemctl restart docker").ok();
    let argv = || host.sh("tr '\\0' '\\n' </proc/$(systemctl show --value -p MainPID docker)/cmdline").ok().stdout;
    let before = argv();
    assert!(before.contains("--label=a=b c\n") && before.contains("--label=d=%e\n"), "{before}");

    host.seal(MANIFEST);
    let wanted = before.replace("--host=fd://\n", "").replace("-H\nunix:///run/second.sock\n", "");
    assert_eq!(argv(), wanted);
    assert!(host.property("ExecStart").contains("; ignore_errors=yes ;"), "the `-` before the program stays");
}

fn foreign_keys_of_daemon_json_survive(host: &Host) {
    let text = "{\n    \"log-driver\": \"json-file\",\n    \"hosts\": [\"unix:///run/old.sock\"],\n\n    \
                \"bip\": \"172.31.0.1/24\",\n    \"debug\": true\n}\n";
    host.write("/etc/docker/daemon.json", text, 0o640);
    host.seal(MANIFEST);
    let after = host.read("/etc/docker/daemon.json");
    let sealed = text.replace("[\"unix:///run/old.sock\"]", "[\"fd://\", \"tcp://0.0.0.0:2376\"]");
    assert!(after.starts_with(sealed.trim_end_matches("\n}\n")), "{after}");
    assert_eq!(host.sh("stat -c %a /etc/docker/daemon.json").ok().text(), "640");
    assert_eq!(host.docker(["info", "--format", "{{.Debug}}"]).ok().text(), "true");
}
