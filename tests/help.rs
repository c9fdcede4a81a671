//! What teaches the command: `--help` of each command word for word, manual pages, completion scripts.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::{Dockseal, Ran};

const COMMANDS: [&str; 14] = [
    "validate",
    "plan",
    "observe",
    "apply",
    "rollback",
    "recover",
    "import",
    "status",
    "sign",
    "client",
    "client export",
    "schema",
    "completions",
    "man",
];

#[test]
fn no_command_is_left_out() {
    let help = Dockseal::new().args(["--help"]).run().ok().stdout;
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let names = list.lines().filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let at_the_top = COMMANDS.into_iter().filter(|command| !command.contains(' '));
    assert_eq!(names.collect::<Vec<_>>(), at_the_top.chain(["help"]).collect::<Vec<_>>());
}

/// `UPDATE_HELP=1` writes them anew.
#[test]
fn help_is_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    for command in [""].iter().chain(&COMMANDS) {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = Dockseal::new().args(&words).run().ok().stdout;
        let name = if command.is_empty() { "dockseal".to_owned() } else { command.replace(' ', "-") };
        let file = folder.join(&name).with_extension("txt");
        if std::env::var_os("UPDATE_HELP").is_some() {
            fs::write(&file, &help).unwrap();
        }
        assert_eq!(help, fs::read_to_string(&file).unwrap(), "{}: run it with UPDATE_HELP=1", file.display());
        let wide = help.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "{name}");
        assert!(help.contains("\nExamples:\n"), "{name} has no example");
    }
}

#[test]
fn wrong_usage_is_an_error_of_code_1() {
    for words in [&[][..], &["nope"], &["plan", "--nope"], &["plan", "--now", "tomorrow"], &["man", "nope"]] {
        let ran = Dockseal::new().args(words).run().exits(1);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{ran}");
    }
}

#[test]
fn each_command_has_a_manual_page() {
    let page = Dockseal::new().args(["man"]).run().ok().stdout;
    assert!(page.contains(".TH dockseal 1") && page.contains("Exit codes:"), "{page}");
    for command in COMMANDS {
        let name = command.replace(' ', "-");
        // The page of the whole lists the commands at the top.
        let is_listed = page.contains(&format!("dockseal\\-{name}(1)"));
        assert_eq!(is_listed, !command.contains(' '), "{command}: {page}");
        let page = Dockseal::new().args(["man"]).args(command.split(' ')).run().ok().stdout;
        assert!(page.contains(&format!(".TH dockseal-{name} 1")), "{page}");
        assert!(page.contains("Examples:"), "{page}");
    }
}

fn completions(shell: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("_dockseal");
    fs::write(&file, Dockseal::new().args(["completions", shell]).run().ok().stdout).unwrap();
    let file = file.display().to_string();
    (folder, file)
}

fn shell(program: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    Ran::run(&command, b"", Duration::from_secs(30))
}

#[test]
fn bash_completes() {
    let (_folder, file) = completions("bash");
    shell("bash", &["-n", &file]).ok();
    for (typed, wanted) in [("dockseal pl", "plan"), ("dockseal apply --allow", "--allow-restart")] {
        // What bash does on TAB: the words, the last one's index, then the function with command, word and word before.
        let script = r#"source "$1"; COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _dockseal dockseal "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; echo "${COMPREPLY[@]}""#;
        assert_eq!(shell("bash", &["-c", script, "bash", &file, typed]).ok().text(), wanted);
    }
}

#[test]
#[ignore = "needs zsh"]
fn zsh_loads_the_script() {
    let (_folder, file) = completions("zsh");
    shell("zsh", &["-fn", &file]).ok();
    let script = "autoload -U compinit; compinit -u -D; source $1; whence -w _dockseal; echo $_comps[dockseal]";
    assert_eq!(shell("zsh", &["-fc", script, "zsh", &file]).ok().text(), "_dockseal: function\n_dockseal");
}

#[test]
#[ignore = "needs fish"]
fn fish_completes() {
    let (_folder, file) = completions("fish");
    shell("fish", &["--no-execute", &file]).ok();
    let script = "source $argv[1]; complete --do-complete 'dockseal pl'";
    let ran = shell("fish", &["--no-config", "--command", script, &file]).ok();
    assert!(ran.text().starts_with("plan\t"), "{ran}");
}
