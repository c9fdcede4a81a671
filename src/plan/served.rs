//! What the endpoints answered, judged: the same comparison shows drift in daily use and proves a change.

use super::change::Change;
use super::reason::Reason;
use super::request::Waiting;
use super::resource::Resource;
use crate::observed::{Answer, CallerKind, Observed, Served, Stranger, Trial};
use crate::pki::Fingerprint;

/// Why dockerd has to start anew to serve what the files say; empty where it serves that.
///
/// A client whose certificate this plan replaces is not heard: that dockerd turns an expired one away is right, and no
/// restart would change it. The same goes for certificates that are waited for: while the server's is, what callers find
/// wrong with the old one is why another was asked for.
pub fn compare(observed: &Observed, changes: &[Change], waiting: &[Waiting]) -> Vec<Reason> {
    let on_disk = observed.server.certificate.present().map(|leaf| leaf.facts.fingerprint);
    let is_replaced = |caller: &CallerKind| match caller {
        CallerKind::Client(name) => {
            let certificate = Resource::ClientCertificate(name.clone());
            let waits = waiting.iter().any(|waiting| waiting.resource == certificate);
            waits || changes.iter().any(|change| change.resource == certificate)
        }
        _ => false,
    };
    let waits = waiting.iter().any(|waiting| waiting.resource == Resource::ServerCertificate);
    let is_excused = |trial: &Trial| waits && matches!(trial.answer, Answer::ServerNotTrusted(_));
    let is_heard = |trial: &Trial| !is_replaced(&trial.caller) && !is_excused(trial);
    observed.served.iter().flat_map(|served| compare_endpoint(served, on_disk, is_heard)).collect()
}

fn compare_endpoint(served: &Served, on_disk: Option<Fingerprint>, is_heard: impl Fn(&Trial) -> bool) -> Vec<Reason> {
    let endpoint = served.endpoint.to_string();
    let silent = served.trials.iter().find_map(|trial| match &trial.answer {
        Answer::Silent(error) if !is_plain_http(trial) => Some(error.clone()),
        _ => None,
    });
    if let Some(error) = silent {
        return vec![Reason::EndpointSilent { endpoint, error }];
    }
    let mut reasons = Vec::new();
    if let Some(certificate) = served.certificate.filter(|certificate| Some(*certificate) != on_disk) {
        reasons.push(Reason::ServedDiffers { endpoint: endpoint.clone(), served: certificate });
    }
    let heard = served.trials.iter().filter(|trial| is_heard(trial));
    reasons.extend(heard.filter_map(|trial| compare_trial(trial, &endpoint)));
    reasons
}

fn compare_trial(trial: &Trial, endpoint: &str) -> Option<Reason> {
    let endpoint = endpoint.to_owned();
    match (&trial.caller, &trial.answer) {
        (CallerKind::Stranger(stranger), Answer::Admitted) => {
            Some(Reason::StrangerAdmitted { endpoint, stranger: *stranger })
        }
        // It is enough that the server's certificate holds: without a certificate of their own they get no further.
        (CallerKind::Name(_), Answer::Refused(_)) | (CallerKind::Stranger(_), _) | (_, Answer::Admitted) => None,
        (CallerKind::Name(name), Answer::ServerNotTrusted(error)) => {
            Some(Reason::NameRefused { endpoint, name: name.to_string(), error: error.clone() })
        }
        (caller, Answer::Refused(error) | Answer::ServerNotTrusted(error) | Answer::Silent(error)) => {
            let (caller, error) = (caller.to_string(), error.clone());
            Some(Reason::CallerRefused { endpoint, caller, error })
        }
    }
}

/// A listener that hangs up on plain HTTP has refused it.
fn is_plain_http(trial: &Trial) -> bool {
    trial.caller == CallerKind::Stranger(Stranger::PlainHttp)
}
