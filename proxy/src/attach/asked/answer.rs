//! What the application answers, where a gateway shows it, and what has to wait for a verdict.

use engine::{Evaluation, Plan};
use transaction::{ResponseHead, Shortfall};

use super::Asked;
use crate::report::Stage;

impl Asked {
    /// What the policy wants to see and to have withheld.
    pub(crate) fn plan(&self) -> Plan {
        self.judging.plan
    }

    /// Whether there is an asset for it; nothing would say of another that it may pass.
    pub(crate) fn is_known(&mut self) -> bool {
        self.judging.open().is_some_and(|evaluation| evaluation.asset().is_some())
    }

    /// Whether the request was judged to its end.
    pub(crate) fn is_judged(&self) -> bool {
        self.judging.judged
    }

    /// Whether the client is told with its answer how it stands with rate limits.
    pub(crate) fn tells_rates(&mut self) -> bool {
        self.judging.rate_fields().is_some()
    }

    /// The request is complete. `false` when it is refused.
    pub(crate) fn end(&mut self) -> bool {
        self.judging.judge_end()
    }

    /// Notes what is of no consequence for the verdict.
    pub(crate) fn note(&mut self, reason: Shortfall) {
        self.judging.note(reason);
    }

    /// Trailers go on, which nothing looks at: so many bytes of them.
    pub(crate) fn pass_trailers(&self, bytes: usize) {
        self.judging.running.reports.metrics().attachments.trailers(self.attachment, bytes as u64);
    }

    /// What is withheld now (bytes).
    pub(crate) fn withholds(&self, bytes: usize) {
        self.judging.running.reports.metrics().held(bytes);
    }

    /// The application answers with this status, whether or not more is looked at.
    pub(crate) fn answered_with(&mut self, status: u16) {
        self.status = status;
    }

    /// It is over with what the application answered, if that is known.
    pub(crate) fn close_as(&mut self, answer: &'static str) {
        self.close(self.status, answer);
    }

    /// The head of the answer: phase 3. `false` when it is refused.
    pub(crate) fn answer_head(&mut self, head: ResponseHead) -> bool {
        !self.judging.plan.response_headers
            || self.judging.judge(Stage::ResponseHeaders, |evaluation| evaluation.response_headers(head))
    }

    /// Whether anything of its body is looked at; known once its head was judged.
    pub(crate) fn reads_answer(&mut self) -> bool {
        self.judging.plan.response_body && self.judging.open().is_some_and(|it| it.reads_response_body())
    }

    /// Whether anything of the answer is wanted.
    pub(crate) fn wants_answer(&self) -> bool {
        let plan = self.judging.plan;
        plan.inspects && (plan.response_headers || plan.response_body)
    }

    /// Whether the request was a HEAD, whose answer has no body whatever it says.
    pub(crate) fn is_head(&mut self) -> bool {
        self.judging.open().is_some_and(|evaluation| evaluation.transaction().request.method == b"HEAD")
    }

    /// Whether more of its body would not be looked at: it is longer than the policy wants to see of it.
    pub(crate) fn has_enough_of_answer(&mut self) -> bool {
        let is_cut = |evaluation: &mut Evaluation| {
            evaluation.transaction().inspection.has(Shortfall::ResponseTooLarge)
        };
        self.judging.open().is_some_and(is_cut)
    }

    /// A piece of its body. `false` when it is refused.
    pub(crate) fn answer_piece(&mut self, piece: &[u8]) -> bool {
        piece.is_empty()
            || self.judging.judge(Stage::ResponseBody, |evaluation| evaluation.response_body(piece))
    }

    /// Its end: phase 4. `false` when it is refused.
    pub(crate) fn answer_end(&mut self) -> bool {
        self.judging.judge(Stage::ResponseEnd, Evaluation::response_end)
    }

    /// Bytes of the answer that may be withheld; more are let go.
    pub(crate) fn answer_hold_bytes_max(&mut self) -> usize {
        let bytes = self.judging.open().map_or(0, |evaluation| evaluation.response_body_bytes_max());
        bytes.max(self.judging.plan.hold_bytes_max)
    }

    /// The rules that say something about it, the most telling first; so many at most.
    pub(crate) fn rules(&mut self, most: usize) -> Vec<u32> {
        let Some(evaluation) = self.judging.open() else { return Vec::new() };
        let mut ids = Vec::new();
        for (_, found) in evaluation.reported_matches() {
            let id = found.id.0.get();
            if ids.len() < most && !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}
