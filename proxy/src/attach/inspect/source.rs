//! The body of a gateway's request as it comes.

use bytes::Bytes;
use pingora::protocols::http::ServerSession;

use crate::attach::Pieces;
use crate::attach::asked::Lost;
use crate::listen::Visit;

/// The body of a gateway's request.
pub(super) struct Incoming<'s> {
    session: &'s mut ServerSession,
    visit: &'s Visit,
    /// What was read already and not used.
    first: Option<Bytes>,
}

impl<'s> Incoming<'s> {
    pub(super) fn new(session: &'s mut ServerSession, visit: &'s Visit) -> Self {
        Self { session, visit, first: None }
    }

    /// Puts back what belongs to the body.
    pub(super) fn unread(&mut self, rest: Bytes) {
        self.first = Some(rest).filter(|rest| !rest.is_empty());
    }

    /// Says that what is still to come is wanted.
    pub(super) async fn invite(&mut self) -> Result<(), Lost> {
        self.session.write_continue_response().await.map_err(|error| {
            tracing::debug!(%error, "gateway gone before the rest of its question");
            Lost
        })
    }
}

impl Pieces for Incoming<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, Lost> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let piece = self.session.read_request_body().await.map_err(|error| {
            tracing::debug!(%error, "the rest of a gateway's request does not come");
            Lost
        })?;
        self.visit.pace.advance(piece.as_ref().map_or(0, Bytes::len));
        Ok(piece)
    }
}
