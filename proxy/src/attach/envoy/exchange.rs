//! One exchange that Envoy shows, part by part.
//!
//! | what | is done in |
//! |---|---|
//! | the head of the request, and how the rest is to come | [`Exchange::begin`] |
//! | pieces of bodies, and where they end | [`body`] |
//! | the application's answer | [`answer`] |
//! | how it ends, and what goes on behind that | [`end`] |
//!
//! Nothing goes on before it is judged, as far as the policy wants that: where Envoy keeps a body it waits for its reply, where it
//! does not the pieces wait here.

mod answer;
mod body;
mod end;
#[cfg(test)]
mod tests;

use transaction::{Fields, RequestHead, Shortfall};

use super::held::Held;
use super::messages::processing::{Part, ProcessingMode};
use super::mode::{BodyMode, Modes};
use super::outbox::{Gone, Outbox};
use super::reply::{self, Side};
use crate::attach::{Asked, Body, Told};
use crate::page::Form;
use answer::Early;

/// One exchange.
pub(super) struct Exchange {
    asked: Asked,
    modes: Modes,
    outbox: Outbox,
    request: Half,
    answer: Half,
    /// What was shown of the answer before the request was judged.
    early: Early,
    is_grpc: bool,
    /// Whether the request leaves HTTP.
    upgrades: bool,
    is_head: bool,
    /// Whether it is written down: nothing of it is judged any more.
    is_closed: bool,
}

/// The request, or its answer.
#[derive(Default)]
struct Half {
    way: Way,
    /// What was shown of the body and did not go on.
    held: Held,
    /// Whether the head did not go on.
    head_waits: bool,
    /// Whether all of it was shown.
    is_over: bool,
}

/// How the pieces of a body go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    /// As they come: they are nobody's business any more.
    #[default]
    Free,
    /// As they come, once they were looked at.
    Passing,
    /// Together: Envoy keeps them.
    Whole,
    /// When all are judged, but for what is more than so many bytes.
    Kept(usize),
}

/// Whether there is more to be said of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Goes,
    Ends,
}

/// What can be said after each part.
type Said = Result<Flow, Gone>;

impl Exchange {
    /// Of which only the head is known, and is judged. `ends` says that it is all of the request.
    pub(super) async fn begin(
        mut asked: Asked,
        modes: Modes,
        outbox: Outbox,
        told: Told,
        ends: bool,
    ) -> (Self, Said) {
        let is_grpc = is_grpc(&told.head.headers);
        let upgrades = !ends && upgrades(&told.head);
        let is_head = told.head.method == b"HEAD";
        let clean = asked.head(told).await;
        let (request, answer, early) = Default::default();
        let mut exchange = Self {
            asked,
            modes,
            outbox,
            request,
            answer,
            early,
            is_grpc,
            upgrades,
            is_head,
            is_closed: false,
        };
        let said = exchange.after_head(clean, ends).await;
        (exchange, said)
    }

    /// Whether a body that does not come keeps the rest of the exchange waiting here.
    pub(super) fn waits(&self) -> bool {
        matches!(self.request.way, Way::Kept(_)) && !self.request.is_over
    }

    /// Another part.
    pub(super) async fn show(&mut self, part: Part) -> Said {
        let said = match part {
            Part::RequestHeaders(_) => self.is_malformed().await,
            part if self.is_closed => self.pass_on(part).await,
            Part::RequestBody(body) => self.piece(Side::Request, body).await,
            Part::RequestTrailers(trailers) => self.trailers(Side::Request, &trailers).await,
            part => self.answered(part).await,
        };
        self.catch_up(said?).await
    }

    /// The rest of the request does not come in time.
    pub(super) async fn is_late(&mut self) -> Said {
        let flow = self.end_late().await?;
        self.catch_up(flow).await
    }

    async fn catch_up(&mut self, mut flow: Flow) -> Said {
        while flow == Flow::Goes
            && let Some(part) = self.next_early()
        {
            flow = self.answer_part(part).await?;
        }
        Ok(flow)
    }

