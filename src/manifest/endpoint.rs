//! Where dockerd listens: one entry of `hosts` in daemon.json.
//!
//! The rules are dockerd's own (`daemon/pkg/opts/hosts.go`, 20.10 to 29), made stricter where it guesses: it takes port
//! 2375 for a tcp host without one even with TLS, and `localhost` for an empty host.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use super::name::{DnsName, SanAddress};
use super::problem::{Code, quoted};
use super::scalar::{AbsolutePath, ScalarError, scalar};

/// Where dockerd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `fd://`: the sockets that systemd passes; the text after `//` is kept.
    Fd(String),
    /// `unix:///path`
    Unix(PathBuf),
    /// `tcp://host:port`; an IPv6 address stands without its brackets.
    Tcp {
        /// Address or name to bind.
        host: String,
        /// Never 0.
        port: u16,
    },
}

scalar!(
    Endpoint,
    r"^(fd://[A-Za-z0-9_.-]*|unix:///.+|tcp://(\[[0-9A-Fa-f.:]+\]|[A-Za-z0-9.-]+):[1-9][0-9]{0,4})$",
    "Where dockerd listens: `fd://` (the sockets that systemd passes), `unix:///path` or `tcp://host:port`.",
    "examples": ["fd://", "tcp://0.0.0.0:2376", "unix:///var/run/docker.sock", "tcp://[::1]:2376"]
);

impl Endpoint {
    /// Takes an entry of `hosts`.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            let hint = match text.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    format!("write `tcp://{text}`")
                }
                _ if text.starts_with('/') => format!("write `unix://{text}`"),
                _ => "write `fd://`, `unix:///path` or `tcp://host:port`".to_owned(),
            };
            return wrong(text, "has no scheme", hint);
        };
        match scheme {
            "fd" => fd(text, rest),
            "unix" => match AbsolutePath::parse(rest) {
                Ok(path) => Ok(Self::Unix(path.0)),
                Err(error) => wrong(text, "has no good path", format!("{}: {}", error.message, error.hint)),
            },
            "tcp" => tcp(text, rest),
            "npipe" => wrong(text, "is a Windows pipe", "Dockseal seals Linux hosts: write `fd://`"),
            _ if ["fd", "unix", "tcp"].contains(&scheme.to_ascii_lowercase().as_str()) => {
                let hint = format!("dockerd knows schemes in lower case alone: `{}://`", scheme.to_ascii_lowercase());
                wrong(text, "has its scheme in capitals", hint)
            }
            "http" | "https" => wrong(
                text,
                "is a URL, no place to listen",
                "write `tcp://host:port`; TLS follows from the certificates",
            ),
            _ => wrong(text, "has an unknown scheme", "write `fd://`, `unix:///path` or `tcp://host:port`"),
        }
    }
}

fn wrong<T>(text: &str, what: &str, hint: impl Into<String>) -> Result<T, ScalarError> {
    Err(ScalarError::new(Code::InvalidEndpoint, format!("{} {what}", quoted(text)), hint))
}

fn fd(text: &str, name: &str) -> Result<Endpoint, ScalarError> {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) && name.len() <= 255 {
        return Ok(Endpoint::Fd(name.to_owned()));
    }
    wrong(text, "names no socket that systemd passes", "write `fd://` for all of them, or `fd://3`")
}

fn tcp(text: &str, rest: &str) -> Result<Endpoint, ScalarError> {
    if rest.contains('@') {
        return wrong(text, "holds a user", "dockerd knows callers by their certificates: write `tcp://host:port`");
    }
    if rest.contains(['?', '#']) {
        return wrong(text, "holds a query or fragment", "write `tcp://host:port`");
    }
    if let Some((before, _)) = rest.split_once('/') {
        return wrong(text, "holds a path", format!("dockerd refuses it: write `tcp://{}`", before.escape_debug()));
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, after)) if after.starts_with(':') => (host, after.get(1..)),
            _ => return wrong(text, "has no good brackets", "write `tcp://[::1]:2376`"),
        },
        None if rest.matches(':').count() > 1 => {
            return wrong(text, "has an IPv6 address without brackets", "write `tcp://[::1]:2376`");
        }
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        let hint = "dockerd takes `localhost` for it: write `127.0.0.1`, or `0.0.0.0` for every address";
        return wrong(text, "has no host", hint);
    }
    let host = bound_host(text, host, rest.starts_with('['))?;
    let Some(port) = port.filter(|port| !port.is_empty()) else {
        let shown = if host.contains(':') { format!("[{host}]") } else { host };
        let hint = format!("dockerd would take 2375, the port without TLS: write `tcp://{shown}:2376`");
        return Err(ScalarError::new(Code::TcpHostWithoutPort, format!("{} has no port", quoted(text)), hint));
    };
    match port.parse::<u16>() {
        Ok(number) if number > 0 && !port.starts_with(['0', '+']) => Ok(Endpoint::Tcp { host, port: number }),
        _ => wrong(text, "has no good port", "write a number from 1 to 65535 without leading zeros; 2376 is usual"),
    }
}

