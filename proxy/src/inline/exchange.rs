//! One request on its way through the hooks.

use std::sync::Arc;

use bytes::Bytes;
use engine::Evaluation;
use engine::policy::FixedAnswer;
use pingora::proxy::Session;
use transaction::{Connection, Fields, Shortfall, SyntaxError};

use super::adapt;
use super::forwarded::Telling;
use super::hold::Held;
use crate::drain::Ticket;
use crate::judging::Judging;
use crate::listen::{Client, Settings, Turn, Visit};
use crate::page;
use crate::report::Stage;
use crate::state::Running;
use crate::upstream::{Pool, Tries};
use crate::wire::{Gate, Pace, PaceStage, Raw, Seen};

/// Pingora's per-request context.
pub(crate) struct Exchange {
    /// The request before the engine.
    pub(super) judging: Judging,
    /// The upstream, once it is known.
    pub(super) upstream: Option<Arc<Pool>>,
    /// Its way from server to server.
    pub(super) tries: Tries,
    /// Whether a server's answer is left for another's.
    pub(super) tries_again: bool,
    /// What is answered without an upstream.
    pub(super) fixed: Option<FixedAnswer>,
    /// Whether this is the upstream half of a relayed request, which was judged in the other half.
    pub(super) relayed: bool,
    /// Whether response body chunks are inspected.
    pub(super) reads_response: bool,
    /// Stands before the client; `None` where connections have none.
    pub(super) gate: Option<Gate>,
    /// Bytes of an answer's body that wait behind the gate.
    gated: usize,
    /// The body of an answer whose head went on, as far as it waits for its verdict; `None` when it does not wait.
    kept: Option<Held>,
    /// Request body bytes that were shown to the engine, and how far this attempt to reach an upstream has
    /// come: a retried request passes the hooks again from its first byte.
    fed: u64,
    position: u64,
    /// What the client is answered, once that is known.
    pub(super) status: Option<u16>,
    /// The head as it came, if it is not what Pingora has.
    pub(super) raw: Option<Arc<Raw>>,
    /// What the connection saw of the request; `None` where connections have several at once.
    pub(super) seen: Option<Seen>,
    /// Who asks, and by which listener.
    pub(super) client: Option<Arc<Client>>,
    /// Who watches how fast the request comes.
    pace: Option<Arc<Pace>>,
    /// Its turn among the requests of its listener.
    turn: Option<Turn>,
    /// How large the head is: its target, and names and values of its headers (bytes).
    pub(super) head_bytes: usize,
}

impl Exchange {
    /// A request whose head is not known yet.
    pub(super) fn new(ticket: Ticket, running: Arc<Running>, id: String) -> Self {
        Self {
            judging: Judging::new(ticket, running, id),
            upstream: None,
            tries: Tries::default(),
            tries_again: false,
            fixed: None,
            relayed: false,
            reads_response: false,
            gate: None,
            gated: 0,
            kept: None,
            fed: 0,
            position: 0,
            status: None,
            raw: None,
            seen: None,
            client: None,
            pace: None,
            turn: None,
            head_bytes: 0,
        }
    }

    /// Makes this the upstream half of a relayed request.
    pub(super) fn become_upper(&mut self, upper: super::relay::Upper) {
        self.relayed = true;
        self.judging.running = upper.running;
        self.upstream = upper.upstream;
        self.judging.id = upper.id;
        self.client = upper.client;
        self.judging.hops = upper.hops;
    }

    /// It comes by a listener. `false` when that is at as many requests as it takes.
    pub(super) fn arrive(&mut self, session: &Session) -> bool {
        let Some(visit) = Visit::of(session.digest()) else { return true };
        self.client = Some(Arc::clone(&visit.client));
        self.pace = Some(Arc::clone(&visit.pace));
        self.turn = visit.client.turn();
        self.turn.is_some()
    }

