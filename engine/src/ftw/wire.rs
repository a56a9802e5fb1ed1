//! A lenient reader of one raw HTTP/1 request, and what a strict front would have refused.
//!
//! Cases are written for the server that is CRS's reference, httpd. What it does before rules see a request is
//! done here as well: it drops a Content-Length beside a Transfer-Encoding, and joins repeated headers. The
//! proxy shows rules both as they came, and refuses the former.

use transaction::{Fields, RequestHead};

/// A raw request, read as leniently as possible: rules shall see what was sent, however wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireRequest {
    /// Request line and headers.
    pub head: RequestHead,
    /// The body, its transfer coding undone.
    pub body: Vec<u8>,
}

impl WireRequest {
    /// Reads a request; whatever it is, something comes out.
    #[must_use]
    pub fn parse(raw: &[u8]) -> Self {
        let mut rest = raw;
        let mut head = request_line(next_line(&mut rest));
        head.headers = headers(&mut rest);
        if head.protocol.is_empty() {
            // A request line without version is a Simple-Request (RFC 1945 section 4.1).
            head.protocol = b"HTTP/0.9".to_vec();
        }
        let body = if is_chunked(&head.headers) {
            head.headers = without_length(&head.headers);
            chunks(rest)
        } else {
            sized_body(&head.headers, rest)
        };
        head.headers = joined(&head.headers);
        Self { head, body }
    }

    /// Whether a server refuses the request while it reads it, so that no rule is asked: CR, LF or NUL in a
    /// header (RFC 9110 section 5.5).
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        let is_dangerous = |byte: &u8| matches!(byte, b'\0' | b'\r' | b'\n');
        let mut headers = self.head.headers.iter();
        headers.any(|header| header.name.iter().chain(header.value).any(is_dangerous))
    }

    /// Whether a server that follows RFC 9112 answers with 400, whatever rules say.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        !has_valid_line(&self.head)
            || !has_valid_headers(&self.head.headers)
            || self.head.syntax_error().is_some()
            || !has_valid_length(&self.head.headers)
    }
}

/// The next line without its end, LF or CRLF.
fn next_line<'r>(rest: &mut &'r [u8]) -> &'r [u8] {
    let end = rest.iter().position(|byte| *byte == b'\n');
    let line = &rest[..end.unwrap_or(rest.len())];
    *rest = &rest[end.map_or(rest.len(), |end| end + 1)..];
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The method ends at the first space, the protocol begins after the last; the target may contain spaces.
fn request_line(line: &[u8]) -> RequestHead {
    let (method, rest) = split_at_byte(line, line.iter().position(|byte| *byte == b' '));
    let (target, protocol) = split_at_byte(rest, rest.iter().rposition(|byte| *byte == b' '));
    RequestHead {
        method: method.into(),
        target: target.into(),
        protocol: protocol.into(),
        headers: Fields::new(),
    }
}

fn split_at_byte(bytes: &[u8], at: Option<usize>) -> (&[u8], &[u8]) {
    at.map_or((bytes, b""), |at| (&bytes[..at], &bytes[at + 1..]))
}

/// Headers up to the empty line; a folded line continues the value before it (RFC 9112 section 5.2).
fn headers(rest: &mut &[u8]) -> Fields {
    let mut headers = Fields::new();
    loop {
        let line = next_line(rest);
        match line {
            [] => return headers,
            [b' ' | b'\t', ..] if !headers.is_empty() => {
                headers.extend(b" ");
                headers.extend(line.trim_ascii());
            }
            _ => {
                let (name, value) = split_at_byte(line, line.iter().position(|byte| *byte == b':'));
                headers.push(name, value.trim_ascii());
            }
        }
    }
}