fn bound_host(text: &str, host: &str, in_brackets: bool) -> Result<String, ScalarError> {
    if host.contains('%') {
        return wrong(text, "has a zone, which a certificate can't hold", "bind an address that needs none");
    }
    let Ok(address) = host.parse::<IpAddr>() else {
        if in_brackets {
            return wrong(text, "has brackets around what is no IPv6 address", "write `tcp://[::1]:2376`");
        }
        return match DnsName::parse(host) {
            Ok(name) => Ok(name.0),
            Err(error) => wrong(text, "has no good host", format!("{}: {}", error.message, error.hint)),
        };
    };
    if address.is_ipv4() && in_brackets {
        return wrong(text, "has brackets around an IPv4 address", format!("write `tcp://{address}:2376`"));
    }
    match SanAddress::parse(host) {
        Ok(address) => Ok(address.to_string()),
        Err(error) => wrong(text, "has no good address", format!("{}: {}", error.message, error.hint)),
    }
}

/// As daemon.json writes it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fd(name) => write!(f, "fd://{name}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Endpoint};

    #[test]
    fn what_dockerd_takes_comes_out_as_it_went_in() {
        for text in [
            "fd://",
            "fd://3",
            "fd://docker.socket",
            "unix:///var/run/docker.sock",
            "tcp://0.0.0.0:2376",
            "tcp://[::]:2376",
            "tcp://[2001:db8::5]:65535",
            "tcp://localhost:1",
            "tcp://build-01.example.com:2376",
        ] {
            assert_eq!(Endpoint::parse(text).map(|endpoint| endpoint.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Endpoint::parse("tcp://[0:0::1]:2376").map(|e| e.to_string()), Ok("tcp://[::1]:2376".to_owned()));
    }

    #[test]
    fn what_dockerd_refuses_or_guesses_is_refused() {
        for text in [
            "",
            "fd",
            "fd:///run/x",
            "fd://a b",
            "unix://",
            "unix://run/docker.sock",
            "unix:///run/../docker.sock",
            "npipe:////./pipe/docker_engine",
            "TCP://0.0.0.0:2376",
            "https://0.0.0.0:2376",
            "0.0.0.0:2376",
            "/var/run/docker.sock",
            "tcp://",
            "tcp://:2376",
            "tcp://0.0.0.0:0",
            "tcp://0.0.0.0:65536",
            "tcp://0.0.0.0:02376",
            "tcp://0.0.0.0:+2376",
            "tcp://0.0.0.0:2376/",
            "tcp://0.0.0.0:2376/v1",
            "tcp://0.0.0.0:2376?a=b",
            "tcp://0.0.0.0:2376#a",
            "tcp://user@0.0.0.0:2376",
            "tcp://::1:2376",
            "tcp://[::1:2376",
            "tcp://[::1]x:2376",
            "tcp://[1.2.3.4]:2376",
            "tcp://[host]:2376",
            "tcp://[::ffff:1.2.3.4]:2376",
            "tcp://[fe80::1%eth0]:2376",
            "tcp://010.0.0.1:2376",
            "tcp://a_b:2376",
            "tcp://*:2376",
            "tcp://a\0:2376",
        ] {
            assert_eq!(Endpoint::parse(text).map_err(|error| error.code), Err(Code::InvalidEndpoint), "{text:?}");
        }
        for text in ["tcp://0.0.0.0", "tcp://0.0.0.0:", "tcp://[::1]", "tcp://[::1]:", "tcp://host"] {
            assert_eq!(Endpoint::parse(text).map_err(|error| error.code), Err(Code::TcpHostWithoutPort), "{text:?}");
        }
    }
}
