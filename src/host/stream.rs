//! A connection with one deadline for everything: connecting, each read and each write. A peer that drips one byte per
//! second can't stretch it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("{name}: {source}")]
    Name {
        /// Name and port.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody answers there.
    #[error("{address}: {source}")]
    Closed {
        /// Address or socket.
        address: String,
        /// Why.
        source: io::Error,
    },
}

/// The addresses of a name, each once, in the resolver's order. An address in text form needs no resolver.
pub fn resolve(host: &str, port: u16, timeout: Duration) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = host.to_owned();
    let found = within(timeout, move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    let mut unique = Vec::new();
    for address in found.map_err(|source| ConnectError::Name { name: format!("{host}:{port}"), source })? {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    Ok(unique)
}

/// A connected socket that no read or write holds longer than its deadline.
pub(super) struct Stream {
    socket: File,
    deadline: Instant,
}

impl Stream {
    pub(super) fn tcp(address: SocketAddr, timeout: Duration) -> Result<Self, ConnectError> {
        let deadline = Instant::now() + timeout;
        let connected = TcpStream::connect_timeout(&address, timeout).and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            Ok(OwnedFd::from(socket))
        });
        Self::new(connected, deadline, || address.to_string())
    }

    pub(super) fn unix(path: &Path, timeout: Duration) -> Result<Self, ConnectError> {
        let deadline = Instant::now() + timeout;
        let socket = path.to_owned();
        // connect(2) waits without limit while the peer's backlog is full.
        let connected = within(timeout, move || {
            let socket = UnixStream::connect(socket)?;
            socket.set_nonblocking(true)?;
            Ok(OwnedFd::from(socket))
        });
        Self::new(connected, deadline, || path.display().to_string())
    }

    fn new(
        connected: io::Result<OwnedFd>,
        deadline: Instant,
        address: impl FnOnce() -> String,
    ) -> Result<Self, ConnectError> {
        match connected {
            Ok(fd) => Ok(Self { socket: File::from(fd), deadline }),
            Err(source) => Err(ConnectError::Closed { address: address(), source }),
        }
    }

    /// Tries until the socket is ready or the deadline is over.
    fn when_ready<T>(&self, events: PollFlags, mut act: impl FnMut(&File) -> io::Result<T>) -> io::Result<T> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match act(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => return done,
            }
            // Whole milliseconds: the last one is waited for in full.
            let wait = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.socket.as_fd(), events)], wait) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when_ready(PollFlags::POLLIN, |mut socket| socket.read(buffer))
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.when_ready(PollFlags::POLLOUT, |mut socket| socket.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does what has no time limit of its own in a thread that is left alone when the time is over.
fn within<T: Send + 'static>(timeout: Duration, act: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let (send, receive) = mpsc::channel();
    std::thread::Builder::new().spawn(move || {
        // Nobody listens any more when the time is over.
        let _ = send.send(act());
    })?;
    receive.recv_timeout(timeout).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_resolves_to_itself_and_a_name_to_each_address_once() -> Result<(), ConnectError> {
        let second = Duration::from_secs(5);
        assert_eq!(resolve("127.0.0.1", 2376, second)?, [SocketAddr::from(([127, 0, 0, 1], 2376))]);
        assert_eq!(resolve("::1", 1, second)?, [SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 1))]);
        let local = resolve("localhost", 1, second)?;
        assert!(!local.is_empty() && local.iter().all(|a| a.ip().is_loopback()), "{local:?}");
        Ok(())
    }
}
