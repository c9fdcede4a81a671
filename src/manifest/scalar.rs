//! Checked scalars: a value that exists is valid. Each says in its schema what it accepts, and in its error what to write
//! instead. Names and addresses are in `name.rs`, endpoints in `endpoint.rs`, systemd's
//! names in `unit.rs`, subject attributes in `subject.rs`.

use std::fmt;
use std::path::{Path, PathBuf};

use time::Duration;

use super::problem::{Code, quoted};

/// Why a text is not a value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {hint}")]
pub struct ScalarError {
    /// The kind of fault.
    pub code: Code,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl ScalarError {
    pub(super) fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }
}

/// Reads and describes a scalar by its `parse`: serde, the JSON schema and `Display` all follow from it.
macro_rules! scalar {
    ($type:ident, $pattern:expr, $description:literal, $($keyword:literal: $value:tt),*) => {
        impl std::str::FromStr for $type {
            type Err = $crate::manifest::scalar::ScalarError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": $description, "type": "string", "pattern": $pattern, $($keyword: $value),*
                })
            }
        }
    };
}
pub(super) use scalar;

/// An absolute path without `.` and `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbsolutePath(pub(super) PathBuf);

scalar!(
    AbsolutePath,
    r"^/[^\u0000-\u001f\u007f-\u009f]*$",
    "An absolute path without `.`, `..` and empty components.",
    "maxLength": 4095, "examples": ["/etc/docker/tls", "/var/docker"]
);

impl AbsolutePath {
    /// Takes `/a/b`; `/` alone is none, as nothing can stand there.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let wrong =
            |what: &str, hint: &str| Err(ScalarError::new(Code::InvalidPath, format!("{} {what}", quoted(text)), hint));
        let Some(rest) = text.strip_prefix('/') else {
            return wrong("is no absolute path", "begin it with `/`");
        };
        if rest.is_empty() {
            return wrong("is the root folder itself", "name a file or folder in it");
        }
        if text.chars().any(char::is_control) {
            return wrong("holds a control character", "take it out");
        }
        if text.len() > 4095 || rest.split('/').any(|component| component.len() > 255) {
            return wrong("is longer than Linux allows", "at most 4095 bytes, 255 for each component");
        }
        if rest.split('/').any(|component| matches!(component, "." | "..")) {
            return wrong("holds a `.` or `..`", "write the path that it leads to");
        }
        if rest.split('/').any(str::is_empty) {
            return wrong("holds an empty component", "write single slashes, and none at the end");
        }
        Ok(Self(PathBuf::from(text)))
    }

    /// The path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for AbsolutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// A time span in whole hours: a number and `h`, `d` (24 hours) or `w` (7 days), at most 100 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(pub(super) u32);

scalar!(
    Lifetime,
    r"^[1-9][0-9]{0,5}[hdw]$",
    "A time span: a whole number and `h` (hours), `d` (days of 24 hours) or `w` (weeks), at most 100 years (36500d).",
    "examples": ["365d", "90d", "72h", "52w"]
);

impl Lifetime {
    const LONGEST: u32 = 36_500 * 24;

    /// Takes `90d`.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let wrong = |what: &str, hint: &str| {
            Err(ScalarError::new(Code::InvalidLifetime, format!("{} {what}", quoted(text)), hint))
        };
        let hours = match text.as_bytes().last() {
            Some(b'h') => 1,
            Some(b'd') => 24,
            Some(b'w') => 24 * 7,
            Some(b'0'..=b'9') if !text.contains(' ') => {
                return wrong("has no unit", "write a number and `h`, `d` or `w`, such as `365d`");
            }
            _ => return wrong("is no time span", "write a number and `h`, `d` or `w`, such as `365d`"),
        };
        let digits = text.trim_end_matches(['h', 'd', 'w']);
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        if digits.is_empty() || digits.len() + 1 != text.len() || !is_number {
            return wrong("is no time span", "write a whole number above 0 and one unit, such as `365d`");
        }
        match digits.parse::<u32>().ok().filter(|_| digits.len() <= 6).and_then(|number| number.checked_mul(hours)) {
            Some(span) if span <= Self::LONGEST => Ok(Self(span)),
            _ => wrong("is longer than 100 years", "write at most `36500d`"),
        }
    }

    /// `365d`
    pub fn year() -> Self {
        Self::days(365)
    }

    /// So many days.
    pub fn days(days: u32) -> Self {
        Self(days.saturating_mul(24))
    }

    /// The span.
    pub fn duration(self) -> Duration {
        Duration::hours(i64::from(self.0))
    }
}

