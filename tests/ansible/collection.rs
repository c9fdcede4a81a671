//! What Ansible's own tools say of the collection: its documentation, its package, and `ansible-test sanity`.

use std::fs;

use super::control::{Control, SOURCE};
use crate::support::{Ran, cache};

/// Stands in for get-pip.py, which ansible-test fetches from a server that is no package index: Python's own pip gets the
/// wanted version from the index.
const GET_PIP: &str = "\
import ensurepip, subprocess, sys
ensurepip.bootstrap()
wanted = [word for word in sys.argv[1:] if word not in ('--no-setuptools', '--no-wheel')]
sys.exit(subprocess.call([sys.executable, '-m', 'pip', 'install'] + wanted))
";

#[test]
#[ignore = "needs the Python environment"]
fn it_installs_from_a_tarball_and_is_documented() {
    let control = Control::new();
    control.run("ansible-galaxy collection build --output-path . ./packaging/ansible").ok();
    control.run("ansible-galaxy collection install ./dockseal-docker-*.tar.gz").ok();
    let version = fs::read_to_string(format!("{SOURCE}/galaxy.yml")).unwrap();
    assert!(version.contains(concat!("version: ", env!("CARGO_PKG_VERSION"), "\n")), "the versions differ: {version}");
    let listed = control.run("ansible-galaxy collection list").ok().stdout;
    assert!(
        listed.lines().any(|line| line.split_whitespace().eq(["dockseal.docker", env!("CARGO_PKG_VERSION")])),
        "{listed}"
    );

    let module = control.run("ansible-doc --type module dockseal.docker.host").ok();
    for word in ["allow_restart", "lock_timeout", "needs_person", "EXAMPLES"] {
        assert!(module.stdout.contains(word), "{word}: {module}");
    }
    let role = control.run("ansible-doc --type role dockseal.docker.host").ok();
    for word in ["dockseal_manifest_template", "dockseal_ca_passphrase_file", "Touches no host"] {
        assert!(role.stdout.contains(word), "{word}: {role}");
    }
    assert!(module.stderr.is_empty() && role.stderr.is_empty(), "{}{}", module.stderr, role.stderr);
    for playbook in ["host", "fleet"] {
        control.run(&format!("ansible-playbook --syntax-check dockseal.docker.{playbook}")).ok();
    }
}

/// Its tools come from `PyPI` into folders of their own, which stay in the cache: the first run takes some minutes.
#[test]
#[ignore = "needs the Python environment"]
fn it_is_sane() {
    let control = Control::new();
    let home = cache().join("ansible-test");
    let saved = home.join(".ansible/test/cache");
    fs::create_dir_all(&saved).unwrap();
    fs::write(saved.join(format!("get_pip_{}.py", pip_version(&control).replace('.', "_"))), GET_PIP).unwrap();
    control
        .run(&format!("mkdir -p ansible_collections/dockseal; cp -r {SOURCE} ansible_collections/dockseal/docker"))
        .ok();
    let sane = sanity(&control, "--python default").ok();
    let said = format!("{}{}", sane.stdout, sane.stderr);
    // Other versions of Python than the environment's, where this machine has none.
    said.lines().filter(|line| line.contains("Skipping")).for_each(|line| println!("{line}"));
    let ran = said.lines().filter_map(|line| line.strip_prefix("Running sanity test ")).collect::<Vec<_>>();
    println!("run: {}", ran.join(", "));
    for test in ["ansible-doc", "validate-modules", "pylint", "import", "yamllint", "pep8", "runtime-metadata"] {
        assert!(ran.iter().any(|ran| ran.contains(&format!("\"{test}\""))), "{test} did not run: {said}");
    }

    // It can say no.
    let module = control.path("ansible_collections/dockseal/docker/plugins/modules/host.py");
    let text = fs::read_to_string(&module).unwrap();
    fs::write(&module, text.replace("\"advance\": {\"type\": \"bool\"", "\"advance\": {\"type\": \"str\"")).unwrap();
    let wrong = sanity(&control, "--test validate-modules --python default");
    assert_ne!(wrong.code, 0, "{wrong}");
}

fn sanity(control: &Control, arguments: &str) -> Ran {
    control.run(&format!(
        "cd ansible_collections/dockseal/docker; HOME={} ansible-test sanity --color no {arguments}",
        cache().join("ansible-test").display()
    ))
}

/// Which pip ansible-test puts into its folders.
fn pip_version(control: &Control) -> String {
    let script = "from ansible_test._internal.python_requirements import get_venv_packages; from types import SimpleNamespace; \
                  import sys; print(get_venv_packages(SimpleNamespace(version='%d.%d' % sys.version_info[:2]))['pip'])";
    control.run(&format!("python3 -c \"{script}\"")).ok().text().to_owned()
}
