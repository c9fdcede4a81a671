//! What a person should know beside a plan, in words.

use time::OffsetDateTime;

use super::words::{listed, moment, place};
use crate::plan::Note;

/// What the note of containers that go on running ends with.
const SURVIVE: &str = "running containers survive the restart (live-restore)";

/// Whether a sentence counts containers that go on running: with another number nothing else is done.
pub fn is_count_of_survivors(note: &str) -> bool {
    note.strip_suffix(SURVIVE).is_some_and(|count| count.trim_end().parse::<usize>().is_ok())
}

/// A note as a sentence.
pub fn note(note: &Note) -> String {
    match note {
        Note::Imagined => {
            "no host was asked: this is for one with docker.service of Docker's own packages that is in line with \
                           the older manifest; what runs there is not known"
                .to_owned()
        }
        Note::ServicesLeftAlone => "another root is worked on: no service is touched".to_owned(),
        Note::NoSystemd => "systemd does not run here: no service is touched, nothing is proven".to_owned(),
        Note::UnitMissing { unit } => {
            format!("there is no {unit}: the drop-in is derived from the command line of the upstream package")
        }
        Note::UnitNotLoadable { unit, load } => format!("{unit} is {load}: it is left alone"),
        Note::ServiceInactive { unit } => format!("{unit} is inactive and stays so; it serves this once it is started"),
        Note::RestartForbidden { unit } => {
            format!("restart is `never`: until somebody restarts {unit}, dockerd serves what it read at its start")
        }
        Note::Shadowed { origin } => format!("{} sets ExecStart too; the drop-in is derived from it", place(origin)),
        Note::CaEndsSoon { at } => {
            format!("the CA ends at {}, sooner than a new certificate would: its end is theirs", moment(*at))
        }
        Note::NotSealedYet => {
            "the server has no certificate yet: dockerd, its daemon.json and its unit are left as they are".to_owned()
        }
        Note::CaKeyHere { key } => format!(
            "{} is not used: certificates are signed elsewhere. Move it to where the CA is, and off this host",
            key.display()
        ),
        Note::CaIntroduced { generation, switches } => format!(
            "the CA of generation {generation} is trusted and does not sign yet: hand out each client's ca.pem before \
             {}, when it takes over",
            moment(*switches)
        ),
        Note::CaSwitched { generation, retires, holders } => ca_switched(*generation, *retires, holders),
        Note::CaCutOff { locked_out } if locked_out.is_empty() => "no client is locked out".to_owned(),
        Note::CaCutOff { locked_out } => format!(
            "locked out until they have fetched their new files: {}{}",
            locked_out.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "),
            if locked_out.len() > SHOWN { format!(", and {} more", locked_out.len() - SHOWN) } else { String::new() }
        ),
        Note::CaNotStrict { path } => format!(
            "{} has no keyUsage: Python 3.13 and `openssl verify -x509_strict` refuse what it signs",
            path.display()
        ),
        Note::CaKeyNotEncrypted { key } => {
            let key = key.display();
            format!(
                "{key} is stored unencrypted, though the manifest names a passphrase; it is never rewritten. To encrypt \
                 it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in {key} -out NEW"
            )
        }
        Note::ContainersSurvive { count } => format!("{count} {SURVIVE}"),
        Note::ContainersStop { names } => format!("the restart stops {}", listed(names)),
        Note::KeysKept { path } => {
            let path = path.display();
            format!("the CA's key stays, and all that it signed: {path}; `apply --delete-keys` deletes them")
        }
        Note::LineListens { flag, origin } => {
            format!("{} says {flag}: without the drop-in dockerd listens there", place(origin))
        }
        Note::Swarm => "this node is part of a swarm".to_owned(),
    }
}

/// As many clients as a sentence can bear.
const SHOWN: usize = 20;

fn ca_switched(generation: u32, retires: OffsetDateTime, holders: &[(String, OffsetDateTime)]) -> String {
    let says = format!(
        "the CA of generation {generation} signs; certificates of the one before are accepted until {}",
        moment(retires)
    );
    if holders.is_empty() {
        return says;
    }
    let names: Vec<String> =
        holders.iter().take(SHOWN).map(|(name, until)| format!("{name} (until {})", moment(*until))).collect();
    let more = if holders.len() > SHOWN { format!(", and {} more", holders.len() - SHOWN) } else { String::new() };
    format!("{says}. Such a one may be held by {}{more}: hand their files out before", names.join(", "))
}
