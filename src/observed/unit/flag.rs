//! dockerd's arguments → its flags, read as dockerd reads them (spf13/pflag), and the daemon.json key of each.

use std::ops::Range;

use super::{Argument, Origin};

/// One flag on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its long name without dashes: `host` for `-H`.
    pub name: String,
    /// As it is spelled, with its value.
    pub text: String,
    /// Its value; none for a switch that is given without.
    pub value: Option<String>,
    /// Where its name stands.
    pub origin: Origin,
    /// The arguments that make it: one, or two where the value stands apart.
    pub arguments: Range<usize>,
    /// Whether it shares an argument with other one-letter flags: `-DH fd://`.
    pub grouped: bool,
}

impl Flag {
    /// Every flag in order. Reading ends at `--`, as dockerd's does.
    pub fn read_all(arguments: &[Argument]) -> Vec<Flag> {
        let mut flags = Vec::new();
        let mut index = 0;
        while let Some(argument) = arguments.get(index) {
            let text = argument.text.as_str();
            if text == "--" {
                break;
            }
            let next = arguments.get(index + 1);
            index += if let Some(long) = text.strip_prefix("--") {
                read_long(long, index, argument, next, &mut flags)
            } else if let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                read_letters(letters, index, argument, next, &mut flags)
            } else {
                1
            };
        }
        flags
    }
}

/// The daemon.json key that a flag sets: the flag's own name, but for the lists and maps, which dockerd calls there by
/// their plural (the named options of moby's `daemon/command/config.go`, `config_unix.go` and `options.go`).
pub fn key_of(flag: &str) -> &str {
    match flag {
        "add-runtime" => "runtimes",
        "authorization-plugin" => "authorization-plugins",
        "cdi-spec-dir" => "cdi-spec-dirs",
        "cluster-store-opt" => "cluster-store-opts",
        "default-address-pool" => "default-address-pools",
        "default-network-opt" => "default-network-opts",
        "default-ulimit" => "default-ulimits",
        "dns-opt" => "dns-opts",
        "exec-opt" => "exec-opts",
        "feature" => "features",
        "host" => "hosts",
        "host-gateway-ip" => "host-gateway-ips",
        "insecure-registry" => "insecure-registries",
        "label" => "labels",
        "log-opt" => "log-opts",
        "node-generic-resource" => "node-generic-resources",
        "registry-mirror" => "registry-mirrors",
        "storage-opt" => "storage-opts",
        own => own,
    }
}

/// dockerd's switches, 18.09 to 29: the next word is never their value. Of every other flag, known or not, it is.
const SWITCHES: [&str; 31] = [
    "allow-direct-routing",
    "cri-containerd",
    "debug",
    "disable-legacy-registry",
    "experimental",
    "help",
    "icc",
    "init",
    "ip-forward",
    "ip-forward-no-drop",
    "ip-masq",
    "ip6tables",
    "iptables",
    "ipv6",
    "live-restore",
    "no-new-privileges",
    "raw-logs",
    "restart",
    "rootless",
    "selinux-enabled",
    "tls",
    "tlsverify",
    "userland-proxy",
    "validate",
    "version",
    // Long gone, but still found in old files.
    "api-enable-cors",
    "daemon",
    "disable-network",
    "enable-cors",
    "h",
    "v",
];

fn letter(letter: char) -> Option<&'static str> {
    Some(match letter {
        'b' => "bridge",
        'd' => "daemon",
        'D' => "debug",
        'G' => "group",
        'g' => "graph",
        'h' => "help",
        'H' => "host",
        'l' => "log-level",
        'p' => "pidfile",
        'r' => "restart",
        's' => "storage-driver",
        'v' => "version",
        _ => return None,
    })
}

