//! What stands below the options in `--help` and in the manual pages: examples, and what an exit code means.

/// `dockseal --help`
pub const DOCKSEAL: &str = "\
Examples:
  dockseal apply --root demo examples/quickstart.yaml   rehearse in a folder; no Docker, no root
  dockseal plan                                         what would change on this host?
  sudo dockseal apply                                   make it so, and prove it

Exit codes:
  0  in sync, or done
  1  error; the host is as it was (wrong usage too)
  2  plan: changes are pending; apply --detailed-exitcode: something was changed
  3  error, and the host could not be put back: a person is needed

Results go to stdout, everything else to stderr. Nothing asks questions. Colour is for terminals;
NO_COLOR=1 switches it off.";

/// `dockseal validate --help`
pub const VALIDATE: &str = "\
Examples:
  dockseal validate                        /etc/dockseal/host.yaml
  dockseal validate hosts/*.yaml           in CI: every problem of every file in one run
  generate-manifest | dockseal validate -

Exit codes: 0 every file is good, 1 a file has a problem.";

/// `dockseal plan --help`
pub const PLAN: &str = "\
Examples:
  sudo dockseal plan                              this host, /etc/dockseal/host.yaml
  dockseal plan --format json host.yaml           for programs; `dockseal schema plan` describes it
  dockseal plan --format markdown host.yaml       for a comment in a pull request
  dockseal plan --now 2027-06-01T00:00:00Z        what will be due then?
  dockseal plan --root /mnt/image host.yaml       an image that is mounted there
  sudo dockseal plan --out plan.json              for review; then: dockseal apply plan.json
  dockseal plan --facts facts.json host.yaml      an observed host; no root, no Docker
  dockseal plan --from old.yaml host.yaml         what a change of the manifest does

Exit codes: 0 in sync, 1 error, 2 changes are pending.
Without root it compares what may be read, and says what may not.";

/// `dockseal observe --help`
pub const OBSERVE: &str = "\
Examples:
  sudo dockseal observe > facts.json              this host, /etc/dockseal/host.yaml
  sudo dockseal observe new.yaml > facts.json     where a new manifest looks in other places
  dockseal plan --facts facts.json new.yaml       anywhere: what that host would see

Exit codes: 0 facts were printed, 1 error. Without root it says what it could not read.
`dockseal schema facts` describes the file. Keep it as you keep daemon.json.";

/// `dockseal apply --help`
pub const APPLY: &str = "\
Examples:
  sudo dockseal apply                             this host, /etc/dockseal/host.yaml
  sudo dockseal apply --quiet                     for cron: speaks only of changes and failures
  dockseal apply --root demo host.yaml            rehearse in a folder
  sudo dockseal apply plan.json                   what `plan --out plan.json` showed

A saved plan is carried out if a plan made afresh is the same, for the time that it was made for.
It is refused after 30 days, on another machine or root, and where the host, or what is due by
now, is another: with a diff.

Exit codes: 0 done or nothing to do, 1 error and the host is as it was,
2 something was changed (only with --detailed-exitcode), 3 error and the host could not be put back.";

/// `dockseal rollback --help`
pub const ROLLBACK: &str = "\
Examples:
  sudo dockseal rollback                          back to what was before the last apply
  sudo dockseal rollback --allow-restart          even where running containers stop

Exit codes: 0 done, 1 error and the host is as it was, 3 error and the host could not be put back.";

/// `dockseal recover --help`
pub const RECOVER: &str = "\
Examples:
  sudo dockseal recover                           after a kill, a power cut or exit code 3

Exit codes: 0 done or nothing to do, 1 error and nothing was done,
3 the change could not be undone or finished: a person is needed.";

/// `dockseal import --help`
pub const IMPORT: &str = "\
Examples:
  sudo dockseal import > host.yaml                this host; then: sudo dockseal plan host.yaml
  dockseal import --root /mnt/image > host.yaml   an image that is mounted there

Exit codes: 0 a manifest was printed, 1 error.
What was not understood is a comment, and a note on stderr.
A host without TLS gets a manifest to begin with.";

/// `dockseal status --help`
pub const STATUS: &str = "\
Examples:
  sudo dockseal status                            this host, /etc/dockseal/host.yaml
  dockseal status --root demo host.yaml           a rehearsal
  dockseal status --format json                   for programs; see `dockseal schema status`
  dockseal status --format prometheus             for node_exporter; README has the cron line

Exit codes: 0 it could be told, 1 error.
Drift is told and is no error: for that, ask `dockseal plan`.";

/// `dockseal sign --help`
pub const SIGN: &str = "\
Examples:
  dockseal sign --ca /srv/ca --manifest hosts/build-01.yaml server.csr client.ci.csr
  dockseal sign --ca /srv/ca --manifest hosts/build-01.yaml --as client.portainer portainer.pem

Exit codes: 0 all are signed, 1 error and none is: nothing was written.";

/// `dockseal client --help` and `dockseal client export --help`
pub const CLIENT_EXPORT: &str = "\
Examples:
  sudo dockseal client export ci --format context
  docker context import build-01 build-01.example.com-ci.dockercontext
  sudo dockseal client export ci --format dir --out ~/build-01
  dockseal client export ci --format env --out ~/build-01 >> ~/.profile

Exit codes: 0 done, 1 error and nothing was written.
Hand it over by a way that only the client can read, and delete your copy.
After a renewal, export anew with --force.";

/// `dockseal schema --help`
pub const SCHEMA: &str = "\
Examples:
  dockseal schema > manifest.schema.json
  dockseal schema plan > plan.schema.json
  dockseal schema status > status.schema.json
  dockseal schema facts > facts.schema.json

An editor with a YAML language server checks and completes a manifest that begins with
  # yaml-language-server: $schema=manifest.schema.json";

/// `dockseal completions --help`
pub const COMPLETIONS: &str = "\
Examples:
  dockseal completions bash > /usr/share/bash-completion/completions/dockseal
  dockseal completions zsh > /usr/share/zsh/vendor-completions/_dockseal
  dockseal completions fish > /usr/share/fish/vendor_completions.d/dockseal.fish";

/// `dockseal man --help`
pub const MAN: &str = "\
Examples:
  dockseal man | man -l -
  dockseal man > /usr/local/share/man/man1/dockseal.1
  dockseal man apply > /usr/local/share/man/man1/dockseal-apply.1
  dockseal man client export > /usr/local/share/man/man1/dockseal-client-export.1";

#[cfg(test)]
mod tests {
    /// clap breaks a longer line, and a table of examples falls apart.
    #[test]
    fn no_line_is_broken() {
        let texts = include_str!("help.rs").lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        let wide = texts.filter(|line| !line.starts_with("//") && line.trim_end_matches("\";").chars().count() > 100);
        let wide: Vec<&str> = wide.collect();
        assert_eq!(wide, [] as [&str; 0]);
    }
}
