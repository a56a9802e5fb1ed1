//! The dialect of our own: the request as it came is the body of the gateway's, head and all (`message/http`, RFC 9112,
//! section 10.1), so that nothing of it can be taken for a header of the gateway's.
//!
//! | header | says |
//! |---|---|
//! | `X-Portcullis-Client` | the client's address |
//! | `X-Portcullis-Body` | `whole` (as when it is absent), `cut=N` where N bytes are left out at its end, `unseen=N` where all are; without `=N` nobody knows how many |
//! | `X-Portcullis-Missed` | requests and answers let through unasked since it was last said, by reason: `down=3, response-late=1` |
//! | `X-Portcullis-Responses` | `shown`: the answer to the request will be shown over the same connection ([`super::response`]) |
//! | `X-Portcullis-Response-To` | the id of a transaction: what is shown is the answer to it |

use bytes::{Bytes, BytesMut};
use engine::config::Inspect;
use transaction::{Fields, RequestHead, ResponseHead, message};

use super::dialect::Unreadable;
use super::source::Incoming;
use crate::attach::{Body, Pieces};

/// Reads the head of the request that is asked about, and leaves its body.
pub(super) async fn head(incoming: &mut Incoming<'_>, inspect: &Inspect) -> Result<RequestHead, Unreadable> {
    let head = message::request_head(&head_bytes(incoming, inspect).await?, None);
    if head.method.is_empty() || head.target.is_empty() {
        return Err(Unreadable::Malformed("the message"));
    }
    Ok(head)
}

/// Reads the head of an answer, and leaves its body.
pub(super) async fn response_head(
    incoming: &mut Incoming<'_>,
    inspect: &Inspect,
) -> Result<ResponseHead, Unreadable> {
    let raw = head_bytes(incoming, inspect).await?;
    message::response_head(&raw).ok_or(Unreadable::Malformed("the message"))
}

async fn head_bytes(incoming: &mut Incoming<'_>, inspect: &Inspect) -> Result<Bytes, Unreadable> {
    let most = inspect.listener.limits.head_bytes_max;
    let reading = async {
        let (mut read, mut looked) = (BytesMut::new(), 0);
        loop {
            if let Some(end) = message::end_of_head(&read, looked) {
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
    let (head, body) = tokio::time::timeout(inspect.body_timeout, reading)
        .await
        .map_err(|_| Unreadable::Malformed("the message"))??;
    if head.len() > most {
        return Err(Unreadable::TooLarge);
    }
    incoming.unread(body);
    Ok(head)
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

/// Whether the answer to the request will be shown.
pub(super) fn shows_response(headers: &Fields) -> bool {
    let mut said = headers.named(b"x-portcullis-responses");
    said.next().is_some_and(|field| field.value == b"shown") && said.next().is_none()
}

/// Why a gateway asks nobody: nobody is there, no answer comes in time, or none that it understands. Of answers the same.
const MISSED: [&str; 6] = ["down", "late", "error", "response-down", "response-late", "response-error"];

#[cfg(test)]
mod tests {
    use super::*;

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
        let found: Vec<_> = missed(b"down=3, late=1,strange=2, error=, x, response-down=4").collect();
        assert_eq!(found, [("down", 3), ("late", 1), ("other", 2), ("response-down", 4)]);
    }
}
