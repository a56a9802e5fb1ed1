//! The response side of an evaluation.

use signatures::Phase;
use transaction::{Limits, Response, ResponseBodyReader, ResponseHead};

use super::Evaluation;

/// What is done with the bytes of a response body.
#[derive(Debug)]
pub(super) struct ResponseReader {
    /// `None` when the body is not kept for phase 4.
    body: Option<ResponseBodyReader>,
}

impl Evaluation {
    pub(super) fn begin_response(&mut self, head: ResponseHead) {
        let is_kept = self.keeps_response(&head);
        self.transaction.response = Some(Response { head, ..Response::default() });
        self.response = Some(ResponseReader { body: None });
        self.run(Phase::ResponseHeaders);
        // After the phase, which may change the limit.
        let body = self.response_reader().filter(|_| is_kept);
        self.response = Some(ResponseReader { body });
    }

    /// Whether anything of the body of the response is looked at, by its type; known once its head was judged.
    #[must_use]
    pub fn reads_response_body(&self) -> bool {
        self.response.as_ref().is_some_and(|reader| reader.body.is_some())
    }

    fn response_reader(&self) -> Option<ResponseBodyReader> {
        let (policy, response) = (self.policy()?, self.transaction.response.as_ref()?);
        let response_body_bytes_max = self.response_body_bytes_max();
        let limits = Limits { response_body_bytes_max, ..policy.limits };
        Some(ResponseBodyReader::new(&response.head, &limits))
    }

    pub(super) fn read_response_body(&mut self, chunk: &[u8]) {
        let refused = self.refuses_response_body();
        let (Some(reader), Some(response)) = (&mut self.response, &mut self.transaction.response) else {
            return;
        };
        match &mut reader.body {
            Some(body) if !refused => body.push(chunk, response, &mut self.transaction.inspection),
            _ => response.bytes_total += chunk.len() as u64,
        }
    }

    pub(super) fn end_response(&mut self) {
        let Some(reader) = self.response.take() else { return };
        if let (Some(mut body), Some(response)) = (reader.body, &mut self.transaction.response) {
            body.finish(response, &mut self.transaction.inspection);
        }
        self.run(Phase::ResponseBody);
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
