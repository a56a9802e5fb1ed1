//! `&lt;`, `&#60;`, `&#x3c;`: HTML character references.

use super::origin::{Sink, find, replace};

/// The named references that attacks need; the others stand for letters.
const NAMED: [(&[u8], u8); 22] = [
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"amp", b'&'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"nbsp", b' '),
    (b"lpar", b'('),
    (b"rpar", b')'),
    (b"colon", b':'),
    (b"semi", b';'),
    (b"sol", b'/'),
    (b"bsol", b'\\'),
    (b"equals", b'='),
    (b"grave", b'`'),
    (b"tab", b'\t'),
    (b"newline", b'\n'),
    (b"lbrace", b'{'),
    (b"rbrace", b'}'),
    (b"dollar", b'$'),
    (b"period", b'.'),
    (b"comma", b','),
    (b"excl", b'!'),
];

/// The longest of these names (bytes).
const NAME_BYTES_MAX: usize = 7;

/// Undoes one level; what is no reference stays.
pub(super) fn decode<S: Sink>(input: &[u8], out: &mut S) -> bool {
    let read = |rest: &[u8]| {
        let (code, length) = reference(rest.strip_prefix(b"&")?)?;
        Some((code, length + 1))
    };
    replace(input, out, |rest| find(b'&', rest), read)
}

/// The character that is referred to after an `&`, and how many bytes that takes. Browsers read numbers
/// without `;` too; names need one here, because `&lt=5` is an argument.
fn reference(rest: &[u8]) -> Option<(u32, usize)> {
    match rest {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16).map(|(code, length)| (code, length + 2)),
        [b'#', digits @ ..] => number(digits, 10).map(|(code, length)| (code, length + 1)),
        _ => {
            let end = rest.iter().take(NAME_BYTES_MAX + 1).position(|byte| *byte == b';')?;
            let (_, byte) = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(&rest[..end]))?;
            Some((u32::from(*byte), end + 1))
        }
    }
}

/// Leading zeros do not count, as browsers have it.
fn number(digits: &[u8], radix: u32) -> Option<(u32, usize)> {
    let zeros = digits.iter().take(16).take_while(|digit| **digit == b'0').count();
    let significant = digits[zeros..].iter().take(7).map_while(|digit| (*digit as char).to_digit(radix));
    let (count, code) = significant.fold((0, 0), |(count, code), digit| (count + 1, code * radix + digit));
    let length = zeros + count;
    if length == 0 {
        return None;
    }
    Some((code, length + usize::from(digits.get(length) == Some(&b';'))))
}

#[cfg(test)]
mod tests {
    #[test]
    fn decodes() {
        for (input, expected) in [
            ("&lt;b&GT;", Some("<b>")),
            ("&#60;&#x3C;&#0000060;&#60", Some("<<<<")),
            ("a=1&lt=5&amp", None),
            ("&#;&#x;&", None),
            ("&newline;&lparen;&lt ;;", Some("\n&lparen;&lt ;;")),
        ] {
            let mut out = Vec::new();
            let changed = super::decode(input.as_bytes(), &mut out);
            assert_eq!(changed.then_some(out), expected.map(|text| text.as_bytes().to_vec()), "{input}");
        }
    }
}