    /// Shows the head to the engine: asset and policy are selected, nothing is judged yet.
    pub(super) fn begin(&mut self, session: &Session) {
        self.reach(PaceStage::Body);
        let raw = self.raw.as_deref();
        let head = adapt::request_head(session, raw);
        self.head_bytes = head.target.len() + head.headers.bytes_total();
        self.judging.syntax_error = match raw {
            Some(Raw::Head(_, error)) => Some(*error),
            _ => head.syntax_error(),
        };
        let connection = self.connection(session, &head.headers);
        let subject = self.client.as_ref().and_then(|client| client.subject.clone());
        self.judging.begin(connection, subject, head);
        self.upstream = self.judging.upstream();
        self.fixed = self.judging.open().and_then(|it| it.fixed_answer().cloned());
    }

    /// Who talks to whom, as far as the listener believes what the request says of that.
    fn connection(&mut self, session: &Session, headers: &Fields) -> Connection {
        let settings = self.client.as_ref().map(|client| &client.listener.listener.clients);
        let (hops, connection) = adapt::connection(session, settings, headers);
        self.judging.hops = hops;
        connection
    }

    /// Whether the request cannot go on because the framing of its body is broken.
    pub(super) fn notes_broken_body(&mut self) -> bool {
        let broken = self.seen.as_ref().is_some_and(Seen::is_broken);
        if broken {
            self.judging.syntax_error = Some(SyntaxError::Chunk);
        }
        broken
    }

    /// A chunk of the request body. `false` when the transaction is refused.
    pub(super) fn judge_chunk(&mut self, chunk: &[u8]) -> bool {
        let length = chunk.len() as u64;
        let seen = self.fed.saturating_sub(self.position).min(length);
        self.position += length;
        self.fed = self.fed.max(self.position);
        let fresh = usize::try_from(seen).ok().and_then(|seen| chunk.get(seen..)).unwrap_or_default();
        fresh.is_empty()
            || self.judging.judged
            || self.judging.judge(Stage::RequestBody, |evaluation| evaluation.request_body(fresh))
    }

    /// The listener that the request came in by, as it was configured then.
    pub(super) fn listener(&self) -> Option<&Settings> {
        self.client.as_ref().map(|client| &*client.listener)
    }

    /// The request has come this far.
    pub(super) fn reach(&self, stage: PaceStage) {
        if let Some(pace) = &self.pace {
            pace.reach(stage);
        }
    }

    /// A part of the body was read.
    pub(super) fn advance(&self, bytes: usize) {
        if let Some(pace) = &self.pace {
            pace.advance(bytes);
        }
    }

    /// The upstream's name, `-` before it is known.
    pub(super) fn upstream_name(&self) -> &str {
        self.upstream.as_ref().map_or("-", |pool| pool.name())
    }

    /// What the upstream wants to hear of the client. It does not depend on the mode.
    pub(super) fn telling(&self) -> Option<Telling> {
        self.upstream.as_ref().map(|pool| pool.telling()).filter(|telling| !telling.is_off())
    }

    /// Another attempt to reach an upstream begins.
    pub(super) fn rewind(&mut self) {
        self.position = 0;
    }

    /// Phase 3. `false` when the transaction is refused.
    ///
    /// An answer to a request that is not complete comes before its verdict; the phases keep their order, so
    /// it is not inspected.
    pub(super) fn judge_response_head(
        &mut self,
        session: &Session,
        header: &pingora::http::ResponseHeader,
    ) -> bool {
        if header.status.as_u16() == 101 {
            self.judging.note(Shortfall::Upgraded);
        }
        if !header.status.is_informational() {
            self.status = Some(header.status.as_u16());
        }
        self.reach_answer(header);
        if header.status.is_informational() || !self.judging.judged || !self.wants_response() {
            return true;
        }
        let head = adapt::response_head(header);
        let clean = !self.judging.plan.response_headers
            || self.judging.judge(Stage::ResponseHeaders, |evaluation| evaluation.response_headers(head));
        self.reads_response = self.judging.plan.response_body && has_finite_body(session, header);
        let waits = self.reads_response && self.holds_response();
        self.kept = (waits && !self.is_gated()).then(Held::default);
        clean
    }

