//! What a request was, from the message that HAProxy tells it in (packaging/haproxy/portcullis-spoe.conf).
//!
//! | argument | HAProxy's sample | without it |
//! |---|---|---|
//! | `method`, `target`, `version` | `method`, `url`, `req.ver` | not understood |
//! | `headers` | `req.hdrs_bin` | not understood |
//! | `src`, `src_port`, `dst`, `dst_port` | the same | nobody knows |
//! | `waited` | whether HAProxy waited for the whole body | no body is taken for whole that could have more |
//! | `body`, `body_size` | `req.body`, `req.body_size` | no body is seen |
//! | `missed`, `missed_told`, `missed_by` | what was passed or refused unasked | nothing to count |
//!
//! HAProxy shows as much of a body as its buffer holds beside the head, and does not say whether that is all. Where a body has
//! a length, that says so. Where it has none (chunked, HTTP/2), one that leaves no room in the buffer is taken for cut.

use std::net::IpAddr;

use bytes::Bytes;
use engine::config::Clients;
use transaction::spop::{Messages, Value, headers};
use transaction::{Connection, Fields, RequestHead};

use super::missed::Said;
use super::notify::Whole;
use crate::attach::{Body, Told};
use crate::inline::Hops;
use crate::page::Form;

/// What HAProxy asks.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) told: Told,
    /// As much of the body as is shown.
    pub(super) body: Bytes,
    /// Whether its end is not shown, and how many bytes of it if that is known.
    pub(super) cut: Option<Option<u64>>,
    /// What was passed or refused unasked, if anything was.
    pub(super) missed: Option<Said>,
    /// The form of page that suits it.
    pub(super) form: Form,
}

/// Why a message says nothing of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is longer than what HAProxy's buffers hold.
    TooLarge,
    /// It does not end where it should, or there is none, or more than one.
    Malformed,
    /// An argument is missing, or is no such thing.
    Missing(&'static str),
    /// An argument is there twice.
    Twice,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge => f.write_str("it is longer than a head and a body"),
            Self::Malformed => f.write_str("expected one message"),
            Self::Missing(name) => write!(f, "the argument `{name}` is missing, or is something else"),
            Self::Twice => f.write_str("an argument is there twice"),
        }
    }
}

/// Reads it. `buffer_bytes` is how much HAProxy's buffer holds.
pub(super) fn read(whole: &Whole, clients: &Clients, buffer_bytes: usize) -> Result<Question, Unreadable> {
    let payload = whole.payload.as_ref().ok_or(Unreadable::TooLarge)?;
    let told = Arguments::read(payload)?;
    let head = told.head()?;
    let shown = told.body.unwrap_or_default();
    let (kept, cut) = told.missing(&head, shown.len(), buffer_bytes);
    // What happened to be there of one that nobody waited for is no part of the verdict, which would depend on chance.
    let body = if kept.is_some() || shown.is_empty() { Bytes::new() } else { payload.slice_ref(shown) };
    let header = |name: &[u8]| head.headers.first(name).unwrap_or_default();
    let form = Form::suiting(header(b"content-type"), header(b"accept"));
    let (hops, connection) = told.connection(clients, &head.headers);
    let told_body = kept.map_or(Body::Comes, Body::Kept);
    let missed = told.missed();
    Ok(Question { told: Told { head, connection, hops, body: told_body }, body, cut, missed, form })
}

/// The arguments by name.
#[derive(Debug, Default)]
struct Arguments<'a> {
    method: Option<&'a [u8]>,
    target: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    headers: Option<&'a [u8]>,
    source: (Option<IpAddr>, u16),
    destination: (Option<IpAddr>, u16),
    waited: bool,
    body: Option<&'a [u8]>,
    body_size: u64,
    missed: (u64, u64),
    missed_by: Option<Value<'a>>,
}

impl<'a> Arguments<'a> {
    fn read(payload: &'a [u8]) -> Result<Self, Unreadable> {
        let mut messages = Messages::of(payload);
        let (Some(Ok(message)), None) = (messages.next(), messages.next()) else {
            return Err(Unreadable::Malformed);
        };
        let mut told = Self::default();
        let mut seen = 0_u32;
        for (name, value) in message.arguments() {
            // Whoever adds arguments of their own is not hindered.
            let Some(place) = NAMES.iter().position(|known| *known == name) else { continue };
            if seen & 1 << place != 0 {
                return Err(Unreadable::Twice);
            }
            seen |= 1 << place;
            told.take(name, value);
        }
        Ok(told)
    }

