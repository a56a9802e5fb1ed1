//! What a site may learn from one request.

use std::fmt;
use std::sync::Arc;

use model::profile::{Learner, When};
use transaction::Transaction;

use crate::boundary::contained;
use crate::evaluation::site;
use crate::{Hit, Snapshot};

/// A request that may be ordinary, as it was judged: what learning needs of it. Making one copies nothing.
pub struct Lesson {
    snapshot: Arc<Snapshot>,
    /// Index of the policy that judged it.
    policy: usize,
    transaction: Transaction,
    /// Rules that matched in its fields.
    rules: Vec<Hit>,
}

impl Lesson {
    /// Requests that wait to be learned from, at most (count).
    pub const QUEUED_MAX: usize = 128;
    /// Memory of all that wait, at most (bytes).
    pub const QUEUED_BYTES_MAX: usize = 8 << 20;

    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        policy: usize,
        mut transaction: Transaction,
        rules: Vec<Hit>,
    ) -> Self {
        transaction.response = None;
        Self { snapshot, policy, transaction, rules }
    }

    /// Whether all of the request is here. Of a body longer than a segment only the last one is, and what is
    /// not seen whole may be hostile elsewhere.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.transaction.body.segment == 0
    }

    /// Memory that it takes (bytes), about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Transaction { request, query, cookies, body, .. } = &self.transaction;
        let files: usize = body.files.iter().map(|file| file.sample.len()).sum();
        let fields = [&request.headers, query, cookies, &body.arguments, &body.part_headers];
        let fields = fields.into_iter().chain([&body.xml_text, &body.xml_attributes]);
        let fields: usize = fields.map(|fields| fields.bytes_total() + fields.len() * FIELD_BYTES).sum();
        let rules: usize = self.rules.iter().map(|hit| size_of::<Hit>() + hit.name.len()).sum();
        size_of::<Self>() + rules + request.target.len() + body.raw.len() + files + fields
    }

    /// Has it learned. Says whether that was done as from any ordinary request, which the model does not call critical.
    pub fn teach(&self, learner: &mut Learner) -> bool {
        contained(|| self.teach_uncontained(learner)).unwrap_or(false)
    }

    fn teach_uncontained(&self, learner: &mut Learner) -> bool {
        let model = self.snapshot.policies().get(self.policy).and_then(|policy| policy.model.as_deref());
        let Some(model) = model else { return false };
        let site = site(&self.snapshot, &self.transaction);
        let mut seen = learner.see_whole(model, site.as_bytes(), &self.transaction);
        self.rules.iter().for_each(|hit| seen.rule(hit.location, &hit.name, hit.rule));
        let Transaction { connection, started_us, .. } = &self.transaction;
        learner.learn(model, seen, When::of(connection.client_address, *started_us))
    }
}

impl fmt::Debug for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lesson").field("id", &self.transaction.id).finish_non_exhaustive()
    }
}

/// What keeping a field takes beside its bytes.
const FIELD_BYTES: usize = 16;

#[cfg(test)]
mod tests;
