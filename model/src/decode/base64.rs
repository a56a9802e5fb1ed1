//! Base64 that holds text (RFC 4648, standard and URL-safe alphabets).

use crate::class;

/// The shortest value that is tried (bytes).
const LENGTH_MIN: usize = 8;
/// Below this length, decoded text must look like code (two punctuation marks): short words are base64 too.
const SHORT: usize = 16;

/// Whether a value may spell a text in base64: this tells most that do not by their first bytes.
pub(crate) fn may_be(value: &[u8]) -> bool {
    let unpadded = trim_padding(value);
    unpadded.len() >= LENGTH_MIN
        && unpadded.len() % 4 != 1
        && begins_printable(unpadded)
        && !one_class(unpadded)
}

/// Writes the text a value spells in base64, unless not all of it is of the alphabet, or what comes out is hardly
/// printable; says whether it is. The value is one that [`may_be`] base64.
pub(crate) fn decode(value: &[u8], out: &mut Vec<u8>) -> bool {
    let unpadded = trim_padding(value);
    read(unpadded, out) && is_text(out) && (value.len() >= SHORT || marks(out) >= 2)
}

/// The parts of a longer value that may be base64: after `base64,` or within quotes or brackets.
pub(crate) fn embedded(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let runs = class::runs(value, class::PADDED, RUN_BYTES_MIN);
    runs.filter(|run| run.len() < value.len()).take(RUNS_MAX)
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

/// Appends the bytes that letters spell; `false` when one of them is not of the alphabet.
fn read(value: &[u8], out: &mut Vec<u8>) -> bool {
    let (fours, rest) = value.as_chunks::<4>();
    out.resize(fours.len() * 3, 0);
    let (threes, _) = out.as_chunks_mut::<3>();
    let all = fours.iter().zip(threes).all(|(letters, bytes)| {
        group(letters).is_some_and(|text| {
            *bytes = text;
            true
        })
    });
    let last = group(rest);
    out.extend_from_slice(last.as_ref().map_or(&[], |text| &text[..rest.len().saturating_sub(1)]));
    all && last.is_some()
}

/// The bytes that up to four letters spell; the first of them, one less than there are letters, count.
#[inline]
fn group(letters: &[u8]) -> Option<[u8; 3]> {
    let (mut bits, mut others) = (0_u32, 0);
    for byte in letters {
        let sextet = SEXTETS[usize::from(*byte)];
        bits = bits << 6 | u32::from(sextet);
        others |= sextet;
    }
    bits <<= 6 * (4 - letters.len());
    let [_, text @ ..] = bits.to_be_bytes();
    (others != OTHER).then_some(text)
}

/// What each letter stands for.
const SEXTETS: [u8; 256] = {
    let mut sextets = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        sextets[byte] = match byte as u8 {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            // A `+` that was read as a form's space is still meant.
            b'+' | b'-' | b' ' => 62,
            b'/' | b'_' => 63,
            _ => OTHER,
        };
        byte += 1;
    }
    sextets
};
/// Not of the alphabet: all bits, so that it shows when letters are joined.
const OTHER: u8 = 0xff;

fn printable(byte: u8) -> bool {
    class::is(byte, class::PRINTABLE)
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
            let mut text = Vec::new();
            let is_text = may_be(value.as_bytes()) && decode(value.as_bytes(), &mut text);
            let found = is_text.then(|| String::from_utf8_lossy(&text));
            assert_eq!(found.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn finds_what_is_wrapped() {
        let found: Vec<_> = embedded(b"eval(atob('YWxlcnQoZG9jdW1lbnQuY29va2llKQ=='))").collect();
        assert_eq!(found, [b"YWxlcnQoZG9jdW1lbnQuY29va2llKQ=="]);
    }
}
