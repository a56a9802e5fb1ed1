//! How an exchange ends, and what goes on of it when nothing of it is judged any more.

use transaction::Shortfall;

use super::{Exchange, Flow, Half, Said, Way};
use crate::attach::envoy::messages::processing::Part;
use crate::attach::envoy::messages::structure::Struct;
use crate::attach::envoy::mode::BodyMode;
use crate::attach::envoy::reply::{self, Side};
use crate::attach::envoy::{PROCESSING, metadata};

impl Exchange {
    /// Nothing more will be shown.
    pub(in crate::attach::envoy) fn ended(&mut self) {
        if self.asked.is_judged() {
            return self.close_as("passed");
        }
        if !self.is_closed {
            self.asked.miss(Shortfall::BodyCut, None);
        }
        self.close_as("given-up");
    }

    /// A message is longer than the limit, and nothing behind it can be read: the body that it is counts as cut off, and nothing
    /// more is looked at.
    pub(in crate::attach::envoy) async fn is_too_long(&mut self) -> Said {
        let side = if self.asked.is_judged() { Side::Answer } else { Side::Request };
        if self.half(side).way != Way::Whole {
            return self.is_malformed().await;
        }
        self.cut(side);
        let clean = match side {
            Side::Request => self.asked.end(),
            Side::Answer => self.asked.answer_end(),
        };
        if !clean {
            return self.refuse().await;
        }
        let metadata = self.metadata();
        self.close_as("passed");
        self.outbox.send(reply::body(side).with(metadata)).await?;
        self.finish().await
    }

    /// What does not follow from what was before.
    pub(super) async fn is_malformed(&mut self) -> Said {
        if let Some(exchanges) = self.asked.complain("malformed") {
            tracing::warn!(
                attachment = PROCESSING,
                exchanges,
                "parts of an exchange in an order that Envoy does not have"
            );
        }
        self.close_as("malformed");
        self.fail("malformed").await
    }

    /// Writes the exchange down if no more of it is to be seen.
    pub(super) fn close_if_answer_is_unwanted(&mut self) -> bool {
        let is_last = !self.wants_answer();
        if is_last {
            self.close_as("passed");
        }
        is_last
    }

    /// Writes the exchange down, as far as the application's answer is known; once.
    pub(super) fn close_as(&mut self, answer: &'static str) {
        if !std::mem::replace(&mut self.is_closed, true) {
            self.asked.close_as(answer);
        }
    }

    /// Nothing of the exchange is to be judged any more. Envoy keeps nothing of a body in full duplex: what is under way would be
    /// lost with the stream, so that it goes on to its end.
    pub(super) async fn rest(&mut self) -> Said {
        let is_over = |half: &Half, mode| mode != BodyMode::Duplex || half.is_over;
        if is_over(&self.request, self.modes.request) && is_over(&self.answer, self.modes.answer) {
            return self.finish().await;
        }
        (self.request.way, self.answer.way) = (Way::Free, Way::Free);
        Ok(Flow::Goes)
    }

    /// A part that is nobody's business any more.
    pub(super) async fn pass_on(&mut self, part: Part) -> Said {
        match part {
            Part::RequestBody(piece) => self.piece(Side::Request, piece).await,
            Part::ResponseBody(piece) => self.piece(Side::Answer, piece).await,
            Part::ResponseHeaders(headers) => {
                self.answer.is_over = headers.ends;
                self.outbox.send(reply::head(Side::Answer, None)).await?;
                self.rest().await
            }
            Part::RequestTrailers(trailers) => self.trailers(Side::Request, &trailers).await,
            Part::ResponseTrailers(trailers) => self.trailers(Side::Answer, &trailers).await,
            Part::RequestHeaders(_) => self.is_malformed().await,
        }
    }

    pub(super) fn metadata(&mut self) -> Option<Struct> {
        let conclusion = self.asked.conclusion();
        Some(metadata::of(&mut self.asked, &conclusion))
    }

    /// The client gets something else.
    pub(super) async fn refuse(&mut self) -> Said {
        let conclusion = self.asked.conclusion();
        let metadata = metadata::of(&mut self.asked, &conclusion);
        let refused = conclusion.refused.unwrap_or_default();
        self.is_closed = true;
        self.asked.close(refused.status, "refused");
        let refusal = reply::refusal(refused, conclusion.rates, self.is_grpc).with(Some(metadata));
        self.outbox.send(refusal).await?;
        self.finish().await
    }

    /// Envoy is set up in a way in which a hostile request would get to the application.
    pub(super) async fn is_unsafe(&mut self, key: &'static str) -> Said {
        let mode = if key == "request_body_mode" { self.modes.request } else { self.modes.answer };
        if let Some(requests) = self.asked.complain(key) {
            tracing::error!(
                attachment = PROCESSING,
                requests,
                "Envoy's {key} is {mode:?}, in which nothing can be withheld until it is judged: the policy is to prevent, so the \
                 request is refused; use BUFFERED or FULL_DUPLEX_STREAMED"
            );
        }
        self.is_closed = true;
        self.asked.close(500, "unsafe-mode");
        self.fail("unsafe-mode").await
    }

    async fn fail(&mut self, why: &'static str) -> Said {
        self.outbox.send(reply::failure(why)).await?;
        self.finish().await
    }

    /// Nothing more is to be said.
    pub(super) async fn finish(&mut self) -> Said {
        self.outbox.finish().await;
        Ok(Flow::Ends)
    }
}
