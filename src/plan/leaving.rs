//! `state: absent`: what is Dockseal's goes off the host, and dockerd is back on the line that the host has without it.
//!
//! daemon.json loses the manifest's keys first, then the drop-in goes: in between dockerd still starts, while a drop-in that
//! is gone and `hosts` that still stand there would keep it from that. The PEM files stay unless they are asked for.

use std::path::Path;

use super::Draft;
use super::daemon::DaemonDifference;
use super::flag_conflict::conflicts;
use super::note::Note;
use super::reason::Reason;
use super::refusal::Refusal;
use super::request;
use super::resource::Resource;
use super::unit::{FlagFacts, UnitDifference, is_on, judge_loaded, line_without_ours};
use crate::desired::{Desired, Leaving};
use crate::manifest::Endpoint;
use crate::observed::unit::files::UnitFiles;
use crate::observed::unit::{Flag, UnitError};
use crate::observed::{Answer, LOCAL_SOCKETS, Observed, Served};

/// The drop-in and the unit that heals go.
pub fn unit(desired: &Desired, observed: &Observed, daemon: &DaemonDifference, draft: &mut Draft) -> UnitDifference {
    let (drop_in, recover) = (&observed.unit.drop_in, &observed.unit.recover);
    draft.refuse_in_the_way(drop_in);
    draft.refuse_in_the_way(recover);
    let is_written = draft.remove(Resource::DropIn, drop_in, Reason::StateAbsent)
        | draft.remove(Resource::RecoverUnit, recover, Reason::StateAbsent);
    let outcome = match &observed.unit.files {
        Ok(files) => back_to(desired, observed, files, daemon, draft),
        Err(error) => Err(error.clone()),
    };
    match outcome {
        Ok(difference) => UnitDifference { is_written, ..difference },
        Err(error) => {
            draft.refusals.push(Refusal::Unit { why: error.to_string(), hint: error.hint() });
            UnitDifference::default()
        }
    }
}

/// The host's own line.
fn back_to(
    desired: &Desired,
    observed: &Observed,
    files: &UnitFiles,
    daemon: &DaemonDifference,
    draft: &mut Draft,
) -> Result<UnitDifference, UnitError> {
    let Some(line) = line_without_ours(&files.unit.unmasked(), files, &desired.unit.drop_in)? else {
        return Ok(UnitDifference::default());
    };
    for conflict in conflicts(daemon.keys.keys().map(String::as_str), &line.arguments) {
        let (key, flag, origin) = (conflict.key, conflict.flag, conflict.origin);
        draft.refusals.push(Refusal::FlagConflict { key, flag, origin });
    }
    let flags = Flag::read_all(&line.arguments);
    let listens = flags.iter().find(|flag| flag.name == "host" && is_tcp(flag));
    if let Some(flag) = listens {
        let (text, origin) = (flag.text.clone(), flag.origin.clone());
        let asks_for_certificates = flags.iter().any(|flag| flag.name == "tlsverify" && is_on(flag));
        // What is open already is for others to close; this plan opens nothing.
        if asks_for_certificates || observed.unit.drop_in.is_missing() {
            draft.notes.push(Note::LineListens { flag: text, origin });
        } else {
            draft.refusals.push(Refusal::WouldOpen { flag: text, origin });
        }
    }
    if let (Some(service), Some(by_files)) = (observed.service(), files.unit.service(None)?.exec_start) {
        judge_loaded(service, &by_files.argv_text(), draft);
    }
    let loaded = observed.service().and_then(|service| service.exec_start.as_ref());
    Ok(UnitDifference {
        is_written: false,
        is_not_loaded: loaded.is_some_and(|loaded| *loaded != line.exec_start.argv_text()),
        flags: FlagFacts { listens_on_tcp: listens.is_some(), ..FlagFacts::of(&[], &flags) },
        command: line.argv(),
    })
}

fn is_tcp(flag: &Flag) -> bool {
    flag.value.as_ref().is_some_and(|value| value.trim().starts_with("tcp://"))
}

/// The PEM files: they go where that is asked for, and else a note says where the CA's key is.
pub fn files(desired: &Desired, leaving: Leaving, observed: &Observed, draft: &mut Draft) {
    let (ca, server) = (&observed.ca, &observed.server);
    if leaving == Leaving::KeepKeys {
        if ca.key.attributes.is_some() {
            draft.notes.push(Note::KeysKept { path: ca.key.path.clone() });
        }
        return;
    }
    if let Some(requests) = &observed.requests {
        request::remove_all(desired, requests, draft);
    }
    for client in &observed.clients {
        let (name, leaf) = (|| client.name.clone(), &client.leaf);
        draft.remove(Resource::ClientCertificate(name()), &leaf.certificate, Reason::StateAbsent);
        if let Some(key) = &leaf.key {
            draft.remove(Resource::ClientKey(name()), key, Reason::StateAbsent);
        }
        draft.remove(Resource::ClientCa(name()), &client.ca, Reason::StateAbsent);
        if let Some(old) = &client.old {
            draft.remove(Resource::ClientOldCertificate(name()), old, Reason::StateAbsent);
        }
    }
    for orphan in &observed.orphans {
        let name = || orphan.name.clone();
        draft.remove(Resource::ClientCertificate(name()), &orphan.certificate, Reason::StateAbsent);
        draft.remove(Resource::ClientKey(name()), &orphan.key, Reason::StateAbsent);
        draft.remove(Resource::ClientCa(name()), &orphan.ca, Reason::StateAbsent);
        draft.remove(Resource::ClientOldCertificate(name()), &orphan.old, Reason::StateAbsent);
    }
    draft.remove(Resource::ServerCertificate, &server.certificate, Reason::StateAbsent);
    if let Some(key) = &server.key {
        draft.remove(Resource::ServerKey, key, Reason::StateAbsent);
    }
    draft.remove(Resource::CaCertificate, &ca.certificate, Reason::StateAbsent);
    draft.remove(Resource::CaNextKey, &ca.next_key, Reason::StateAbsent);
    draft.remove(Resource::CaOldKey, &ca.old_key, Reason::StateAbsent);
    draft.remove(Resource::CaKey, &ca.key, Reason::StateAbsent);
}

/// Why dockerd has to start anew to be as it is without Dockseal: nobody listens any more where the manifest says, and the
/// usual local socket answers.
pub fn served(observed: &Observed, unit: &UnitDifference) -> Vec<Reason> {
    observed.served.iter().filter_map(|served| endpoint(served, unit.flags.listens_on_tcp)).collect()
}

fn endpoint(served: &Served, listens_on_tcp: bool) -> Option<Reason> {
    let error = served.trials.iter().find_map(|trial| match &trial.answer {
        Answer::Silent(error) => Some(error.clone()),
        _ => None,
    });
    let endpoint = served.endpoint.to_string();
    match (&served.endpoint, error) {
        (Endpoint::Tcp { .. }, None) if !listens_on_tcp => Some(Reason::EndpointOpen { endpoint }),
        (Endpoint::Fd(_), Some(error)) => Some(Reason::EndpointSilent { endpoint, error }),
        (Endpoint::Unix(path), Some(error)) if LOCAL_SOCKETS.map(Path::new).contains(&path.as_path()) => {
            Some(Reason::EndpointSilent { endpoint, error })
        }
        _ => None,
    }
}
