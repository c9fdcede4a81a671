//! Where a client connects: a TCP endpoint of the manifest, by a name that the server's certificate holds.

use std::fmt;
use std::net::IpAddr;

use super::ExportError;
use crate::desired::Desired;
use crate::manifest::Endpoint;
use crate::pki::San;

/// A name or address with a port; displayed as `DOCKER_HOST` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    name: String,
    port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') { write!(f, "tcp://[{name}]:{port}") } else { write!(f, "tcp://{name}:{port}") }
    }
}

/// As given, if the certificate holds its name; else the first endpoint that others can reach, by the host's name where
/// it listens at every address.
pub fn address(desired: &Desired, given: Option<&Endpoint>) -> Result<Address, ExportError> {
    let address = match given {
        Some(Endpoint::Tcp { host, port }) => Address { name: host.clone(), port: *port },
        Some(Endpoint::Fd(name)) => return Err(ExportError::NotTcp { given: format!("fd://{name}") }),
        Some(Endpoint::Unix(path)) => return Err(ExportError::NotTcp { given: format!("unix://{}", path.display()) }),
        None => of_manifest(desired)?,
    };
    let sans = &desired.server.sans;
    let is_held = sans.iter().any(|san| match (san, address.name.parse::<IpAddr>()) {
        (San::Ip(ip), Ok(wanted)) => *ip == wanted,
        (San::Dns(name), Err(_)) => name.eq_ignore_ascii_case(&address.name),
        _ => false,
    });
    if is_held {
        return Ok(address);
    }
    Err(ExportError::OtherName { name: address.name, names: sans.iter().map(ToString::to_string).collect() })
}

fn of_manifest(desired: &Desired) -> Result<Address, ExportError> {
    let tcp = || {
        desired.daemon.endpoints.iter().filter_map(|endpoint| match endpoint {
            Endpoint::Tcp { host, port } => Some((host, *port)),
            Endpoint::Fd(_) | Endpoint::Unix(_) => None,
        })
    };
    let is_reached = |host: &str| match host.parse::<IpAddr>() {
        Ok(ip) => !ip.is_loopback(),
        Err(_) => host != "localhost",
    };
    let (host, port) =
        tcp().find(|(host, _)| is_reached(host)).or_else(|| tcp().next()).ok_or(ExportError::NoEndpoint)?;
    let is_every = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    Ok(Address { name: if is_every { desired.host.clone() } else { host.clone() }, port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    fn of(hosts: &str, given: Option<&str>) -> Result<String, String> {
        let text = format!(
            "dockseal: 1\nhost: build-01.example.com\nserver: {{sans: {{ip: [10.10.10.20, 127.0.0.1, '::1', '2001:db8::1']}}}}\n\
             daemon: {{hosts: [{hosts}]}}\n"
        );
        let manifest = Manifest::parse(text.as_bytes(), "test").map_err(|problems| format!("{problems:?}"))?;
        let given = given.map(Endpoint::parse).transpose().map_err(|error| error.message)?;
        address(&Desired::new(&manifest), given.as_ref())
            .map(|address| address.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_endpoint_that_others_reach_is_called_by_a_name_of_the_certificate() {
        for (hosts, expected) in [
            ("fd://, 'tcp://0.0.0.0:2376'", "tcp://build-01.example.com:2376"),
            ("fd://, 'tcp://[::]:2377'", "tcp://build-01.example.com:2377"),
            ("fd://, 'tcp://127.0.0.1:2376', 'tcp://10.10.10.20:2378'", "tcp://10.10.10.20:2378"),
            ("fd://, 'tcp://127.0.0.1:2376'", "tcp://127.0.0.1:2376"),
            ("fd://, 'tcp://[2001:db8::1]:2376'", "tcp://[2001:db8::1]:2376"),
        ] {
            assert_eq!(of(hosts, None).as_deref(), Ok(expected), "{hosts}");
        }
        let every = "fd://, 'tcp://0.0.0.0:2376'";
        assert_eq!(of(every, Some("tcp://10.10.10.20:443")).as_deref(), Ok("tcp://10.10.10.20:443"));
        assert_eq!(
            of(every, Some("tcp://Build-01.Example.com:2376")).as_deref(),
            Ok("tcp://build-01.example.com:2376")
        );
    }

    #[test]
    fn what_a_client_would_refuse_is_refused() {
        let every = "fd://, 'tcp://0.0.0.0:2376'";
        for (given, why) in [
            ("tcp://10.10.10.21:2376", "does not hold 10.10.10.21"),
            ("tcp://other.example.com:2376", "does not hold other.example.com"),
            ("fd://", "not to fd://"),
            ("unix:///run/docker.sock", "not to unix:///run/docker.sock"),
        ] {
            let error = of(every, Some(given)).err().unwrap_or_default();
            assert!(error.contains(why), "{given}: {error}");
        }
    }
}