    fn reach_answer(&self, header: &pingora::http::ResponseHeader) {
        let kind = header.headers.get(http::header::CONTENT_TYPE);
        if header.status.as_u16() == 101 || kind.is_some_and(|kind| is_stream(kind.as_bytes())) {
            self.reach(PaceStage::Endless);
        } else if !header.status.is_informational() {
            self.reach(PaceStage::Answer);
        }
    }

    /// Has the answer wait until it is judged; `false` where there is no gate.
    pub(super) fn shuts_gate(&self) -> bool {
        self.gate.as_ref().inspect(|gate| gate.shut()).is_some()
    }

    /// Whether the answer waits behind the gate.
    pub(super) fn is_gated(&self) -> bool {
        self.gate.as_ref().is_some_and(Gate::is_shut)
    }

    /// Lets an answer go that is judged with its head: there is nothing to inspect in its body, or it has none.
    pub(super) fn open_behind_head(&self, header: &pingora::http::ResponseHeader) {
        let is_last = header.status.as_u16() == 101 || !header.status.is_informational();
        if let Some(gate) = self.gate.as_ref().filter(|_| is_last && !self.reads_response) {
            gate.open();
        }
    }

    /// Keeps the body of an answer back until it is judged, or longer than may be withheld: behind the gate, or here, where
    /// its head went on.
    pub(super) fn withhold(&mut self, body: &mut Option<Bytes>, last: bool) {
        if self.is_gated() {
            self.gated += body.as_ref().map_or(0, Bytes::len);
            if last || self.gated > self.response_hold_bytes_max() {
                self.release();
            }
            return;
        }
        let Some(kept) = &mut self.kept else { return };
        body.take().into_iter().for_each(|chunk| kept.push(chunk));
        let bytes = kept.bytes();
        if last || bytes > self.response_hold_bytes_max() {
            *body = self.release();
        }
    }

    /// Opens the gate; gives what was kept back before it. From now on nothing is.
    pub(super) fn release(&mut self) -> Option<Bytes> {
        self.gate.iter().for_each(Gate::open);
        self.kept.take().and_then(Held::joined)
    }

    /// A chunk of the response body. `false` when the transaction is refused.
    pub(super) fn judge_response_chunk(&mut self, chunk: &[u8]) -> bool {
        !self.reads_response
            || self.judging.judge(Stage::ResponseBody, |evaluation| evaluation.response_body(chunk))
    }

    /// Phase 4. `false` when the transaction is refused.
    pub(super) fn judge_response_end(&mut self) -> bool {
        if !std::mem::take(&mut self.reads_response) {
            return self.judging.refusal.is_none();
        }
        self.judging.judge(Stage::ResponseEnd, Evaluation::response_end)
    }

    /// Whether the response is wanted at all.
    pub(super) fn wants_response(&self) -> bool {
        self.judging.plan.inspects && (self.judging.plan.response_headers || self.judging.plan.response_body)
    }

    /// Whether the response has to be withheld until it is judged.
    pub(super) fn holds_response(&self) -> bool {
        self.judging.plan.inspects && self.judging.plan.holds_response
    }

    /// Response bytes that may be withheld; more are let go.
    pub(super) fn response_hold_bytes_max(&mut self) -> usize {
        let bytes = self.judging.open().map_or(0, |evaluation| evaluation.response_body_bytes_max());
        bytes.max(self.judging.plan.hold_bytes_max)
    }

    /// The client is about to get an answer of ours.
    pub(super) fn answer_with(&mut self, status: u16) {
        self.status = Some(status);
        self.reach(PaceStage::Answer);
        self.finish(status);
    }

    /// The answer is about to be complete for the client, who may rely on what was reported from there on: who
    /// reads the log after an answer finds its record before those of later requests. A request that is
    /// still being read is finished when it is over.
    pub(super) fn finish_before_answer(&mut self) {
        if let Some(status) = self.status.filter(|_| self.judging.judged && self.judging.refusal.is_none()) {
            self.finish(status);
        }
    }

