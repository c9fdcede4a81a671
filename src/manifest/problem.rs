//! What is wrong with a manifest: a [`Code`] for each kind of fault, a [`Problem`] for each fault, and all [`Problems`]
//! of one text. Nothing here prints; `render/` makes the text.

use std::fmt;
use std::ops::Range;

use super::locate::{Position, position};
use crate::visible::{is_invisible, one_line};

/// At most so many problems of one text are kept: a hostile file shall not fill memory or the terminal.
pub(super) const MOST: usize = 1000;

macro_rules! codes {
    ($($variant:ident = $text:literal: $doc:literal,)*) => {
        /// The kinds of faults. Their names are stable: people search for them and mute them in CI.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $doc] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that is printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// One sentence that says what the fault is.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

codes! {
    // The file and its YAML.
    FileUnreadable = "file-unreadable": "The file can't be read, or is no regular file.",
    FileTooLarge = "file-too-large": "The file is larger than 1 MiB.",
    NotUtf8 = "not-utf8": "The file is not UTF-8 text.",
    ByteOrderMark = "byte-order-mark": "The file holds a byte order mark (U+FEFF).",
    ControlCharacter = "control-character": "The file holds a character that is invisible or moves the text around it.",
    YamlSyntax = "yaml-syntax": "The file is not valid YAML.",
    YamlEmpty = "yaml-empty": "The file holds no document.",
    YamlSeveralDocuments = "yaml-several-documents": "The file holds more than one document.",
    YamlTooDeep = "yaml-too-deep": "Lists and mappings are nested more than 32 deep.",
    YamlTooMany = "yaml-too-many": "The file holds more than 100,000 values.",
    YamlAlias = "yaml-alias": "Anchors and aliases are not allowed: a reader shall see each value where it counts.",
    YamlTag = "yaml-tag": "Tags such as `!!str` are not allowed.",
    YamlMergeKey = "yaml-merge-key": "Merge keys (`<<`) are not allowed.",
    YamlKey = "yaml-key": "A key is not a string.",
    YamlAmbiguous = "yaml-ambiguous": "A plain value that YAML readers understand differently, such as `no` or `010`.",
    YamlReadersDisagree = "yaml-readers-disagree": "Two YAML readers understand the file differently.",
    DuplicateKey = "duplicate-key": "A mapping has a key twice.",
    // The shape.
    UnsupportedFormat = "unsupported-format": "`dockseal` names a format that this version does not know.",
    UnknownField = "unknown-field": "A field that the format does not have.",
    MissingField = "missing-field": "A field that has to be there is missing.",
    WrongType = "wrong-type": "A value of another kind, such as a list where a string has to stand.",
    UnknownWord = "unknown-word": "A word that is not among those that the field takes.",
    EmptyList = "empty-list": "A list that needs an entry has none.",
    InvalidValue = "invalid-value": "A value that breaks the schema in another way.",
    PassphraseSource = "passphrase-source": "`passphrase` needs exactly one of `file`, `env` and `credential`.",
    // Scalars.
    InvalidName = "invalid-name": "Not a DNS name.",
    SanTrailingDot = "san-trailing-dot": "A name with a dot at its end: Go refuses such a certificate as malformed.",
    SanUnderscore = "san-underscore": "A name with an underscore, which host names can't have (RFC 952, RFC 1123).",
    SanNul = "san-nul": "A name with an embedded NUL, which once made verifiers read half of it.",
    SanWildcard = "san-wildcard": "A wildcard name: it would vouch for hosts that this one is not.",
    SanIsAddress = "san-is-address": "An IP address among the DNS names, where no client looks for it.",
    InvalidAddress = "invalid-address": "Not an IPv4 or IPv6 address.",
    InvalidClientName = "invalid-client-name": "Not a name that a client can have.",
    ClientNameLeavesFolder = "client-name-leaves-folder": "A client's name that would leave its folder.",
    InvalidPath = "invalid-path": "Not an absolute path without `.` and `..`.",
    InvalidLifetime = "invalid-lifetime": "Not a time span such as `365d`.",
    InvalidTimeout = "invalid-timeout": "Not a time span from 5 seconds to an hour, such as `60s`.",
    InvalidEndpoint = "invalid-endpoint": "Not an address that dockerd can listen on.",
    TcpHostWithoutPort = "tcp-host-without-port": "A tcp host without a port: dockerd takes 2375 even with TLS.",
    InvalidCommand = "invalid-command": "Not a word that a program can be given.",
    InvalidUnitName = "invalid-unit-name": "Not the name of a systemd service.",
    InvalidDropInName = "invalid-drop-in-name": "Not the file name of a systemd drop-in.",
    InvalidSubject = "invalid-subject": "Not a value that this subject attribute can have (RFC 5280, appendix A.1).",
    InvalidPassphraseName = "invalid-passphrase-name": "Not a name that the passphrase's source can have.",
    // Between fields.
    CommonNameTooLong = "common-name-too-long": "A common name of more than 64 characters (RFC 5280, ub-common-name).",
    DuplicateHost = "duplicate-host": "Two entries of `hosts` are the same place.",
    WildcardTwice = "wildcard-twice": "Two tcp hosts claim one port: dockerd fails with `address already in use`.",
    NoLocalEndpoint = "no-local-endpoint": "No `fd://` and no `unix://`: the host itself would have no way in.",
    NoTcpEndpoint = "no-tcp-endpoint": "No tcp host: there is nothing to seal.",
    HostNotInSans = "host-not-in-sans": "dockerd would listen on an address that its certificate does not name.",
    TlsKeyUnderDaemon = "tls-key-under-daemon": "A `tls` key under `daemon`: these are derived.",
    MisspelledHosts = "misspelled-hosts": "`hosts` in other letters: dockerd does not know such a key.",
    DuplicateSan = "duplicate-san": "A subject alternative name is given twice.",
    DuplicateClient = "duplicate-client": "Two clients have the same name, but for upper and lower case.",
    SharedPath = "shared-path": "Two things would stand at one path, or one inside of another that is a file.",
    KeyBesideCsr = "key-beside-csr": "A client has both `key` and `csr`, but the request brings its own key.",
    LeafOutlivesCa = "leaf-outlives-ca": "A certificate would be valid longer than the CA that signs it.",
    LeafSubjectEqualsCa = "leaf-subject-equals-ca": "A certificate with the CA's whole subject: OpenSSL takes it for self-signed.",
    NotWithIssuer = "not-with-issuer": "A field of this host's own CA beside an `issuer` that signs elsewhere.",
    RenewBeforeTooLong = "renew-before-too-long": "`renew_before` is not shorter than the lifetime: each run would renew.",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub code: Code,
    /// Where: bytes of [`Problems::text`].
    pub place: Range<usize>,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// Another place that has to do with it, and what stands there.
    pub related: Option<(Range<usize>, String)>,
}

impl Problem {
    pub(super) fn new(code: Code, place: Range<usize>, message: impl Into<String>, hint: &str) -> Self {
        Self { code, place, message: message.into(), hint: Some(hint.to_owned()), related: None }
    }
}

/// Every fault of one text, in the order of their places. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    name: String,
    text: String,
    list: Vec<Problem>,
    more: bool,
}

impl Problems {
    /// `name` is what the user calls the file. Bytes that are no UTF-8 are replaced for showing; places before them stay.
    pub(super) fn new(name: &str, text: &[u8], refusal: Refusal) -> Self {
        let Refusal { mut list, secret } = refusal;
        let text = shown(&String::from_utf8_lossy(text), &secret.unwrap_or_default());
        list.sort_by_key(|problem| (problem.place.start, problem.code));
        let more = list.len() > MOST;
        list.truncate(MOST);
        Self { name: one_line(name), text, list, more }
    }

    /// A fault of the file as a whole, found before there was a text.
    pub fn of_file(name: &str, code: Code, message: String, hint: &str) -> Self {
        let problem = Problem { code, place: 0..0, message, hint: Some(hint.to_owned()), related: None };
        Self::new(name, b"", vec![problem].into())
    }

    /// What the user calls the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text, fit to be shown; empty where it could not be read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset.
    pub fn position(&self, offset: usize) -> Position {
        position(&self.text, offset)
    }

    /// The faults.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the text has more faults than are kept.
    pub fn has_more(&self) -> bool {
        self.more
    }
}

/// Why a text is no manifest.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub list: Vec<Problem>,
    /// A part of the text that may be a passphrase, written where its source belongs. It is never shown.
    pub secret: Option<Range<usize>>,
}

