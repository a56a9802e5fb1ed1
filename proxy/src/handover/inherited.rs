//! Sockets that somebody else opened for this process.

use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Mutex, PoisonError};
use std::{env, io};

use engine::config::ListenAddress;
use listenfd::ListenFd;
use rustix::net::AddressFamily;

use super::{SUCCESSOR, passing};
use crate::listen::Socket;

/// Sockets that were passed, until they are claimed, and the process to tell that all are.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    /// By the address that the configuration has for them.
    sockets: Mutex<Vec<(String, Socket)>>,
    predecessor: Mutex<Option<UnixStream>>,
}

impl Inherited {
    /// What this process was given: by a predecessor, or by systemd. To be called once, at the start.
    pub(crate) fn of_process() -> io::Result<Self> {
        if env::var_os(SUCCESSOR).is_some() {
            return Self::of_predecessor();
        }
        let sockets = of_systemd()?;
        Ok(Self { sockets: Mutex::new(sockets), predecessor: Mutex::default() })
    }

    fn of_predecessor() -> io::Result<Self> {
        // Standard input is the socket pair's other end; nothing else reads it.
        let channel = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let passed = passing::receive(&channel)?;
        let socket = |(address, socket)| Ok((address, of_descriptor(socket)?));
        let sockets = passed.into_iter().map(socket).collect::<io::Result<_>>()?;
        Ok(Self { sockets: Mutex::new(sockets), predecessor: Mutex::new(Some(channel)) })
    }

    /// The socket for an address, if it was passed; it is given away once.
    pub(crate) fn claim(&self, address: &ListenAddress) -> Option<Socket> {
        let name = address.to_string();
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let place = sockets.iter().position(|(passed, _)| *passed == name)?;
        Some(sockets.remove(place).1)
    }

    /// Everything is open: the predecessor may go, and sockets that nobody claimed are closed.
    pub(crate) fn settle(&self) {
        let unclaimed = std::mem::take(&mut *self.sockets.lock().unwrap_or_else(PoisonError::into_inner));
        for (address, _) in unclaimed {
            tracing::warn!(address, "a socket was passed to this process that no listener is configured for");
        }
        let predecessor = self.predecessor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(channel) = predecessor
            && let Err(error) = passing::tell_ready(&channel)
        {
            tracing::warn!(%error, "the process before this one cannot be told to go");
        }
    }
}

/// Sockets of systemd's, `socket:NAME` each (sd_listen_fds(3)).
fn of_systemd() -> io::Result<Vec<(String, Socket)>> {
    let names = env::var_os("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.to_string_lossy();
    let mut names = names.split(':');
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..passed.len() {
        let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown");
        let socket = match passed.take_tcp_listener(index) {
            Ok(Some(listener)) => Socket::Tcp(listener),
            _ => match passed.take_unix_listener(index)? {
                Some(listener) => Socket::Unix(listener),
                None => continue,
            },
        };
        sockets.push((format!("socket:{name}"), socket));
    }
    Ok(sockets)
}

fn of_descriptor(socket: OwnedFd) -> io::Result<Socket> {
    match rustix::net::getsockname(&socket)?.address_family() {
        AddressFamily::UNIX => Ok(Socket::Unix(UnixListener::from(socket))),
        AddressFamily::INET | AddressFamily::INET6 => Ok(Socket::Tcp(TcpListener::from(socket))),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a socket of an unknown family was passed")),
    }
}
