//! Who a request is from, as far as the listener it came to believes what it says.

use std::net::IpAddr;

use engine::config::{BrokenChain, Clients, TraceContext};
use engine::record;
use pingora::protocols::http::ServerSession;
use transaction::{Connection, Fields};

use super::forwarded::Known;

/// The hops of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hops {
    peer: Option<IpAddr>,
    client: IpAddr,
    is_trusted: bool,
    broken: Option<BrokenChain>,
    port: u16,
    is_secure: bool,
}

impl Default for Hops {
    fn default() -> Self {
        let client = Connection::default().client_address;
        Self { peer: None, client, is_trusted: false, broken: None, port: 0, is_secure: false }
    }
}

impl Hops {
    /// Looks at a request that came by `connection` from `peer`, which has no address on a unix socket.
    pub(super) fn of(
        session: &ServerSession,
        connection: &Connection,
        peer: Option<IpAddr>,
        clients: Option<&Clients>,
        headers: &Fields,
    ) -> Self {
        let origin = clients.map(|clients| clients.resolve(peer, headers));
        Self {
            peer,
            client: origin.map_or(connection.client_address, |origin| origin.client),
            is_trusted: origin.is_some_and(|origin| origin.is_trusted),
            broken: origin.and_then(|origin| origin.broken),
            port: connection.server_port,
            is_secure: session.digest().is_some_and(|digest| digest.ssl_digest.is_some()),
        }
    }

    /// Of a request that somebody else serves and tells of: `peer` is who is known to have connected, `clients` who is believed
    /// in front of that.
    pub(crate) fn told(peer: Option<IpAddr>, clients: &Clients, headers: &Fields) -> Self {
        let origin = clients.resolve(peer, headers);
        Self {
            peer,
            client: origin.client,
            is_trusted: origin.is_trusted,
            broken: origin.broken,
            port: 0,
            is_secure: false,
        }
    }

    /// The connection as the client sees it. Of somebody else's only the address is known.
    pub(crate) fn seen_from(&self, connection: Connection) -> Connection {
        let client_port = if self.peer == Some(self.client) { connection.client_port } else { 0 };
        Connection { client_address: self.client, client_port, ..connection }
    }

    /// Who the request is from.
    pub(super) fn client(&self) -> IpAddr {
        self.client
    }

    /// What the application can be told.
    pub(super) fn known<'k>(&self, id: &'k str, clients: Option<&'k Clients>) -> Known<'k> {
        Known {
            peer: self.peer,
            client: self.client,
            is_trusted: self.is_trusted,
            scheme: if self.is_secure { "https" } else { "http" },
            port: self.port,
            id,
            header: clients.map_or("", |clients| clients.header.as_str()),
            trace: clients.map_or(TraceContext::Pass, |clients| clients.trace),
        }
    }

    /// What the decision record says.
    pub(crate) fn record(&self) -> record::Hops {
        record::Hops { peer: self.peer, is_trusted: self.is_trusted, broken: self.broken }
    }
}