impl From<Vec<Problem>> for Refusal {
    fn from(list: Vec<Problem>) -> Self {
        Self { list, secret: None }
    }
}

/// The text as it may be shown: a dot stands for each character of the secret and for each one that a terminal would
/// obey or not show. Each is as many bytes long as what it stands for, so that places and columns stay.
fn shown(text: &str, secret: &Range<usize>) -> String {
    let dot = |(at, c): (usize, char)| match c.len_utf8() {
        _ if matches!(c, '\n' | '\r' | '\t') || !(secret.contains(&at) || is_invisible(c)) => c,
        1 => '*',
        2 => '\u{b7}',
        3 => '\u{2022}',
        _ => '\u{1f784}',
    };
    text.char_indices().map(dot).collect()
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A value of the file as a message shows it: quoted, escaped, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{}`", shown.replace("\\'", "'").replace("\\\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::{Code, quoted};

    /// `UPDATE_CODES=1` writes the page anew.
    #[test]
    fn the_page_of_problem_codes_names_them_all() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/problem-codes.md");
        let head = "# Problem codes\n\nEach problem that `dockseal validate` reports has one of these codes. They do not \
                    change between versions.\n\n| code | what is wrong |\n|---|---|\n";
        let row = |code: &Code| format!("| `{code}` | {} |\n", code.explanation());
        let page: String = std::iter::once(head.to_owned()).chain(Code::ALL.iter().map(row)).collect();
        if std::env::var_os("UPDATE_CODES").is_some() {
            drop(std::fs::write(path, &page));
        }
        assert_eq!(std::fs::read_to_string(path).ok(), Some(page), "run it with UPDATE_CODES=1");
    }

    #[test]
    fn codes_are_kebab_case_and_unique() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'8')));
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_shown_value_is_harmless_and_short() {
        assert_eq!(quoted("a\u{1b}[31m\u{202e}\0"), "`a\\u{1b}[31m\\u{202e}\\0`");
        assert_eq!(quoted(&"x".repeat(1000)).chars().count(), 63);
    }
}
