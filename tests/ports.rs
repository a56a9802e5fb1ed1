//! Ports for servers that cannot be asked to choose one.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where no system hands out ports by itself: one that was found free stays so until its server takes it.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;
static NEXT: AtomicU16 = AtomicU16::new(0);

/// An address that nobody has, neither for TCP nor for UDP, and that this process does not get again.
///
/// # Panics
///
/// When all ports are taken.
pub fn free() -> SocketAddr {
    (0..COUNT).map(|_| next()).find(is_free).expect("a port")
}

/// Other processes that look for ports begin elsewhere.
fn next() -> SocketAddr {
    let begin = std::process::id().wrapping_mul(613) % u32::from(COUNT);
    let begin = u16::try_from(begin).expect("below the count");
    let nth = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
    SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (begin + nth) % COUNT))
}

fn is_free(address: &SocketAddr) -> bool {
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}
