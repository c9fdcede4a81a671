//! The rows of the table that are about folders: whose they are, who may write there, and links in their place.

use std::path::Path;

use super::rows::Told::{Harmless, Refused};
use super::rows::{Row, row, tls};
use super::scene::{DROP_INS, MANIFEST, OTHER, Scene, TLS};

/// Folders that others can change.
pub fn folders() -> Vec<Row> {
    let mut rows = Vec::new();
    let systemd = "etc/systemd/system";
    for path in ["", "etc", "etc/docker", TLS, &tls("clients"), &tls("clients/ci"), "etc/systemd", systemd, DROP_INS] {
        let named = format!("/{path}");
        let at = path.to_owned();
        let owner = Refused("is not trusted: it belongs to user 65534");
        rows.push(row(format!("{named} of another user"), owner, move |scene| scene.give(&at)));
        let at = path.to_owned();
        let mode = Refused("is not trusted: it may be written by everyone (mode 0777)");
        rows.push(row(format!("{named} for everyone"), mode, move |scene| scene.mode(&at, 0o777)));
    }
    for path in ["etc/docker", TLS, &tls("clients/ci")] {
        let at = path.to_owned();
        rows.push(row(format!("/{path} of another group"), Refused("may be written by group 65534"), move |scene| {
            scene.give_group(&at);
            scene.mode(&at, 0o775);
        }));
        if has_access_lists() {
            let at = path.to_owned();
            rows.push(row(
                format!("/{path} with an access list"),
                Refused("has an access control list"),
                move |scene| {
                    access_list(&scene.at(&at)).unwrap();
                },
            ));
        }
        let at = path.to_owned();
        let shared = Refused("is a folder where everyone may make files");
        rows.push(row(format!("/{path} like /tmp"), shared, move |scene| scene.mode(&at, 0o1777)));
        let at = path.to_owned();
        rows.push(row(format!("a file at /{path}"), Refused("is a file, not a folder"), move |scene| {
            scene.file(&at, "");
        }));
        let at = path.to_owned();
        let pipe = Refused("is a named pipe, not a folder");
        rows.push(row(format!("a pipe at /{path}"), pipe, move |scene| scene.fifo(&at)));
    }
    let shared = |scene: &Scene| {
        scene.mode("srv", 0o1777);
        scene.site.manifest(&format!("{MANIFEST}directory: /srv/tls\n"));
    };
    rows.extend([
        row("a file at the drop-ins", Refused("is a file, not a folder"), |scene| scene.file(DROP_INS, "")),
        row("a folder of another client for everyone", Refused("may be written by everyone"), |scene| {
            scene.folder(&tls("clients/old"));
            scene.file(&tls("clients/old/key.pem"), "");
            scene.mode(&tls("clients/old"), 0o777);
        }),
        row("nothing yet in a folder like /tmp", Refused("everyone may make files"), shared),
        row("somebody else's in a folder like /tmp", Refused("belongs to user 65534"), move |scene| {
            shared(scene);
            scene.folder("srv/tls");
            scene.give("srv/tls");
        }),
        Row {
            is_ours: |path| path.starts_with("srv"),
            ..row("root's in a folder like /tmp", Harmless, move |scene| {
                shared(scene);
                scene.folder("srv/tls");
            })
        },
        row("root's link in a folder like /tmp", Refused("is a symlink in a folder where"), move |scene| {
            shared(scene);
            scene.link("srv/tls", "/etc/docker/tls");
        }),
    ]);
    rows
}

/// For user 65534, with the group's bits as its mask: acl(5).
fn access_list(folder: &Path) -> Result<(), rustix::io::Errno> {
    let mut list = vec![2, 0, 0, 0];
    for (tag, permissions, id) in
        [(1u16, 7u16, u32::MAX), (2, 7, OTHER), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 5, u32::MAX)]
    {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(folder, "system.posix_acl_access", &list, flags)
}

/// Whether the file system has them.
fn has_access_lists() -> bool {
    access_list(tempfile::tempdir().unwrap().path()).is_ok()
}

/// Symlinks in the place of folders.
pub fn links() -> Vec<Row> {
    let mut rows = Vec::new();
    for path in ["etc/docker", TLS, &tls("clients"), &tls("clients/ci"), "etc/systemd/system", DROP_INS] {
        let at = path.to_owned();
        let nowhere = || Refused("is a symlink to what is not there");
        rows.push(row(format!("/{path} a link out of the root"), nowhere(), move |scene| {
            scene.link(&at, scene.outside("folder").to_str().unwrap());
        }));
        let at = path.to_owned();
        rows.push(row(format!("/{path} a link upwards"), nowhere(), move |scene| {
            scene.link(&at, "../../../../../../../../outside/folder");
        }));
        let at = path.to_owned();
        rows.push(row(format!("/{path} another user's link"), Refused("is a symlink that user 65534"), move |scene| {
            moved(scene, &at);
            scene.give_link(&at);
        }));
        let at = path.to_owned();
        rows.push(row(format!("/{path} a link through a folder for everyone"), Refused("by everyone"), move |scene| {
            moved(scene, &at);
            scene.mode("srv", 0o777);
        }));
        let at = path.to_owned();
        rows.push(Row {
            is_ours: |path| path.starts_with("srv"),
            ..row(format!("/{path} root's link to root's folder"), Harmless, move |scene| moved(scene, &at))
        });
    }
    rows.push(row("a circle of links", Refused("is a symlink that leads in a circle"), |scene| {
        scene.link("srv/b", "a");
        scene.link("srv/a", "b");
        scene.link(TLS, "/srv/a");
    }));
    rows
}

/// The folder is elsewhere and a link of root's leads to it.
fn moved(scene: &Scene, path: &str) {
    std::fs::rename(scene.at(path), scene.at("srv/moved")).unwrap();
    scene.link(path, "/srv/moved");
}
