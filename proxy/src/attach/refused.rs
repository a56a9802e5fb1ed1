//! What a client is to get that is refused, before any gateway has its say in it.

use bytes::Bytes;
use engine::Refusal;
use http::{HeaderName, HeaderValue};

use crate::judging::Judging;
use crate::page::Form;

/// What a client is to get instead of an answer.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    /// A status that no gateway takes for consent: 300 to 599.
    pub(crate) status: u16,
    /// Headers, without Content-Length.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The block page.
    pub(crate) body: Bytes,
    /// Whether the connection is to be closed without a word, by who can.
    pub(crate) closes: bool,
}

impl Refused {
    /// What follows from what was found so far; `None` when the request may pass. A request that no asset is for has no
    /// policy that would let it pass.
    pub(crate) fn of(judging: &mut Judging) -> Option<Self> {
        let is_known = judging.open().is_some_and(|evaluation| evaluation.asset().is_some());
        match judging.refusal.clone() {
            Some(Refusal::Page { status }) => Some(Self::page(judging, status, None, true)),
            Some(Refusal::TooMany { retry_after_s }) => {
                Some(Self::page(judging, 429, Some(retry_after_s), true))
            }
            Some(Refusal::Redirect { status, location }) => Some(Self::redirect(judging, status, &location)),
            Some(Refusal::Close) => Some(Self { closes: true, ..Self::page(judging, 403, None, false) }),
            None if !is_known => Some(Self::page(judging, 404, None, false)),
            None => None,
        }
    }

    fn page(judging: &mut Judging, status: u16, retry_after_s: Option<u64>, may_be_own: bool) -> Self {
        let status = if (400..=599).contains(&status) { status } else { 403 };
        let form = judging.open().map_or(Form::Plain, |evaluation| {
            let headers = &evaluation.transaction().request.headers;
            let header = |name: &[u8]| headers.first(name).unwrap_or_default();
            // The status of gRPC comes with a 200, which a gateway would take for consent.
            match Form::suiting(header(b"content-type"), header(b"accept")) {
                Form::Grpc => Form::Plain,
                form => form,
            }
        });
        let own = if may_be_own && form == Form::Html { judging.own_page() } else { None };
        let body = own.map_or_else(|| form.render(status, &judging.id), Into::into);
        let mut headers: Vec<_> = form.headers().into();
        headers.extend(retry_after_s.map(|seconds| (http::header::RETRY_AFTER, seconds.into())));
        Self { status, headers, body, closes: false }
    }

    fn redirect(judging: &mut Judging, status: u16, location: &str) -> Self {
        let Ok(location) = HeaderValue::from_str(location) else {
            return Self::page(judging, 403, None, true);
        };
        let status = if (300..=399).contains(&status) { status } else { 302 };
        let headers = vec![
            (http::header::LOCATION, location),
            (http::header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        Self { status, headers, ..Self::default() }
    }
}
