//! Where single files stand, as far as a manifest says so.

use schemars::JsonSchema;
use serde::Deserialize;

use super::AbsolutePath;
use super::decode::given;

/// Single files that do not stand where `directory` says. No two things may share a path.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Files {
    /// The CA's certificate. Default: ca.pem in `directory`.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "AbsolutePath")]
    pub ca: Option<AbsolutePath>,
    /// The CA's key. Default: ca-key.pem in `directory`.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "AbsolutePath")]
    pub ca_key: Option<AbsolutePath>,
    /// The certificate that dockerd serves. Default: server-cert.pem in `directory`.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "AbsolutePath")]
    pub server_certificate: Option<AbsolutePath>,
    /// Its key. Default: server-key.pem in `directory`.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "AbsolutePath")]
    pub server_key: Option<AbsolutePath>,
}
