//! Asks servers whether they are well.

use std::sync::Arc;

use engine::config::{HealthCheck, Probe, Statuses};
use http::header::{HOST, USER_AGENT};
use pingora::connectors::TransportConnector;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::member::Member;
use super::pool::Pool;

/// What checks connect with; apart from what requests do, so that none of them gets the other's connection.
pub(super) struct Checker {
    http: Connector,
    transport: TransportConnector,
}

impl Checker {
    /// Reads the system's authorities.
    pub(super) fn new() -> Self {
        Self { http: Connector::new(None), transport: TransportConnector::new(None) }
    }
}

/// Checks all servers of a pool at once.
pub(super) async fn check_all(checker: &Arc<Checker>, pool: &Arc<Pool>, check: &HealthCheck) {
    let mut checks = JoinSet::new();
    for member in pool.members() {
        let (checker, pool, check) = (Arc::clone(checker), Arc::clone(pool), check.clone());
        checks.spawn(async move {
            let found = timeout(check.timeout, ask(&checker, &pool, &member, &check)).await;
            let found = found.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            pool.checked(&member, &check, found);
        });
    }
    checks.join_all().await;
}

async fn ask(checker: &Checker, pool: &Pool, member: &Member, check: &HealthCheck) -> Result<(), String> {
    let mut peer = member.peers.peer(false);
    peer.options.connection_timeout = Some(check.timeout);
    peer.options.read_timeout = Some(check.timeout);
    peer.options.write_timeout = Some(check.timeout);
    // With one the connection would be kept for the next check, and hide that no new ones are accepted.
    peer.options.max_h2_streams = 1;
    match &check.probe {
        Probe::Tcp => checker.transport.new_stream(&peer).await.map(drop).map_err(|error| error.to_string()),
        Probe::Http { path, host, statuses } => {
            let host = host.clone().unwrap_or_else(|| pool.check_host(member));
            get(checker, &peer, path, &host, statuses).await
        }
    }
}

async fn get(
    checker: &Checker,
    peer: &HttpPeer,
    path: &str,
    host: &str,
    statuses: &Statuses,
) -> Result<(), String> {
    let status = fetch(checker, peer, path, host).await.map_err(|error| error.to_string())?;
    if statuses.contains(status) { Ok(()) } else { Err(format!("answered {status}")) }
}

async fn fetch(checker: &Checker, peer: &HttpPeer, path: &str, host: &str) -> pingora::Result<u16> {
    let (mut session, _) = checker.http.get_http_session(peer).await?;
    let mut request = RequestHeader::build("GET", path.as_bytes(), Some(2))?;
    request.insert_header(USER_AGENT, "portcullis-health-check")?;
    if let HttpSession::H2(_) = session {
        let scheme = if peer.is_tls() { "https" } else { "http" };
        if let Ok(uri) = format!("{scheme}://{host}{path}").parse() {
            request.set_uri(uri);
        }
        request.set_version(http::Version::HTTP_2);
    } else {
        request.insert_header(HOST, host)?;
    }
    session.set_write_timeout(peer.options.write_timeout);
    session.set_read_timeout(peer.options.read_timeout);
    session.write_request_header(Box::new(request)).await?;
    session.finish_request_body().await?;
    session.read_response_header().await?;
    Ok(session.response_header().map_or(0, |head| head.status.as_u16()))
}