    fn take(&mut self, name: &[u8], value: Value<'a>) {
        let number = || value.number().unwrap_or(0);
        let port = || u16::try_from(number()).unwrap_or(0);
        match name {
            b"method" => self.method = value.bytes(),
            b"target" => self.target = value.bytes(),
            b"version" => self.version = value.bytes(),
            b"headers" => self.headers = value.bytes(),
            b"src" => self.source.0 = value.address().map(|address| address.to_canonical()),
            b"src_port" => self.source.1 = port(),
            b"dst" => self.destination.0 = value.address().map(|address| address.to_canonical()),
            b"dst_port" => self.destination.1 = port(),
            b"waited" => self.waited = matches!(value, Value::Bool(true)),
            b"body" => self.body = value.bytes(),
            b"body_size" => self.body_size = number(),
            b"missed" => self.missed.0 = number(),
            b"missed_told" => self.missed.1 = number(),
            b"missed_by" => self.missed_by = Some(value),
            _ => {}
        }
    }

    fn head(&self) -> Result<RequestHead, Unreadable> {
        let present = |value: Option<&'a [u8]>, name| {
            value.filter(|value| !value.is_empty()).ok_or(Unreadable::Missing(name))
        };
        let method = present(self.method, "method")?;
        let (target, version) = (present(self.target, "target")?, present(self.version, "version")?);
        let headers =
            headers(present(self.headers, "headers")?).map_err(|_| Unreadable::Missing("headers"))?;
        Ok(RequestHead {
            method: method.to_vec(),
            target: if is_http2(version) { origin_form(target) } else { target }.to_vec(),
            protocol: [b"HTTP/", version].concat(),
            headers,
        })
    }

    fn connection(&self, clients: &Clients, headers: &Fields) -> (Hops, Connection) {
        let unknown = Connection::default();
        let connection = Connection {
            client_address: self.source.0.unwrap_or(unknown.client_address),
            client_port: self.source.1,
            server_address: self.destination.0.unwrap_or(unknown.server_address),
            server_port: self.destination.1,
        };
        let hops = Hops::told(self.source.0, clients, headers);
        (hops, hops.seen_from(connection))
    }

    /// Whether the body is not shown at all, or its end is not, and how many bytes that is if anybody knows.
    fn missing(
        &self,
        head: &RequestHead,
        shown: usize,
        buffer_bytes: usize,
    ) -> (Option<Option<u64>>, Option<Option<u64>>) {
        let shown_bytes = shown as u64;
        let mut lengths = head.headers.named(b"content-length").map(|field| number(field.value));
        let length = lengths.next().map(|length| length.unwrap_or(u64::MAX));
        let coded = head.headers.first(b"transfer-encoding").is_some();
        let has_no_body = !coded && length.unwrap_or(0) == 0 && !is_http2(&head.protocol[5..]);
        let size = self.body_size.max(length.unwrap_or(0));
        let rest = (size > shown_bytes).then(|| (size != u64::MAX).then_some(size - shown_bytes));
        if !self.waited && !has_no_body {
            return (Some((size > 0 && size != u64::MAX).then_some(size)), None);
        }
        let is_unsure = coded || length.is_none();
        let fills = is_unsure && !has_no_body && used(head) + shown + SPARE_BYTES >= buffer_bytes;
        (None, rest.or_else(|| fills.then_some(None)))
    }

    fn missed(&self) -> Option<Said> {
        let (total, told) = self.missed;
        let by = match self.missed_by {
            Some(Value::Number(number)) => number.to_be_bytes().to_vec(),
            other => other.and_then(Value::bytes).unwrap_or_default().to_vec(),
        };
        (total > told).then_some(Said { by, total, told })
    }
}

/// What a head takes of HAProxy's buffer (bytes): a request line, and for each header and what stands at their end 8 more.
fn used(head: &RequestHead) -> usize {
    let line = head.method.len() + head.target.len() + head.protocol.len();
    line + head.headers.bytes_total() + (head.headers.len() + 8) * 8
}

fn is_http2(version: &[u8]) -> bool {
    version.starts_with(b"2") || version.starts_with(b"3")
}

/// The path of an absolute URI: HAProxy makes one of what HTTP/2 says in parts.
fn origin_form(target: &[u8]) -> &[u8] {
    let Some(scheme) = memchr::memmem::find(target, b"://") else { return target };
    if target.first() == Some(&b'/') {
        return target;
    }
    let behind = &target[scheme + 3..];
    memchr::memchr2(b'/', b'?', behind).map_or(b"/", |at| &behind[at..])
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

const NAMES: [&[u8]; 14] = [
    b"method",
    b"target",
    b"version",
    b"headers",
    b"src",
    b"src_port",
    b"dst",
    b"dst_port",
    b"waited",
    b"body",
    b"body_size",
    b"missed",
    b"missed_told",
    b"missed_by",
];

/// What HAProxy keeps free of a buffer (`tune.maxrewrite`, 1 KiB), and as much again for what nobody knows of it (bytes).
const SPARE_BYTES: usize = 2 << 10;

#[cfg(test)]
mod tests;
