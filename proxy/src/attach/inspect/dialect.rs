//! What a request was, from the headers that each gateway sets.

use engine::config::{Dialect, Inspect};
use transaction::{Fields, RequestHead};

/// Why a gateway's request says nothing of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A header is missing that this gateway always sets.
    Missing(&'static str),
    /// It is there more than once: one may be the client's.
    Twice(&'static str),
    /// It says nothing that could be true.
    Malformed(&'static str),
    /// The head of the request is longer than the limit.
    TooLarge,
    /// An answer to what nobody asked about on this connection.
    Unexpected,
}

impl Unreadable {
    /// What the gateway is told.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Missing(_) => "a header of this dialect is missing; the log says which\n",
            Self::Twice(_) => "a header of this dialect is there twice; the log says which\n",
            Self::Malformed(_) => "a header of this dialect is malformed; the log says which\n",
            Self::TooLarge => "the head of the request is too large\n",
            Self::Unexpected => "no transaction of this connection waits for its answer\n",
        }
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is missing: is this the dialect of the gateway?"),
            Self::Twice(name) => write!(f, "{name} is there more than once"),
            Self::Malformed(name) => write!(f, "{name} makes no sense"),
            Self::TooLarge => f.write_str("the head of the request is longer than limits.head_bytes_max"),
            Self::Unexpected => f.write_str("an answer to what nobody asked about on its connection"),
        }
    }
}

/// What a gateway said of a request.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) head: RequestHead,
    /// Whether there should be a body, as far as can be told without it.
    pub(super) should_have_body: bool,
    /// How long it is said to be (bytes).
    pub(super) body_bytes: Option<u64>,
    /// Whether the end of the body is left out, and how many bytes of it if that is known.
    pub(super) cut: Option<Option<u64>>,
}

/// Makes the request that is asked about of the one that arrived.
pub(super) fn read(inspect: &Inspect, arrived: &RequestHead) -> Result<Read, Unreadable> {
    let headers = &arrived.headers;
    let (method, target, host) = match inspect.dialect {
        Dialect::Nginx => (once(headers, b"x-original-method")?, once(headers, b"x-original-uri")?, None),
        Dialect::IngressNginx => {
            let (host, target) = of_url(once(headers, b"x-original-url")?)?;
            (once(headers, b"x-original-method")?, target, Some(host))
        }
        Dialect::Caddy | Dialect::Traefik => (
            once(headers, b"x-forwarded-method")?,
            once(headers, b"x-forwarded-uri")?,
            Some(once(headers, b"x-forwarded-host")?),
        ),
        Dialect::ExternalAuth | Dialect::Native => {
            let target = arrived.target.strip_prefix(inspect.path_prefix.as_bytes());
            let target = target.filter(|target| target.starts_with(b"/"));
            (&*arrived.method, target.ok_or(Unreadable::Malformed("the path"))?, None)
        }
    };
    let client = match inspect.dialect {
        Dialect::Nginx | Dialect::IngressNginx => "x-real-ip",
        _ => "x-forwarded-for",
    };
    if headers.first(client.as_bytes()).is_none() {
        return Err(Unreadable::Missing(client));
    }
    if method.is_empty() || target.is_empty() {
        return Err(Unreadable::Malformed("the method or the target"));
    }
    let body_bytes = number(headers.first(ORIGINAL_LENGTH));
    let should_have_body = should_have_body(method, headers);
    let cut = headers.first(b"x-envoy-auth-partial-body").is_some_and(|value| value == b"true");
    let cut = (cut && inspect.dialect == Dialect::ExternalAuth).then_some(None);
    let head = RequestHead {
        method: method.to_vec(),
        target: target.to_vec(),
        protocol: b"HTTP/1.1".to_vec(),
        headers: as_sent(inspect.dialect, headers, host),
    };
    Ok(Read { head, should_have_body, body_bytes, cut })
}

