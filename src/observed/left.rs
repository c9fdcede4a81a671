//! What the endpoints of a manifest answer that says `state: absent`: only whether anybody is there, for which no key and
//! no certificate is needed, and none may be left.

use super::served::{CallerKind, Served, Stranger, Trial, ask_local, ask_plain};
use super::service::LOCAL_SOCKET;
use crate::desired::Desired;
use crate::manifest::Endpoint;

/// Asks every endpoint.
pub fn read(desired: &Desired) -> Vec<Served> {
    desired.daemon.endpoints.iter().map(ask).collect()
}

fn ask(endpoint: &Endpoint) -> Served {
    let trial = match endpoint {
        Endpoint::Tcp { host, port } => {
            Trial { caller: CallerKind::Stranger(Stranger::PlainHttp), answer: ask_plain(host, *port) }
        }
        Endpoint::Unix(path) => ask_local(path.as_ref()),
        Endpoint::Fd(_) => ask_local(LOCAL_SOCKET.as_ref()),
    };
    Served { endpoint: endpoint.clone(), certificate: None, trials: vec![trial] }
}
