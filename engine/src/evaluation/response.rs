//! The response side of an evaluation.

use signatures::Phase;
use transaction::{Response, ResponseHead, Shortfall};

use super::Evaluation;

/// What is done with the bytes of a response body.
#[derive(Debug)]
pub(super) struct ResponseReader {
    /// Whether the body is kept for phase 4.
    keeps: bool,
    bytes_max: usize,
}

impl Evaluation {
    pub(super) fn begin_response(&mut self, head: ResponseHead) {
        let keeps = self.keeps_response(&head);
        let bytes_max = self.policy().map_or(0, |policy| policy.limits.response_body_bytes_max);
        self.transaction.response = Some(Response { head, ..Response::default() });
        self.response = Some(ResponseReader { keeps, bytes_max });
        self.run(Phase::ResponseHeaders);
    }

    pub(super) fn read_response_body(&mut self, chunk: &[u8]) {
        let refused = self.refuses_response_body();
        let (Some(reader), Some(response)) = (&self.response, &mut self.transaction.response) else { return };
        response.bytes_total += chunk.len() as u64;
        if !reader.keeps || refused {
            return;
        }
        let room = reader.bytes_max.saturating_sub(response.body.len());
        if chunk.len() > room {
            self.transaction.inspection.note(Shortfall::ResponseTooLarge);
        }
        response.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    pub(super) fn end_response(&mut self) {
        if self.response.take().is_some() {
            self.run(Phase::ResponseBody);
        }
    }

    /// Whether a response body is kept: by its type, as `SecResponseBodyMimeType` says.
    fn keeps_response(&self, head: &ResponseHead) -> bool {
        let content_type = head.headers.first(b"content-type").unwrap_or_default();
        let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        self.wants_response()
            && self.running.iter().any(|running| {
                let types = &running.rules.ruleset.settings.response_body_mime_types;
                match types {
                    Some(types) => types.iter().any(|wanted| essence.eq_ignore_ascii_case(wanted.as_bytes())),
                    None => STANDARD_TYPES.iter().any(|wanted| essence.eq_ignore_ascii_case(wanted)),
                }
            })
    }
}

/// What is inspected when no rule file says `SecResponseBodyMimeType`: where leaks are read by people.
const STANDARD_TYPES: [&[u8]; 4] = [b"text/plain", b"text/html", b"text/xml", b"application/json"];
