//! What the endpoints of a manifest answer that says `state: absent`: only whether anybody is there, for which no key and
//! no certificate is needed, and none may be left.

use super::served::{ANSWER_WITHIN, Answer, CallerKind, PING, Served, Stranger, Trial, answer, ask_local, dial};
use super::service::LOCAL_SOCKET;
use crate::desired::Desired;
use crate::host;
use crate::manifest::Endpoint;

/// Asks every endpoint.
pub fn read(desired: &Desired) -> Vec<Served> {
    desired.daemon.endpoints.iter().map(ask).collect()
}

fn ask(endpoint: &Endpoint) -> Served {
    let trial = match endpoint {
        Endpoint::Tcp { host, port } => {
            let answer = match dial(host, *port) {
                Ok(address) => answer(host::ask_plain(address, PING, ANSWER_WITHIN)),
                Err(error) => Answer::Silent(error),
            };
            Trial { caller: CallerKind::Stranger(Stranger::PlainHttp), answer }
        }
        Endpoint::Unix(path) => ask_local(path.as_ref()),
        Endpoint::Fd(_) => ask_local(LOCAL_SOCKET.as_ref()),
    };
    Served { endpoint: endpoint.clone(), certificate: None, trials: vec![trial] }
}
