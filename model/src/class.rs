//! What kinds of bytes there are, one look-up each: values are looked through several times before they are
//! scored, and most of a request is never strange.

/// Letters, digits, `_`, `.`, `-`.
pub(crate) const PLAIN: u8 = 1;
/// What a URL's scheme, host and path are of when there is nothing to score: plain bytes and `:/~@+,`.
pub(crate) const LOCATION: u8 = 1 << 1;
/// What headers with a grammar of their own are of.
pub(crate) const GRAMMAR: u8 = 1 << 2;
/// The alphabets of base64, standard and URL-safe, and the space that a form makes of `+`.
pub(crate) const BASE64: u8 = 1 << 3;
/// Where an encoding may begin: `%`, `\`, `&` and lead bytes of UTF-8.
pub(crate) const ENCODING: u8 = 1 << 4;

/// The kinds of each byte.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        let plain = value.is_ascii_alphanumeric() || matches!(value, b'_' | b'.' | b'-');
        let alphabet = value.is_ascii_alphanumeric() || matches!(value, b'+' | b'/' | b'-' | b'_' | b' ');
        let grammar = value.is_ascii_alphanumeric()
            || matches!(value, b' ' | b'_' | b'.' | b',' | b';' | b':' | b'=' | b'/' | b'*' | b'+' | b'?')
            || matches!(value, b'(' | b')' | b'"' | b'-');
        let location = plain || matches!(value, b':' | b'/' | b'~' | b'@' | b'+' | b',');
        let encoding = matches!(value, b'%' | b'\\' | b'&' | 0xc0..=0xff);
        classes[byte] = if plain { PLAIN } else { 0 }
            | if location { LOCATION } else { 0 }
            | if grammar { GRAMMAR } else { 0 }
            | if alphabet { BASE64 } else { 0 }
            | if encoding { ENCODING } else { 0 };
        byte += 1;
    }
    classes
};

/// Whether a byte is of a class.
#[inline]
pub(crate) fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// Whether all bytes of a value are of a class.
#[inline]
pub(crate) fn all(value: &[u8], class: u8) -> bool {
    value.iter().all(|byte| is(*byte, class))
}

/// Whether any byte of a value is of a class.
#[inline]
pub(crate) fn any(value: &[u8], class: u8) -> bool {
    value.iter().any(|byte| is(*byte, class))
}
