//! A host that was set up by hand → a manifest that takes it over: what dockerd is told, the certificates and keys that are
//! there, and what a plan by that manifest would still change, each difference with its reason.
//!
//! Nothing is written and nothing is guessed twice: what is left to do is asked of the plan itself.

mod certificates;
mod clients;
mod differences;
mod draft;
mod files;
mod found;
mod hosts;
mod names;
mod yaml;

use time::OffsetDateTime;

use crate::desired::Desired;
use crate::host::Root;
use crate::manifest::{Code, Manifest, Problems};
use crate::observed::{Authorities, Depth, ObserveError, Observed};
use crate::plan::{Action, After, Plan, Refusal, Resource};

use draft::Draft;
use files::Files;

/// What came of it.
pub struct Import {
    /// The manifest with its comments.
    pub text: String,
    /// What could not be understood, or needs a person; a sentence each.
    pub remarks: Vec<String>,
    /// Whether dockerd was found to be sealed in some way.
    pub has_tls: bool,
}

/// Why nothing can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The host can't be observed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// A file.
    #[error(transparent)]
    File(#[from] crate::host::FileError),
    /// What was found makes no manifest.
    #[error("what stands on this host can't be said in a manifest: {0}")]
    Inexpressible(String),
}

impl Import {
    /// Reads the host.
    pub fn read(root: &Root, now: OffsetDateTime) -> Result<Self, ImportError> {
        let mut files = Files::new(root);
        let told = found::read(&mut files)?;
        let Some(seal) = certificates::find(&told, &mut files) else {
            let draft = Draft::fresh(&told, &mut files);
            let (manifest, text) = parsed(&draft)?;
            drop(manifest);
            return Ok(Self {
                text: yaml::with_head(&differences::fresh(&told), &text),
                remarks: files.remarks,
                has_tls: false,
            });
        };
        let clients = clients::find(&seal, &mut files);
        let mut draft = Draft::of(&told, &seal, &clients, &mut files);
        let mut plan = compare(root, &mut draft, now)?;
        if draft.drop_unsigned(&unsigned(&plan), &mut files) {
            plan = compare(root, &mut draft, now)?;
        }
        if plan.changes.iter().any(|change| change.action == Action::Delete) {
            // Its folder of clients holds what was not understood: that is nothing to be deleted.
            draft.leave_folder(&mut files);
            plan = compare(root, &mut draft, now)?;
        }
        let (_, text) = parsed(&draft)?;
        let head = differences::head(&plan, &told, &seal, &files.remarks);
        let text = yaml::with_head(&head, &text);
        Manifest::parse(text.as_bytes(), NAME).map_err(|problems| inexpressible(&problems))?;
        Ok(Self { text, remarks: files.remarks, has_tls: true })
    }
}

/// What a problem of the text would call it.
const NAME: &str = "the imported manifest";

fn compare(root: &Root, draft: &mut Draft, now: OffsetDateTime) -> Result<Plan, ImportError> {
    let manifest = match parsed(draft) {
        Ok((manifest, _)) => manifest,
        // A CA that has a name which the manifest can't give is taken as it is where the manifest is silent.
        Err(_) if draft.forget_name_of_ca() => parsed(draft)?.0,
        Err(error) => return Err(error),
    };
    let desired = Desired::new(&manifest);
    let mut observed = Observed::read(root, &desired, Depth::Ordinary, Authorities::default(), now)?;
    let plan = Plan::new(&desired, &observed, now);
    if plan.concerns_containers() && observed.is_dockerd_running() {
        observed.ask_containers();
        return Ok(Plan::new(&desired, &observed, now));
    }
    Ok(plan)
}

fn parsed(draft: &Draft) -> Result<(Manifest, String), ImportError> {
    let text = yaml::write(draft);
    let manifest = Manifest::parse(text.as_bytes(), NAME).map_err(|problems| inexpressible(&problems))?;
    Ok((manifest, text))
}

fn inexpressible(problems: &Problems) -> ImportError {
    let first = problems.iter().next();
    let (code, message) = first.map_or((Code::InvalidValue, ""), |problem| (problem.code, problem.message.as_str()));
    ImportError::Inexpressible(format!("{message} ({code})"))
}

