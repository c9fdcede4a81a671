//! A second process that rearranges folders as fast as it can while applies run. It works as root: what it does is more
//! than an attacker could.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::scene::{MANIFEST, Picture, Scene};

/// How long each race lasts.
const LENGTH: Duration = Duration::from_secs(4);

/// A race.
pub struct Race {
    name: &'static str,
    arrange: fn(&Scene),
    /// One move of the other process.
    swap: fn(&Scene),
    /// Whether an apply may come through.
    is_trusted: bool,
    /// So that the next apply has everything to do.
    reset: fn(&Scene),
}

/// Every race.
pub fn all() -> Vec<Race> {
    let reset: fn(&Scene) = |scene| {
        for path in ["etc/docker", "var/lib/dockseal", "pub/tls/clients", "pub/link/clients"] {
            let _ = fs::remove_dir_all(scene.at(path));
        }
        for name in ["ca", "ca-key", "server-cert", "server-key"] {
            for folder in ["tls", "link"] {
                let _ = fs::remove_file(scene.at(&format!("pub/{folder}/{name}.pem")));
            }
        }
    };
    vec![
        Race {
            name: "a folder of an attacker's",
            arrange: |scene| {
                arrange(scene);
                scene.give("pub");
            },
            swap,
            is_trusted: false,
            reset,
        },
        Race {
            name: "a folder for everyone",
            arrange: |scene| {
                arrange(scene);
                scene.mode("pub", 0o777);
            },
            swap,
            is_trusted: false,
            reset,
        },
        Race {
            name: "a folder like /tmp",
            arrange: |scene| {
                arrange(scene);
                scene.mode("pub", 0o1777);
            },
            swap,
            is_trusted: true,
            reset,
        },
        Race { name: "a trusted folder", arrange, swap, is_trusted: true, reset },
        Race { name: "planted names", arrange, swap: plant, is_trusted: true, reset },
    ]
}

/// Keys go to /pub/tls; beside it stands a link to the outside, of another user's.
fn arrange(scene: &Scene) {
    scene.site.manifest(&format!("{MANIFEST}directory: /pub/tls\n"));
    scene.folder("pub");
    scene.folder("pub/tls");
    // For the path from `/` and for the one from the root.
    symlink(scene.outside("folder"), scene.at("pub/link")).unwrap();
    scene.give_link("pub/link");
}

fn swap(scene: &Scene) {
    let (one, other) = (scene.at("pub/tls"), scene.at("pub/link"));
    let _ = renameat2(AT_FDCWD, &one, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE);
}

fn plant(scene: &Scene) {
    for name in [".ca-key.pem.dockseal-new", ".server-key.pem.dockseal-new", "server-key.pem", ".ca.pem.dockseal-old"] {
        let at = scene.at("pub/tls").join(name);
        let _ = symlink(scene.outside("folder/file"), &at);
        if fs::symlink_metadata(&at).is_ok_and(|found| found.is_symlink()) {
            let _ = fs::remove_file(&at);
        }
    }
}

impl Race {
    /// Runs it, and says how many rounds that were.
    pub fn run(&self) -> String {
        let scene = Scene::of(&["debian"]);
        (self.arrange)(&scene);
        let before = Picture::of(&scene.outside(""));
        let (over, begun) = (AtomicBool::new(false), Instant::now());
        let (mut done, mut refused, mut broken) = (0, 0, 0);
        let swaps = thread::scope(|scope| {
            let other = scope.spawn(|| {
                let mut swaps = 0;
                while !over.load(Ordering::Relaxed) {
                    (self.swap)(&scene);
                    swaps += 1;
                    // The machine may have few cores, and both shall get somewhere.
                    if swaps % 16 == 0 {
                        thread::yield_now();
                    }
                }
                swaps
            });
            while begun.elapsed() < LENGTH {
                match scene.run(&["apply"]).code {
                    0 => done += 1,
                    1 => refused += 1,
                    _ => broken += 1,
                }
                assert_eq!(before.differences(&Picture::of(&scene.outside(""))), [""; 0], "{}", self.name);
                (self.reset)(&scene);
            }
            over.store(true, Ordering::Relaxed);
            other.join().unwrap()
        });
        assert_eq!(done > 0, self.is_trusted, "{}: {done} of {refused} came through", self.name);
        assert!(is_untouched(&before, &scene.outside("")), "{}", self.name);
        assert!(swaps > 100 && done + refused + broken > 3, "{}: {swaps} swaps", self.name);
        format!(
            "{}: {} rounds ({done} done, {refused} refused, {broken} broken), {swaps} swaps",
            self.name,
            done + refused + broken
        )
    }
}

fn is_untouched(before: &Picture, outside: &Path) -> bool {
    before.differences(&Picture::of(outside)).is_empty()
}
