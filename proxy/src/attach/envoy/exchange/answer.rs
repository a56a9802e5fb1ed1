//! What the application answers.

use std::collections::VecDeque;

use transaction::{ResponseHead, Shortfall};

use super::{Exchange, Flow, Said, Way};
use crate::attach::envoy::head;
use crate::attach::envoy::messages::processing::{HttpHeaders, Part};
use crate::attach::envoy::mode::BodyMode;
use crate::attach::envoy::reply::{self, Rates, Side};
use crate::inline::is_stream;

/// What was shown of an answer before its request was judged.
#[derive(Default)]
pub(super) struct Early {
    parts: VecDeque<Part>,
    bytes: usize,
}

impl Exchange {
    /// A part of the answer. One to a request that is not judged comes before its verdict: it waits, where the request may still
    /// be refused.
    pub(super) async fn answered(&mut self, part: Part) -> Said {
        if self.asked.is_judged() {
            return self.answer_part(part).await;
        }
        if let Part::ResponseHeaders(headers) = &part
            && self.early.parts.is_empty()
        {
            let status = answered(headers).map(|head| head.status);
            self.answer.is_over = headers.ends;
            if self.request.way == Way::Whole {
                return self.is_envoys_own(status.unwrap_or(0)).await;
            }
            let streams = answered(headers).is_some_and(|head| is_endless(&head));
            if self.asked.plan().hold_bytes_max == 0 || (self.is_grpc && streams) {
                self.asked.answered_with(status.unwrap_or(0));
                self.answer.way = Way::Free;
                let mode = self.no_more_of_the_answer();
                self.outbox.send(reply::head(Side::Answer, None).in_mode(mode)).await?;
                return Ok(Flow::Goes);
            }
        }
        if self.early.parts.is_empty() && !matches!(part, Part::ResponseHeaders(_)) {
            // Its head went on already.
            return self.answer_part(part).await;
        }
        self.early.bytes += match &part {
            Part::ResponseBody(body) => body.body.len() + PART_BYTES,
            _ => PART_BYTES,
        };
        self.early.parts.push_back(part);
        if self.early.bytes > self.asked.answer_hold_bytes_max() {
            self.let_go().await
        } else {
            Ok(Flow::Goes)
        }
    }

    /// What came early of the answer, once its request is judged.
    pub(super) fn next_early(&mut self) -> Option<Part> {
        if self.asked.is_judged() { self.early.parts.pop_front() } else { None }
    }

    /// How the client stands with rate limits.
    pub(super) fn rates(&mut self) -> Rates {
        self.asked.conclusion().rates
    }

    /// Envoy answers by itself: the body is longer than it keeps, for example. Of the request nothing reached the application.
    async fn is_envoys_own(&mut self, status: u16) -> Said {
        self.asked.miss(Shortfall::BodyCut, None);
        self.asked.answered_with(status);
        self.close_as("given-up");
        self.outbox.send(reply::head(Side::Answer, None)).await?;
        self.rest().await
    }

    /// More came early than may be held: it goes on, and is not looked at.
    async fn let_go(&mut self) -> Said {
        self.asked.note(Shortfall::ReleasedEarly);
        self.answer.way = Way::Free;
        while let Some(part) = self.early.parts.pop_front() {
            match part {
                Part::ResponseHeaders(_) => self.outbox.send(reply::head(Side::Answer, None)).await?,
                Part::ResponseBody(piece) => {
                    self.answer.is_over = piece.ends;
                    self.go_on(Side::Answer, piece.body, piece.ends, None).await?;
                }
                _ => self.outbox.send(reply::trailers(Side::Answer)).await?,
            }
        }
        Ok(Flow::Goes)
    }

    /// A part of an answer to a request that is judged, or of one that goes on.
    pub(super) async fn answer_part(&mut self, part: Part) -> Said {
        match part {
            Part::ResponseHeaders(headers) => self.answer_head(&headers).await,
            Part::ResponseBody(piece) => self.piece(Side::Answer, piece).await,
            Part::ResponseTrailers(trailers) => self.trailers(Side::Answer, &trailers).await,
            _ => self.is_malformed().await,
        }
    }

    async fn answer_head(&mut self, headers: &HttpHeaders) -> Said {
        let Some(head) = answered(headers) else { return self.is_malformed().await };
        self.answer.is_over = headers.ends;
        self.asked.answered_with(head.status);
        if head.status == 101 {
            self.asked.note(Shortfall::Upgraded);
        }
        let plan = self.asked.plan();
        let has_body = !headers.ends && !self.is_head && !matches!(head.status, 101 | 204 | 304);
        let ends = plan.response_body && !is_endless(&head) && !self.is_head && head.status != 101;
        let length =
            head.headers.first(b"content-length").and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
        if head.status != 101 && !self.asked.answer_head(head) {
            return self.refuse().await;
        }
        // Of most types nothing is looked at: then nobody needs to keep them.
        if !ends || !has_body || !self.asked.reads_answer() {
            return self.end_answer_with_head(ends).await;
        }
        match self.modes.answer {
            BodyMode::None => {
                self.asked.miss(Shortfall::ResponseUnseen, length);
                return self.end_answer_with_head(true).await;
            }
            mode if mode.is_unsafe() && plan.holds_response => {
                return self.is_unsafe("response_body_mode").await;
            }
            mode if mode.is_whole() => self.answer.way = Way::Whole,
            BodyMode::Duplex if plan.holds_response => {
                self.answer.way = Way::Kept(self.asked.answer_hold_bytes_max());
                self.answer.head_waits = true;
                return Ok(Flow::Goes);
            }
            _ => self.answer.way = Way::Passing,
        }
        let rates = self.rates();
        self.outbox.send(reply::head(Side::Answer, rates)).await?;
        Ok(Flow::Goes)
    }

    /// There is nothing to be seen of the answer but its head.
    async fn end_answer_with_head(&mut self, judges: bool) -> Said {
        if judges && !self.asked.answer_end() {
            return self.refuse().await;
        }
        let (metadata, rates) = (self.metadata(), self.rates());
        self.close_as("passed");
        let mode = self.no_more_of_the_answer();
        self.outbox.send(reply::head(Side::Answer, rates).with(metadata).in_mode(mode)).await?;
        self.rest().await
    }
}

fn answered(headers: &HttpHeaders) -> Option<ResponseHead> {
    head::answer(headers.headers.as_ref()?).ok()
}

fn is_endless(head: &ResponseHead) -> bool {
    is_stream(head.headers.first(b"content-type").unwrap_or_default())
}

/// What keeping a part costs beside the bytes in it.
const PART_BYTES: usize = 256;
