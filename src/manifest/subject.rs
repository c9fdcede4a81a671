//! Checked texts that end up as plain strings: attributes of the CA's subject (RFC 5280, appendix A.1: upper bounds) and
//! the names by which a passphrase is found.

use std::fmt;

use super::problem::{Code, quoted};
use super::scalar::{ScalarError, scalar};

macro_rules! text {
    ($type:ident, $longest:literal, $doc:literal, $($example:literal),*) => {
        #[doc = $doc]
        pub(super) struct $type(pub String);

        scalar!(
            $type,
            r"^[^\u0000-\u0020\u007f-\u009f]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u009f])?$",
            $doc,
            "maxLength": $longest, "examples": [$($example),*]
        );

        impl $type {
            /// Takes a text without control characters and without blanks around it.
            pub fn parse(text: &str) -> Result<Self, ScalarError> {
                checked_text(text, $longest).map(Self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(CommonName, 64, "A common name: at most 64 characters.", "build-01 Docker CA");
text!(OrganizationText, 64, "At most 64 characters.", "Example");
text!(PlaceText, 128, "At most 128 characters.", "Madrid");

fn checked_text(text: &str, longest: usize) -> Result<String, ScalarError> {
    let wrong = |what: &str, hint: String| {
        Err(ScalarError::new(Code::InvalidSubject, format!("{} {what}", quoted(text)), hint))
    };
    if text.is_empty() {
        return wrong("is empty", "leave the field out where it has no value".to_owned());
    }
    if text.chars().any(char::is_control) {
        return wrong("holds a control character", "take it out".to_owned());
    }
    if text.trim() != text {
        return wrong("begins or ends with a blank", "take it out: names are compared without it".to_owned());
    }
    if text.chars().count() > longest {
        return wrong("is too long", format!("at most {longest} characters (RFC 5280, appendix A.1)"));
    }
    Ok(text.to_owned())
}

macro_rules! into_string {
    ($($type:ident),*) => {
        $(impl From<$type> for String {
            fn from(text: $type) -> Self {
                text.0
            }
        })*
    };
}

into_string!(CommonName, OrganizationText, PlaceText, Country, Email, EnvironmentName, CredentialName);

/// An ISO 3166 country code.
pub(super) struct Country(pub String);

scalar!(Country, "^[A-Z]{2}$", "Two capital letters (ISO 3166).", "examples": ["ES", "DE", "US"]);

impl Country {
    /// Takes two capital letters.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self(text.to_owned()));
        }
        let hint = "write the two capital letters of ISO 3166, such as `ES`";
        Err(ScalarError::new(Code::InvalidSubject, format!("{} is no country code", quoted(text)), hint))
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address in ASCII, as `emailAddress` is an `IA5String`.
pub(super) struct Email(pub String);

scalar!(
    Email,
    r"^[\u0021-\u003f\u0041-\u007e]+@[\u0021-\u003f\u0041-\u007e]+$",
    "An e-mail address in ASCII.",
    "maxLength": 255, "examples": ["ops@example.com"]
);

impl Email {
    /// Takes `local@domain`.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let is_graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
        match text.split_once('@') {
            Some((local, domain))
                if is_graphic
                    && !local.is_empty()
                    && !domain.is_empty()
                    && !domain.contains('@')
                    && text.len() <= 255 =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => {
                let hint = "write `name@domain` in ASCII, at most 255 characters";
                Err(ScalarError::new(Code::InvalidSubject, format!("{} is no e-mail address", quoted(text)), hint))
            }
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an environment variable.
pub(super) struct EnvironmentName(pub String);

scalar!(
    EnvironmentName,
    "^[A-Za-z_][A-Za-z0-9_]*$",
    "The name of an environment variable.",
    "maxLength": 255, "examples": ["DOCKSEAL_CA_PASSPHRASE"]
);

impl EnvironmentName {
    /// Takes letters, digits and underscores (POSIX, 8.1).
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let is_allowed = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_allowed && !text.is_empty() && text.len() <= 255 && !text.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        // The text is not shown: people write the passphrase itself here.
        let hint = "write the variable's name, not the passphrase: letters, digits and underscores";
        Err(ScalarError::new(Code::InvalidPassphraseName, "this is no name of an environment variable", hint))
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a systemd credential.
pub(super) struct CredentialName(pub String);

scalar!(
    CredentialName,
    "^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
    "The name of a systemd credential (`LoadCredential=NAME:…`).",
    "maxLength": 255, "examples": ["ca-passphrase"]
);

impl CredentialName {
    /// Takes a plain file name, as the credential is a file in `$CREDENTIALS_DIRECTORY`.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let is_allowed = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if is_allowed && !text.is_empty() && text.len() <= 255 && !text.starts_with(['.', '-']) {
            return Ok(Self(text.to_owned()));
        }
        let hint = "write the credential's name, not the passphrase: letters, digits and `_.-`, no slash";
        Err(ScalarError::new(Code::InvalidPassphraseName, "this is no name of a systemd credential", hint))
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{CommonName, Country, CredentialName, Email, EnvironmentName, PlaceText};

    #[test]
    fn subject_attributes_have_their_bounds() {
        assert!(CommonName::parse(&"ü".repeat(64)).is_ok());
        assert!(PlaceText::parse(&"a".repeat(128)).is_ok());
        for text in ["", " a", "a ", "a\u{a0}", "a\0b", "a\nb", "a\u{9b}b", &"a".repeat(65)] {
            assert!(CommonName::parse(text).is_err(), "{text:?}");
        }
        assert!(Country::parse("ES").is_ok());
        for text in ["", "es", "ESP", "E1", "E", "ÉS"] {
            assert!(Country::parse(text).is_err(), "{text}");
        }
        assert!(Email::parse("a@b").is_ok());
        for text in ["", "a", "@b", "a@", "a@b@c", "a b@c", "ü@b", "a@b\0"] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn passphrase_names_are_names_and_never_shown() {
        assert!(EnvironmentName::parse("CA_PASS1").is_ok());
        assert!(CredentialName::parse("ca-passphrase").is_ok());
        for text in ["", "1A", "A B", "A=B", "p@ssw0rd"] {
            let error = EnvironmentName::parse(text).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| text.is_empty() || !error.contains(text)), "{text}");
        }
        for text in ["", "a/b", "..", ".a", "-a", "a b"] {
            assert!(CredentialName::parse(text).is_err(), "{text}");
        }
    }
}
