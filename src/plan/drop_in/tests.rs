//! Command lines as the distributions ship them, and as people change them → the derived line.

use super::super::flag_conflict::conflicts;
use super::*;
use crate::observed::unit::{Unit, UnitFile};

const FRAGMENT: &str = "/usr/lib/systemd/system/docker.service";
const FILE: &str = "/etc/sysconfig/docker";

fn base(service: &str, drop_ins: &[(&str, &str)], environment: &str) -> Result<Option<CommandLine>, String> {
    let file = |path: String, text: &str| UnitFile { path: path.into(), text: text.to_owned() };
    let mut found = vec![file(FRAGMENT.to_owned(), &format!("[Unit]\nAfter=x\n[Service]\nType=notify\n{service}\n"))];
    found
        .extend(drop_ins.iter().map(|(name, text)| file(format!("/etc/systemd/system/docker.service.d/{name}"), text)));
    let unit = Unit::new("docker.service", found);
    let service = unit.service(Some("zz-dockseal.conf")).map_err(|error| error.to_string())?;
    service.command_line(&[file(FILE.to_owned(), environment)]).map_err(|error| error.to_string())
}

fn derive(service: &str, environment: &str) -> Result<DropIn, String> {
    DropIn::derive(base(service, &[], environment)?.as_ref(), None).map_err(|error| error.to_string())
}

fn line(exec_start: &str) -> Result<String, String> {
    derive(&format!("ExecStart={exec_start}"), "").map(|drop_in| drop_in.line)
}

#[test]
fn lines_of_the_distributions() {
    let containerd = "--containerd=/run/containerd/containerd.sock";
    // Name, unit, environment file, derived line, conflicts with the keys below.
    let cases: [(&str, String, &str, String, &[&str]); 8] = [
        (
            "docker-ce and Arch",
            format!("ExecStart=/usr/bin/dockerd -H fd:// {containerd}"),
            "",
            format!("/usr/bin/dockerd {containerd}"),
            &[],
        ),
        (
            "Debian",
            format!("EnvironmentFile=-{FILE}\nExecStart=/usr/sbin/dockerd -H fd:// {containerd} $DOCKER_OPTS"),
            "# Use DOCKER_OPTS to modify the daemon startup options.\n#DOCKER_OPTS=\"--dns 8.8.8.8 --dns 8.8.4.4\"\n",
            format!("/usr/sbin/dockerd {containerd} $DOCKER_OPTS"),
            &[],
        ),
        (
            "Debian with options",
            format!("EnvironmentFile=-{FILE}\nExecStart=/usr/sbin/dockerd -H fd:// {containerd} $DOCKER_OPTS"),
            "#x\nDOCKER_OPTS=\"-H tcp://0.0.0.0:2375 --tlsverify --dns 8.8.8.8\"\n",
            format!("/usr/sbin/dockerd {containerd} $DOCKER_OPTS"),
            &[
                "hosts -H tcp://0.0.0.0:2375 /etc/sysconfig/docker:2 in $DOCKER_OPTS",
                "tlsverify --tlsverify /etc/sysconfig/docker:2 in $DOCKER_OPTS",
            ],
        ),
        (
            "Fedora",
            format!(
                "EnvironmentFile=-{FILE}\nExecStart=/usr/bin/dockerd \\\n          --host=fd:// \\\n          \
                 --exec-opt native.cgroupdriver=systemd \\\n          $OPTIONS"
            ),
            "OPTIONS=\"--selinux-enabled \\\n  --log-driver=journald \\\n  --live-restore\"\n",
            "/usr/bin/dockerd --exec-opt native.cgroupdriver=systemd $OPTIONS".to_owned(),
            &[
                "selinux-enabled --selinux-enabled /etc/sysconfig/docker:1 in $OPTIONS",
                "live-restore --live-restore /etc/sysconfig/docker:1 in $OPTIONS",
            ],
        ),
        (
            "Amazon Linux",
            format!(
                "EnvironmentFile=-{FILE}\nExecStart=/usr/bin/dockerd -H fd:// {containerd} $OPTIONS \
                 $DOCKER_STORAGE_OPTIONS $DOCKER_ADD_RUNTIMES"
            ),
            "OPTIONS=\"--default-ulimit nofile=32768:65536\"\nDOCKER_ADD_RUNTIMES=\"--add-runtime x=/y\"\n",
            format!("/usr/bin/dockerd {containerd} $OPTIONS $DOCKER_STORAGE_OPTIONS $DOCKER_ADD_RUNTIMES"),
            &["default-ulimits --default-ulimit nofile=32768:65536 /etc/sysconfig/docker:1 in $OPTIONS"],
        ),
        (
            "openSUSE",
            format!(
                "EnvironmentFile={FILE}\nExecStart=/usr/bin/dockerd --add-runtime oci=/usr/sbin/docker-runc \
                 $DOCKER_NETWORK_OPTIONS $DOCKER_OPTS"
            ),
            "DOCKER_OPTS=\"\"\n",
            "/usr/bin/dockerd --add-runtime oci=/usr/sbin/docker-runc $DOCKER_NETWORK_OPTIONS $DOCKER_OPTS".to_owned(),
            &[],
        ),
        (
            "Flatcar",
            "Environment=DOCKER_SELINUX=--selinux-enabled=true\nExecStart=/usr/bin/dockerd --host=fd:// \
             --containerd=/var/run/docker/libcontainerd/docker-containerd.sock $DOCKER_SELINUX $DOCKER_OPTS"
                .to_owned(),
            "",
            "/usr/bin/dockerd --containerd=/var/run/docker/libcontainerd/docker-containerd.sock $DOCKER_SELINUX $DOCKER_OPTS"
                .to_owned(),
            &["selinux-enabled --selinux-enabled=true /usr/lib/systemd/system/docker.service:5 in $DOCKER_SELINUX"],
        ),
        (
            "flags that stay in the line",
            "ExecStart=/usr/bin/dockerd --label a=b \\\n --tls=false --live-restore".to_owned(),
            "",
            "/usr/bin/dockerd --label a=b --live-restore".to_owned(),
            &["live-restore --live-restore /usr/lib/systemd/system/docker.service:6"],
        ),
    ];
    let keys = ["hosts", "tlsverify", "live-restore", "default-ulimits", "runtimes", "selinux-enabled"];
    for (name, service, environment, expected, found) in cases {
        let drop_in = derive(&service, environment);
        assert_eq!(drop_in.as_ref().map(|drop_in| drop_in.line.clone()), Ok(expected), "{name}");
        let arguments = drop_in.map(|drop_in| drop_in.arguments).unwrap_or_default();
        let conflicts = conflicts(keys, &arguments);
        let shown: Vec<_> = conflicts.iter().map(|c| format!("{} {} {}", c.key, c.flag, c.origin)).collect();
        assert_eq!(shown, found, "{name}");
    }
}

