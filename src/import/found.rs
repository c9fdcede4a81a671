//! What dockerd is told: daemon.json and the command line that systemd gives it, each setting with the place where it stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::ImportError;
use super::files::{Files, plain};
use crate::observed::unit::files::read_unit;
use crate::observed::unit::{Flag, key_of};
use crate::plan::daemon_json;

const DAEMON_JSON: &str = "/etc/docker/daemon.json";
const UNIT: &str = "docker.service";
/// What the manifest takes over from the command line.
const KEYS: [&str; 6] = ["hosts", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey"];

/// A setting and who says it.
#[derive(Clone, Debug)]
pub struct Said {
    /// As dockerd gets it.
    pub value: String,
    /// daemon.json, or a unit's file and line.
    pub by: String,
}

/// What dockerd is told that matters here.
#[derive(Default)]
pub struct Told {
    settings: BTreeMap<&'static str, Vec<Said>>,
    /// Flags that move to daemon.json, as they are spelled, and where they stand.
    pub moving: Vec<Said>,
    /// Whether there is a docker.service.
    pub has_unit: bool,
    tls_by_flag: bool,
}

impl Told {
    /// Where dockerd listens, as it is written.
    pub fn hosts(&self) -> &[Said] {
        self.settings.get("hosts").map(Vec::as_slice).unwrap_or_default()
    }

    /// TLS is spoken: `tlsverify` switches it on with any value.
    pub fn speaks_tls(&self) -> bool {
        self.one("tls").is_some_and(|said| said.value == "true") || self.one("tlsverify").is_some()
    }

    /// Callers without a certificate are refused, by every Engine.
    pub fn verifies(&self) -> bool {
        self.one("tlsverify").is_some_and(|said| said.value == "true")
    }

    /// A file that a setting names. Flags alone have defaults: the files of root's own client.
    pub fn file(&self, key: &'static str) -> Option<PathBuf> {
        if let Some(said) = self.one(key).filter(|said| !said.value.is_empty()) {
            return Some(plain(Path::new(&said.value)));
        }
        let name = key.strip_prefix("tls").map(|name| name.replace("cacert", "ca"))?;
        self.tls_by_flag.then(|| PathBuf::from(format!("/root/.docker/{name}.pem")))
    }

    fn one(&self, key: &'static str) -> Option<&Said> {
        self.settings.get(key).and_then(|said| said.last())
    }
}

/// Reads it.
pub fn read(files: &mut Files) -> Result<Told, ImportError> {
    let mut told = Told::default();
    let flags = flags(files, &mut told)?;
    let other = flags.iter().find(|flag| flag.name == "config-file").and_then(|flag| flag.value.clone());
    let path = other.map_or_else(|| PathBuf::from(DAEMON_JSON), |path| plain(Path::new(&path)));
    let file = daemon_json(files, &path);
    for key in KEYS {
        let by = path.display().to_string();
        let in_file: Vec<Said> = file
            .get(key)
            .map(values)
            .unwrap_or_default()
            .into_iter()
            .map(|value| Said { value, by: by.clone() })
            .collect();
        let by_flag: Vec<Said> = flags.iter().filter(|flag| key_of(&flag.name) == key).map(said).collect();
        if let (Some(flag), true) = (by_flag.first(), file.contains_key(key)) {
            files.remark(format!(
                "`{key}` stands in {} and on the command line ({}): dockerd does not start like that; the file's is taken",
                path.display(),
                flag.by
            ));
        }
        told.tls_by_flag |= key != "hosts" && !by_flag.is_empty();
        told.settings.insert(key, if file.contains_key(key) { in_file } else { by_flag });
    }
    told.settings.retain(|_, said| !said.is_empty());
    Ok(told)
}

/// The flags that dockerd really gets.
fn flags(files: &mut Files, told: &mut Told) -> Result<Vec<Flag>, ImportError> {
    let line = read_unit(files.root, UNIT)?.and_then(|found| {
        let unit = found.unit.unmasked();
        if unit.is_of_init_script() { Ok(None) } else { unit.service(None)?.command_line(&found.environment) }
    });
    let line = match line {
        Ok(Some(line)) => line,
        Ok(None) => return Ok(Vec::new()),
        Err(error) => {
            files.remark(format!("docker.service can't be understood: {error}; {}", error.hint()));
            return Ok(Vec::new());
        }
    };
    told.has_unit = true;
    let flags = Flag::read_all(&line.arguments);
    for flag in flags.iter().filter(|flag| KEYS.contains(&key_of(&flag.name))) {
        let by = flag.origin.to_string();
        if flag.origin.variable.is_some() {
            files.remark(format!(
                "{by}: `{}` comes from a variable: take it out there, daemon.json will say it",
                flag.text
            ));
        } else {
            told.moving.push(Said { value: flag.text.clone(), by });
        }
    }
    Ok(flags)
}

fn said(flag: &Flag) -> Said {
    Said { value: flag.value.clone().unwrap_or_else(|| "true".to_owned()), by: flag.origin.to_string() }
}

fn daemon_json(files: &mut Files, path: &Path) -> Map<String, Value> {
    let Some(text) = files.text(path) else { return Map::new() };
    if let Err(error) = daemon_json::merge(Some(&text), &Map::new()) {
        files.remark(format!("{}:{error}", path.display()));
        return Map::new();
    }
    serde_json::from_str(&text).unwrap_or_default()
}

fn values(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Null | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}
