//! Recorded bodies.

use transaction::{Body, BodyReader, Limits, Processor, Progress, Transaction};

/// Shows every segment of a recorded body, as it would be judged; none when it is empty.
pub fn each_segment(
    transaction: &mut Transaction,
    mut input: &[u8],
    limits: &Limits,
    mut segment: impl FnMut(&Body),
) {
    if input.is_empty() {
        return;
    }
    let content_type = transaction.request.headers.first(b"content-type").unwrap_or_default();
    let processor = Processor::for_content_type(content_type);
    let mut reader = BodyReader::new(processor, &transaction.request, limits);
    let (body, inspection) = (&mut transaction.body, &mut transaction.inspection);
    while reader.push(&mut input, body, inspection) != Progress::Drained {
        segment(body);
        reader.next_segment(body);
    }
    while reader.finish(body, inspection) != Progress::Drained {
        segment(body);
        reader.next_segment(body);
    }
    segment(body);
}
