//! A CA and its successors: which generation a subject is of, and the subject of a generation. The first one bears the
//! name that the manifest gives, each later one that name and its number: verifiers look for a CA by its subject, and two
//! CAs of one name confuse some of them.

use std::sync::Arc;

use super::DesiredCa;
use crate::pki::{Attribute, CertSpec, DistinguishedName};

/// RFC 5280, appendix A.1: ub-common-name.
const MOST_CHARACTERS: usize = 64;

impl DesiredCa {
    /// What the CA of that generation shall be.
    pub fn spec_of(&self, generation: u32) -> Arc<CertSpec> {
        if generation < 2 {
            return Arc::clone(&self.spec);
        }
        let subject = DistinguishedName(
            (self.spec.subject.0.iter())
                .map(|(attribute, value)| match attribute {
                    Attribute::CommonName => (Attribute::CommonName, numbered(value, generation)),
                    other => (other.clone(), value.clone()),
                })
                .collect(),
        );
        Arc::new(CertSpec { subject, ..(*self.spec).clone() })
    }

    /// The generation whose subject that is; `None` for another CA's.
    pub fn generation_of(&self, subject: &DistinguishedName) -> Option<u32> {
        if subject.has_same_attributes(&self.spec.subject) {
            return Some(1);
        }
        let common_name = subject.0.iter().find(|(attribute, _)| *attribute == Attribute::CommonName)?;
        let generation = common_name.1.rsplit_once(" G")?.1.parse().ok()?;
        subject.has_same_attributes(&self.spec_of(generation).subject).then_some(generation)
    }
}

/// A name that is too long for the number is cut.
fn numbered(name: &str, generation: u32) -> String {
    let ending = format!(" G{generation}");
    let kept: String = name.chars().take(MOST_CHARACTERS - ending.len()).collect();
    format!("{}{ending}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::Desired;
    use crate::manifest::Manifest;

    fn ca(common_name: &str) -> Result<DesiredCa, String> {
        let text = format!("dockseal: 1\nhost: a.example.com\nca: {{common_name: {common_name}}}\n");
        let manifest = Manifest::parse(text.as_bytes(), "test")
            .map_err(|problems| format!("{common_name}: {}", problems.len()))?;
        Ok(Desired::new(&manifest).ca)
    }

    #[test]
    fn each_generation_is_known_by_its_subject() -> Result<(), String> {
        for name in ["Docker CA", "CA G2", &"ü".repeat(64), "G"] {
            let ca = ca(name)?;
            for generation in [1, 2, 3, 10, 9999] {
                let subject = &ca.spec_of(generation).subject;
                assert_eq!(ca.generation_of(subject), Some(generation), "{subject}");
                assert!(subject.0.iter().all(|(_, value)| value.chars().count() <= MOST_CHARACTERS));
            }
        }
        Ok(())
    }

    #[test]
    fn other_subjects_are_of_none() -> Result<(), String> {
        let ca = ca("Docker CA")?;
        for name in
            ["Docker CA G", "Docker CA G02", "Docker CA G1", "Docker CA G0", "Docker CA G-2", "Other CA G2", "x"]
        {
            assert_eq!(ca.generation_of(&DistinguishedName::from_common_name(name)), None, "{name}");
        }
        Ok(())
    }
}
