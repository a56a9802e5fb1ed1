//! What holds for every input; tests and fuzz targets ask the same.

use super::{Body, Chunks, Head, HeadScan};
use crate::SyntaxError;

/// However a head comes in pieces, it is the same; and what is taken has no line that another server could read otherwise.
pub fn check_head(input: &[u8]) {
    let whole = HeadScan::new().advance(input);
    let mut scan = HeadScan::new();
    let step = input.first().map_or(1, |byte| usize::from(*byte % 7) + 1);
    let mut pieces = Head::Partial;
    let mut read = 0;
    while pieces == Head::Partial && read < input.len() {
        read = (read + step).min(input.len());
        pieces = scan.advance(&input[..read]);
    }
    assert_eq!(pieces, whole);
    let Head::Whole { end, body } = whole else { return };
    let head = &input[..end];
    assert!(head.ends_with(b"\r\n\r\n"));
    let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    for line in &lines[..lines.len() - 1] {
        let line = line.strip_suffix(b"\r").expect("lines end with CRLF");
        assert!(!line.starts_with(b" ") && !line.starts_with(b"\t"));
    }
    let named = |name: &[u8]| {
        let is_named =
            |line: &&&[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        lines.iter().filter(is_named).count()
    };
    let (lengths, codings) = (named(b"content-length:"), named(b"transfer-encoding:"));
    assert!(lengths + codings <= 1 && named(b"host:") <= 1);
    assert_eq!(body == Body::Chunked, codings == 1);
}

/// However a chunked body comes in pieces, it is the same, and a plain reader finds its end in the same place.
pub fn check_chunks(input: &[u8]) {
    let whole = Chunks::new().push(input);
    let mut chunks = Chunks::new();
    let mut pieces: Result<Option<usize>, SyntaxError> = Ok(None);
    let step = input.first().map_or(1, |byte| usize::from(*byte % 5) + 1);
    for (index, piece) in input.chunks(step).enumerate() {
        pieces = chunks.push(piece).map(|end| end.map(|end| index * step + end));
        if !matches!(pieces, Ok(None)) {
            break;
        }
    }
    assert_eq!(pieces, whole);
    if let Ok(Some(end)) = whole {
        assert_eq!(plain_end(input), Some(end));
    }
}

/// Where a body ends for a reader that takes lines as they are.
fn plain_end(input: &[u8]) -> Option<usize> {
    let mut rest = input;
    loop {
        let (line, behind) = split_line(rest)?;
        let digits = line.split(|byte| b"; \t".contains(byte)).next()?;
        let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if size == 0 {
            rest = behind;
            break;
        }
        rest = behind.get(size..)?.strip_prefix(b"\r\n")?;
    }
    loop {
        let (line, behind) = split_line(rest)?;
        rest = behind;
        if line.is_empty() {
            return Some(input.len() - rest.len());
        }
    }
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn heads(lines in prop::collection::vec("[A-Za-z: \t,;=_0-9-]{0,24}(\r\n|\r\n|\r\n|\n|\r)", 0..8)) {
            check_head(format!("POST /a HTTP/1.1\r\n{}\r\n", lines.concat()).as_bytes());
        }

        #[test]
        fn framing(
            lines in prop::collection::vec(
                "(Host|Content-Length|Transfer-Encoding|Connection|Expect)[ _]?: ?(a|0|12|chunked|close|100-continue)\r\n",
                0..4,
            ),
        ) {
            check_head(format!("POST http://a/ HTTP/1.1\r\n{}\r\n", lines.concat()).as_bytes());
        }

        #[test]
        fn any_head(input in prop::collection::vec(any::<u8>(), 0..200)) {
            check_head(&input);
        }

        #[test]
        fn chunks(parts in prop::collection::vec("([0-3]|0a|;a|;\"b\"| |\r\n|\r\n|\n|A: b|abc)", 0..16)) {
            check_chunks(parts.concat().as_bytes());
        }

        #[test]
        fn any_chunks(input in prop::collection::vec(any::<u8>(), 0..200)) {
            check_chunks(&input);
        }
    }
}
