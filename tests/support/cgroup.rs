//! A control group of one's own for each booted host.
//!
//! nspawn puts a host below its own group. Two hosts in the same group see each other's `docker.service` there, and the
//! one that stops its service kills the other's.

use std::fs;
use std::path::{Path, PathBuf};

/// The host's folders in the control group hierarchies: one, or two where cgroup v1 and v2 are mixed.
pub struct Group {
    folders: Vec<PathBuf>,
}

impl Group {
    /// Makes the group `name`, which must be `dockseal-PID-…`, below this process's own.
    pub fn create(name: &str) -> Self {
        let folders: Vec<_> = own_folders().into_iter().map(|own| own.join(name)).collect();
        for folder in &folders {
            folder.parent().into_iter().for_each(remove_orphans);
            fs::create_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
        Self { folders }
    }

    /// Where a process joins the group.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.folders.iter().for_each(|folder| remove(folder));
    }
}

/// The folders of this process's group in the hierarchies that nspawn uses: v2, and v1's `name=systemd`.
fn own_folders() -> Vec<PathBuf> {
    let top = Path::new("/sys/fs/cgroup");
    let pure = top.join("cgroup.controllers").exists();
    let groups = fs::read_to_string("/proc/self/cgroup").expect("/proc/self/cgroup is readable");
    let mut folders = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(kind), Some(path)) = (fields.next(), fields.next()) else { continue };
        let hierarchy = match kind {
            "" if pure => top.to_owned(),
            "" => top.join("unified"),
            "name=systemd" => top.join("systemd"),
            _ => continue,
        };
        if hierarchy.join("cgroup.procs").exists() {
            folders.push(hierarchy.join(path.trim_start_matches('/')));
        }
    }
    folders
}

/// Removes the groups of test programs that were killed before they could.
fn remove_orphans(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix("dockseal-").and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(&entry.path());
        }
    }
}

/// Removes the group and those below it, which are empty once the host is gone; what is left is for the next run.
fn remove(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    drop(fs::remove_dir(folder));
}
