//! Certificates and keys of a host that is only imagined: what they would say, with no bytes behind it. Nothing is drawn and
//! nothing is signed, so that equal specifications give equal facts.

use time::OffsetDateTime;

use super::issue::BACK_DATED;
use super::parse::Certificate;
use super::spec::{
    CertFacts, CertSpec, ExtendedKeyUsage, Fingerprint, KeyAlgorithm, KeyUsage, PublicKey, Role, Serial,
};

impl PublicKey {
    /// Of whatever stands at this path: the same path, the same key.
    pub fn imagined(algorithm: KeyAlgorithm, path: &str) -> Self {
        Self { algorithm: Some(algorithm), spki: path.as_bytes().to_vec() }
    }
}

impl CertFacts {
    /// What a certificate by that specification says that was issued at `now` and is cut at its CA's end.
    pub fn imagined(
        spec: &CertSpec,
        public_key: PublicKey,
        now: OffsetDateTime,
        ca_until: Option<OffsetDateTime>,
    ) -> Self {
        let until = now + spec.valid_for;
        let is_ca = spec.role == Role::Ca;
        Self {
            subject: spec.subject.clone(),
            serial: Serial(vec![1]),
            fingerprint: Fingerprint::of(&public_key.spki),
            not_before: now - BACK_DATED,
            not_after: ca_until.map_or(until, |ca_until| until.min(ca_until)),
            sans: spec.sans.clone(),
            public_key,
            is_ca,
            key_usage: Some(KeyUsage { digital_signature: !is_ca, cert_sign: is_ca, crl_sign: is_ca }),
            extended_key_usage: match spec.role {
                Role::Ca => None,
                Role::Server => Some(vec![ExtendedKeyUsage::Server]),
                Role::Client => Some(vec![ExtendedKeyUsage::Client]),
            },
        }
    }
}

impl Certificate {
    /// One that says this and that nobody has signed.
    pub fn imagined(facts: CertFacts) -> Self {
        Self::without_bytes(facts)
    }
}
