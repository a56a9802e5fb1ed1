//! How a request gets to a server of its upstream, and on to another.

use std::net::IpAddr;
use std::sync::Arc;

use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType};

use super::exchange::Exchange;
use crate::upstream::{Asked, Failure, Pool};

impl Exchange {
    /// The server for the next try.
    pub(super) fn next_peer(&mut self, session: &Session) -> pingora::Result<Box<HttpPeer>> {
        let peer = self
            .upstream
            .as_ref()
            .and_then(|pool| self.tries.begin(pool, asked(session, pool, self.judging.hops.client())));
        match peer {
            Some(peer) => Ok(Box::new(peer)),
            None => {
                let error = Error::explain(ErrorType::ConnectNoRoute, "no healthy server");
                Err(error.into_up())
            }
        }
    }

    /// There was no connection. Whether there is another try.
    pub(super) fn connect_failed(&mut self, session: &Session, error: &Error) -> bool {
        let kind = match error.etype() {
            ErrorType::TLSHandshakeFailure | ErrorType::TLSHandshakeTimedout | ErrorType::InvalidCert => {
                "tls"
            }
            _ => "connect",
        };
        self.judging.running.reports.metrics().upstream_error(self.upstream_name(), kind);
        self.try_failed(session, Failure::Connect)
    }

    /// A server's answer begins.
    ///
    /// # Errors
    /// When another server is asked instead.
    pub(super) fn server_answers(
        &mut self,
        session: &Session,
        header: &ResponseHeader,
    ) -> pingora::Result<()> {
        let status = header.status.as_u16();
        if header.status.is_informational() && status != 101 {
            return Ok(());
        }
        let Some(pool) = self.upstream.clone() else { return Ok(()) };
        if !self.tries.answered(&pool, status, asked(session, &pool, self.judging.hops.client())) {
            return Ok(());
        }
        self.count_retry(Failure::Status(status));
        self.tries_again = true;
        let error = Error::explain(ErrorType::HTTPStatus(status), "another server is asked");
        Err(error.into_up())
    }

    /// The exchange with a server broke. Whether there is another try.
    pub(super) fn exchange_failed(&mut self, session: &Session, error: &Error, was_kept: bool) -> bool {
        if std::mem::take(&mut self.tries_again) {
            return true;
        }
        if error.esource() != &ErrorSource::Upstream || self.judging.refusal.is_some() {
            return false;
        }
        self.judging.running.reports.metrics().upstream_error(self.upstream_name(), kind_of(error));
        !session.was_upgraded() && self.try_failed(session, failure_of(error, was_kept))
    }

    fn try_failed(&mut self, session: &Session, failure: Failure) -> bool {
        let Some(pool) = self.upstream.clone() else { return false };
        let again = self.tries.failed(&pool, failure, asked(session, &pool, self.judging.hops.client()));
        if again {
            self.count_retry(failure);
        }
        again
    }

    fn count_retry(&self, failure: Failure) {
        self.judging.running.reports.metrics().upstreams.retry(self.upstream_name(), failure.as_str());
    }

    /// Whether the upstream takes longer than it may.
    ///
    /// # Errors
    /// When it does.
    pub(super) fn keeps_time(&self) -> pingora::Result<()> {
        match &self.upstream {
            Some(pool) if self.tries.is_over(pool) => {
                let error = Error::explain(ErrorType::ReadTimedout, "the answer takes longer than `timeout`");
                Err(error.into_up())
            }
            _ => Ok(()),
        }
    }
}

fn asked(session: &Session, pool: &Arc<Pool>, client: IpAddr) -> Asked {
    let head = session.req_header();
    Asked {
        key: pool.key(&head.headers, || client),
        idempotent: head.method.is_idempotent(),
        upgrades: session.is_upgrade_req(),
        replayable: !session.as_ref().retry_buffer_truncated(),
    }
}

/// What an error says of a server.
fn failure_of(error: &Error, was_kept: bool) -> Failure {
    let http2 = error.root_cause().downcast_ref::<h2::Error>();
    if http2.is_some_and(|error| error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM)) {
        return Failure::Refused;
    }
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => Failure::Timeout,
        ErrorType::ConnectionClosed
        | ErrorType::ReadError
        | ErrorType::WriteError
        | ErrorType::H2Error
        | ErrorType::H2Downgrade
        | ErrorType::InvalidH2 => {
            if was_kept {
                Failure::Stale
            } else {
                Failure::Reset
            }
        }
        _ => Failure::Other,
    }
}

fn kind_of(error: &Error) -> &'static str {
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => "timeout",
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => "broken",
        _ => "other",
    }
}
