//! Scoring alone, of requests that are parsed already.

use std::sync::Arc;

use model::{Extractor, Model, Scratch, Setting, Strangest, View};
use transaction::{BodyReader, Limits, Processor, Record, Transaction};

/// The built-in model with what a thread needs to score.
pub struct Scorer {
    model: Arc<Model>,
    scratch: Scratch,
}

impl Default for Scorer {
    fn default() -> Self {
        Self { model: Model::built_in(), scratch: Scratch::default() }
    }
}

impl Scorer {
    /// Scores head and body; whether anything is at least of medium confidence.
    pub fn is_strange(&mut self, transaction: &Transaction) -> bool {
        let mut strangest = Strangest::above(self.model.artifact().header.thresholds.medium);
        let setting = Setting::default();
        self.model.score_head(transaction, &mut self.scratch, &mut strangest, &setting);
        self.model.score_body(&transaction.body, &mut self.scratch, &mut strangest, &setting);
        !strangest.findings().is_empty()
    }
}

/// A request with its body, or the first segment of it.
#[must_use]
pub fn parsed(record: &Record) -> Transaction {
    let limits = Limits::default();
    let mut transaction = record.transaction(&limits);
    let content_type = transaction.request.headers.first(b"content-type").unwrap_or_default();
    let processor = Processor::for_content_type(content_type);
    let mut reader = BodyReader::new(processor, &transaction.request, &limits);
    let (mut input, inspection) = (&record.body[..], &mut transaction.inspection);
    if !input.is_empty() {
        reader.push(&mut input, &mut transaction.body, inspection);
        reader.finish(&mut transaction.body, inspection);
    }
    transaction
}

/// How many bytes of a request are scored, each as often as it is: what scoring costs but for what was seen before, on
/// any machine.
#[must_use]
pub fn scored_bytes(transaction: &Transaction) -> usize {
    let mut bytes = 0;
    let mut count = |view: View<'_>| bytes += view.value.len();
    let mut extractor = Extractor::default();
    extractor.head(transaction, &mut count);
    extractor.body(&transaction.body, &mut count);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_scored() {
        let mut record = Record::default();
        record.request.target = b"/?q=a+b".to_vec();
        record.request.headers = [("content-type", "text/plain")].into_iter().collect();
        record.body = b"<script>alert(1)</script>".to_vec();
        let transaction = parsed(&record);
        assert_eq!(scored_bytes(&transaction), 3 + 25);
        assert!(Scorer::default().is_strange(&transaction));
    }
}
