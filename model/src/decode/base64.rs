//! Base64 that holds text (RFC 4648, standard and URL-safe alphabets).

use crate::class;

/// The shortest value that is tried (bytes).
const LENGTH_MIN: usize = 8;
/// Below this length, decoded text must look like code (two punctuation marks): short words are base64 too.
const SHORT: usize = 16;

/// The text a value spells in base64: all of it is of the alphabet, and nearly all that comes out is printable.
#[must_use]
pub fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let unpadded = trim_padding(value);
    if unpadded.len() < LENGTH_MIN
        || unpadded.len() % 4 == 1
        || !begins_printable(unpadded)
        || one_class(unpadded)
    {
        return None;
    }
    let text = bytes(unpadded)?;
    (is_text(&text) && (value.len() >= SHORT || marks(&text) >= 2)).then_some(text)
}

/// The texts spelled in base64 inside a longer value, after `base64,` or within quotes or brackets.
pub fn embedded(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let whole = if value.len() > RUN_BYTES_MIN { value } else { b"" };
    let runs = whole.split(|byte| !class::is(*byte, class::BASE64) && *byte != b'=');
    let long = runs.filter(move |run| run.len() >= RUN_BYTES_MIN && run.len() < value.len());
    long.take(RUNS_MAX).filter_map(decoded)
}

/// The shortest run within a value that is tried (bytes).
const RUN_BYTES_MIN: usize = 20;
/// Runs of the alphabet that are tried in one value (count).
const RUNS_MAX: usize = 8;

fn trim_padding(value: &[u8]) -> &[u8] {
    let value = value.strip_suffix(b"=").unwrap_or(value);
    value.strip_suffix(b"=").unwrap_or(value)
}

/// The first six bytes tell text from random at the cost of eight look-ups.
fn begins_printable(value: &[u8]) -> bool {
    let start = |from: usize| group(value.get(from..from + 4)?);
    [start(0), start(4)].into_iter().all(|text| text.is_some_and(|text| text.into_iter().all(printable)))
}

/// Letters of one case, or digits, only: a word or a number.
fn one_class(value: &[u8]) -> bool {
    let all = |test: fn(&u8) -> bool| value.iter().all(test);
    all(u8::is_ascii_lowercase) || all(u8::is_ascii_uppercase) || all(u8::is_ascii_digit)
}

fn bytes(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len() * 3 / 4);
    for four in value.chunks(4) {
        out.extend_from_slice(&group(four)?[..four.len().saturating_sub(1)]);
    }
    Some(out)
}

/// The bytes that up to four letters spell; the first of them, one less than there are letters, count.
fn group(letters: &[u8]) -> Option<[u8; 3]> {
    let mut bits = 0_u32;
    for byte in letters {
        bits = bits << 6 | u32::from(sextet(*byte)?);
    }
    bits <<= 6 * (4 - letters.len());
    let [_, text @ ..] = bits.to_be_bytes();
    Some(text)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        // A `+` that was read as a form's space is still meant.
        b'+' | b'-' | b' ' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// At least 97 of 100 bytes are printable ASCII.
fn is_text(text: &[u8]) -> bool {
    text.iter().filter(|byte| printable(**byte)).count() * 100 >= text.len() * 97
}

fn marks(text: &[u8]) -> usize {
    text.iter().filter(|byte| byte.is_ascii_punctuation()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_text_only() {
        for (value, expected) in [
            ("PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", Some("<script>alert(1)</script>")),
            ("Jy8qKi9vcg", Some("'/**/or")),
            ("d2hvYW1p", None),
            ("password", None),
            ("0123456789abcdef", None),
            ("Mozilla/5.0", None),
            ("", None),
        ] {
            let found = decoded(value.as_bytes()).map(|text| String::from_utf8_lossy(&text).into_owned());
            assert_eq!(found.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn finds_what_is_wrapped() {
        let found: Vec<_> = embedded(b"eval(atob('YWxlcnQoZG9jdW1lbnQuY29va2llKQ=='))").collect();
        assert_eq!(found, [b"alert(document.cookie)".to_vec()]);
    }
}
