//! A request's head, line by line as it comes.

use std::ops::Range;

use memchr::memchr;

use super::{connection, has_control, is_whole_token, trimmed};
use crate::SyntaxError;
use crate::syntax::{is_host, is_length};

/// Reads a head whose bytes come in pieces; each is looked at once.
#[derive(Clone, Debug, Default)]
pub struct HeadScan {
    /// Where the line begins that is being read.
    line: usize,
    /// Up to where its end was looked for.
    searched: usize,
    /// The target of the request line, once that was read.
    target: Option<Range<usize>>,
    seen: Seen,
}

/// What was seen of a head that matters to framing.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Whether it is of HTTP/1.0.
    is_old: bool,
    /// Lines of headers (count).
    lines: usize,
    host: Option<Range<usize>>,
    has_length: bool,
    is_chunked: bool,
    expects: bool,
    /// Names in `Connection` (count).
    named: usize,
}

/// How far a head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// It goes on.
    Partial,
    /// It is here and nothing is wrong with it.
    Whole {
        /// Where the body begins (bytes).
        end: usize,
        /// How the body is framed.
        body: Body,
    },
    /// No server may go on with it.
    Faulty(SyntaxError),
}

/// How a request's body is framed (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// In chunks.
    Chunked,
    /// By Content-Length, or there is none.
    Sized,
}

impl HeadScan {
    /// A head of which nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on. `read` is all that was read of the head so far, and perhaps more.
    pub fn advance(&mut self, read: &[u8]) -> Head {
        loop {
            let Some(found) = read.get(self.searched..).and_then(|rest| memchr(b'\n', rest)) else {
                self.searched = read.len();
                return Head::Partial;
            };
            let end = self.searched + found;
            let start = std::mem::replace(&mut self.line, end + 1);
            self.searched = self.line;
            match self.line(read, start..end) {
                Ok(None) => {}
                Ok(Some(body)) => return Head::Whole { end: self.line, body },
                Err(fault) => return Head::Faulty(fault),
            }
        }
    }

    /// Takes a line, the LF behind it not in `at`. How the body is framed, once the head is over.
    fn line(&mut self, read: &[u8], at: Range<usize>) -> Result<Option<Body>, SyntaxError> {
        let Some(line) = read[at.clone()].strip_suffix(b"\r") else { return Err(SyntaxError::BareLineFeed) };
        match (&self.target, line.is_empty()) {
            // Empty lines in front (RFC 9112, section 2.2).
            (None, true) => Ok(None),
            (None, false) => {
                let target = request_line(line, &mut self.seen.is_old)?;
                self.target = Some(at.start + target.start..at.start + target.end);
                Ok(None)
            }
            (Some(_), false) => self.seen.header(line, at.start).map(|()| None),
            (Some(target), true) => self.seen.end(read, &read[target.clone()]).map(Some),
        }
    }
}

/// The target within a request line (RFC 9112, section 3). A space in it is let through here:
/// [`RequestHead::syntax_error`](crate::RequestHead::syntax_error) tells of it.
fn request_line(line: &[u8], is_old: &mut bool) -> Result<Range<usize>, SyntaxError> {
    let first = memchr(b' ', line).ok_or(SyntaxError::Line)?;
    let last = line.iter().rposition(|byte| *byte == b' ').unwrap_or(first);
    *is_old = match &line[last + 1..] {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        _ => return Err(SyntaxError::Line),
    };
    if is_whole_token(&line[..first]) && last > first + 1 {
        Ok(first + 1..last)
    } else {
        Err(SyntaxError::Line)
    }
}

