//! How fields are decoded where serde's derived way takes more than the schema allows: it reads a struct from a list, an
//! enum from a mapping, and a null as an absent value. Also the defaults.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::de::value::StringDeserializer;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::pki::KeyAlgorithm;

use super::name::SanAddress;
use super::{
    AbsolutePath, Ca, Daemon, DropInName, Endpoint, Issuer, Lifetime, RestartPolicy, Rotate, Sans, Server, Subject,
    Systemd, Timeout, UnitName,
};

/// `dockseal: 1`
pub(super) fn format_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    match Value::deserialize(deserializer)?.as_u64() {
        Some(1) => Ok(1),
        _ => Err(D::Error::custom("the format is 1")),
    }
}

/// A value that is there: null is none.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A checked text that is there, as a plain string.
pub(super) fn given_as<'de, S: Deserialize<'de> + Into<String>, T: From<String>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    text_as::<S, T, D>(deserializer).map(Some)
}

/// A checked text as a plain string.
pub(super) fn text_as<'de, S: Deserialize<'de> + Into<String>, T: From<String>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    S::deserialize(deserializer).map(|text| T::from(text.into()))
}

/// A struct, from a mapping alone.
pub(super) fn object<'de, T: for<'v> Deserialize<'v>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let entries = Map::deserialize(deserializer)?;
    T::deserialize(&Value::Object(entries)).map_err(D::Error::custom)
}

/// A list of structs, each from a mapping alone. One by one, as a copy of a long list takes much memory.
pub(super) fn objects<'de, T: for<'v> Deserialize<'v>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Objects<T>(PhantomData<T>);

    impl<'de, T: for<'v> Deserialize<'v>> Visitor<'de> for Objects<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of mappings")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element::<Map<String, Value>>()? {
                list.push(T::deserialize(&Value::Object(item)).map_err(A::Error::custom)?);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(Objects(PhantomData))
}

/// One word of an enum, from a string alone.
pub(super) fn word<'de, T: for<'v> Deserialize<'v>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(StringDeserializer::<D::Error>::new(String::deserialize(deserializer)?))
}

/// One word of an enum that is there.
pub(super) fn word_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<KeyAlgorithm>, D::Error> {
    word(deserializer).map(Some)
}

/// Strict addresses.
pub(super) fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpAddr>, D::Error> {
    Vec::<SanAddress>::deserialize(deserializer).map(|list| list.into_iter().map(|address| address.0).collect())
}

/// At least one endpoint.
pub(super) fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Endpoint>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    if list.is_empty() { Err(D::Error::custom("`hosts` is empty")) } else { Ok(list) }
}

/// Three days.
pub(super) fn jitter() -> Lifetime {
    Lifetime::days(3)
}

/// The first is 1; more digits would make common names too long.
pub(super) fn generation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if (1..=9999).contains(&number) { Ok(number) } else { Err(D::Error::custom("a generation is from 1 to 9999")) }
}

/// `/etc/docker/tls`
pub(super) fn directory() -> AbsolutePath {
    AbsolutePath(PathBuf::from("/etc/docker/tls"))
}

impl Default for Ca {
    fn default() -> Self {
        Self {
            issuer: Issuer::default(),
            common_name: None,
            subject: Subject::default(),
            key: KeyAlgorithm::default(),
            passphrase: None,
            valid_for: Lifetime::days(3650),
            rotate: Rotate::default(),
            overlap: Lifetime::days(30),
        }
    }
}

impl Default for Rotate {
    fn default() -> Self {
        Self { generation: 1 }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            sans: Sans::default(),
            key: KeyAlgorithm::default(),
            valid_for: Lifetime::year(),
            renew_before: None,
            reuse_key: false,
        }
    }
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            hosts: vec![Endpoint::Fd(String::new()), Endpoint::Tcp { host: "0.0.0.0".to_owned(), port: 2376 }],
            keys: Map::new(),
        }
    }
}

impl Default for Systemd {
    fn default() -> Self {
        Self {
            unit: UnitName("docker.service".to_owned()),
            drop_in: DropInName("zz-dockseal.conf".to_owned()),
            restart: RestartPolicy::default(),
            timeout: Timeout(60),
            recover: true,
        }
    }
}