/// Reads `--name`, `--name=value` or `--name value`; gives the number of arguments that were read.
fn read_long(long: &str, index: usize, argument: &Argument, next: Option<&Argument>, flags: &mut Vec<Flag>) -> usize {
    let (name, inline) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    };
    let apart = apart(name, inline.is_some(), next);
    flags.push(Flag {
        name: name.to_owned(),
        text: spelled(&argument.text, apart),
        value: inline.map(str::to_owned).or_else(|| apart.map(|next| next.text.clone())),
        origin: argument.origin.clone(),
        arguments: index..index + 1 + usize::from(apart.is_some()),
        grouped: false,
    });
    1 + usize::from(apart.is_some())
}

/// Reads `-H value`, `-Hvalue`, `-H=value` and groups such as `-DH value`.
fn read_letters(
    letters: &str,
    index: usize,
    argument: &Argument,
    next: Option<&Argument>,
    flags: &mut Vec<Flag>,
) -> usize {
    let before = flags.len();
    let mut read = 1;
    let mut rest = letters;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        let name = letter(first).map_or_else(|| first.to_string(), str::to_owned);
        let inline = match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() || is_switch(&name) => None,
            None => Some(rest),
        };
        let apart = apart(&name, inline.is_some() || !rest.is_empty(), next);
        flags.push(Flag {
            name,
            text: spelled(&argument.text, apart),
            value: inline.map(str::to_owned).or_else(|| apart.map(|next| next.text.clone())),
            origin: argument.origin.clone(),
            arguments: index..index + 1 + usize::from(apart.is_some()),
            grouped: false,
        });
        read = 1 + usize::from(apart.is_some());
        if inline.is_some() {
            break;
        }
    }
    let grouped = flags.len() > before + 1;
    for flag in flags.iter_mut().skip(before) {
        flag.grouped = grouped;
    }
    read
}

fn is_switch(name: &str) -> bool {
    SWITCHES.contains(&name)
}

/// The next argument, if it is the flag's value. An unknown flag is taken to have one unless the next word is a flag.
fn apart<'a>(name: &str, has_value: bool, next: Option<&'a Argument>) -> Option<&'a Argument> {
    let next = next.filter(|_| !has_value && !is_switch(name))?;
    (is_known(name) || !next.text.starts_with('-')).then_some(next)
}

/// Flags that surely have a value: dockerd takes the next word for it even if it begins with a dash.
fn is_known(name: &str) -> bool {
    key_of(name) != name
        || matches!(name, "tlscacert" | "tlscert" | "tlskey" | "log-level" | "pidfile" | "group" | "bridge")
}

fn spelled(text: &str, apart: Option<&Argument>) -> String {
    match apart {
        Some(next) => format!("{text} {}", next.text),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<String> {
        let origin = Origin { path: "/u".into(), line: 1, variable: None };
        let argument = |text: &str| Argument { text: text.to_owned(), origin: origin.clone(), word: 0 };
        let arguments: Vec<_> = line.split(' ').map(argument).collect();
        let show = |flag: &Flag| format!("{}={}", flag.name, flag.value.as_deref().unwrap_or("-"));
        Flag::read_all(&arguments).iter().map(show).collect()
    }

    #[test]
    fn every_spelling_of_a_flag() {
        let cases: [(&str, &[&str]); 14] = [
            ("-H fd://", &["host=fd://"]),
            ("-H=fd://", &["host=fd://"]),
            ("-Hfd://", &["host=fd://"]),
            ("--host fd://", &["host=fd://"]),
            ("--host=fd://", &["host=fd://"]),
            ("-DH fd://", &["debug=-", "host=fd://"]),
            ("-DHfd:// -l debug", &["debug=-", "host=fd://", "log-level=debug"]),
            ("--tls --tlsverify --tlscacert /a", &["tls=-", "tlsverify=-", "tlscacert=/a"]),
            ("--tls=false --tlsverify=true x", &["tls=false", "tlsverify=true"]),
            ("--live-restore --label a=b", &["live-restore=-", "label=a=b"]),
            ("--new-thing x --other --third=1", &["new-thing=x", "other=-", "third=1"]),
            ("-D=false -z x", &["debug=false", "z=x"]),
            ("a - -- -H fd://", &[]),
            ("--host --tls", &["host=--tls"]),
        ];
        for (line, expected) in cases {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
