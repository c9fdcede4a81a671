//! Hostile arrangements of files, and a second process that rearranges them while a run is at work. Each row of the table
//! is a sealed host that somebody has tampered with; whatever the row, nothing is written outside the files that an apply
//! owns, no secret is told, and the run ends soon.

mod folders;
mod races;
mod rows;
mod scene;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rows::{Row, Told};
use scene::{Picture, Scene, is_ours};

fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        println!("not run: only root can give files away");
    }
    is_root
}

#[test]
fn no_arrangement_is_fallen_for() {
    if !is_root() {
        return;
    }
    let rows = rows::all();
    assert!(rows.len() >= 30);
    let mut failures = Vec::new();
    for row in &rows {
        if let Err(why) = catch_unwind(AssertUnwindSafe(|| check(row))) {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
            failures.push(format!("== {}: {why}", row.name));
        }
    }
    println!("{} hostile arrangements", rows.len());
    assert!(failures.is_empty(), "{}\n{} of {} failed", failures.join("\n"), failures.len(), rows.len());
}

fn check(row: &Row) {
    let scene = Scene::new();
    (row.arrange)(&scene);
    let (root, outside) = (scene.site.root(), scene.outside(""));
    let before = (Picture::of(&root), Picture::of(&outside));
    for format in ["text", "json"] {
        scene.run(&["plan", "--format", format]);
    }
    scene.run(&["status"]);
    assert_eq!(before.0.differences(&Picture::of(&root)), [""; 0], "a plan wrote");
    let ran = scene.run(&["apply"]);
    let after = Picture::of(&root);
    (row.clean_up)(&scene);
    assert_eq!(before.1.differences(&Picture::of(&outside)), [""; 0], "outside\n{ran}");
    match row.told {
        Told::Refused(why) | Told::Stuck(why) => {
            let code = if matches!(row.told, Told::Stuck(_)) { 3 } else { 1 };
            assert!(ran.code == code && ran.stderr.contains(why), "not told: {why}\n{ran}");
            assert_eq!(before.0.differences(&after), [""; 0], "it is refused, and yet\n{ran}");
        }
        Told::PutBack(why) => {
            assert!(ran.code == 1 && ran.stderr.contains(why), "not told: {why}\n{ran}");
            let mut differences = before.0.without_folder_times().differences(&after.without_folder_times());
            // It tells of the change that was put back.
            differences.retain(|path| !scene::LOG.starts_with(path));
            assert_eq!(differences, [""; 0], "it is put back, and yet\n{ran}");
        }
        Told::Harmless => {
            assert_eq!(ran.code, 0, "{ran}");
            let elsewhere: Vec<String> = before
                .0
                .differences(&after)
                .into_iter()
                .filter(|path| !is_ours(path) && !(row.is_ours)(path))
                .collect();
            assert_eq!(elsewhere, [""; 0], "written elsewhere\n{ran}");
            assert!(scene.run(&["apply"]).stdout.contains("In sync"), "the second run finds something to do");
        }
    }
}

#[test]
fn no_swap_is_fallen_for() {
    if !is_root() {
        return;
    }
    let rounds: Vec<String> = races::all().iter().map(races::Race::run).collect();
    println!("races: {}", rounds.join("; "));
}
