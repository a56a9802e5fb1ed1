//! A recorded transaction, judged at once.

use std::sync::Arc;

use transaction::Record;

use super::{Evaluation, Outcome, Request, Step};
use crate::{DecisionRecord, Snapshot};

impl Evaluation {
    /// Judges a recorded transaction; every stage has run when it returns, `finish` excepted.
    #[must_use]
    pub fn of_record(snapshot: Arc<Snapshot>, record: &Record) -> Self {
        let request = Request {
            id: record.id.clone(),
            started_us: record.time_us,
            connection: record.connection,
            head: record.request.clone(),
        };
        let mut evaluation = Self::begin(snapshot, request);
        evaluation.replay(record);
        evaluation
    }

    /// Judges a recorded transaction and says what is written down.
    #[must_use]
    pub fn judge_record(snapshot: &Arc<Snapshot>, record: &Record) -> DecisionRecord {
        let status = record.response.as_ref().map_or(0, |(head, _)| head.status);
        Self::of_record(snapshot.clone(), record).finish(Outcome { status, ..Outcome::default() })
    }

    fn replay(&mut self, record: &Record) {
        if !self.plan().inspects || self.request_headers() != Step::Continue {
            return;
        }
        if self.plan().request_body
            && !record.body.is_empty()
            && self.request_body(&record.body) != Step::Continue
        {
            return;
        }
        if self.request_end() != Step::Continue {
            return;
        }
        let Some((head, body)) = record.response.as_ref().filter(|_| self.plan().response_headers) else {
            return;
        };
        if self.response_headers(head.clone()) == Step::Continue && self.response_body(body) == Step::Continue
        {
            self.response_end();
        }
    }
}
