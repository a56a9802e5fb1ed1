//! Heads that a server has to refuse, whatever anybody finds in them.
//!
//! Only what servers read differently is here: a request that two servers route differently is a way
//! around whatever stands between them. What is merely unusual goes on.

use crate::wire::any;
use crate::wire::head::is_name;
use crate::{Fields, RequestHead};

macro_rules! syntax_errors {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a request is refused in every mode, mostly with 400 (Bad Request).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SyntaxError { $($(#[$doc])* $name,)* }

        impl SyntaxError {
            /// The name used in decision records.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

impl SyntaxError {
    /// The status that the client gets.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Expectation => 417,
            Self::Size => 431,
            _ => 400,
        }
    }
}

syntax_errors! {
    /// A CR that ends no line: there are servers for which it does (RFC 9112, section 2.2: MUST be refused or replaced).
    BareReturn = "bare-cr",
    /// A line that ends with LF alone. Servers may take that for an end (RFC 9112, section 2.2), and need not.
    BareLineFeed = "bare-lf",
    /// A chunked body whose framing is not exactly that of RFC 9112, section 7.1.
    Chunk = "chunk",
    /// A Transfer-Encoding other than `chunked`, or more than one.
    Coding = "transfer-coding",
    /// CONNECT without a host and a port (RFC 9112, section 3.2.3: MUST be refused).
    Connect = "connect-target",
    /// A Connection that names framing, Host or where the request is from: whoever removes what it names, as RFC 9110, section
    /// 7.6.1 asks, would have another request.
    Connection = "connection-option",
    /// An Expect other than `100-continue` (RFC 9110, section 10.1.1), or in HTTP/1.0.
    Expectation = "expect",
    /// A header that goes on in a second line, or white space in front of the first (RFC 9112, sections 5.2 and 2.2).
    Folding = "obs-fold",
    /// A target with a fragment: no form of a target has one (RFC 9112, section 3.2), and servers differ in
    /// whether `#` ends the path.
    Fragment = "target-fragment",
    /// A space or a control character in the target (RFC 9112, section 3: a server SHOULD refuse it and not
    /// correct it, "since the invalid request-line might be deliberately crafted to bypass security filters").
    Space = "target-space",
    /// More than one Host, an empty one, or one that cannot be a host (RFC 9112, section 3.2: MUST be
    /// refused).
    Host = "host",
    /// Content-Length beside Transfer-Encoding (RFC 9112, section 6.3: "ought to be handled as an error"), or
    /// Transfer-Encoding in HTTP/1.0 (section 6.1: "faulty framing").
    Framing = "length-and-coding",
    /// More than one Content-Length, even the same twice, or one that is no plain decimal number (RFC 9110, section 8.6).
    Length = "content-length",
    /// A request line without a method, a target, and HTTP/1.0 or HTTP/1.1.
    Line = "request-line",
    /// A header whose name is no token, or has white space behind it (RFC 9112, section 5.1: MUST be refused).
    Name = "header-name",
    /// A head that is too long, or has too many headers.
    Size = "head-size",
    /// A control character in a header's value (RFC 9110, section 5.5).
    Value = "header-value",
}

impl RequestHead {
    /// What is wrong with the head, if it has to be refused.
    #[must_use]
    pub fn syntax_error(&self) -> Option<SyntaxError> {
        if self.target.contains(&b'#') {
            Some(SyntaxError::Fragment)
        } else if any(&self.target, |byte| byte <= b' ' || byte == 0x7f) {
            Some(SyntaxError::Space)
        } else if self.method == b"CONNECT" && !is_authority(&self.target) {
            Some(SyntaxError::Connect)
        } else {
            header_error(&self.headers)
        }
    }
}

/// What is wrong with headers. All of them are looked at once, for every request; most are none of these, as their lengths
/// tell.
fn header_error(headers: &Fields) -> Option<SyntaxError> {
    let (mut has_host, mut has_length, mut has_coding) = (false, false, false);
    for header in headers.iter() {
        match header.name.len() {
            // Without any Host, the head may still be one of HTTP/1.0.
            4 if header.name.eq_ignore_ascii_case(b"host") => {
                let again = std::mem::replace(&mut has_host, true);
                if again || !is_host(header.value) {
                    return Some(SyntaxError::Host);
                }
            }
            6 if header.name.eq_ignore_ascii_case(b"expect")
                && !header.value.eq_ignore_ascii_case(b"100-continue") =>
            {
                return Some(SyntaxError::Expectation);
            }
            14 if is_name(header.name, b"content-length") => {
                let again = std::mem::replace(&mut has_length, true);
                if again || header.name.contains(&b'_') || !is_length(header.value) {
                    return Some(SyntaxError::Length);
                }
            }
            17 if is_name(header.name, b"transfer-encoding") => {
                has_coding = true;
                if header.name.contains(&b'_') {
                    return Some(SyntaxError::Coding);
                }
            }
            _ => {}
        }
    }
    (has_length && has_coding).then_some(SyntaxError::Framing)
}

/// Whether a Content-Length is a plain decimal number, written as everybody writes it: without a sign, zeros in front, or
/// more of it than fits into 63 bits.
pub(crate) fn is_length(value: &[u8]) -> bool {
    let plain =
        value == b"0" || matches!(value, [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit));
    plain && std::str::from_utf8(value).is_ok_and(|text| text.parse::<i64>().is_ok())
}

/// `host:port`.
fn is_authority(target: &[u8]) -> bool {
    let colon = target.iter().rposition(|byte| *byte == b':');
    colon.is_some_and(|colon| {
        let (host, port) = (&target[..colon], &target[colon + 1..]);
        is_host(host) && !port.is_empty() && port.iter().all(u8::is_ascii_digit)
    })
}

/// A name, an address, and perhaps a port. Names of `http` URIs are names of DNS (RFC 9110, section 4.3),
/// so nothing is percent-encoded; `_` occurs in names within clusters.
pub(crate) fn is_host(host: &[u8]) -> bool {
    let is_foreign =
        |byte: u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    !host.is_empty() && !any(host, is_foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_has_to_be_refused() {
        type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], Option<SyntaxError>);
        let rows: &[Row] = &[
            ("GET", "/", &[("Host", "shop.example.com:80")], None),
            ("GET", "/", &[("Host", "[2001:db8::1]:80")], None),
            ("GET", "/", &[("Host", "a_b")], None),
            ("GET", "/", &[], None),
            ("GET", "/<a>%00\\", &[("Host", "a")], None),
            ("GET", "http://a/", &[("Host", "a")], None),
            ("GET", "/#a", &[("Host", "a")], Some(SyntaxError::Fragment)),
            ("GET", "/a b", &[("Host", "a")], Some(SyntaxError::Space)),
            ("GET", "/\u{1}", &[("Host", "a")], Some(SyntaxError::Space)),
            ("GET", "/", &[("host", "")], Some(SyntaxError::Host)),
            ("GET", "/", &[("Host", "a%00")], Some(SyntaxError::Host)),
            ("GET", "/", &[("Host", "a,b")], Some(SyntaxError::Host)),
            ("GET", "/", &[("Host", "a"), ("hOST", "a")], Some(SyntaxError::Host)),
            ("CONNECT", "a:80", &[("Host", "a")], None),
            ("CONNECT", "a", &[("Host", "a")], Some(SyntaxError::Connect)),
            ("CONNECT", "a:", &[("Host", "a")], Some(SyntaxError::Connect)),
            ("CONNECT", "/a:80", &[("Host", "a")], Some(SyntaxError::Connect)),
            ("POST", "/", &[("Content-Length", "1")], None),
            ("POST", "/", &[("Content-Length", "1, 1")], Some(SyntaxError::Length)),
            ("POST", "/", &[("Content_Length", "1")], Some(SyntaxError::Length)),
            ("POST", "/", &[("Expect", "100-Continue")], None),
            ("POST", "/", &[("expect", "x 100-continue")], Some(SyntaxError::Expectation)),
            ("POST", "/", &[("transfer_encoding", "chunked")], Some(SyntaxError::Coding)),
            ("POST", "/", &[("content-length", "1"), ("Content-Length", "1")], Some(SyntaxError::Length)),
            ("POST", "/", &[("Transfer-Encoding", "chunked")], None),
            (
                "POST",
                "/",
                &[("Content-Length", "1"), ("transfer-encoding", "chunked")],
                Some(SyntaxError::Framing),
            ),
        ];
        for (method, target, headers, expected) in rows {
            let head = RequestHead {
                method: method.as_bytes().to_vec(),
                target: target.as_bytes().to_vec(),
                protocol: b"HTTP/1.1".to_vec(),
                headers: headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect(),
            };
            assert_eq!(head.syntax_error(), *expected, "{method} {target} {headers:?}");
        }
    }
}
