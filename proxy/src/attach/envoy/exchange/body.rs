//! Pieces of bodies.

use bytes::Bytes;
use transaction::Shortfall;

use super::{Exchange, Flow, Said, Way};
use crate::attach::envoy::messages::processing::{HttpBody, HttpTrailers};
use crate::attach::envoy::messages::structure::Struct;
use crate::attach::envoy::mode::BodyMode;
use crate::attach::envoy::outbox::Gone;
use crate::attach::envoy::reply::{self, Side};

impl Exchange {
    /// A piece of a body.
    pub(super) async fn piece(&mut self, side: Side, piece: HttpBody) -> Said {
        let mode = self.mode(side);
        let half = self.half(side);
        if half.is_over {
            return self.is_malformed().await;
        }
        let way = half.way;
        half.is_over = piece.ends || way == Way::Whole;
        if way == Way::Free {
            self.go_on(side, piece.body, piece.ends, None).await?;
            return self.after_free().await;
        }
        if mode == BodyMode::Partial && !piece.ends {
            self.cut(side);
        }
        if !self.look_at(side, &piece.body) {
            return self.refuse().await;
        }
        if self.half(side).is_over {
            return self.end(side, Some(piece)).await;
        }
        match way {
            Way::Kept(most) => self.keep(side, &piece.body, most).await,
            _ => {
                if side == Side::Request && self.asked.plan().hold_bytes_max > 0 {
                    self.asked.note(Shortfall::ReleasedEarly);
                }
                self.go_on(side, piece.body, false, None).await?;
                Ok(Flow::Goes)
            }
        }
    }

    /// What ends a body that has trailers.
    pub(super) async fn trailers(&mut self, side: Side, trailers: &HttpTrailers) -> Said {
        let fields = trailers.trailers.iter().flat_map(|map| &map.headers);
        self.asked.pass_trailers(fields.map(|field| field.key.len() + field.bytes().len()).sum());
        let half = self.half(side);
        let is_seen = half.way == Way::Free || (half.is_over && half.way == Way::Whole);
        if half.is_over && !is_seen {
            return self.is_malformed().await;
        }
        half.is_over = true;
        if is_seen {
            self.outbox.send(reply::trailers(side)).await?;
            return self.after_free().await;
        }
        self.end(side, None).await
    }

    /// The rest of a request does not come in time.
    pub(super) async fn end_late(&mut self) -> Said {
        self.asked.miss(Shortfall::BodyCut, None);
        if !self.asked.end() {
            return self.refuse().await;
        }
        self.request.way = Way::Free;
        self.release(Side::Request).await?;
        Ok(Flow::Goes)
    }

    fn look_at(&mut self, side: Side, piece: &[u8]) -> bool {
        match side {
            Side::Request => self.asked.piece(piece),
            Side::Answer => self.asked.answer_piece(piece),
        }
    }

    /// Envoy shows a part of a body and lets all of it pass.
    pub(super) fn cut(&mut self, side: Side) {
        let reason = match side {
            Side::Request => Shortfall::BodyCut,
            Side::Answer => Shortfall::ResponseTooLarge,
        };
        self.asked.miss(reason, None);
    }

    /// Keeps a piece back; what is more than may be held goes on.
    async fn keep(&mut self, side: Side, piece: &[u8], most: usize) -> Said {
        self.half(side).held.push(piece);
        let bytes = self.half(side).held.bytes();
        self.asked.withholds(bytes);
        if bytes <= most {
            return Ok(Flow::Goes);
        }
        match side {
            Side::Request => {
                self.asked.note(Shortfall::ReleasedEarly);
                self.release_head(side, None).await?;
                while let Some(piece) = self.request.held.pop_above(most) {
                    self.go_on(side, piece, false, None).await?;
                }
            }
            // Of an answer that is longer than may be held, nothing is kept from then on.
            Side::Answer => {
                self.answer.way = Way::Passing;
                self.release(side).await?;
            }
        }
        Ok(Flow::Goes)
    }

    /// All was shown: it is judged, and goes on.
    async fn end(&mut self, side: Side, last: Option<HttpBody>) -> Said {
        let clean = match side {
            Side::Request => self.asked.end(),
            Side::Answer => self.asked.answer_end(),
        };
        if !clean {
            return self.refuse().await;
        }
        let metadata = self.metadata();
        let is_last = match side {
            Side::Request => self.close_if_answer_is_unwanted(),
            Side::Answer => {
                self.close_as("passed");
                true
            }
        };
        self.half(side).way = Way::Free;
        self.release(side).await?;
        match last {
            Some(piece) => self.go_on(side, piece.body, piece.ends, metadata).await?,
            None => self.outbox.send(reply::trailers(side).with(metadata)).await?,
        }
        if is_last { self.rest().await } else { Ok(Flow::Goes) }
    }

    /// What was kept back goes on.
    pub(super) async fn release(&mut self, side: Side) -> Result<(), Gone> {
        self.release_head(side, None).await?;
        while let Some(piece) = self.half(side).held.pop() {
            self.go_on(side, piece, false, None).await?;
        }
        Ok(())
    }

    async fn release_head(&mut self, side: Side, metadata: Option<Struct>) -> Result<(), Gone> {
        if std::mem::take(&mut self.half(side).head_waits) {
            let rates = if side == Side::Answer { self.rates() } else { None };
            self.outbox.send(reply::head(side, rates).with(metadata)).await?;
        }
        Ok(())
    }

    /// A piece goes on: said back where Envoy has nothing of it.
    pub(super) async fn go_on(
        &mut self,
        side: Side,
        body: Bytes,
        ends: bool,
        metadata: Option<Struct>,
    ) -> Result<(), Gone> {
        let answer = match self.mode(side) {
            BodyMode::Duplex => reply::piece(side, body, ends),
            _ => reply::body(side),
        };
        self.outbox.send(answer.with(metadata)).await
    }

    /// A part went on that was not looked at.
    async fn after_free(&mut self) -> Said {
        if self.is_closed { self.rest().await } else { Ok(Flow::Goes) }
    }
}