/// The clients that would be issued anew where nothing can be signed.
fn unsigned(plan: &Plan) -> Vec<String> {
    let can_sign = |refusal: &Refusal| !matches!(refusal, Refusal::CaKeyMissing { .. });
    if plan.refusals.iter().all(can_sign) {
        return Vec::new();
    }
    let issued = plan.changes.iter().filter(|change| matches!(change.after, After::Certificate(_)));
    let clients = issued.filter_map(|change| match &change.resource {
        Resource::ClientCertificate(name) => Some(name.clone()),
        _ => None,
    });
    clients.collect()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::draft::{ClientDraft, Draft, Times};
    use super::parsed;
    use crate::manifest::{ClientName, Endpoint};

    fn draft(name: &str, subject: &[(&'static str, String)], client: &str, folder: &str) -> Draft {
        let file = |field, name| (field, name, Path::new("/etc/docker/tls").join(name));
        Draft {
            host: "build-01.example.com".to_owned(),
            directory: PathBuf::from("/etc/docker/tls"),
            files: [
                file("ca", "ca.pem"),
                file("ca_key", "ca-key.pem"),
                file("server_certificate", "server-cert.pem"),
                ("server_key", "server-key.pem", PathBuf::from(format!("/keys/{folder}"))),
            ],
            ca_name: Some((name.to_owned(), subject.to_vec())),
            ca: Times { key: None, valid_for: Some("1d".to_owned()) },
            needs_passphrase: true,
            dns: Vec::new(),
            ip: Vec::new(),
            server: Times { key: None, valid_for: Some("23h".to_owned()) },
            clients: vec![ClientDraft {
                name: client.to_owned(),
                folder: PathBuf::from(format!("/srv/{folder}")),
                times: Times { key: None, valid_for: Some("1d".to_owned()) },
            }],
            hosts: vec![Endpoint::Fd(String::new()), Endpoint::Tcp { host: "0.0.0.0".to_owned(), port: 2376 }],
        }
    }

    proptest! {
        /// Names of certificates and folders are others' texts: what is printed says them and nothing else, or is refused.
        #[test]
        fn what_is_printed_says_what_was_found(
            name in "(\\PC|[\\x00-\\x1f\"'\\\\:#,{}\\[\\]&*!|>%@` \u{202e}-]){1,30}",
            more in "(\\PC|[\"'\\\\:#\n]){1,20}",
            folder in "(\\PC|[\"'\\\\:# ]){1,20}",
        ) {
            let client = ClientName::of_common_name(&name).map_or_else(|| "client-1".to_owned(), |name| name.to_string());
            let subject = [("organization", more.clone())];
            let made = draft(&name, &subject, &client, &folder);
            if let Ok((manifest, text)) = parsed(&made) {
                prop_assert_eq!(manifest.ca.common_name.as_deref(), Some(name.as_str()), "{}", text);
                prop_assert_eq!(manifest.ca.subject.organization.as_deref(), Some(more.as_str()), "{}", text);
                prop_assert_eq!(manifest.clients.len(), 1);
                prop_assert_eq!(manifest.clients[0].name.as_str(), client.as_str());
                let found = manifest.clients[0].directory.as_ref().map(|path| path.as_path().to_owned());
                prop_assert_eq!(found, Some(PathBuf::from(format!("/srv/{folder}"))));
                prop_assert!(manifest.daemon.keys.is_empty());
            }
            let mut unnamed = draft(&name, &subject, &client, "plain");
            prop_assert!(unnamed.forget_name_of_ca());
            prop_assert!(parsed(&unnamed).is_ok(), "{:?}", parsed(&unnamed).err());
        }
    }

    #[test]
    fn an_ordinary_name_is_printed() {
        let subject = [("organization", "Example: \"S.L.\" #1".to_owned())];
        let made = parsed(&draft("Docker CA: yes", &subject, "ci", "a b")).map(|(manifest, _)| manifest);
        assert!(made.is_ok_and(|manifest| manifest.ca.common_name.as_deref() == Some("Docker CA: yes")));
    }
}
