//! Sockets that are bound, or were bound by somebody else.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::{fmt, fs, io};

use super::client_socket::ClientSocket;
use crate::handover::Inherited;
use engine::config::ListenAddress;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// A socket that connections come in by.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Where a socket is bound: with the port that the system chose for port 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Tcp(SocketAddr),
    Unix(String),
}

/// Why a socket cannot be had.
#[derive(Debug)]
pub(crate) struct SocketError {
    /// Where it should be.
    pub(crate) address: String,
    /// Why not.
    pub(crate) error: io::Error,
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen at {}: {}", self.address, self.error)
    }
}

impl std::error::Error for SocketError {}

impl Socket {
    /// The socket that was passed to this process for an address, or one that is bound to it.
    pub(super) fn obtain(address: &ListenAddress, inherited: &Inherited) -> Result<Self, SocketError> {
        inherited.claim(address).map_or_else(|| Self::bind(address), Ok)
    }

    fn bind(address: &ListenAddress) -> Result<Self, SocketError> {
        let bound = match address {
            ListenAddress::Tcp(address) => bind_tcp(*address).map(Self::Tcp),
            ListenAddress::Unix(path) => bind_unix(path).map(Self::Unix),
            ListenAddress::Passed(_) => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "no socket of that name was passed to this process",
            )),
        };
        bound.map_err(|error| SocketError { address: address.to_string(), error })
    }

    /// Where it is bound.
    pub(crate) fn bound(&self) -> io::Result<Bound> {
        Ok(match self {
            Self::Tcp(listener) => Bound::Tcp(listener.local_addr()?),
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                Bound::Unix(address.as_pathname().map_or_else(String::new, |path| path.display().to_string()))
            }
        })
    }

    /// The same socket once more, for tokio.
    pub(super) fn acceptor(&self) -> io::Result<Acceptor> {
        Ok(match self {
            Self::Tcp(listener) => {
                let listener = listener.try_clone()?;
                listener.set_nonblocking(true)?;
                Acceptor::Tcp(tokio::net::TcpListener::from_std(listener)?)
            }
            Self::Unix(listener) => {
                let listener = listener.try_clone()?;
                listener.set_nonblocking(true)?;
                Acceptor::Unix(tokio::net::UnixListener::from_std(listener)?)
            }
        })
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Bound {
    /// The address and port, if it has them.
    pub(crate) fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// `[::]` takes IPv4 as well, whatever the system's default is.
fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// A socket's file that nobody listens at is of a process that is gone, and in the way.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket
        && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        fs::remove_file(path)?;
    }
    UnixListener::bind(path)
}

/// A socket from which tokio accepts.
pub(super) enum Acceptor {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Acceptor {
    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<ClientSocket> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok(ClientSocket::of_tcp(stream, peer))
            }
            Self::Unix(listener) => Ok(ClientSocket::of_unix(listener.accept().await?.0)),
        }
    }
}

/// Connections that wait to be accepted (count); the system's own bound is mostly lower.
const BACKLOG: i32 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(address: &str) -> Socket {
        Socket::bind(&ListenAddress::Tcp(address.parse().expect("an address"))).expect("bound")
    }

    #[test]
    fn takes_both_families_at_the_unspecified_address() {
        let socket = bind("[::]:0");
        let Bound::Tcp(bound) = socket.bound().expect("an address") else { panic!("a port") };
        for host in ["127.0.0.1", "::1"] {
            let address = SocketAddr::new(host.parse().expect("an address"), bound.port());
            assert!(std::net::TcpStream::connect(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn takes_the_place_of_a_socket_that_nobody_listens_at() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("http.sock");
        let address = ListenAddress::Unix(path.clone());
        drop(Socket::bind(&address).expect("bound"));
        assert!(path.exists());
        let second = Socket::bind(&address).expect("bound again");
        assert!(Socket::bind(&address).is_err(), "somebody listens there");
        drop(second);
        let file = directory.path().join("file");
        fs::write(&file, "precious").expect("written");
        assert!(Socket::bind(&ListenAddress::Unix(file.clone())).is_err());
        assert_eq!(fs::read_to_string(file).expect("still there"), "precious");
    }
}
