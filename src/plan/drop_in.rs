//! The host's own command line → the text of our drop-in: the same line without the flags that daemon.json takes over.

use std::fmt::Write as _;

use crate::observed::unit::{Argument, CommandLine, Flag, Origin};

/// What the drop-in says and what came of the host's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropIn {
    /// The file's text.
    pub text: String,
    /// The value of its `ExecStart=`.
    pub line: String,
    /// What dockerd gets by the new line, variables put in: compare it with daemon.json's keys.
    pub arguments: Vec<Argument>,
    /// The flags that were taken out.
    pub stripped: Vec<Flag>,
    /// Whether the host's line takes sockets from docker.socket: `-H fd://`.
    pub socket_activated: bool,
}

/// Why no line can be derived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropInError {
    /// `-DH fd://`
    #[error("{origin}: `{flag}` joins flags that must go with others")]
    Grouped {
        /// As it is spelled.
        flag: String,
        /// Where.
        origin: Origin,
    },
    /// `-H $ADDRESS`, where the variable holds none or several words.
    #[error("{origin}: the value of `{flag}` comes from a variable that holds no or more than one word")]
    Value {
        /// As dockerd gets it.
        flag: String,
        /// Where.
        origin: Origin,
    },
}

impl DropInError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Grouped { .. } => "write each flag apart in ExecStart=",
            Self::Value { .. } => "write the address into ExecStart= itself, or move the whole flag into the variable",
        }
    }
}

/// Upstream's line since 18.09, without its `-H fd://`: for a host where Docker is not yet installed.
const UPSTREAM: &str = "/usr/bin/dockerd --containerd=/run/containerd/containerd.sock";

/// The flags that daemon.json takes over.
const TAKEN_OVER: [&str; 6] = ["host", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey"];

impl DropIn {
    /// Derives the drop-in from the line that is effective *without* it; none where the host has no docker.service.
    ///
    /// That line is the vendor's, or that of the last hand-made drop-in that sets one: such an `override.conf` may say
    /// `--data-root=/srv/docker`, and to go back to the vendor's line would lose sight of every container on the host.
    ///
    /// `healer` is the unit that undoes an interrupted change: every start of dockerd waits for it.
    ///
    /// Only flags that stand in the line itself are taken out, all words that stay keep their spelling. A flag that a
    /// variable brings stays too, to be found as a conflict: the variable's file is not ours.
    pub fn derive(base: Option<&CommandLine>, healer: Option<&str>) -> Result<Self, DropInError> {
        let Some(base) = base else {
            let text = text("the line of Docker's own packages: this host has no docker.service", UPSTREAM, healer);
            let line = UPSTREAM.to_owned();
            return Ok(Self { text, line, arguments: Vec::new(), stripped: Vec::new(), socket_activated: true });
        };
        let flags = Flag::read_all(&base.arguments);
        let is_socket = |flag: &Flag| {
            flag.name == "host" && flag.value.as_ref().is_some_and(|value| value.trim().starts_with("fd://"))
        };
        let socket_activated = flags.iter().any(is_socket);
        let is_ours = |flag: &Flag| TAKEN_OVER.contains(&flag.name.as_str()) && flag.origin.variable.is_none();
        let stripped: Vec<Flag> = flags.into_iter().filter(is_ours).collect();
        let mut gone = vec![false; base.exec_start.words.len()];
        for flag in &stripped {
            for word in words(flag, &base.arguments)? {
                gone[word] = true;
            }
        }
        let kept = base.exec_start.words.iter().zip(&gone).filter(|(_, gone)| !**gone);
        let line = with_plain_end(kept.map(|(word, _)| word.raw.as_str()).collect::<Vec<_>>().join(" "));
        let source = format!("that of {}", base.exec_start.path.display());
        Ok(Self {
            text: text(&source, &line, healer),
            line,
            arguments: base.arguments.iter().filter(|argument| !gone[argument.word]).cloned().collect(),
            stripped,
            socket_activated,
        })
    }
}

/// A word that ends in a backslash, or in a backslash and a blank, means another thing once it is the last: systemd joins
/// the next line, or drops the blank (systemd.syntax(7)). Spelled out, it means the same everywhere.
fn with_plain_end(mut line: String) -> String {
    let blank = if line.ends_with([' ', '\t']) { line.pop() } else { None };
    if (line.len() - line.trim_end_matches('\\').len()) % 2 == 1 {
        line.push('\\');
    }
    if let Some(blank) = blank {
        let _ = write!(line, "\\x{:02x}", u32::from(blank));
    }
    line
}

/// The words of the line that a flag takes up, which must hold nothing else.
fn words(flag: &Flag, arguments: &[Argument]) -> Result<Vec<usize>, DropInError> {
    let (name, origin) = (flag.text.clone(), flag.origin.clone());
    if flag.grouped {
        return Err(DropInError::Grouped { flag: name, origin });
    }
    let words: Vec<usize> = arguments[flag.arguments.clone()].iter().map(|argument| argument.word).collect();
    let whole = words.iter().all(|word| arguments.iter().filter(|argument| argument.word == *word).count() == 1);
    // A word between the two is a variable without a value today; tomorrow it would swallow the next flag.
    if whole && words.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
        Ok(words)
    } else {
        Err(DropInError::Value { flag: name, origin })
    }
}

/// No line number in it: the text must not change with a line that has nothing to do with it.
fn text(source: &str, line: &str, healer: Option<&str>) -> String {
    let mut text = String::from("# Written by dockseal; changes are overwritten.\n# ExecStart is ");
    for c in source.chars() {
        // A file's name may hold a line break, and must not write settings of its own.
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    // Writing to a String can't fail.
    text.push_str(",\n# without -H/--host and --tls*, which daemon.json sets.\n");
    if let Some(unit) = healer {
        let _ = write!(text, "[Unit]\nWants={unit}\nAfter={unit}\n");
    }
    let _ = write!(text, "[Service]\nExecStart=\nExecStart={line}\n");
    text
}

#[cfg(test)]
mod tests;