    /// Hands the record of the transaction to the reports; the second time there is nothing to do.
    pub(super) fn finish(&mut self, status: u16) {
        if self.judging.judged {
            self.judge_response_end();
        }
        self.judging.finish(status);
    }
}

/// A request that is given up, because it came too slowly or took too long, is reported like any other.
impl Drop for Exchange {
    fn drop(&mut self) {
        self.finish(self.status.unwrap_or(0));
    }
}

/// Whether a response has a body that is worth reading to its end.
fn has_finite_body(session: &Session, header: &pingora::http::ResponseHeader) -> bool {
    let kind = header.headers.get(http::header::CONTENT_TYPE).map_or(&b""[..], http::HeaderValue::as_bytes);
    !is_bodiless(session, header) && !is_stream(kind)
}

/// Whether a response ends with its head, whatever that says of a body (RFC 9112, section 6.3).
pub(super) fn is_bodiless(session: &Session, header: &pingora::http::ResponseHeader) -> bool {
    matches!(header.status.as_u16(), 101 | 204 | 304) || session.req_header().method == http::Method::HEAD
}

/// Whether bodies of this Content-Type end when it pleases them: they are never withheld.
pub(crate) fn is_stream(content_type: &[u8]) -> bool {
    page::is_grpc(content_type) || page::begins(content_type, b"text/event-stream")
}

#[cfg(test)]
mod tests {
    use engine::Request;

    use super::*;
    use crate::drain::Drain;

    fn exchange(policy: &str) -> Exchange {
        let text = format!(
            "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
             assets: [{{ name: a, hosts: ['*'], upstream: u, policy: p }}]\n\
             policies: {{ p: {{ {policy}, inspect_responses: true, signatures: {{ rules: [r.conf] }} }} }}\n"
        );
        let rules = "SecRule ARGS \"@contains evil\" \"id:1,phase:2,deny\"\n";
        let running = Running::of(&text, rules);
        let snapshot = Arc::clone(&running.snapshot);
        let mut exchange = Exchange::new(Drain::default().enter(), Arc::new(running), "0".to_owned());
        let evaluation = Evaluation::begin(snapshot, Request { id: "0".to_owned(), ..Request::default() });
        exchange.judging.resume(evaluation);
        exchange
    }

    /// A note of the failure stands for the panic, which only the engine's own tests can provoke.
    fn fail(exchange: &mut Exchange) {
        exchange.judging.note(Shortfall::EngineFailure);
    }

    #[test]
    fn what_is_held_goes_on_or_is_refused_when_the_engine_fails() {
        for (policy, clean) in [
            ("mode: prevent, on_inspection_failure: pass", true),
            ("mode: prevent, on_inspection_failure: block", false),
            ("mode: detect, on_inspection_failure: block", true),
        ] {
            let mut at_head = exchange(policy);
            fail(&mut at_head);
            assert_eq!(at_head.judging.judge_head(), clean, "{policy}");
            assert_eq!(at_head.judging.judge_end(), clean, "{policy}");

            let mut in_body = exchange(policy);
            assert!(in_body.judging.judge_head() && in_body.judge_chunk(b"x=1"), "{policy}");
            fail(&mut in_body);
            assert_eq!(in_body.judge_chunk(b"&y=2"), clean, "{policy}");
            assert_eq!(in_body.judging.judge_end(), clean, "{policy}");
            assert_eq!(in_body.judging.refusal.is_none(), clean, "{policy}");
            in_body.finish(200);
            let metrics =
                String::from_utf8(in_body.judging.running.reports.metrics().render()).expect("text");
            let open =
                metrics.lines().any(|line| line == "portcullis_fail_open_total{reason=\"engine-failure\"} 1");
            assert_eq!(open, clean, "{policy}");
        }
    }
}