impl Seen {
    fn header(&mut self, line: &[u8], start: usize) -> Result<(), SyntaxError> {
        self.lines += 1;
        if self.lines > HEADERS_MAX {
            return Err(SyntaxError::Size);
        }
        if matches!(line[0], b' ' | b'\t') {
            return Err(SyntaxError::Folding);
        }
        let named = memchr(b':', line).map(|colon| (&line[..colon], &line[colon + 1..]));
        let Some((name, value)) = named.filter(|(name, _)| is_whole_token(name)) else {
            return Err(if line.contains(&b'\r') { SyntaxError::BareReturn } else { SyntaxError::Name });
        };
        if has_control(value) {
            return Err(if value.contains(&b'\r') { SyntaxError::BareReturn } else { SyntaxError::Value });
        }
        // Most names are none of these, as their lengths tell.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value, start + 5),
            6 if name.eq_ignore_ascii_case(b"expect") => self.expectation(trimmed(value)),
            10 if name.eq_ignore_ascii_case(b"connection") => {
                let hostile = connection::is_hostile(trimmed(value), &mut self.named);
                if hostile { Err(SyntaxError::Connection) } else { Ok(()) }
            }
            14 if is_name(name, b"content-length") => self.length(name, trimmed(value)),
            17 if is_name(name, b"transfer-encoding") => self.coding(name, trimmed(value)),
            _ => Ok(()),
        }
    }

    /// One Host at most, and one that can be (RFC 9112, section 3.2).
    fn host(&mut self, value: &[u8], start: usize) -> Result<(), SyntaxError> {
        let host = trimmed(value);
        if self.host.is_some() || !is_host(host) {
            return Err(SyntaxError::Host);
        }
        let start = start + value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.host = Some(start..start + host.len());
        Ok(())
    }

    /// `100-continue` and nothing else (RFC 9110, section 10.1.1).
    fn expectation(&mut self, value: &[u8]) -> Result<(), SyntaxError> {
        let again = std::mem::replace(&mut self.expects, true);
        if again || !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(SyntaxError::Expectation);
        }
        Ok(())
    }

    fn length(&mut self, name: &[u8], value: &[u8]) -> Result<(), SyntaxError> {
        let again = std::mem::replace(&mut self.has_length, true);
        if again || name.contains(&b'_') || !is_length(value) {
            return Err(SyntaxError::Length);
        }
        Ok(())
    }

    /// `chunked` once. What other codings hide, nobody could inspect.
    fn coding(&mut self, name: &[u8], value: &[u8]) -> Result<(), SyntaxError> {
        let again = std::mem::replace(&mut self.is_chunked, true);
        if again || name.contains(&b'_') || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(SyntaxError::Coding);
        }
        Ok(())
    }

    fn end(&self, read: &[u8], target: &[u8]) -> Result<Body, SyntaxError> {
        let host = self.host.clone().map(|host| &read[host]);
        if target[0] != b'/' && !agrees(target, host) {
            return Err(SyntaxError::Host);
        }
        if self.is_chunked && (self.has_length || self.is_old) {
            return Err(SyntaxError::Framing);
        }
        // A server would have to ignore it in HTTP/1.0, and the request goes on as one of HTTP/1.1.
        if self.expects && self.is_old {
            return Err(SyntaxError::Expectation);
        }
        Ok(if self.is_chunked { Body::Chunked } else { Body::Sized })
    }
}

/// Whether a name is that one, or is it for applications that take `_` for `-` (RFC 3875, section 4.1.18).
pub(crate) fn is_name(name: &[u8], wanted: &[u8]) -> bool {
    let same =
        |(byte, wanted): (&u8, &u8)| byte.eq_ignore_ascii_case(wanted) || (*byte, *wanted) == (b'_', b'-');
    name.len() == wanted.len() && name.iter().zip(wanted).all(same)
}

/// Whether a target with an authority names the same one as Host (RFC 9112, section 3.2.2, which lets the target win;
/// not every server does).
fn agrees(target: &[u8], host: Option<&[u8]>) -> bool {
    let after = |scheme: &[u8]| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let Some(rest) = after(b"https:").or_else(|| after(b"http:")) else { return true };
    let Some(rest) = rest.strip_prefix(b"//") else { return false };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    is_host(&rest[..end]) && host.is_none_or(|host| host == &rest[..end])
}

