//! Why something changes: data, which `render` puts into words and which a JSON plan shows as it is.

use std::fmt;

use schemars::JsonSchema;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::resource::Resource;
use crate::observed::Stranger;
use crate::pki::{DistinguishedName, Fingerprint, KeyAlgorithm, San};

/// Why something changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// The file is not there.
    Missing,
    /// The certificate's key file is not there.
    KeyMissing,
    /// The file is there and can't be read as what it should be.
    Unreadable {
        /// As the end of a sentence about the file.
        why: String,
    },
    /// The subject is another.
    SubjectDiffers {
        /// As found.
        #[serde(serialize_with = "text")]
        #[schemars(with = "String")]
        found: DistinguishedName,
        /// As wanted.
        #[serde(serialize_with = "text")]
        #[schemars(with = "String")]
        wanted: DistinguishedName,
    },
    /// Subject alternative names differ.
    SansDiffer {
        /// Wanted and not there.
        #[serde(serialize_with = "texts")]
        #[schemars(with = "Vec<String>")]
        added: Vec<San>,
        /// There and not wanted.
        #[serde(serialize_with = "texts")]
        #[schemars(with = "Vec<String>")]
        removed: Vec<San>,
    },
    /// The key is of another kind.
    KeyAlgorithmDiffers {
        /// As found; `None` for a kind that the manifest has no word for.
        found: Option<KeyAlgorithm>,
        /// As wanted.
        wanted: KeyAlgorithm,
    },
    /// extendedKeyUsage or keyUsage does not fit the role.
    UsageDiffers,
    /// A leaf that says it is a CA.
    LeafIsCa,
    /// `renew_before` is reached.
    ExpiresSoon {
        /// Its end.
        #[schemars(with = "String")]
        at: Moment,
    },
    /// The manifest says `state: absent`.
    StateAbsent,
    /// `systemd.recover` is false.
    RecoverSwitchedOff,
    /// Its end has passed.
    Expired {
        /// Its end.
        #[schemars(with = "String")]
        at: Moment,
    },
    /// Its time has not come.
    NotYetValid {
        /// Its start.
        #[schemars(with = "String")]
        from: Moment,
    },
    /// It ends later than the CA does.
    OutlivesCa {
        /// The CA's end.
        #[schemars(with = "String")]
        ca_until: Moment,
    },
    /// Another CA signed it.
    IssuerChanged,
    /// A CA is introduced, which signs later.
    CaIntroduced {
        /// Its generation.
        generation: u32,
        /// The end of the present one, where that is why; otherwise the manifest asks for it.
        #[schemars(with = "Option<String>")]
        ca_until: Option<Moment>,
    },
    /// A CA that was introduced signs from now on.
    CaSwitched {
        /// Its generation.
        generation: u32,
    },
    /// CAs that sign no more are trusted no more.
    CaRetired,
    /// A new CA is trusted alone, at once.
    CaCutOff {
        /// Its generation.
        generation: u32,
    },
    /// The key file holds another key.
    KeyMismatch,
    /// The request bears another key.
    RequestDiffers,
    /// The copy is not the CA's certificate.
    CopyDiffers,
    /// Others may read a key, or write.
    ModeDiffers {
        /// As found, permission bits.
        found: u32,
        /// As wanted.
        wanted: u32,
    },
    /// Another user's file.
    OwnerDiffers {
        /// As found.
        uid: u32,
    },
    /// A client that the manifest no longer names.
    NotInManifest {
        /// Until then dockerd would still accept its certificate: deletion is not revocation. Null where the CA did not
        /// sign it.
        #[schemars(with = "Option<String>")]
        accepted_until: Option<Moment>,
    },
    /// It belongs to a client that the manifest no longer names.
    GoesWithClient,
    /// The certificate that it waited for has come.
    Answered,
    /// No certificate is waited for with it.
    NotAwaited,
    /// The CA signs elsewhere, and its certificate has come, or has changed there.
    CaHandedIn,
    /// Its subject is the CA's: OpenSSL would take it for self-signed.
    SubjectOfCa,
    /// Top-level keys of daemon.json.
    KeysDiffer {
        /// The keys.
        keys: Vec<String>,
    },
    /// The text is another.
    TextDiffers,
    /// systemd has loaded another `ExecStart=` than the files give.
    UnitNotLoaded,
    /// dockerd started with something that this plan changes.
    ReadAtStart {
        /// What.
        #[serde(serialize_with = "text")]
        #[schemars(with = "String")]
        resource: Resource,
    },
    /// dockerd takes this in on SIGHUP.
    ReadOnReload {
        /// Keys of daemon.json.
        keys: Vec<String>,
    },
    /// The unit is wanted and does not run.
    ServiceFailed {
        /// `ActiveState`
        active: String,
    },
    /// The endpoint serves another certificate than the one on disk.
    ServedDiffers {
        /// `tcp://…`
        endpoint: String,
        /// What is served.
        #[serde(serialize_with = "text")]
        #[schemars(with = "String")]
        served: Fingerprint,
    },
    /// Nobody answers there, or no TLS is spoken.
    EndpointSilent {
        /// `tcp://…` or `unix://…`
        endpoint: String,
        /// What was seen.
        error: String,
    },
    /// Somebody listens there, where nobody should any more.
    EndpointOpen {
        /// `tcp://…`
        endpoint: String,
    },
    /// A name of the certificate does not verify.
    NameRefused {
        /// `tcp://…`
        endpoint: String,
        /// The name.
        name: String,
        /// The verifier's words.
        error: String,
    },
    /// A caller of the manifest is not let in.
    CallerRefused {
        /// `tcp://…`
        endpoint: String,
        /// Who.
        caller: String,
        /// What was seen.
        error: String,
    },
    /// A caller that must be refused is let in.
    StrangerAdmitted {
        /// `tcp://…`
        endpoint: String,
        /// Who.
        stranger: Stranger,
    },
}

/// A point in time, as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub OffsetDateTime);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_offset(UtcOffset::UTC).format(&Rfc3339).map_err(S::Error::custom)?.serialize(serializer)
    }
}

fn text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn texts<T: fmt::Display, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}