#[test]
fn every_spelling_goes_and_all_else_keeps_its_own() {
    for (given, expected) in [
        ("/d -H fd:// -D", "/d -D"),
        ("/d -H=fd:// -D", "/d -D"),
        ("/d -Hfd:// -D", "/d -D"),
        ("/d --host fd:// -D", "/d -D"),
        ("/d --host=fd:// -D", "/d -D"),
        ("/d '-H' \"fd://\" -D", "/d -D"),
        ("/d \\x2dH fd:// -D", "/d -D"),
        ("/d -H fd:// -H unix:///a --host=tcp://b:2375", "/d"),
        ("/d --tls --tlsverify --tlscacert=/a --tlscert /b --tlskey /c x", "/d x"),
        ("/d --tls=false --tlsverify=true --tlscacert ${CA}", "/d"),
        ("/d --host=${ADDRESS} --data-root ${ROOT}", "/d --data-root ${ROOT}"),
        (
            "/d --label 'a=b c' --label=\"d=\\\"e\\\"\" --log-opt tag={{.Name}}%%",
            "/d --label 'a=b c' --label=\"d=\\\"e\\\"\" --log-opt tag={{.Name}}%%",
        ),
        ("-@/d   docker\t-H fd:// $$x", "-@/d docker $$x"),
        ("/d --label -H --host-gateway-ip 1.1.1.1 --tlsfoo", "/d --label -H --host-gateway-ip 1.1.1.1 --tlsfoo"),
        ("/d -- -H fd://", "/d -- -H fd://"),
    ] {
        assert_eq!(line(given).as_deref(), Ok(expected), "{given}");
    }
}

