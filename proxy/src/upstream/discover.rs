//! Finds servers by their names, again and again, because addresses of names change.

use std::io;

use engine::config::{Server, ServerAddress};
use pingora::protocols::l4::socket::SocketAddr;

/// The addresses of a server, sorted.
pub(super) async fn addresses(server: &Server) -> io::Result<Vec<SocketAddr>> {
    match &server.address {
        ServerAddress::Unix(path) => {
            Ok(vec![SocketAddr::Unix(std::os::unix::net::SocketAddr::from_pathname(path)?)])
        }
        ServerAddress::Tcp { host, port } => {
            let found = tokio::net::lookup_host((host.as_str(), *port)).await?;
            let mut found: Vec<_> = found.take(ADDRESSES_MAX).collect();
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
            }
            found.sort_unstable();
            found.dedup();
            Ok(found.into_iter().map(SocketAddr::Inet).collect())
        }
    }
}

/// Addresses of one name that are used.
const ADDRESSES_MAX: usize = 256;
