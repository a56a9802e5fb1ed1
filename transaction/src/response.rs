//! The incremental response body reader.

use crate::body::{Content, Progress};
use crate::{Inspection, Limits, Response, ResponseHead, Shortfall};

/// Reads a response body chunk by chunk: undoes its Content-Encodings and keeps its beginning.
#[derive(Debug)]
pub struct ResponseBodyReader {
    content: Content,
    body_bytes_max: usize,
}

impl ResponseBodyReader {
    /// A reader for the body that `head` announces.
    #[must_use]
    pub fn new(head: &ResponseHead, limits: &Limits) -> Self {
        let content = Content::new(&head.headers, limits);
        Self { content, body_bytes_max: limits.response_body_bytes_max }
    }

    /// Takes a chunk.
    pub fn push(&mut self, mut input: &[u8], response: &mut Response, inspection: &mut Inspection) {
        let most = self.body_bytes_max;
        self.content
            .push(&mut input, inspection, |decoded, inspection| keep(decoded, most, response, inspection));
    }

    /// Ends the body: notes what is missing.
    pub fn finish(&mut self, response: &mut Response, inspection: &mut Inspection) {
        let most = self.body_bytes_max;
        self.content.finish(inspection, |decoded, inspection| keep(decoded, most, response, inspection));
    }
}

/// Keeps what there is room for, counts all.
fn keep(decoded: &mut &[u8], most: usize, response: &mut Response, inspection: &mut Inspection) -> Progress {
    let kept = decoded.len().min(most.saturating_sub(response.body.len()));
    response.body.extend_from_slice(&decoded[..kept]);
    response.bytes_total += decoded.len() as u64;
    if kept < decoded.len() {
        inspection.note(Shortfall::ResponseTooLarge);
    }
    *decoded = &[];
    Progress::Drained
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_beginning_and_counts_the_rest() {
        let headers = [("Content-Encoding", "identity")].into_iter().collect();
        let head = ResponseHead { status: 200, headers, ..ResponseHead::default() };
        let limits = Limits { response_body_bytes_max: 5, ..Limits::default() };
        let mut reader = ResponseBodyReader::new(&head, &limits);
        let (mut response, mut inspection) = (Response::default(), Inspection::default());
        reader.push(b"abc", &mut response, &mut inspection);
        assert!(inspection.is_complete());
        reader.push(b"defg", &mut response, &mut inspection);
        reader.finish(&mut response, &mut inspection);
        assert_eq!((response.body.as_slice(), response.bytes_total), (b"abcde".as_slice(), 7));
        assert!(inspection.has(Shortfall::ResponseTooLarge));
    }
}
