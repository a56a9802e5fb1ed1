//! Request lines that Pingora would not take.

use std::ops::Range;

/// The first line of a request within what was read of it, behind empty lines (RFC 9112, section 2.2) and
/// without its LF; `None` while it is not complete.
pub(super) fn find(read: &[u8]) -> Option<Range<usize>> {
    let start = read.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let length = memchr::memchr(b'\n', &read[start..])?;
    Some(start..start + length)
}

/// The line, its target percent-encoded where the target would not be read as a URI; `None` when there is
/// nothing to encode, or when it is no request line of HTTP/1.
pub(super) fn encoded(line: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr(b' ', line)?;
    let last = memchr::memrchr(b' ', line)?;
    let target = line.get(first + 1..last)?;
    if !line[last + 1..].starts_with(b"HTTP/") || !has_foreign(target) {
        return None;
    }
    let mut encoded = Vec::with_capacity(line.len() + 64);
    encoded.extend_from_slice(&line[..=first]);
    let mut in_query = false;
    for byte in target {
        if is_foreign(*byte, in_query) {
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
            encoded.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        } else {
            encoded.push(*byte);
        }
        in_query |= *byte == b'?';
    }
    encoded.extend_from_slice(&line[last..]);
    Some(encoded)
}

fn has_foreign(target: &[u8]) -> bool {
    // Without a branch a byte, as nearly all targets have none.
    if !target.iter().fold(false, |found, byte| found | is_foreign(*byte, true) | is_foreign(*byte, false)) {
        return false;
    }
    let query = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    target.iter().enumerate().any(|(at, byte)| is_foreign(*byte, at > query))
}

/// Whether a byte is none of a URI's, as the crate `http` reads them: it is more lenient than RFC 3986, as URL
/// parsers of browsers are, and differs between path and query.
fn is_foreign(byte: u8, in_query: bool) -> bool {
    match byte {
        0..=b' ' | b'<' | b'>' | 0x7f => true,
        b'"' => in_query,
        b'`' => !in_query,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::uri::PathAndQuery;

    use super::*;

    #[test]
    fn encodes_what_is_no_uri() {
        for (line, expected) in [
            ("GET / HTTP/1.1", None),
            ("GET /a?b=c|{}'\\^` HTTP/1.1", None),
            ("GET /\u{e9} HTTP/1.1", None),
            ("GET /?a=<b> HTTP/1.1", Some("GET /?a=%3Cb%3E HTTP/1.1")),
            ("GET /?a=\"b\"\r HTTP/1.1\r", Some("GET /?a=%22b%22%0D HTTP/1.1\r")),
            ("GET /a b?c d HTTP/1.1", Some("GET /a%20b?c%20d HTTP/1.1")),
            ("GET /a`b?c` HTTP/1.0", Some("GET /a%60b?c` HTTP/1.0")),
            ("GET  / HTTP/1.1", Some("GET %20/ HTTP/1.1")),
            ("GET /<", None),
            ("GET /< FTP/1", None),
            ("GET", None),
            ("", None),
        ] {
            let found = encoded(line.as_bytes()).map(|line| String::from_utf8_lossy(&line).into_owned());
            assert_eq!(found.as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn nothing_else_is_refused_as_a_uri() {
        for byte in (0..=255_u8).filter(|byte| *byte != b'#') {
            for in_query in [false, true] {
                let mut target = if in_query { b"/a?b".to_vec() } else { b"/a".to_vec() };
                target.push(byte);
                // Beyond ASCII only UTF-8 can be read; Pingora handles the rest.
                let taken = byte >= 0x80 || PathAndQuery::try_from(target.as_slice()).is_ok();
                assert_eq!(!taken, is_foreign(byte, in_query), "{byte:#x} {in_query}");
            }
        }
    }

    #[test]
    fn finds_lines() {
        for (read, expected) in [
            ("GET / HTTP/1.1\r\nHost", Some(0..15)),
            ("\r\n\r\nGET /\n", Some(4..9)),
            ("GET /", None),
            ("\r\n", None),
            ("", None),
        ] {
            assert_eq!(find(read.as_bytes()), expected, "{read:?}");
        }
    }
}
