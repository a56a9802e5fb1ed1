//! The dialect of our own: the request as it came is the body of the gateway's, head and all (`message/http`, RFC 9112,
//! section 10.1), so that nothing of it can be taken for a header of the gateway's.
//!
//! | header | says |
//! |---|---|
//! | `X-Portcullis-Client` | the client's address |
//! | `X-Portcullis-Body` | `whole` (as when it is absent), `cut=N` where N bytes are left out at its end, `unseen=N` where all are; without `=N` nobody knows how many |
//! | `X-Portcullis-Missed` | requests let through unasked since it was last said, by reason: `down=3, late=1` |

use bytes::{Bytes, BytesMut};
use engine::config::Inspect;
use transaction::{Fields, RequestHead};

use super::dialect::Unreadable;
use super::source::Incoming;
use crate::attach::{Body, Pieces};
use crate::inline::wire_head;

/// Reads the head of the request that is asked about, and leaves its body.
pub(super) async fn head(incoming: &mut Incoming<'_>, inspect: &Inspect) -> Result<RequestHead, Unreadable> {
    let most = inspect.listener.limits.head_bytes_max;
    let reading = async {
        let (mut read, mut looked) = (BytesMut::new(), 0);
        loop {
            if let Some(end) = end_of_head(&read, looked) {
                let body = read.split_off(end).freeze();
                return Ok((read.freeze(), body));
            }
            if read.len() > most {
                return Err(Unreadable::TooLarge);
            }
            looked = read.len().saturating_sub(2);
            match incoming.next().await {
                Ok(Some(piece)) => read.extend_from_slice(&piece),
                Ok(None) | Err(_) => return Err(Unreadable::Malformed("the message")),
            }
        }
    };
    let read: (Bytes, Bytes) = tokio::time::timeout(inspect.body_timeout, reading)
        .await
        .map_err(|_| Unreadable::Malformed("the message"))??;
    if read.0.len() > most {
        return Err(Unreadable::TooLarge);
    }
    let head = wire_head(&read.0, None);
    if head.method.is_empty() || head.target.is_empty() {
        return Err(Unreadable::Malformed("the message"));
    }
    incoming.unread(read.1);
    Ok(head)
}

/// Where the body begins, if the head is whole: behind the first empty line. Before `from` none ends.
fn end_of_head(read: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'\n', &read[from..]).find_map(|at| {
        let end = from + at + 1;
        match &read[end..] {
            [b'\n', ..] => Some(end + 1),
            [b'\r', b'\n', ..] => Some(end + 2),
            _ => None,
        }
    })
}

/// Whether the body is there, and whether its end is missing.
pub(super) fn body(headers: &Fields) -> Result<(Body, Option<Option<u64>>), Unreadable> {
    let unknown = Err(Unreadable::Malformed("x-portcullis-body"));
    let mut said = headers.named(b"x-portcullis-body");
    let Some(first) = said.next() else { return Ok((Body::Comes, None)) };
    let text = std::str::from_utf8(first.value).unwrap_or_default();
    let (word, bytes) = match text.split_once('=') {
        Some((word, bytes)) => (word, Some(bytes.parse().ok())),
        None => (text, None),
    };
    let bytes = match bytes {
        Some(None) => return unknown,
        Some(bytes) => bytes,
        None => None,
    };
    match word {
        _ if said.next().is_some() => unknown,
        "whole" => Ok((Body::Comes, None)),
        "cut" => Ok((Body::Comes, Some(bytes))),
        "unseen" => Ok((Body::Kept(bytes), None)),
        _ => unknown,
    }
}

/// What a gateway let through unasked, by reason. There are no more reasons than those that are known.
pub(super) fn missed(text: &[u8]) -> impl Iterator<Item = (&'static str, u64)> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    text.split(',').filter_map(|item| {
        let (reason, requests) = item.trim().split_once('=')?;
        let known = MISSED.iter().copied().find(|known| *known == reason);
        Some((known.unwrap_or("other"), requests.parse().ok()?))
    })
}

/// Why a gateway asks nobody: nobody is there, no answer comes in time, or none that it understands.
const MISSED: [&str; 3] = ["down", "late", "error"];

#[cfg(test)]
mod tests {
    use super::*;

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
    fn reads_what_is_said_of_bodies() {
        for (text, expected) in [
            ("whole", Some((Body::Comes, None))),
            ("cut", Some((Body::Comes, Some(None)))),
            ("cut=7", Some((Body::Comes, Some(Some(7))))),
            ("unseen=12", Some((Body::Kept(Some(12)), None))),
            ("unseen", Some((Body::Kept(None), None))),
            ("unseen=x", None),
            ("partly", None),
        ] {
            let headers: Fields = [("X-Portcullis-Body", text)].into_iter().collect();
            assert_eq!(body(&headers).ok(), expected, "{text}");
        }
    }

    #[test]
    fn reads_what_was_missed() {
        let found: Vec<_> = missed(b"down=3, late=1,strange=2, error=, x").collect();
        assert_eq!(found, [("down", 3), ("late", 1), ("other", 2)]);
    }
}
