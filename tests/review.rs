//! What a repository of manifests puts around them: the CI jobs of `examples/ci`, whose steps are executed in a repository
//! of two commits, the hook for pre-commit, and the schema, each by those who read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Dockseal, Ran, Site, cache, put};

const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");
const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nserver: {sans: {ip: [10.10.10.20]}}\n";
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A repository with two commits, and beside it the package that its jobs install.
struct Repository {
    folder: TempDir,
    base: String,
    deb_sha256: String,
}

impl Repository {
    /// `hosts/` before and after the change.
    fn of(before: &[(&str, &str)], after: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut repository = Self { folder, base: String::new(), deb_sha256: String::new() };
        repository.sh("mkdir -p repository/hosts; git init --quiet --initial-branch main repository").ok();
        for (message, files) in [("before", before), ("after", after)] {
            for (name, text) in files {
                put(&repository.path().join("hosts").join(name), text.as_bytes());
            }
            let base = repository.sh("cd repository; git rev-parse --quiet --verify HEAD || true").ok();
            repository.base = String::from(base.text());
            repository.sh(&format!("cd repository; git add -A; git commit --quiet -m {message}")).ok();
        }
        let script = "mkdir -p deb/DEBIAN deb/usr/bin; cp \"$BINARY\" deb/usr/bin/dockseal
            printf 'Package: dockseal\\nVersion: 0\\nArchitecture: all\\nMaintainer: none <none@example.com>\\nDescription: it\\n' >deb/DEBIAN/control
            dpkg-deb --build -Znone deb dockseal.deb >/dev/null; sha256sum dockseal.deb | cut -d ' ' -f 1";
        repository.deb_sha256 = String::from(repository.sh(script).ok().text());
        repository
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn sh(&self, script: &str) -> Ran {
        self.run("/bin/sh", &["-euc", script], self.folder.path(), &[])
    }

    fn run(&self, program: &str, arguments: &[&str], folder: &Path, environment: &[(String, String)]) -> Ran {
        let mut command = Command::new(program);
        let who = ["AUTHOR", "COMMITTER"].map(|who| [format!("GIT_{who}_NAME"), format!("GIT_{who}_EMAIL")]);
        command.args(arguments).current_dir(folder).env("PATH", PATH).env("BINARY", Dockseal::BINARY);
        command.env("HOME", self.folder.path()).envs(who.into_iter().flatten().map(|name| (name, "x@example.com")));
        command.envs(environment.iter().map(|(key, value)| (key, value)));
        Ran::run(&command, b"", Duration::from_secs(120))
    }

    fn deb(&self) -> String {
        format!("file://{}", self.folder.path().join("dockseal.deb").display())
    }
}

fn example(name: &str) -> Value {
    let text = fs::read_to_string(Path::new(CHECKOUT).join("examples/ci").join(name)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// Runs each `run:` as GitHub's runner does, until one fails; gives the last one and the job's summary.
fn github(repository: &Repository) -> (Ran, String) {
    let workflow = example("github-actions.yaml");
    assert_eq!(workflow["permissions"], serde_json::json!({"contents": "read"}));
    let temporary = repository.folder.path().join("runner");
    fs::create_dir(&temporary).unwrap();
    let file = |name: &str| temporary.join(name).display().to_string();
    let mut path = PATH.to_owned();
    let mut last = None;
    let steps = workflow["jobs"]["review"]["steps"].as_array().unwrap();
    assert_eq!(steps.iter().filter(|step| step["run"].is_string()).count(), 3);
    for step in steps {
        let Some(run) = step["run"].as_str() else {
            let uses = step["uses"].as_str().unwrap();
            assert!(uses.split_once("@v").is_some_and(|(_, tag)| tag.parse::<u32>().is_ok()), "{uses}");
            continue;
        };
        // Text of a pull request in a script would be a command.
        assert!(!run.contains("${{"), "{run}");
        let mut environment: Vec<(String, String)> = [
            ("RUNNER_TEMP", temporary.display().to_string()),
            ("GITHUB_PATH", file("path")),
            ("GITHUB_STEP_SUMMARY", file("summary")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        environment.push(("PATH".to_owned(), path.clone()));
        let given = [&workflow["jobs"]["review"]["env"], &step["env"]].map(Value::as_object);
        for (name, value) in given.into_iter().flatten().flatten() {
            let value = match (name.as_str(), value.as_str().unwrap_or_default()) {
                ("DOCKSEAL_DEB", _) => repository.deb(),
                ("DOCKSEAL_SHA256", _) => repository.deb_sha256.clone(),
                (_, "${{ github.event.pull_request.base.sha }}") => repository.base.clone(),
                (_, other) => panic!("{name}: {other}"),
            };
            environment.push((name.clone(), value));
        }
        let ran = repository.run("/bin/bash", &["-eo", "pipefail", "-c", run], &repository.path(), &environment);
        if let Ok(more) = fs::read_to_string(temporary.join("path")) {
            path = format!("{}:{PATH}", more.trim());
        }
        let is_failed = ran.code != 0;
        last = Some(ran);
        if is_failed {
            break;
        }
    }
    (last.unwrap(), fs::read_to_string(temporary.join("summary")).unwrap_or_default())
}

/// Runs the whole `script:` in one shell, as GitLab's runner does; gives how it ended and the artifact.
fn gitlab(repository: &Repository) -> (Ran, String) {
    let job = &example("gitlab-ci.yml")["dockseal"];
    let lines: Vec<&str> = job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(lines.len() > 4);
    let environment = [
        ("DOCKSEAL_DEB", repository.deb()),
        ("DOCKSEAL_SHA256", repository.deb_sha256.clone()),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", repository.base.clone()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let ran =
        repository.run("/bin/bash", &["-eo", "pipefail", "-c", &lines.join("\n")], &repository.path(), &environment);
    let artifact = job["artifacts"]["paths"][0].as_str().unwrap();
    (ran, fs::read_to_string(repository.path().join(artifact)).unwrap_or_default())
}

#[test]
fn a_pull_request_shows_what_it_changes_on_which_host() {
    let other = MANIFEST.replace("build-01", "build-02");
    let changed = MANIFEST.replace("10.10.10.20", "10.10.10.21");
    let new = MANIFEST.replace("build-01", "build-03");
    for run in [github, gitlab] {
        let before = [("build-01.yaml", MANIFEST), ("build-02.yaml", &*other)];
        let repository = Repository::of(&before, &[("build-01.yaml", &changed), ("build-03.yaml", &new)]);
        let (ran, plan) = run(&repository);
        ran.ok();
        assert_eq!(plan.matches("### dockseal: ").count(), 2, "{plan}");
        assert!(plan.contains("`it lacks IP:10.10.10.21 and has beyond the manifest IP:10.10.10.20`"), "{plan}");
        assert!(plan.contains("### dockseal: `build-03.example.com`\n\nPlan: "), "{plan}");
    }
}

/// Where the repository has facts of the host, its own plan is shown: here of one that is a root on another machine.
#[test]
fn facts_of_the_host_are_taken_where_there_are_some() {
    let site = Site::of(&["debian", "sealed"], MANIFEST);
    site.apply().ok();
    let facts = site.dockseal(["observe"]).run().ok().stdout;
    let changed = MANIFEST.replace("10.10.10.20", "10.10.10.21");
    for run in [github, gitlab] {
        let before = [("build-01.yaml", MANIFEST), ("build-01.facts.json", &*facts)];
        let (ran, plan) = run(&Repository::of(&before, &[("build-01.yaml", &changed)]));
        ran.ok();
        assert_eq!(plan.matches("### dockseal: ").count(), 1, "{plan}");
        assert!(plan.contains("`it lacks IP:10.10.10.21 and has beyond the manifest IP:10.10.10.20`"), "{plan}");
        assert!(plan.contains("`another root is worked on: no service is touched`"), "{plan}");
    }
}

#[test]
fn a_pull_request_with_a_bad_manifest_or_another_package_fails() {
    let bad = MANIFEST.replace("server:", "sevrer:");
    for run in [github, gitlab] {
        let repository = Repository::of(&[("build-01.yaml", MANIFEST)], &[("build-02.yaml", &bad)]);
        let (ran, plan) = run(&repository);
        assert!(ran.clone().exits(1).stderr.contains("hosts/build-02.yaml:3:1"), "{ran}");
        assert_eq!(plan, "");
        let mut repository = Repository::of(&[("build-01.yaml", MANIFEST)], &[("build-02.yaml", MANIFEST)]);
        repository.deb_sha256 = "0".repeat(64);
        let (ran, plan) = run(&repository);
        assert!(ran.exits(1).stdout.contains("FAILED"));
        assert_eq!(plan, "");
    }
}

/// What is called as a host of a repository may be called, and what a shell would take for something else.
#[test]
fn a_name_is_no_command() {
    let name = "-x $(touch pwned) `touch pwned`; 'a' \"b\".yaml";
    for run in [github, gitlab] {
        let repository = Repository::of(&[(name, MANIFEST)], &[(name, &MANIFEST.replace(".20]", ".21]"))]);
        let (ran, plan) = run(&repository);
        ran.ok();
        assert_eq!(plan.matches("### dockseal: ").count(), 1, "{plan}");
        assert!(!repository.path().join("pwned").exists());
    }
}

fn python(program: &str) -> String {
    cache().join("python/bin").join(program).display().to_string()
}

#[test]
#[ignore = "needs the Python environment"]
fn pre_commit_stops_a_bad_manifest() {
    let bad = MANIFEST.replace("server:", "sevrer:");
    let repository = Repository::of(&[("build-01.yaml", MANIFEST)], &[("readme.md", "x")]);
    repository.sh("mkdir hooks bin; ln -s \"$BINARY\" bin/dockseal; git init --quiet hooks").ok();
    fs::copy(
        Path::new(CHECKOUT).join(".pre-commit-hooks.yaml"),
        repository.folder.path().join("hooks/.pre-commit-hooks.yaml"),
    )
    .unwrap();
    repository.sh("cd hooks; git add -A; git commit --quiet -m hooks; git tag v0.1.0").ok();
    let path = format!("{}:{PATH}", repository.folder.path().join("bin").display());
    let hooks = repository.folder.path().join("hooks").display().to_string();
    let config = fs::read_to_string(Path::new(CHECKOUT).join("examples/ci/pre-commit-config.yaml")).unwrap();
    let config = config.replace("https://git.example.com/dockseal", &hooks);
    assert!(config.contains(&hooks));
    put(&repository.path().join(".pre-commit-config.yaml"), config.as_bytes());
    let pre_commit = || {
        let arguments = ["run", "--all-files", "--verbose"];
        repository.run(&python("pre-commit"), &arguments, &repository.path(), &[("PATH".to_owned(), path.clone())])
    };
    repository.sh("cd repository; git add -A").ok();
    let ran = pre_commit().ok();
    assert!(ran.stdout.contains("hosts/build-01.yaml: ok"), "{ran}");
    assert!(!ran.stdout.contains("readme.md"), "{ran}");
    put(&repository.path().join("hosts/build-02.yaml"), bad.as_bytes());
    repository.sh("cd repository; git add -A").ok();
    let ran = pre_commit().exits(1);
    assert!(ran.stdout.contains("error[unknown-field]") && ran.stdout.contains("hosts/build-02.yaml:3:1"), "{ran}");
}

/// As editors do: by the schema alone.
#[test]
#[ignore = "needs the Python environment"]
fn the_schema_tells_good_manifests_from_bad_ones() {
    let folder = TempDir::new().unwrap();
    let schema = folder.path().join("manifest.schema.json");
    fs::write(&schema, Dockseal::new().args(["schema"]).run().ok().stdout).unwrap();
    let check = |files: &[PathBuf]| {
        let mut command = Command::new(python("check-jsonschema"));
        command.arg("--schemafile").arg(&schema).args(files).env("PATH", PATH).env("HOME", folder.path());
        Ran::run(&command, b"", Duration::from_secs(60))
    };
    let examples = fs::read_dir(Path::new(CHECKOUT).join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<PathBuf> =
        examples.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect();
    assert!(examples.len() >= 5, "{examples:?}");
    for example in &examples {
        let first = fs::read_to_string(example).unwrap();
        let path = first.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap().to_owned();
        assert!(example.parent().unwrap().join(path).exists(), "{}", example.display());
    }
    check(&examples).ok();
    let bad = folder.path().join("bad.yaml");
    fs::write(&bad, MANIFEST.replace("server:", "sevrer:")).unwrap();
    assert!(check(&[bad]).exits(1).stdout.contains("'sevrer' was unexpected"));
}
