//! The table: files and keys, and what describes the host. Folders are in `folders.rs`.

use std::path::Path;
use std::process::Command;

use super::folders::{folders, links};
use super::scene::{DAEMON_JSON, DROP_IN, DROP_INS, OWN, RECOVER, Scene, TLS};

/// What comes of an arrangement.
pub enum Told {
    /// `apply` exits with 1 before its first write and says this.
    Refused(&'static str),
    /// `apply` exits with 1, says this, and what it had written is gone.
    PutBack(&'static str),
    /// `apply` exits with 3 before its first write and says this: whether an earlier run was cut short can't be told.
    Stuck(&'static str),
    /// It is none of our business, or is mended.
    Harmless,
}

/// An arrangement.
pub struct Row {
    pub name: String,
    pub arrange: Box<dyn Fn(&Scene)>,
    pub told: Told,
    /// Where else an apply may write.
    pub is_ours: fn(&str) -> bool,
    /// What has to be done before the scene can be removed.
    pub clean_up: fn(&Scene),
}

use Told::{Harmless, PutBack, Refused, Stuck};

pub fn row(name: impl Into<String>, told: Told, arrange: impl Fn(&Scene) + 'static) -> Row {
    Row { name: name.into(), arrange: Box::new(arrange), told, is_ours: |_| false, clean_up: |_| {} }
}

/// Every row.
pub fn all() -> Vec<Row> {
    [files(), folders(), links(), keys(), planted(), own_folder(), passphrases(), requests(), units(), texts()]
        .into_iter()
        .flatten()
        .collect()
}

pub fn tls(name: &str) -> String {
    format!("{TLS}/{name}")
}

/// Something else where a file should be.
fn files() -> Vec<Row> {
    let pem = ["ca.pem", "ca-key.pem", "server-cert.pem", "server-key.pem", "clients/ci/ca.pem", "clients/ci/cert.pem"];
    let targets: Vec<String> = pem.iter().copied().chain(["clients/ci/key.pem"]).map(tls).collect();
    let targets = targets.into_iter().chain([DAEMON_JSON, DROP_IN, RECOVER].map(str::to_owned));
    let mut rows = Vec::new();
    for path in targets {
        type Put = fn(&Scene, &str);
        let kinds: [(&str, Put, &'static str); 5] = [
            ("a symlink to a secret", |scene, path| scene.link_out(path), "is a symlink, not a regular file"),
            ("a pipe", Scene::fifo, "is a named pipe, not a regular file"),
            ("a socket", Scene::socket, "is a socket, not a regular file"),
            ("a device", Scene::device, "is a device, not a regular file"),
            ("a folder", Scene::folder, "is a folder, not a regular file"),
        ];
        for (kind, put, why) in kinds {
            let at = path.clone();
            rows.push(row(format!("{kind} at {path}"), Refused(why), move |scene| put(scene, &at)));
        }
        let at = path.clone();
        let larger = Refused("is larger than 1048576 bytes");
        rows.push(row(format!("a terabyte at {path}"), larger, move |scene| scene.sparse(&at)));
    }
    let key = || tls("server-key.pem");
    rows.extend([
        row("a relative link at a key", Refused("is a symlink"), move |scene| {
            scene.link(&key(), "../../../../outside/shadow");
        }),
        row("a dangling link at a key", Refused("is a symlink"), move |scene| scene.link(&key(), "/nowhere")),
        row("a link to itself at a key", Refused("is a symlink"), move |scene| scene.link(&key(), "server-key.pem")),
        row("a secret's hard link at daemon.json", Refused("daemon.json:1:1"), |scene| {
            scene.clear(DAEMON_JSON);
            std::fs::hard_link(scene.outside("shadow"), scene.at(DAEMON_JSON)).unwrap();
        }),
        row("a secret's hard link at a key", Refused("hard links"), move |scene| {
            scene.clear(&key());
            std::fs::hard_link(scene.outside("shadow"), scene.at(&key())).unwrap();
        }),
        row("daemon.json under another name too", Harmless, |scene| {
            scene.file(DAEMON_JSON, "{}\n");
            scene.hard_link(DAEMON_JSON, "srv/daemon.json");
        }),
    ]);
    rows.extend(frozen());
    rows
}

/// What the file system lets nobody change; where it can't, there is no such attack.
fn frozen() -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    if !change("+i", folder.path()) {
        println!("not run: chattr +i does nothing here");
        return Vec::new();
    }
    change("-i", folder.path());
    let with = |name, arrange: fn(&Scene)| Row {
        clean_up: |scene| {
            for path in [DAEMON_JSON, &tls("clients")] {
                change("-i", &scene.at(path));
            }
        },
        ..row(name, PutBack("Operation not permitted"), arrange)
    };
    vec![
        with("daemon.json that cannot be changed", |scene| {
            scene.file(DAEMON_JSON, "{}\n");
            change("+i", &scene.at(DAEMON_JSON));
        }),
        with("a folder that cannot be changed", |scene| {
            change("+i", &scene.at(&tls("clients")));
        }),
    ]
}

fn change(flag: &str, path: &Path) -> bool {
    Command::new("/usr/bin/chattr").args(["-f", flag]).arg(path).status().is_ok_and(|status| status.success())
}

/// Keys that others could have written.
fn keys() -> Vec<Row> {
    let mut rows = Vec::new();
    for name in ["ca-key.pem", "server-key.pem", "clients/ci/key.pem", "ca.pem"] {
        let owner = Refused("is not trusted: it belongs to user 65534");
        rows.push(row(format!("{name} of another user"), owner, move |scene| scene.give(&tls(name))));
        for mode in [0o620, 0o602, 0o666] {
            let others = Refused("is not trusted: it may be written by others");
            rows.push(row(format!("{name} of another group with mode {mode:o}"), others, move |scene| {
                scene.give_group(&tls(name));
                scene.mode(&tls(name), mode);
            }));
        }
        if name != "ca.pem" {
            let linked = Refused("is not trusted: it has 2 hard links");
            rows.push(row(format!("{name} under a second name"), linked, move |scene| {
                scene.hard_link(&tls(name), "srv/copy.pem");
            }));
            let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
            let saved = tls(&format!("{folder}/.{last}.dockseal-old"));
            rows.push(row(format!("{name} as a killed run had saved it"), Harmless, move |scene| {
                scene.hard_link(&tls(name), &saved);
            }));
        }
        rows.push(row(format!("{name} that others can read"), Harmless, move |scene| scene.mode(&tls(name), 0o644)));
    }
    rows
}

/// Names that a run needs for itself, taken.
fn planted() -> Vec<Row> {
    let mut rows = Vec::new();
    let new = format!("{DROP_INS}/.zz-dockseal.conf.dockseal-new");
    let old = "etc/docker/.daemon.json.dockseal-old".to_owned();
    for path in [new, old, format!("{OWN}/.journal.dockseal-new"), tls("clients/new/.key.pem.dockseal-new")] {
        type Put = fn(&Scene, &str);
        let kinds: [(&str, Put); 5] = [
            ("a symlink", |scene, path| scene.link_out(path)),
            ("a folder", Scene::folder),
            ("a pipe", Scene::fifo),
            ("a device", Scene::device),
            ("another user's file", |scene, path| {
                scene.file(path, "x");
                scene.give(path);
            }),
        ];
        for (kind, put) in kinds {
            let at = path.clone();
            rows.push(row(format!("{kind} at {path}"), PutBack("is in the way"), move |scene| {
                scene.file(DAEMON_JSON, "{}\n");
                scene.file(DROP_IN, "[Service]\n");
                put(scene, &at);
            }));
        }
        let at = path.clone();
        rows.push(row(format!("a secret's hard link at {path}"), Harmless, move |scene| {
            scene.clear(&at);
            std::fs::hard_link(scene.outside("shadow"), scene.at(&at)).unwrap();
        }));
    }
    rows
}

/// Where the journal lives.
fn own_folder() -> Vec<Row> {
    let journal = || format!("{OWN}/journal");
    vec![
        row("its own folder of another user", Refused("belongs to user 65534"), |scene| {
            scene.folder(OWN);
            scene.give(OWN);
        }),
        row("its own folder for everyone", Refused("by everyone (mode 0777)"), |scene| {
            scene.folder(OWN);
            scene.mode(OWN, 0o777);
        }),
        row("its own folder a link out of the root", Refused("is a symlink to what is not there"), |scene| {
            scene.link(OWN, scene.outside("folder").to_str().unwrap());
        }),
        row("its own folder another user's link", Refused("is a symlink that user 65534"), |scene| {
            scene.folder("srv/own");
            scene.link(OWN, "/srv/own");
            scene.give_link(OWN);
        }),
        row("a file at its own folder", Refused("is a file, not a folder"), |scene| scene.file(OWN, "")),
        row("the folder above for everyone", Refused("by everyone"), |scene| scene.mode("var/lib", 0o777)),
        row("a journal that is a link", Stuck("no regular file"), move |scene| scene.link_out(&journal())),
        row("a journal that is a pipe", Stuck("no regular file"), move |scene| scene.fifo(&journal())),
        row("a journal that is a device", Stuck("no regular file"), move |scene| scene.device(&journal())),
        row("a journal that is a folder", Stuck("no regular file"), move |scene| scene.folder(&journal())),
        row("a journal of a terabyte", Refused("is larger than"), move |scene| scene.sparse(&journal())),
        row("a journal of nonsense", Stuck("cannot be read"), move |scene| {
            scene.file(&journal(), "\u{1b}[2J{\"\u{9b}31m\": nonsense");
        }),
    ]
}

fn passphrases() -> Vec<Row> {
    let with = |told, name: &str, arrange: fn(&Scene)| {
        row(format!("a passphrase {name}"), told, move |scene| {
            scene.add("ca:\n  passphrase: {file: /srv/passphrase}\n");
            scene.file("srv/passphrase", "correct horse\n");
            scene.mode("srv/passphrase", 0o600);
            arrange(scene);
        })
    };
    vec![
        with(Harmless, "for root alone", |_| {}),
        with(Refused("is a symlink"), "that is a link to a secret", |scene| scene.link_out("srv/passphrase")),
        with(Refused("is a named pipe"), "that is a pipe", |scene| scene.fifo("srv/passphrase")),
        with(Refused("is a device"), "that is a device", |scene| scene.device("srv/passphrase")),
        with(Refused("is a folder"), "that is a folder", |scene| scene.folder("srv/passphrase")),
        with(Refused("is larger than"), "of a terabyte", |scene| {
            scene.sparse("srv/passphrase");
            scene.mode("srv/passphrase", 0o600);
        }),
        with(Refused("may be read by others"), "for everyone", |scene| scene.mode("srv/passphrase", 0o604)),
        with(Refused("belongs to user 65534"), "of another user", |scene| scene.give("srv/passphrase")),
        with(Refused("by everyone"), "in a folder for everyone", |scene| scene.mode("srv", 0o777)),
    ]
}

fn requests() -> Vec<Row> {
    let with = |told, name: &str, arrange: fn(&Scene)| {
        row(format!("a request {name}"), told, move |scene| {
            scene
                .site
                .manifest("dockseal: 1\nhost: build-01.example.com\nclients:\n  - name: a\n    csr: /srv/a.csr\n");
            arrange(scene);
        })
    };
    vec![
        with(Refused("is a symlink"), "that is a link to a secret", |scene| scene.link_out("srv/a.csr")),
        with(Refused("is a symlink"), "that is a link to the CA's key", |scene| {
            scene.link("srv/a.csr", "/etc/docker/tls/ca-key.pem");
        }),
        with(Refused("is a named pipe"), "that is a pipe", |scene| scene.fifo("srv/a.csr")),
        with(Refused("is a device"), "that is a device", |scene| scene.device("srv/a.csr")),
        with(Refused("is a folder"), "that is a folder", |scene| scene.folder("srv/a.csr")),
        with(Refused("is larger than"), "of a terabyte", |scene| scene.sparse("srv/a.csr")),
        with(Refused("srv/a.csr"), "of nonsense", |scene| scene.file("srv/a.csr", "\u{1b}]0;x\u{7}\u{9b}31m")),
    ]
}

/// What describes docker.service.
fn units() -> Vec<Row> {
    let unit = "etc/systemd/system/docker.service";
    let environment = |told, name: &str, arrange: fn(&Scene)| {
        row(format!("an environment file {name}"), told, move |scene| {
            scene.file(&format!("{DROP_INS}/a.conf"), "[Service]\nEnvironmentFile=/srv/environment\n");
            arrange(scene);
        })
    };
    vec![
        environment(Refused("does not exist"), "that is a pipe", |scene| scene.fifo("srv/environment")),
        environment(Refused("does not exist"), "that is a device", |scene| scene.device("srv/environment")),
        environment(Refused("does not exist"), "that is a link to a secret", |scene| scene.link_out("srv/environment")),
        environment(Refused("is larger than"), "of a terabyte", |scene| scene.sparse("srv/environment")),
        row("/dev/zero for an environment file", Refused("does not exist"), |scene| {
            scene.device("dev/zero");
            scene.file(&format!("{DROP_INS}/a.conf"), "[Service]\nEnvironmentFile=/dev/zero\n");
        }),
        row("a unit that is a link to /dev/zero", Harmless, move |scene| {
            scene.device("dev/zero");
            scene.link(unit, "/dev/zero");
        }),
        row("a unit that is a link to a secret", Harmless, move |scene| scene.link_out(unit)),
        row("a unit that is a pipe", Harmless, move |scene| scene.fifo(unit)),
        row("a unit of a terabyte", Refused("is larger than"), move |scene| scene.sparse(unit)),
    ]
}

/// What a terminal would obey.
fn texts() -> Vec<Row> {
    let steering = "\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\u{202e}";
    let text = move |name: &str, told, arrange: fn(&Scene, &str)| {
        row(format!("escape sequences in {name}"), told, move |scene| arrange(scene, steering))
    };
    vec![
        text("a key of daemon.json", Refused("daemon.json"), |scene, steering| {
            scene.file(DAEMON_JSON, &format!("{{\"{steering}\": 1, \"{steering}\": 2}}\n"));
        }),
        text("a good key of daemon.json", Harmless, |scene, _| {
            scene.file(DAEMON_JSON, "{\"a\u{9b}31m\u{202e}\": \"\\u001b[2J\u{9b}\"}\n");
        }),
        text("a line of a unit", Refused("docker.service"), |scene, steering| {
            let line = format!("[Service]\nExecStart=/usr/bin/dockerd -{steering} 'x\n");
            scene.file("etc/systemd/system/docker.service", &line);
        }),
        text("the name of a drop-in", Refused("sets ExecStart"), |scene, steering| {
            scene.file(&format!("{DROP_INS}/zzz{steering}.conf"), "[Service]\nExecStart=\nExecStart=/x\n");
        }),
        text("the name of a former client", Harmless, |scene, steering| {
            let name = tls(&format!("clients/{steering}"));
            scene.folder(&name);
            std::fs::copy(scene.at(&tls("clients/ci/cert.pem")), scene.at(&format!("{name}/cert.pem"))).unwrap();
        }),
        text("the manifest", Refused("error"), |scene, steering| scene.add(&format!("{steering}: {steering}\n"))),
        text("a value of the manifest", Refused("error"), |scene, steering| {
            scene.site.manifest(&format!("dockseal: 1\nhost: \"{steering}\"\n"));
        }),
        text("ca.pem", Refused("ca.pem"), |scene, steering| {
            scene.file(&tls("ca.pem"), &format!("-----BEGIN {steering}-----\n{steering}\n-----END {steering}-----\n"));
        }),
    ]
}
