//! One request seen from outside.

mod answer;

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use transaction::{Connection, RequestHead, Shortfall};

use super::Refused;
use crate::inline::Hops;
use crate::judging::Judging;
use crate::report::Stage;
use crate::state::Shared;

/// What a gateway says of a request.
#[derive(Debug)]
pub(crate) struct Told {
    /// The request line and headers as the client sent them, as far as the gateway passes them on.
    pub(crate) head: RequestHead,
    /// Who talks to whom.
    pub(crate) connection: Connection,
    /// The hops it came by.
    pub(crate) hops: Hops,
    /// Whether its body is shown.
    pub(crate) body: Body,
}

/// Whether the body of a request is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// It comes, or there is none.
    Comes,
    /// The gateway keeps it to itself: how many bytes, if it says so.
    Kept(Option<u64>),
}

/// A body as it comes.
pub(crate) trait Pieces: Send {
    /// The next piece; `None` after the last.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Lost>> + Send;
}

/// The rest of a body does not come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost;

/// What is to be answered to the gateway.
#[derive(Debug)]
pub(crate) struct Conclusion {
    /// The transaction's id.
    pub(crate) id: String,
    /// `pass`, `detect` or `prevent`.
    pub(crate) verdict: &'static str,
    /// The anomaly score.
    pub(crate) anomaly: i64,
    /// The model's score; `None` without a model, or where there was nothing to score.
    pub(crate) model: Option<f32>,
    /// How the client stands with rate limits, where it is to be told.
    pub(crate) rates: Option<(String, String)>,
    /// What the client is to get instead of an answer.
    pub(crate) refused: Option<Refused>,
}

/// One request seen from outside. It is reported like any other when it is given up.
pub(crate) struct Asked {
    judging: Judging,
    attachment: &'static str,
    /// What the application answered, where that is shown; 0 elsewhere.
    status: u16,
}

impl Asked {
    /// A request of which nothing is known yet. `attachment` is the name of the front, for records and metrics.
    pub(crate) fn new(shared: &Shared, attachment: &'static str) -> Self {
        let mut judging = Judging::new(shared.drain.enter(), shared.running.load_full(), shared.ids.next());
        judging.attachment = Some(attachment);
        Self { judging, attachment, status: 0 }
    }

    /// The head. `false` when the request is refused.
    pub(crate) async fn head(&mut self, told: Told) -> bool {
        let Told { head, connection, hops, body } = told;
        self.judging.hops = hops;
        // It is for the gateway to refuse what no server should go on with; here it is written down.
        self.judging.syntax_error = head.syntax_error();
        self.judging.begin(connection, None, head);
        if let Body::Kept(bytes) = body
            && self.judging.plan.inspects
        {
            self.miss(Shortfall::BodyUnseen, bytes);
        }
        self.judging.count_rates().await;
        self.judging.ask_lists().await;
        self.judging.judge_head()
    }

    /// The body, as far as it comes `within` that time. `false` when the request is refused.
    pub(crate) async fn body(&mut self, pieces: &mut impl Pieces, within: Duration) -> bool {
        let reading = async {
            while let Some(piece) = pieces.next().await? {
                if !self.piece(&piece) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        match tokio::time::timeout(within, reading).await {
            Ok(Ok(clean)) => clean,
            Ok(Err(Lost)) | Err(_) => {
                self.miss(Shortfall::BodyCut, None);
                true
            }
        }
    }

    /// A piece of the body. `false` when the request is refused.
    pub(crate) fn piece(&mut self, piece: &[u8]) -> bool {
        if piece.is_empty() || !self.judging.plan.request_body {
            return self.judging.refusal.is_none();
        }
        self.judging.judge(Stage::RequestBody, |evaluation| evaluation.request_body(piece))
    }

    /// The transaction's id.
    pub(crate) fn id(&self) -> &str {
        &self.judging.id
    }

    /// Some of the body is not shown: how many bytes, as far as that is known.
    pub(crate) fn miss(&mut self, reason: Shortfall, bytes: Option<u64>) {
        self.judging.note(reason);
        let metrics = self.judging.running.reports.metrics();
        metrics.attachments.uninspected(self.attachment, reason, bytes.unwrap_or(0));
    }

    /// Something is wrong with how it is asked about: how often it was since that was last said, where it is time to say it again.
    pub(crate) fn complain(&self, of: &'static str) -> Option<u64> {
        self.judging.running.reports.metrics().attachments.complain(self.attachment, of)
    }

    /// The request is complete, or refused: the last of it is judged and it is written down. `status` says what status
    /// the client of this gateway gets for a refusal.
    pub(crate) fn conclude(mut self, status: impl FnOnce(&Refused) -> u16) -> Conclusion {
        let conclusion = self.conclusion();
        // What the application answers to a request that passes is mostly not known here.
        let told = conclusion.refused.as_ref().map_or(self.status, status);
        self.close(told, if conclusion.refused.is_some() { "refused" } else { "passed" });
        conclusion
    }

    /// The request is complete, or refused: the last of it is judged. What is known by now is told; the answer may still come.
    pub(crate) fn conclusion(&mut self) -> Conclusion {
        if self.judging.refusal.is_none() {
            self.judging.judge_end();
        }
        let refused = Refused::of(&mut self.judging);
        let rates = self.judging.rate_fields();
        let id = self.judging.id.clone();
        let told = self.judging.open().map(|evaluation| {
            let model = evaluation.model_score().map(|(score, _)| score.0);
            (evaluation.verdict().as_str(), evaluation.anomaly_score(), model)
        });
        let (verdict, anomaly, model) = told.unwrap_or(("pass", 0, None));
        Conclusion { id, verdict, anomaly, model, rates, refused }
    }

    /// It is over: it is written down, and counted by what came of it.
    pub(crate) fn close(&mut self, status: u16, answer: &'static str) {
        self.judging.finish(status);
        self.judging.running.reports.metrics().attachments.answered(self.attachment, answer);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.judging.finish(self.status);
    }
}

/// A gateway that gets no verdict: nothing of its request was inspected, so that it must not pass as if it were.
pub(crate) fn turned_away(shared: &Shared, attachment: &'static str, why: &'static str) {
    shared.running.load().reports.metrics().attachments.answered(attachment, why);
}

/// One that gets none because it cannot be understood.
pub(crate) fn not_understood(shared: &Shared, attachment: &'static str, error: &dyn Display) {
    shared.running.load().reports.metrics().attachments.unreadable(attachment, error);
}
