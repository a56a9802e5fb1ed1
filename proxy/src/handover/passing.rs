//! Sockets on their way from one process to the next (unix(7), SCM_RIGHTS).

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

/// Sends sockets with their addresses, all in one message.
pub(super) fn send(channel: &UnixStream, sockets: &[(String, BorrowedFd<'_>)]) -> io::Result<()> {
    if sockets.len() > SOCKETS_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many listeners to pass on"));
    }
    // Addresses have no line ends in them.
    let names: String = sockets.iter().map(|(address, _)| format!("{address}\n")).collect();
    let length = u32::try_from(names.len()).map_err(io::Error::other)?.to_be_bytes();
    let descriptors: Vec<_> = sockets.iter().map(|(_, socket)| *socket).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !rights.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for the sockets"));
    }
    // The descriptors travel with the first byte.
    let sent = rustix::net::sendmsg(channel, &[IoSlice::new(&length)], &mut rights, SendFlags::empty())?;
    if sent != length.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    (&*channel).write_all(names.as_bytes())
}

/// Receives what [`send`] sent.
pub(super) fn receive(channel: &UnixStream) -> io::Result<Vec<(String, OwnedFd)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut length = [0; 4];
    let received = rustix::net::recvmsg(
        channel,
        &mut [IoSliceMut::new(&mut length)],
        &mut rights,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if received.bytes != length.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let descriptors: Vec<OwnedFd> = rights
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        })
        .flatten()
        .collect();
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > NAMES_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "names too long"));
    }
    let mut names = vec![0; length];
    (&*channel).read_exact(&mut names)?;
    let names =
        String::from_utf8(names).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if names.lines().count() != descriptors.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not as many sockets as names"));
    }
    Ok(names.lines().map(str::to_owned).zip(descriptors).collect())
}

/// Tells the process before this one that it may go.
pub(super) fn tell_ready(channel: &UnixStream) -> io::Result<()> {
    (&*channel).write_all(READY)
}

/// What a process says that has taken over.
pub(super) const READY: &[u8] = b"ready\n";
/// Sockets that are passed (count); Linux takes 253 in one message.
const SOCKETS_MAX: usize = 128;
/// Each address of a listener is shorter than a path.
const NAMES_BYTES_MAX: usize = SOCKETS_MAX * 4_096;

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_is_sent_is_received() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let sockets = [("127.0.0.1:0".to_owned(), listener.as_fd()), ("unix:/x".to_owned(), here.as_fd())];
        send(&here, &sockets).expect("sent");
        let received = receive(&there).expect("received");
        assert_eq!(received.len(), 2);
        let (name, descriptor) = received.into_iter().next().expect("two");
        assert_eq!(name, "127.0.0.1:0");
        let same = std::net::TcpListener::from(descriptor);
        assert_eq!(same.local_addr().expect("bound"), listener.local_addr().expect("bound"));
        drop(here);
        assert!(receive(&there).is_err());
    }

    #[test]
    fn nothing_is_passed_too() {
        let (here, there) = UnixStream::pair().expect("a pair");
        send(&here, &[]).expect("sent");
        assert!(receive(&there).expect("received").is_empty());
    }
}