/// As a manifest writes it, in days where they are whole.
impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(24) { write!(f, "{}d", self.0 / 24) } else { write!(f, "{}h", self.0) }
    }
}

/// How long a service may take: a number and `s`, `m` or `h`, from 5 seconds to an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timeout(pub(super) u32);

scalar!(
    Timeout,
    r"^[1-9][0-9]{0,3}[smh]$",
    "A time span: a whole number and `s` (seconds), `m` (minutes) or `h` (hours), from 5 seconds to an hour.",
    "examples": ["60s", "5m", "1h"]
);

impl Timeout {
    /// Below it the fastest dockerd is cut off, above it an unattended run holds the lock for too long. In seconds.
    const RANGE: std::ops::RangeInclusive<u32> = 5..=3600;

    /// Takes `60s`.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let wrong = |what: &str, hint: &str| {
            Err(ScalarError::new(Code::InvalidTimeout, format!("{} {what}", quoted(text)), hint))
        };
        let seconds = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'0'..=b'9') if !text.contains(' ') => {
                return wrong("has no unit", "write a number and `s`, `m` or `h`, such as `60s`");
            }
            _ => return wrong("is no time span", "write a number and `s`, `m` or `h`, such as `60s`"),
        };
        let digits = text.trim_end_matches(['s', 'm', 'h']);
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        if digits.is_empty() || digits.len() + 1 != text.len() || !is_number {
            return wrong("is no time span", "write a whole number above 0 and one unit, such as `60s`");
        }
        match digits.parse::<u32>().ok().filter(|_| digits.len() <= 4).and_then(|number| number.checked_mul(seconds)) {
            Some(span) if span < *Self::RANGE.start() => wrong("is too short", "write at least `5s`"),
            Some(span) if span <= *Self::RANGE.end() => Ok(Self(span)),
            _ => wrong("is longer than an hour", "write at most `1h`"),
        }
    }

    /// The span.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::from(self.0))
    }
}

/// As a manifest writes it, in seconds.
impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{AbsolutePath, Lifetime, Timeout};

    #[test]
    fn timeouts() {
        for (text, seconds) in [("5s", 5), ("60s", 60), ("5m", 300), ("1h", 3600), ("3600s", 3600)] {
            let timeout = Timeout::parse(text).map(|timeout| (timeout.duration(), timeout.to_string())).ok();
            assert_eq!(timeout, Some((Duration::from_secs(seconds), format!("{seconds}s"))), "{text}");
        }
        for text in [
            "", "s", "0s", "05s", "4s", "1s", "60", "1d", "60ss", "-5s", "+5s", "5 s", "1.5m", "61m", "2h", "3601s",
            "9999h", "５s",
        ] {
            assert!(Timeout::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lifetimes() {
        for (text, days) in [("365d", 365), ("52w", 364), ("48h", 2), ("36500d", 36_500)] {
            assert_eq!(Lifetime::parse(text), Ok(Lifetime::days(days)), "{text}");
        }
        for text in
            ["", "d", "0d", "01d", "1", "1y", "1dd", "-1d", "+1d", "1 d", "1.5d", "36501d", "1000000h", "１d", "1D"]
        {
            assert!(Lifetime::parse(text).is_err(), "{text}");
        }
        assert_eq!(Lifetime::parse("25h").map(|span| span.to_string()), Ok("25h".to_owned()));
    }

    #[test]
    fn paths() {
        for text in ["/a", "/etc/docker/tls", "/x y/ü", "/..a/.b"] {
            assert!(AbsolutePath::parse(text).is_ok(), "{text}");
        }
        for text in ["", "/", "a", "./a", "/a/", "//a", "/a//b", "/a/../b", "/a/.", "/a\0", "/a\n", "~/a", "/a\u{9b}"] {
            assert!(AbsolutePath::parse(text).is_err(), "{text:?}");
        }
        assert!(AbsolutePath::parse(&format!("/{}", "a".repeat(256))).is_err());
    }
}
