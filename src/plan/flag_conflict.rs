//! Keys of daemon.json and dockerd's command line → the flags that set the same thing, which dockerd refuses even where
//! both are equal.

use crate::observed::unit::{Argument, Flag, Origin, key_of};

/// A setting that dockerd would find in both places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// daemon.json's key.
    pub key: String,
    /// The flag as it is spelled, with its value.
    pub flag: String,
    /// Where it stands.
    pub origin: Origin,
}

/// Every flag whose key is among `keys`, in the order of the command line. moby's `findConfigurationConflicts` merges
/// `runtimes` alone.
pub fn conflicts<'a>(keys: impl IntoIterator<Item = &'a str>, arguments: &[Argument]) -> Vec<Conflict> {
    let keys: Vec<&str> = keys.into_iter().filter(|key| *key != "runtimes").collect();
    let conflict = |flag: Flag| {
        let key = keys.iter().find(|key| sets(&flag.name, key))?;
        Some(Conflict { key: (*key).to_owned(), flag: flag.text, origin: flag.origin })
    };
    Flag::read_all(arguments).into_iter().filter_map(conflict).collect()
}

/// `host-gateway-ip` was the key too before it became a list.
fn sets(flag: &str, key: &str) -> bool {
    key == key_of(flag) || (flag == "host-gateway-ip" && key == flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_keys_meet_under_either_name() {
        let origin =
            |line| Origin { path: "/etc/default/docker".into(), line, variable: Some("DOCKER_OPTS".to_owned()) };
        let text = "-H fd:// --label=a=b --add-runtime x=y --live-restore=false -D \
                    --dns 1.1.1.1 --host-gateway-ip ::1 -l info";
        let argument = |(word, text): (usize, &str)| Argument { text: text.to_owned(), origin: origin(word), word };
        let arguments: Vec<_> = text.split(' ').enumerate().map(argument).collect();
        let keys =
            ["hosts", "labels", "label", "runtimes", "live-restore", "debug", "host-gateway-ip", "log-level", "tls"];
        let found = conflicts(keys, &arguments);
        let shown: Vec<_> = found.iter().map(|c| format!("{} {} {}", c.key, c.flag, c.origin)).collect();
        let place = |line: u8| format!("/etc/default/docker:{line} in $DOCKER_OPTS");
        assert_eq!(
            shown,
            [
                format!("hosts -H fd:// {}", place(0)),
                format!("labels --label=a=b {}", place(2)),
                format!("live-restore --live-restore=false {}", place(5)),
                format!("debug -D {}", place(6)),
                format!("host-gateway-ip --host-gateway-ip ::1 {}", place(9)),
                format!("log-level -l info {}", place(11)),
            ]
        );
    }
}
