//! Where dockerd listens today → the `hosts` of a manifest.

use std::net::IpAddr;

use super::files::Files;
use super::found::Told;
use crate::manifest::Endpoint;

/// Every endpoint that can be kept, with a local one and one on TCP.
pub fn endpoints(told: &Told, files: &mut Files) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for said in told.hosts() {
        match Endpoint::parse(&as_dockerd_reads(said.value.trim())) {
            Ok(endpoint) if endpoints.contains(&endpoint) => {}
            Ok(endpoint) if endpoints.iter().any(|other| meet(other, &endpoint)) => {
                files
                    .remark(format!("{}: `{endpoint}` wants a port that an earlier host has; it is left out", said.by));
            }
            Ok(endpoint) => endpoints.push(endpoint),
            Err(error) => files.remark(format!("{}: {error}; it is left out", said.by)),
        }
    }
    let is_tcp = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Tcp { .. });
    if endpoints.iter().all(is_tcp) {
        // `fd://` needs docker.socket, which comes with the unit.
        let local =
            if told.has_unit { Endpoint::Fd(String::new()) } else { Endpoint::Unix("/var/run/docker.sock".into()) };
        if !endpoints.is_empty() {
            files
                .remark(format!("dockerd has no local endpoint, which `docker` on the host needs: `{local}` is added"));
        }
        endpoints.insert(0, local);
    }
    if !endpoints.iter().any(is_tcp) {
        if told.speaks_tls() {
            files.remark(
                "dockerd is told of no tcp host: `tcp://0.0.0.0:2376` is assumed. Should docker.socket hold a \
                 ListenStream= on a port, take that out",
            );
        }
        endpoints.push(Endpoint::Tcp { host: "0.0.0.0".to_owned(), port: 2376 });
    }
    endpoints
}

/// dockerd takes `tcp` where no scheme is given, 2375 for a missing port, `localhost` for a missing host, and its own socket
/// for an empty path (moby, `daemon/pkg/opts/hosts.go`).
fn as_dockerd_reads(text: &str) -> String {
    if text == "unix://" {
        return "unix:///var/run/docker.sock".to_owned();
    }
    let text = if text.contains("://") { text.to_owned() } else { format!("tcp://{text}") };
    let Some(rest) = text.strip_prefix("tcp://") else { return text };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let rest = if rest.is_empty() || rest.starts_with(':') && !rest.starts_with("::") {
        format!("127.0.0.1{rest}")
    } else if let Some(port) = rest.strip_prefix(":::") {
        format!("[::]:{port}")
    } else {
        rest.to_owned()
    };
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    if has_port { format!("tcp://{rest}") } else { format!("tcp://{rest}:2375") }
}

/// Two hosts that dockerd could not both bind.
fn meet(one: &Endpoint, other: &Endpoint) -> bool {
    let (Endpoint::Tcp { host: a, port: first }, Endpoint::Tcp { host: b, port: second }) = (one, other) else {
        return false;
    };
    let is_wide = |host: &str| host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
    let is_loopback = |host: &str| host == "localhost" || host == "127.0.0.1";
    first == second && (is_wide(a) || is_wide(b) || (is_loopback(a) && is_loopback(b)))
}

/// The addresses and names that dockerd binds, which its certificate has to name.
pub fn bound(endpoints: &[Endpoint]) -> Vec<&str> {
    let bound = endpoints.iter().filter_map(|endpoint| match endpoint {
        Endpoint::Tcp { host, .. } if !host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified()) => {
            Some(host.as_str())
        }
        _ => None,
    });
    bound.collect()
}

#[cfg(test)]
mod tests {
    use super::as_dockerd_reads;

    #[test]
    fn hosts_mean_what_dockerd_takes_them_for() {
        for (given, meant) in [
            ("unix://", "unix:///var/run/docker.sock"),
            ("0.0.0.0:2376", "tcp://0.0.0.0:2376"),
            ("tcp://:2376", "tcp://127.0.0.1:2376"),
            ("tcp://10.0.0.1", "tcp://10.0.0.1:2375"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("tcp://[::1]:2376/", "tcp://[::1]:2376"),
            (":::2376", "tcp://[::]:2376"),
            ("tcp://", "tcp://127.0.0.1:2375"),
            ("fd://", "fd://"),
        ] {
            assert_eq!(as_dockerd_reads(given), meant, "{given}");
        }
    }
}
