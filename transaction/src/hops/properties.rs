//! What holds for every input; tests and fuzz targets ask the same.

use super::proxy_protocol::{Start, parse};
use super::{Chain, Node, TraceParent, forwarded, is_request_id, is_trace_state, x_forwarded_for};

/// What is said nearest to us is read first, whatever stands in front of it; nothing panics.
pub fn check_chain(input: &[u8]) {
    check_one(input, b"192.0.2.1", |lines| x_forwarded_for(lines.iter().copied()));
    check_one(input, b"for=192.0.2.1", |lines| forwarded(lines.iter().copied()));
}

/// A line of its own behind anything is the first hop; so is an entry behind a comma, if what is in front can be read.
fn check_one(input: &[u8], entry: &[u8], read: impl Fn(&[&[u8]]) -> Chain) {
    let nearest = Some(Node::Address([192, 0, 2, 1].into()));
    let chain = read(&[input, entry]);
    assert_eq!(chain.iter().next(), nearest);
    assert!(chain.iter().count() <= 32);
    let alone = read(&[input]);
    let hops = alone.iter().count();
    assert!(alone.iter().take(hops.saturating_sub(1)).all(|node| matches!(node, Node::Address(_))));
    let both = [input, b",", entry].concat();
    let first = read(&[&both]).iter().next();
    let unreadable = entry.starts_with(b"for=") && first == Some(Node::Malformed);
    assert!(first == nearest || unreadable, "{first:?}");
}

/// What is passed on of traces and ids is harmless in a header.
pub fn check_trace(input: &[u8]) {
    let harmless =
        |bytes: &[u8]| bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x0c));
    if let Some(parent) = TraceParent::parse(input) {
        assert_eq!((parent.trace_id.len(), parent.parent_id.len()), (32, 16));
    }
    assert!(!is_trace_state(input) || harmless(input));
    assert!(!is_request_id(input) || harmless(input));
}

/// A header is one whatever comes behind it, and less of it is not: nobody is taken for another because of where what was
/// received ends.
pub fn check_proxy_protocol(input: &[u8]) {
    match parse(input) {
        found @ Start::Header(_, length) => {
            assert!(length <= input.len());
            assert_eq!(parse(&input[..length]), found);
            assert_eq!(parse(&[input, b"x"].concat()), found);
            for end in 0..length.min(CUTS_MAX) {
                assert_eq!(parse(&input[..end]), Start::Incomplete, "{end}");
            }
        }
        Start::None => assert_eq!(parse(&[input, b"x"].concat()), Start::None),
        Start::Incomplete => {}
    }
}

/// How many places a header is cut at (count): each costs another look.
const CUTS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_chain(input in prop::collection::vec(any::<u8>(), 0..100)) {
            check_chain(&input);
        }

        #[test]
        fn chains(parts in prop::collection::vec(
            "(for=|by=|;|,|, |\"|\\\\|192\\.0\\.2\\.9|\\[2001:db8::1\\]|:80|unknown|_x| )", 0..12)
        ) {
            check_chain(parts.concat().as_bytes());
        }

        #[test]
        fn any_start(input in prop::collection::vec(any::<u8>(), 0..100)) {
            check_proxy_protocol(&input);
        }

        #[test]
        fn starts_of_version_1(parts in prop::collection::vec(
            "(PROXY|PROXY TCP4 | TCP6| UNKNOWN| |192\\.0\\.2\\.9 |2001:db8::1 |80 |443|\r\n|\r|\n|0|x)", 0..9)
        ) {
            check_proxy_protocol(parts.concat().as_bytes());
        }

        #[test]
        fn starts_of_version_2(
            command in prop::sample::select(&[0x20_u8, 0x21, 0x11, 0x31][..]),
            family in prop::sample::select(&[0x00_u8, 0x11, 0x12, 0x21, 0x31, 0x44][..]),
            said in 0_u8..60,
            body in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            check_proxy_protocol(&[&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family, 0, said], &body].concat());
        }

        #[test]
        fn any_trace(input in prop::collection::vec(any::<u8>(), 0..100)) {
            check_trace(&input);
        }
    }
}
