//! Heads of HTTP/1 messages as bytes, read leniently: whoever took such a message has taken it already, and what is in it is to be judged
//! rather than refused. What has to be read as every server would is in [`crate::wire`].
//!
//! The native dialect of the inspect endpoint shows whole messages (`message/http`, RFC 9112, section 10.1): a request, and what was
//! answered to it.

use memchr::{memchr, memchr_iter};

use crate::{Fields, RequestHead, ResponseHead};

#[doc(hidden)]
pub mod properties;

/// Where the body begins, if the head is whole: behind the first empty line. Before `from` none ends.
#[must_use]
pub fn end_of_head(read: &[u8], from: usize) -> Option<usize> {
    memchr_iter(b'\n', read.get(from..)?).find_map(|at| {
        let end = from + at + 1;
        match &read[end..] {
            [b'\n', ..] => Some(end + 1),
            [b'\r', b'\n', ..] => Some(end + 2),
            _ => None,
        }
    })
}

/// Splits the head of a request; `line` is the request line, if it is another one. It may be one that has to be refused, and any bytes at
/// all.
#[must_use]
pub fn request_head(raw: &[u8], line: Option<&[u8]>) -> RequestHead {
    // Empty lines may stand in front (RFC 9112, section 2.2).
    let (first, rest) = next_line(raw.trim_ascii_start());
    let mut head = request_line(line.unwrap_or(first));
    read_fields(rest, &mut head.headers);
    head
}

/// Splits the head of an answer; `None` if it does not begin with a status line.
#[must_use]
pub fn response_head(raw: &[u8]) -> Option<ResponseHead> {
    let (line, rest) = next_line(raw);
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let protocol = words.next().filter(|protocol| protocol.starts_with(b"HTTP/"))?;
    let digits = words.next().filter(|digits| digits.len() == 3)?;
    let status = std::str::from_utf8(digits).ok()?.parse().ok().filter(|status| *status >= 100)?;
    let mut head = ResponseHead { status, protocol: protocol.to_vec(), headers: Fields::new() };
    read_fields(rest, &mut head.headers);
    Some(head)
}

fn read_fields(mut rest: &[u8], headers: &mut Fields) {
    headers.reserve(rest.len(), USUAL_HEADERS);
    loop {
        let (line, next) = next_line(rest);
        if line.is_empty() {
            return;
        }
        if let Some(colon) = memchr(b':', line) {
            headers.push(&line[..colon], line[colon + 1..].trim_ascii());
        }
        rest = next;
    }
}

/// The first line, without its end, and what is behind it.
fn next_line(raw: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = memchr(b'\n', raw).map_or((raw, &[][..]), |at| (&raw[..at], &raw[at + 1..]));
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

/// Method and protocol end at the first and begin at the last space; what is between is the target.
fn request_line(line: &[u8]) -> RequestHead {
    let first = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let last = line.iter().rposition(|byte| *byte == b' ').unwrap_or(line.len());
    RequestHead {
        method: line[..first].to_vec(),
        target: line.get(first + 1..last).unwrap_or_default().to_vec(),
        protocol: line.get(last + 1..).unwrap_or_default().to_vec(),
        headers: Fields::new(),
    }
}

/// As many headers as most messages have.
const USUAL_HEADERS: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        check_with(raw, None, expected);
    }

    #[track_caller]
    fn check_with(raw: &str, line: Option<&str>, expected: &str) {
        let head = request_head(raw.as_bytes(), line.map(str::as_bytes));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (method, target, protocol) = (text(&head.method), text(&head.target), text(&head.protocol));
        assert_eq!(format!("{method}|{target}|{protocol}|{:?}", head.headers), expected);
    }

    #[test]
    fn keeps_what_was_sent() {
        check(
            "GET /a#b?c HTTP/1.1\r\nX-B: 1\r\nhost:h\r\nx-b:  2 \r\n\r\n",
            "GET|/a#b?c|HTTP/1.1|[X-B=1, host=h, x-b=2]",
        );
        check("\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", "GET|/|HTTP/1.1|[A=b]");
        check("post / HTTP/1.0\nA:\n\n", "post|/|HTTP/1.0|[A=]");
        check("GET /a b HTTP/1.1\r\n\r\n", "GET|/a b|HTTP/1.1|[]");
        check("", "|||[]");
        check_with("GET /%3C HTTP/1.1\r\na: b\r\n\r\n", Some("GET /< HTTP/1.1"), "GET|/<|HTTP/1.1|[a=b]");
        check("GET", "GET|||[]");
    }

    #[test]
    fn finds_the_end_of_a_head() {
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nA: b\r\n\r\nbody", Some(24)),
            ("GET / HTTP/1.1\r\n\r\n", Some(18)),
            ("GET / HTTP/1.1\nA: b\n\nbody\r\n\r\n", Some(21)),
            ("\r\n\r\nbody", Some(4)),
            ("GET / HTTP/1.1\r\nA: b\r\n", None),
            ("", None),
        ] {
            assert_eq!(end_of_head(text.as_bytes(), 0), expected, "{text:?}");
            // In any pieces.
            let mut looked = 0;
            let in_pieces = (0..=text.len()).find_map(|length| {
                let found = end_of_head(&text.as_bytes()[..length], looked);
                looked = length.saturating_sub(2);
                found
            });
            assert_eq!(in_pieces, expected, "{text:?}");
        }
    }

    #[test]
    fn reads_heads_of_answers() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\nA:c \r\n\r\n", Some((200, "[A=b, A=c]"))),
            ("HTTP/2.0 404\r\n\r\n", Some((404, "[]"))),
            ("HTTP/1.1 200\r\nno field\r\nX:\r\n\r\n", Some((200, "[X=]"))),
            ("HTTP/1.1 20 OK\r\n\r\n", None),
            ("HTTP/1.1 099 \r\n\r\n", None),
            ("HTTP/1.1 +12 \r\n\r\n", None),
            ("HTTP/1.1  200\r\n\r\n", None),
            ("GET / HTTP/1.1\r\n\r\n", None),
            ("", None),
        ] {
            let read = response_head(text.as_bytes());
            let read = read.map(|head| (head.status, format!("{:?}", head.headers)));
            assert_eq!(read, expected.map(|(status, headers)| (status, headers.to_owned())), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(input in prop::collection::vec(any::<u8>(), 0..200)) {
            properties::check_message(&input);
        }

        #[test]
        fn what_looks_like_a_message_is_read(input in "(HTTP/1.1|GET /) [0-9 ]{1,5}[a-z ]{0,3}\r?\n([A-Ca-c]{0,2}:? ?[a-c]?\r?\n){0,5}\r?\n?[a-c\n]{0,9}") {
            properties::check_message(input.as_bytes());
        }
    }
}