    async fn after_head(&mut self, clean: bool, ends: bool) -> Said {
        if !clean || !self.asked.is_known() {
            return self.refuse().await;
        }
        self.request.is_over = ends;
        let plan = self.asked.plan();
        let is_shown = self.modes.request != BodyMode::None;
        if ends || self.upgrades || !is_shown || !plan.request_body {
            return self.end_with_head().await;
        }
        let holds = plan.hold_bytes_max > 0;
        if holds && self.modes.request.is_unsafe() {
            return self.is_unsafe("request_body_mode").await;
        }
        self.request.way = match self.modes.request {
            BodyMode::Partial => Way::Whole,
            // Both directions may have to flow at once.
            _ if self.is_grpc => Way::Passing,
            BodyMode::Buffered => Way::Whole,
            BodyMode::Duplex if holds => Way::Kept(plan.hold_bytes_max),
            _ => Way::Passing,
        };
        self.request.head_waits = matches!(self.request.way, Way::Kept(_));
        if self.request.head_waits {
            return Ok(Flow::Goes);
        }
        let mode = self.other_mode();
        self.outbox.send(reply::head(Side::Request, None).in_mode(mode)).await?;
        Ok(Flow::Goes)
    }

    /// The request is judged by its head: there is no more of it, or nothing more of it to be seen.
    async fn end_with_head(&mut self) -> Said {
        if self.upgrades && !self.wants_answer() {
            self.asked.note(Shortfall::Upgraded);
        }
        if !self.asked.end() {
            return self.refuse().await;
        }
        let (metadata, mode) = (self.metadata(), self.other_mode());
        let last = self.close_if_answer_is_unwanted();
        self.outbox.send(reply::head(Side::Request, None).with(metadata).in_mode(mode)).await?;
        if last { self.rest().await } else { Ok(Flow::Goes) }
    }

    /// How the rest is to come, if that is another way than it would.
    fn other_mode(&mut self) -> Option<ProcessingMode> {
        let plan = self.asked.plan();
        let usual = ProcessingMode {
            request_body: self.modes.request.number(),
            response_body: self.modes.answer.number(),
            ..ProcessingMode::default()
        };
        let mut mode = usual;
        mode.request_body = self.request_mode().number();
        if !self.wants_answer() {
            (mode.response_headers, mode.response_trailers) = (SKIP, SKIP);
        }
        if !plan.response_body {
            mode.response_body = BodyMode::None.number();
        }
        (mode != usual && self.modes.can_change()).then_some(mode)
    }

    /// How the body of the request comes, if Envoy does as it is told.
    fn request_mode(&self) -> BodyMode {
        match self.modes.request {
            _ if self.upgrades || !self.asked.plan().request_body => BodyMode::None,
            BodyMode::Buffered if self.is_grpc => BodyMode::Streamed,
            mode => mode,
        }
    }

    /// The rest of the request as before, and nothing more of the answer.
    fn no_more_of_the_answer(&self) -> Option<ProcessingMode> {
        let mode = ProcessingMode {
            request_body: self.request_mode().number(),
            response_trailers: SKIP,
            ..ProcessingMode::default()
        };
        self.modes.can_change().then_some(mode)
    }

    /// Whether anything of the answer is to be seen.
    fn wants_answer(&mut self) -> bool {
        self.asked.wants_answer() || self.asked.tells_rates()
    }

    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Request => &mut self.request,
            Side::Answer => &mut self.answer,
        }
    }

    fn mode(&self, side: Side) -> BodyMode {
        match side {
            Side::Request => self.modes.request,
            Side::Answer => self.modes.answer,
        }
    }
}

/// Whether the body of a request comes, by what Envoy is set up to send of it.
pub(super) fn shown(modes: Modes, ends: bool, head: &RequestHead) -> Body {
    if ends || modes.request != BodyMode::None || upgrades(head) {
        return Body::Comes;
    }
    let length =
        head.headers.first(b"content-length").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    Body::Kept(length)
}

fn is_grpc(headers: &Fields) -> bool {
    Form::suiting(headers.first(b"content-type").unwrap_or_default(), b"") == Form::Grpc
}

/// Whether what follows is no body: Envoy shows upgrades of HTTP/2 in this form as well. One that says it has a body is a request
/// like others, whatever else it wants.
fn upgrades(head: &RequestHead) -> bool {
    let headers = &head.headers;
    let has_length = headers.named(b"content-length").any(|length| length.value != b"0");
    let mut connection =
        headers.named(b"connection").flat_map(|field| field.value.split(|byte| *byte == b','));
    head.method == b"GET"
        && headers.first(b"upgrade").is_some()
        && connection.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        && !has_length
        && headers.first(b"transfer-encoding").is_none()
}

/// `HeaderSendMode.SKIP`.
const SKIP: i32 = 2;
