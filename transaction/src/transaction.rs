//! One request with its response, parsed.

use crate::decode::percent;
use crate::{
    Body, Connection, Fields, Inspection, Limits, Listings, Rates, RequestHead, ResponseHead, Shortfall, Uri,
};

/// One request with its response. Rules and model read it; nobody changes what was parsed.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// A unique id of lower-case hexadecimal digits; SecLang's `UNIQUE_ID`.
    pub id: Box<str>,
    /// When the request began (microseconds since the Unix epoch). An argument, never read from a clock.
    pub started_us: i64,
    /// Who talks to whom.
    pub connection: Connection,
    /// What lists in the DNS say of the client's address; empty when none was asked.
    pub listings: Listings,
    /// How it stands with the rate limits that hold for it.
    pub rates: Rates,
    /// Request line and headers as sent.
    pub request: RequestHead,
    /// Where the parts of `request.target` lie.
    pub uri: Uri,
    /// Query arguments, percent-decoded.
    pub query: Fields,
    /// Cookies, as sent.
    pub cookies: Fields,
    /// The request body, or the segment of it that is being inspected.
    pub body: Body,
    /// The response, once its head arrived.
    pub response: Option<Response>,
    /// What was not inspected.
    pub inspection: Inspection,
}

/// The response side of a [`Transaction`].
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// Status line and headers as sent.
    pub head: ResponseHead,
    /// The decoded body, up to `response_body_bytes_max`.
    pub body: Vec<u8>,
    /// Decoded bytes seen, inspected or not.
    pub bytes_total: u64,
}

impl Transaction {
    /// Parses what a request head says: URI, query arguments and cookies.
    #[must_use]
    pub fn new(
        id: &str,
        started_us: i64,
        connection: Connection,
        request: RequestHead,
        limits: &Limits,
    ) -> Self {
        let mut transaction = Self::unread(id, started_us, connection, request);
        if transaction.request.headers.len() > limits.headers_max {
            transaction.inspection.note(Shortfall::HeaderCount);
        }
        transaction.parse_query(limits);
        transaction.parse_cookies(limits);
        transaction
    }

    /// A request head of which only the URI is parsed: query arguments and cookies are not read, as nobody inspects them.
    #[must_use]
    pub fn unread(id: &str, started_us: i64, connection: Connection, request: RequestHead) -> Self {
        let uri = Uri::parse(&request.target);
        Self { id: id.into(), started_us, connection, request, uri, ..Self::default() }
    }

    /// The raw path: the target without query and fragment.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.request.target[self.uri.path.clone()]
    }

    /// The raw query, without `?`.
    #[must_use]
    pub fn query_string(&self) -> &[u8] {
        &self.request.target[self.uri.query.clone()]
    }

    /// The value of the `Host` header, empty when there is none.
    #[must_use]
    pub fn host(&self) -> &[u8] {
        self.request.headers.first(b"host").unwrap_or_default()
    }

    fn parse_query(&mut self, limits: &Limits) {
        let query = &self.request.target[self.uri.query.clone()];
        self.query.reserve(query.len(), USUAL_COUNT.min(query.len()));
        let (mut name, mut value) = (Vec::new(), Vec::new());
        for pair in split(query, b'&').filter(|pair| !pair.is_empty()) {
            if self.query.len() == limits.query_arguments_max {
                self.inspection.note(Shortfall::QueryArguments);
                break;
            }
            let (raw_name, raw_value) = split_once(pair, b'=');
            let decoded = percent::decoded_form(raw_name, &mut name);
            self.query.push(decoded, percent::decoded_form(raw_value, &mut value));
        }
    }

    fn parse_cookies(&mut self, limits: &Limits) {
        let headers = self.request.headers.iter();
        for header in headers.filter(|header| header.name.eq_ignore_ascii_case(b"cookie")) {
            self.cookies.reserve(header.value.len(), USUAL_COUNT.min(header.value.len()));
            for pair in split(header.value, b';') {
                let pair = pair.trim_ascii_start();
                if pair.is_empty() {
                    continue;
                }
                if self.cookies.len() == limits.cookies_max {
                    self.inspection.note(Shortfall::CookieCount);
                    return;
                }
                let (name, value) = split_once(pair, b'=');
                self.cookies.push(name, value);
            }
        }
    }
}

/// The parts between the bytes `at`.
fn split(bytes: &[u8], at: u8) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memchr_iter(at, bytes).chain([bytes.len()]);
    ends.scan(0, |begin, end| Some(&bytes[std::mem::replace(begin, end + 1)..end]))
}

fn split_once(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(at, bytes) {
        Some(index) => (&bytes[..index], &bytes[index + 1..]),
        None => (bytes, b""),
    }
}

/// Arguments and cookies that there is room for from the start (count).
const USUAL_COUNT: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(target: &str, headers: &[(&str, &str)]) -> Transaction {
        let request = RequestHead {
            method: b"GET".to_vec(),
            target: target.into(),
            protocol: b"HTTP/1.1".to_vec(),
            headers: headers.iter().copied().collect(),
        };
        Transaction::new("0", 0, Connection::default(), request, &Limits::default())
    }

    #[test]
    fn reads_query_and_cookies() {
        let transaction =
            parse("/p%61?a=1+2&b%5B%5D=%3Cx%3E&&c&=d", &[("Cookie", "x=y=z; flag;; n=%41"), ("Host", "h")]);
        assert_eq!(transaction.path(), b"/p%61");
        assert_eq!(format!("{:?}", transaction.query), "[a=1 2, b[]=<x>, c=, =d]");
        assert_eq!(format!("{:?}", transaction.cookies), "[x=y=z, flag=, n=%41]");
        assert!(transaction.inspection.is_complete());
    }

    proptest! {
        #[test]
        fn splits_as_slices_do(bytes in "[ab;]{0,12}") {
            let parts: Vec<_> = split(bytes.as_bytes(), b';').collect();
            prop_assert_eq!(parts, bytes.as_bytes().split(|byte| *byte == b';').collect::<Vec<_>>());
        }
    }

    #[test]
    fn says_what_it_left_out() {
        let transaction = parse(&format!("/?{}", "a=1&".repeat(1_001)), &[]);
        assert_eq!(transaction.query.len(), 1_000);
        assert!(transaction.inspection.has(Shortfall::QueryArguments));
    }
}