/// Lines of headers that a head may have (count); Pingora takes no more.
const HEADERS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: Result<Body, SyntaxError>) {
        let bytes: Vec<u8> =
            head.chars().map(|char| u8::try_from(u32::from(char)).expect("Latin 1")).collect();
        let expected = match expected {
            Ok(body) => Head::Whole { end: bytes.len(), body },
            Err(fault) => Head::Faulty(fault),
        };
        assert_eq!(HeadScan::new().advance(&bytes), expected, "{head:?}");
    }

    #[test]
    fn reads_request_lines() {
        let end = "Host: a\r\n\r\n";
        for line in ["GET / HTTP/1.1", "M-SEARCH * HTTP/1.0", "GET /a b HTTP/1.1", "GET /\u{e9}<\" HTTP/1.1"]
        {
            check(&format!("{line}\r\n{end}"), Ok(Body::Sized));
            check(&format!("\r\n\r\n{line}\r\n{end}"), Ok(Body::Sized));
        }
        for line in [
            "GET",
            "GET /",
            "GET / ",
            "GET  HTTP/1.1",
            " / HTTP/1.1",
            " GET / HTTP/1.1",
            "GET / HTTP/1.2",
            "GET / HTTP/2.0",
            "GET / http/1.1",
            "GET / HTTP/1.1 ",
            "GET / HTTP/1.10",
            "GET / HTTP/01.1",
            "G\tT / HTTP/1.1",
            "GE\u{0}T / HTTP/1.1",
            "GET\t/\tHTTP/1.1",
            "G(T / HTTP/1.1",
            "PRI * HTTP/2.0",
        ] {
            check(&format!("{line}\r\n{end}"), Err(SyntaxError::Line));
        }
        check("GET / HTTP/1.1\n", Err(SyntaxError::BareLineFeed));
        check("\nGET / HTTP/1.1\r\n\r\n", Err(SyntaxError::BareLineFeed));
    }

    #[test]
    fn reads_headers() {
        for (headers, expected) in [
            ("", Ok(Body::Sized)),
            ("A:\r\nB: \t c\td\r\n", Ok(Body::Sized)),
            ("A: \u{80}\u{ff}\r\n", Ok(Body::Sized)),
            ("A: b\n", Err(SyntaxError::BareLineFeed)),
            ("A: b\rC: d\r\n", Err(SyntaxError::BareReturn)),
            ("A: b\r\r\n", Err(SyntaxError::BareReturn)),
            ("A\rB: b\r\n", Err(SyntaxError::BareReturn)),
            (" A: b\r\n", Err(SyntaxError::Folding)),
            ("A: b\r\n\tc\r\n", Err(SyntaxError::Folding)),
            ("A\r\n", Err(SyntaxError::Name)),
            (": b\r\n", Err(SyntaxError::Name)),
            ("A : b\r\n", Err(SyntaxError::Name)),
            ("A\t: b\r\n", Err(SyntaxError::Name)),
            ("A B: b\r\n", Err(SyntaxError::Name)),
            ("A\u{0}: b\r\n", Err(SyntaxError::Name)),
            ("\u{e9}: b\r\n", Err(SyntaxError::Name)),
            ("A: b\u{0}\r\n", Err(SyntaxError::Value)),
            ("A: b\u{b}\r\n", Err(SyntaxError::Value)),
            ("A: \u{7f}\r\n", Err(SyntaxError::Value)),
            ("Host: a\r\nhost: a\r\n", Err(SyntaxError::Host)),
            ("Host: a b\r\n", Err(SyntaxError::Host)),
            ("Host:\r\n", Err(SyntaxError::Host)),
            ("Host: [::1]:80\r\n", Ok(Body::Sized)),
            ("Connection: close, content-length\r\n", Err(SyntaxError::Connection)),
            ("Expect: 100-Continue\r\n", Ok(Body::Sized)),
            ("Expect: 100-continue\r\nExpect: 100-continue\r\n", Err(SyntaxError::Expectation)),
            ("Expect: x 100-continue\r\n", Err(SyntaxError::Expectation)),
            ("Expect:\r\n", Err(SyntaxError::Expectation)),
        ] {
            check(&format!("GET / HTTP/1.1\r\n{headers}\r\n"), expected);
        }
        check("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", Err(SyntaxError::Expectation));
        let many = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
        check(&many(HEADERS_MAX), Ok(Body::Sized));
        check(&many(HEADERS_MAX + 1), Err(SyntaxError::Size));
    }

    #[test]
    fn reads_framing() {
        for (headers, expected) in [
            ("Content-Length: 0\r\n", Ok(Body::Sized)),
            ("content-length:\t42 \r\n", Ok(Body::Sized)),
            ("Content-Length: 9223372036854775807\r\n", Ok(Body::Sized)),
            ("Content-Length: 9223372036854775808\r\n", Err(SyntaxError::Length)),
            ("Content-Length:\r\n", Err(SyntaxError::Length)),
            ("Content-Length: +1\r\n", Err(SyntaxError::Length)),
            ("Content-Length: -1\r\n", Err(SyntaxError::Length)),
            ("Content-Length: 0x1\r\n", Err(SyntaxError::Length)),
            ("Content-Length: 1_0\r\n", Err(SyntaxError::Length)),
            ("Content-Length: 1 2\r\n", Err(SyntaxError::Length)),
            ("Content-Length: 1, 1\r\n", Err(SyntaxError::Length)),
            ("Content-Length: 01\r\n", Err(SyntaxError::Length)),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", Err(SyntaxError::Length)),
            ("Content_Length: 1\r\n", Err(SyntaxError::Length)),
            ("Transfer-Encoding: chunked\r\n", Ok(Body::Chunked)),
            ("TRANSFER-ENCODING:\tCHUNKED\t\r\n", Ok(Body::Chunked)),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(SyntaxError::Coding)),
            ("Transfer-Encoding: identity\r\n", Err(SyntaxError::Coding)),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(SyntaxError::Coding)),
            ("Transfer-Encoding: chunked, identity\r\n", Err(SyntaxError::Coding)),
            ("Transfer-Encoding: xchunked\r\n", Err(SyntaxError::Coding)),
            ("Transfer-Encoding: chunked;a=b\r\n", Err(SyntaxError::Coding)),
            ("Transfer-Encoding:\r\n", Err(SyntaxError::Coding)),
            ("Transfer_Encoding: chunked\r\n", Err(SyntaxError::Coding)),
            ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", Err(SyntaxError::Framing)),
        ] {
            check(&format!("POST / HTTP/1.1\r\n{headers}\r\n"), expected);
        }
        check("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Err(SyntaxError::Framing));
    }

    #[test]
    fn compares_authorities() {
        for (target, host, same) in [
            ("http://a/", "Host: a\r\n", true),
            ("HTTPS://a:1?b", "host:  a:1 \r\n", true),
            ("http://a", "", true),
            ("*", "Host: a\r\n", true),
            ("a:80", "Host: b\r\n", true),
            ("http://a/", "Host: b\r\n", false),
            ("http://a/", "Host: A\r\n", false),
            ("http://u@a/", "Host: a\r\n", false),
            ("http:///", "Host: a\r\n", false),
            ("http:/a", "Host: a\r\n", false),
            ("http:\\\\a", "Host: a\r\n", false),
            ("http:", "", false),
        ] {
            let expected = if same { Ok(Body::Sized) } else { Err(SyntaxError::Host) };
            check(&format!("GET {target} HTTP/1.1\r\n{host}\r\n"), expected);
        }
    }

    #[test]
    fn a_fault_is_told_before_the_head_is_whole() {
        let read = b"GET / HTTP/1.1\r\nA: b\nC";
        assert_eq!(HeadScan::new().advance(read), Head::Faulty(SyntaxError::BareLineFeed));
    }
}
