//! Many files at once: what fails leaves nothing behind.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use super::{NewFile, Transaction};
use crate::host::Root;

#[test]
fn a_folder_that_cant_be_made_leaves_none_of_those_made_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let clients = folder.path().join("clients");
    let names = || -> Vec<_> { clients.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect() };
    fs::create_dir(&clients).unwrap();
    fs::write(clients.join("client-13"), "no folder").unwrap();
    let paths: Vec<_> = (0..40).map(|number| PathBuf::from(format!("/clients/client-{number}/cert.pem"))).collect();
    let file = |path| NewFile { path, bytes: b"text", mode: 0o644, before: None };
    let root = Root::at(folder.path().to_owned()).unwrap();
    let mut transaction = Transaction::new(&root);

    let error = transaction.write_all(&paths.iter().map(|path| file(path)).collect::<Vec<_>>()).unwrap_err();
    assert!(error.to_string().contains("clients/client-13"), "{error}");
    assert_eq!(names().len(), 40, "the others are made, whichever thread met the error");
    transaction.undo().unwrap();
    assert_eq!(names(), ["client-13"]);
}
