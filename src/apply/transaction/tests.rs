//! Many files at once: what fails leaves nothing behind.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{NewFile, Transaction};
use crate::host::Root;

/// A host with a folder for clients, and the paths of forty certificates in it.
fn forty() -> (tempfile::TempDir, PathBuf, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let clients = folder.path().join("clients");
    fs::create_dir(&clients).unwrap();
    let paths = (0..40).map(|number| PathBuf::from(format!("/clients/client-{number}/cert.pem"))).collect();
    (folder, clients, paths)
}

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn files(paths: &[PathBuf]) -> Vec<NewFile<'_>> {
    paths.iter().map(|path| NewFile { path, bytes: b"text", mode: 0o644, before: None }).collect()
}

#[test]
fn a_folder_that_cant_be_made_leaves_none_of_those_made_beside_it() {
    let (folder, clients, paths) = forty();
    fs::write(clients.join("client-13"), "no folder").unwrap();
    let root = Root::at(folder.path().to_owned()).unwrap();
    let mut transaction = Transaction::new(&root);

    let error = transaction.write_all(&files(&paths), || ()).0.unwrap_err();
    assert!(error.to_string().contains("clients/client-13"), "{error}");
    assert_eq!(names(&clients).len(), 14, "those before it are made");
    transaction.undo().unwrap();
    assert_eq!(names(&clients), ["client-13"]);
}

#[test]
fn a_file_that_cant_be_written_leaves_none_of_those_written_beside_it() {
    let (folder, clients, paths) = forty();
    let in_the_way = clients.join("client-13/.cert.pem.dockseal-new");
    fs::create_dir_all(&in_the_way).unwrap();
    let root = Root::at(folder.path().to_owned()).unwrap();
    let mut transaction = Transaction::new(&root);

    let (written, also) = transaction.write_all(&files(&paths), || "also");
    let error = written.unwrap_err();
    assert!(error.to_string().contains("client-13/.cert.pem.dockseal-new"), "{error}");
    assert_eq!(also, "also", "what is done beside it is done");
    assert_eq!(names(&clients).len(), 40);
    transaction.undo().unwrap();
    assert_eq!(names(&clients), ["client-13"]);
    assert!(in_the_way.is_dir());
}

#[test]
fn a_step_that_cant_be_taken_leads_back_from_all_others() {
    let (folder, clients, paths) = forty();
    let root = Root::at(folder.path().to_owned()).unwrap();
    let mut transaction = Transaction::new(&root);
    transaction.write_all(&files(&paths), || ()).0.unwrap();
    let somebody_elses = clients.join("client-13/cert.pem");
    fs::write(&somebody_elses, "somebody else's").unwrap();

    let error = transaction.commit().unwrap_err();
    assert!(error.to_string().contains("client-13/cert.pem"), "{error}");
    assert!(names(&clients.join("client-0")).contains(&"cert.pem".into()), "those before it are taken");
    transaction.undo().unwrap();
    assert_eq!(names(&clients), ["client-13"]);
    assert_eq!(names(&clients.join("client-13")), ["cert.pem"]);
    assert_eq!(fs::read_to_string(somebody_elses).unwrap(), "somebody else's");
}

#[test]
fn what_comes_then_is_not_taken_before_all_else() {
    let (folder, clients, mut paths) = forty();
    paths.push(PathBuf::from("/clients/daemon/daemon.json"));
    let (first, last) = paths.split_at(40);
    let root = Root::at(folder.path().to_owned()).unwrap();
    for in_the_way in [0, 13, 39] {
        let mut transaction = Transaction::new(&root);
        transaction.write_all(&files(first), || ()).0.unwrap();
        transaction.then();
        transaction.write_all(&files(last), || ()).0.unwrap();
        let somebody_elses = clients.join(format!("client-{in_the_way}/cert.pem"));
        fs::write(&somebody_elses, "somebody else's").unwrap();

        transaction.commit().unwrap_err();
        assert_eq!(names(&clients.join("daemon")), [".daemon.json.dockseal-new"], "{in_the_way}");
        transaction.undo().unwrap();
        fs::remove_dir_all(somebody_elses.parent().unwrap()).unwrap();
        assert_eq!(names(&clients), [""; 0]);
    }
}