fn is_chunked(headers: &Fields) -> bool {
    let coding = headers.first(b"transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    coding.windows(7).any(|window| window == b"chunked")
}

/// A Transfer-Encoding overrides a Content-Length, which is removed (RFC 9112 section 6.3).
fn without_length(headers: &Fields) -> Fields {
    let kept = headers.iter().filter(|header| !header.name.eq_ignore_ascii_case(b"content-length"));
    kept.map(|header| (header.name, header.value)).collect()
}

/// Repeated headers as one, with commas (RFC 9110 section 5.2); several hosts are for [`RequestHead::syntax_error`].
fn joined(headers: &Fields) -> Fields {
    let same =
        |one: &[u8], other: &[u8]| one.eq_ignore_ascii_case(other) && !one.eq_ignore_ascii_case(b"host");
    let mut joined = Fields::new();
    for (at, header) in headers.iter().enumerate() {
        if headers.iter().take(at).any(|before| same(before.name, header.name)) {
            continue;
        }
        joined.push(header.name, header.value);
        for later in headers.iter().skip(at + 1).filter(|later| same(later.name, header.name)) {
            joined.extend(b", ");
            joined.extend(later.value);
        }
    }
    joined
}

fn sized_body(headers: &Fields, rest: &[u8]) -> Vec<u8> {
    let length = content_length(headers).unwrap_or(0);
    rest[..rest.len().min(length)].to_vec()
}

fn content_length(headers: &Fields) -> Option<usize> {
    std::str::from_utf8(headers.first(b"content-length")?).ok()?.parse().ok()
}

/// The chunks of a body (RFC 9112 section 7.1), as far as they can be read.
fn chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = next_line(&mut rest);
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { return body };
        let size = size.min(rest.len());
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
        next_line(&mut rest);
    }
}

/// RFC 9112 section 3: a token, a target in one of four forms, and `HTTP/1.x` (or later).
fn has_valid_line(head: &RequestHead) -> bool {
    let is_visible =
        |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'<' | b'>' | b'"' | b'\\');
    let target = &head.target;
    let form = match head.method.as_slice() {
        b"CONNECT" => target.contains(&b':') && !target.starts_with(b"/"),
        _ => target.starts_with(b"/") || target == b"*" || target.windows(3).any(|window| window == b"://"),
    };
    let protocol = matches!(
        head.protocol.as_slice(),
        b"HTTP/1.0" | b"HTTP/1.1" | b"HTTP/2" | b"HTTP/2.0" | b"HTTP/3" | b"HTTP/3.0"
    );
    !head.method.is_empty()
        && head.method.iter().all(is_token_byte)
        && form
        && target.iter().all(is_visible)
        && protocol
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// RFC 9110 section 5.5: a name is a token, a value has no control characters but tabs.
fn has_valid_headers(headers: &Fields) -> bool {
    let is_value_byte = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
    headers.iter().all(|header| {
        !header.name.is_empty()
            && header.name.iter().all(is_token_byte)
            && header.value.iter().all(is_value_byte)
    })
}

/// RFC 9112 section 6.3: a Content-Length is digits.
fn has_valid_length(headers: &Fields) -> bool {
    let mut lengths = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(b"content-length"));
    lengths.all(|length| !length.value.is_empty() && length.value.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_sent() {
        let raw = b"POST /a b HTTP/1.1\r\nHost: h\r\nX:  y \r\n z\r\nContent-Length: 3\r\n\r\nabcdef";
        let request = WireRequest::parse(raw);
        assert_eq!(request.head.method, b"POST");
        assert_eq!(request.head.target, b"/a b");
        assert_eq!(request.head.protocol, b"HTTP/1.1");
        assert_eq!(format!("{:?}", request.head.headers), "[Host=h, X=y z, Content-Length=3]");
        assert_eq!(request.body, b"abc");
    }

    #[test]
    fn undoes_chunks() {
        let raw = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(WireRequest::parse(raw).body, b"abcde");
        let raw = b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert_eq!(WireRequest::parse(raw).head.headers.len(), 1);
    }

    #[test]
    fn anything_can_be_read() {
        for raw in ["", "\n", "GET", "GET  ", ":\n:\n\n", " x\n y"] {
            let request = WireRequest::parse(raw.as_bytes());
            assert!(request.body.is_empty(), "{raw:?}");
        }
    }

    #[test]
    fn knows_what_a_server_refuses() {
        for (line, malformed) in [
            ("GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", false),
            ("GET / \r\n\r\n", true),
            ("\tGET / HTTP/1.1\r\n\r\n", true),
            ("GET \\ HTTP/1.1\r\n\r\n", true),
            ("GET /#a HTTP/1.1\r\n\r\n", true),
            ("CONNECT 1.2.3.4:80 HTTP/1.1\r\n\r\n", false),
            ("CONNECT a HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/0.9\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a%00\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nX: a\rY: b\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nContent-Length: 3;\r\n\r\n", true),
        ] {
            assert_eq!(WireRequest::parse(line.as_bytes()).is_malformed(), malformed, "{line}");
        }
    }
}