/// The only value of a header.
pub(super) fn once<'f>(headers: &'f Fields, name: &'static [u8]) -> Result<&'f [u8], Unreadable> {
    let text = std::str::from_utf8(name).unwrap_or("a header");
    let mut named = headers.named(name);
    let first = named.next().ok_or(Unreadable::Missing(text))?;
    if named.next().is_some() {
        return Err(Unreadable::Twice(text));
    }
    Ok(first.value)
}

/// Host and target of `scheme://host/target`. nginx takes no slash in a host, so that the first one ends it.
fn of_url(url: &[u8]) -> Result<(&[u8], &[u8]), Unreadable> {
    let malformed = Unreadable::Malformed("x-original-url");
    let behind = [&b"http://"[..], b"https://"].iter().find_map(|scheme| url.strip_prefix(*scheme));
    let behind = behind.ok_or(malformed)?;
    let slash = memchr::memchr(b'/', behind).ok_or(malformed)?;
    Ok(behind.split_at(slash))
}

/// The client's headers: without those that the gateway put in their place, as rules would find in these what they found
/// elsewhere already, and with the host that was asked for.
fn as_sent(dialect: Dialect, headers: &Fields, host: Option<&[u8]>) -> Fields {
    let mut sent = Fields::new();
    sent.reserve(headers.bytes_total(), headers.len());
    let tells_length = dialect != Dialect::ExternalAuth;
    for field in headers.iter() {
        let is = |name: &[u8]| field.name.eq_ignore_ascii_case(name);
        if is(b"host") {
            sent.push(field.name, host.unwrap_or(field.value));
        } else if tells_length && is(ORIGINAL_LENGTH) {
            sent.push(b"Content-Length", field.value);
        } else if tells_length && is(ORIGINAL_CODING) {
            sent.push(b"Transfer-Encoding", field.value);
        } else if !is_gateways(dialect, field.name) {
            sent.push(field.name, field.value);
        }
    }
    sent
}

/// Whether a header is the gateway's, whatever the client sent under that name.
fn is_gateways(dialect: Dialect, name: &[u8]) -> bool {
    let own: &[&[u8]] = match dialect {
        Dialect::Nginx => &[b"x-original-uri", b"x-original-method", b"x-real-ip", b"content-length"],
        Dialect::IngressNginx => &[
            b"x-original-url",
            b"x-original-method",
            b"x-real-ip",
            b"x-forwarded-for",
            b"x-auth-request-redirect",
            b"x-sent-from",
            b"content-length",
        ],
        Dialect::Caddy | Dialect::Traefik => &[
            b"x-forwarded-method",
            b"x-forwarded-uri",
            b"x-forwarded-host",
            b"x-forwarded-proto",
            b"x-forwarded-for",
            b"x-forwarded-port",
            b"x-forwarded-server",
            b"x-real-ip",
        ],
        Dialect::ExternalAuth => &[b"x-envoy-auth-partial-body"],
        Dialect::Native => &[],
    };
    // Of a connection each hop has its own.
    let of_hop: [&[u8]; 2] = [b"connection", b"x-portcullis-token"];
    of_hop.iter().chain(own).any(|own| name.eq_ignore_ascii_case(own))
}

/// Whether a request should have a body: that of a method which has one, or one that says so. Who lacks it can only be told
/// of one that is not there, so what a client claims can raise the count and never lower it.
fn should_have_body(method: &[u8], headers: &Fields) -> bool {
    let usually_none = [&b"GET"[..], b"HEAD", b"OPTIONS", b"TRACE"].contains(&method);
    let says_so = [ORIGINAL_CODING, b"content-type"].iter().any(|name| headers.first(name).is_some());
    let length = headers.first(ORIGINAL_LENGTH);
    !usually_none || says_so || length.is_some_and(|length| number(Some(length)) != Some(0))
}

fn number(text: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(text?).ok()?.parse().ok()
}

const ORIGINAL_LENGTH: &[u8] = b"x-original-content-length";
const ORIGINAL_CODING: &[u8] = b"x-original-transfer-encoding";

#[cfg(test)]
mod tests;
