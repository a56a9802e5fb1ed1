//! What kinds of bytes there are, one look-up each: values are looked through several times before they are
//! scored, and most of a request is never strange.

/// Letters, digits, `_`, `.`, `-`.
pub(crate) const PLAIN: u16 = 1;
/// What a URL's scheme, host and path are of when there is nothing to score: plain bytes and `:/~@+,`.
pub(crate) const LOCATION: u16 = 1 << 1;
/// What headers with a grammar of their own are of.
pub(crate) const GRAMMAR: u16 = 1 << 2;
/// The alphabets of base64, standard and URL-safe, and the space that a form makes of `+`.
pub(crate) const BASE64: u16 = 1 << 3;
/// The same and `=`.
pub(crate) const PADDED: u16 = 1 << 4;
/// Where an encoding may begin: `%`, `\`, `&` and lead bytes of UTF-8.
pub(crate) const ENCODING: u16 = 1 << 5;
/// `%`.
pub(crate) const PERCENT: u16 = 1 << 6;
/// `x`, which numbers like `0x2f` have.
pub(crate) const HEX_MARK: u16 = 1 << 7;
/// `?` and `&`, without which a value is no query.
pub(crate) const QUERY: u16 = 1 << 8;
/// What arguments are called in a query within a value.
pub(crate) const NAME: u16 = 1 << 9;
/// Printable ASCII and white space.
pub(crate) const PRINTABLE: u16 = 1 << 10;
/// `.`, of which paths that lead upwards have two.
pub(crate) const DOT: u16 = 1 << 11;

/// The kinds that each byte is of, and in the upper half those that it is not of: what bytes have in common shows when
/// they are joined.
const CLASSES: [u32; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        let plain = value.is_ascii_alphanumeric() || matches!(value, b'_' | b'.' | b'-');
        let base64 = value.is_ascii_alphanumeric() || matches!(value, b'+' | b'/' | b'-' | b'_' | b' ');
        let grammar = value.is_ascii_alphanumeric()
            || matches!(value, b' ' | b'_' | b'.' | b',' | b';' | b':' | b'=' | b'/' | b'*' | b'+' | b'?')
            || matches!(value, b'(' | b')' | b'"' | b'-');
        let kinds = [
            (PLAIN, plain),
            (LOCATION, plain || matches!(value, b':' | b'/' | b'~' | b'@' | b'+' | b',')),
            (GRAMMAR, grammar),
            (BASE64, base64),
            (PADDED, base64 || value == b'='),
            (ENCODING, matches!(value, b'%' | b'\\' | b'&' | 0xc0..=0xff)),
            (PERCENT, value == b'%'),
            (HEX_MARK, matches!(value, b'x' | b'X')),
            (QUERY, matches!(value, b'?' | b'&')),
            (NAME, plain || matches!(value, b'[' | b']' | b':' | b';' | b'~' | b'%')),
            (PRINTABLE, matches!(value, b' '..=b'~' | b'\t' | b'\n' | b'\r')),
            (DOT, value == b'.'),
        ];
        let (mut kind, mut class) = (0, 0);
        while kind < kinds.len() {
            class |= if kinds[kind].1 { kinds[kind].0 } else { 0 };
            kind += 1;
        }
        classes[byte] = class as u32 | (!class as u32) << OTHERS;
        byte += 1;
    }
    classes
};

/// Where in an entry of [`CLASSES`] the kinds begin that a byte is not of (bits).
const OTHERS: u32 = 16;

/// Which kinds the bytes of a value are of: seen once, asked often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight(u32);

impl Sight {
    #[inline]
    pub(crate) fn of(value: &[u8]) -> Self {
        Self(value.iter().fold(0, |sight, byte| sight | CLASSES[usize::from(*byte)]))
    }

    /// Whether any byte is of a class.
    pub(crate) fn has(self, class: u16) -> bool {
        self.0 & u32::from(class) != 0
    }

    /// Whether all bytes are of a class.
    pub(crate) fn is_all(self, class: u16) -> bool {
        self.0 & u32::from(class) << OTHERS == 0
    }
}

/// Whether a byte is of a class.
#[inline]
pub(crate) fn is(byte: u8, class: u16) -> bool {
    CLASSES[usize::from(byte)] & u32::from(class) != 0
}

/// Whether all bytes of a value are of a class.
#[inline]
pub(crate) fn all(value: &[u8], class: u16) -> bool {
    sight_of_all(value, class).is_some()
}

/// What the bytes of a value are if all of them are of a class; most that are not are told by their first bytes.
#[inline]
pub(crate) fn sight_of_all(value: &[u8], class: u16) -> Option<Sight> {
    let (chunks, rest) = value.as_chunks::<8>();
    let mut sight = Sight::of(rest);
    for chunk in chunks {
        sight = Sight(sight.0 | Sight::of(chunk).0);
        if !sight.is_all(class) {
            return None;
        }
    }
    sight.is_all(class).then_some(sight)
}

/// How many bytes at the beginning of a value are of a class.
fn count(value: &[u8], class: u16) -> usize {
    let (chunks, _) = value.as_chunks::<8>();
    let known = 8 * chunks.iter().take_while(|chunk| Sight::of(*chunk).is_all(class)).count();
    known + value[known..].iter().take_while(|byte| is(**byte, class)).count()
}

/// The parts of a value whose bytes are of a class, and no byte before and after; those of at least `least` bytes,
/// in order. Most bytes of a value with few such parts are not looked at.
pub(crate) fn runs(value: &[u8], class: u16, least: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || {
        // Another byte within the first `least` is before the next part.
        while let Some(other) = rest.get(..least)?.iter().rposition(|byte| !is(*byte, class)) {
            rest = &rest[other + 1..];
        }
        let (run, after) = rest.split_at(least + count(&rest[least..], class));
        rest = after;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_all_runs(value in "([a-c]{0,20}[!%]{0,2}){0,5}", least in 1_usize..6) {
            let value = value.as_bytes();
            let expected: Vec<_> =
                value.split(|byte| !is(*byte, PLAIN)).filter(|run| run.len() >= least).collect();
            prop_assert_eq!(runs(value, PLAIN, least).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn sees_what_bytes_are(value in any::<Vec<u8>>()) {
            let sight = Sight::of(&value);
            for class in [PLAIN, BASE64, ENCODING, PERCENT, QUERY, PRINTABLE] {
                prop_assert_eq!(sight.is_all(class), value.iter().all(|byte| is(*byte, class)));
                prop_assert_eq!(sight.is_all(class), all(&value, class));
                prop_assert_eq!(sight.has(class), value.iter().any(|byte| is(*byte, class)));
            }
        }
    }
}