#[test]
fn what_can_not_be_taken_apart_is_an_error() {
    let grouped = format!("{FRAGMENT}:5: `-DH fd://` joins flags that must go with others");
    assert_eq!(line("/d -DH fd://"), Err(grouped));
    for value in ["", "a b"] {
        let service = format!("Environment=\"A={value}\"\nExecStart=/d -H $A -D");
        let error = derive(&service, "").map(|drop_in| drop_in.line);
        assert!(error.is_err_and(|error| error.contains("holds no or more than one word")), "{value}");
    }
    let one = derive("Environment=A=unix:///a\nExecStart=/d -H $A -D", "").map(|drop_in| drop_in.line);
    assert_eq!(one.as_deref(), Ok("/d -D"));
}

#[test]
fn the_text_says_where_its_line_is_from() {
    let drop_in = derive("ExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS", "");
    let expected = "\
# Written by dockseal; changes are overwritten.
# ExecStart is that of /usr/lib/systemd/system/docker.service,
# without -H/--host and --tls*, which daemon.json sets.
[Service]
ExecStart=
ExecStart=/usr/sbin/dockerd $DOCKER_OPTS
";
    assert_eq!(drop_in.map(|drop_in| (drop_in.text, drop_in.socket_activated)), Ok((expected.to_owned(), true)));
    assert!(derive("ExecStart=/d -H unix:///x", "").is_ok_and(|drop_in| !drop_in.socket_activated));
}

#[test]
fn a_host_without_docker_gets_upstreams_line() {
    let drop_in = DropIn::derive(None, None);
    assert!(drop_in.is_ok_and(|drop_in| drop_in.text.ends_with(&format!("\nExecStart={UPSTREAM}\n"))));
}

#[test]
fn a_hand_made_override_is_the_base_and_ours_never_is() {
    let ours = ("zz-dockseal.conf", "[Service]\nExecStart=\nExecStart=/ours\n");
    let theirs = ("override.conf", "[Service]\nExecStart=\nExecStart=/d -H unix:///x --data-root /srv\n");
    let line = |drop_ins: &[(&str, &str)]| {
        let base = base("ExecStart=/d -H fd://", drop_ins, "").unwrap_or_default();
        DropIn::derive(base.as_ref(), None).map(|drop_in| drop_in.line)
    };
    assert_eq!(line(&[ours]).as_deref(), Ok("/d"));
    assert_eq!(line(&[ours, theirs]).as_deref(), Ok("/d --data-root /srv"));
}

#[test]
fn a_files_name_can_not_write_settings() {
    let theirs = ("a\nExecStartPre=x\n.conf", "[Service]\nExecStart=\nExecStart=/d\n");
    let base = base("", &[theirs], "").unwrap_or_default();
    let text = DropIn::derive(base.as_ref(), None).map(|drop_in| drop_in.text);
    assert!(text.is_ok_and(|text| text.contains("d/a\\nExecStartPre=x\\n.conf,") && text.lines().count() == 6));
}

#[test]
fn a_backslash_that_becomes_the_end_means_what_it_meant() {
    for (found, derived) in [("x \\ ", r"x \\"), (r"x \  --host=fd://", r"x \\\x20"), (r"x\\ -H fd://", r"x\\")] {
        let line = base(&format!("ExecStart=/d {found}\n"), &[], "").ok().flatten();
        let drop_in = DropIn::derive(line.as_ref(), None).map(|drop_in| drop_in.line);
        assert_eq!(drop_in, Ok(format!("/d {derived}")), "{found}");
    }
}

proptest::proptest! {
    #[test]
    fn the_derived_line_says_the_rest_and_derives_to_itself(text in r#"(-H|-D|--host=|--tls|fd://|\$A|\$\{A\}|[ a-c\\"'x0-7-]| ){0,20}"#) {
        let environment = "A=\"-H tcp://x -D\"\n";
        let unit = |line: &str| base(&format!("EnvironmentFile={FILE}\nExecStart=/d {line}"), &[], environment);
        if let Ok(Some(before)) = unit(&text)
            && let Ok(drop_in) = DropIn::derive(Some(&before), None)
        {
            let again = unit(drop_in.line.strip_prefix("/d").unwrap_or_default());
            let texts = |arguments: &[Argument]| arguments.iter().map(|a| a.text.clone()).collect::<Vec<_>>();
            let again = again.unwrap_or_default();
            let read = again.as_ref().map(|line| texts(&line.arguments)).unwrap_or_default();
            proptest::prop_assert_eq!(read, texts(&drop_in.arguments));
            let twice = DropIn::derive(again.as_ref(), None).map(|twice| twice.line);
            proptest::prop_assert_eq!(twice, Ok(drop_in.line));
        }
    }
}
