//! `t:urlDecodeUni`: decodes as `t:urlDecode`, and `%uHHHH` as IIS does.
//!
//! ```text
//! SecRule ARGS "@contains <script" "id:1000,phase:2,deny,t:none,t:urlDecodeUni"
//! ```
//! ModSecurity reference v3, "Transformation functions", `urlDecodeUni`.
//!
//! `%uHHHH` becomes what `SecUnicodeMapFile` says of the code point; what it says nothing of becomes its low byte,
//! and full-width ASCII (U+FF01 to U+FF5E) becomes ASCII. A `%` without its digits stays.

use transaction::decode::percent::hex;

use super::UnicodeMap;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    transform_mapped(value, None)
}

pub(super) fn transform_mapped(value: &[u8], map: Option<&UnicodeMap>) -> Option<Vec<u8>> {
    let first = memchr::memchr2(b'%', b'+', value)?;
    let mut out = value[..first].to_vec();
    out.reserve(value.len() - first);
    let mut rest = &value[first..];
    while let Some(at) = memchr::memchr2(b'%', b'+', rest) {
        out.extend_from_slice(&rest[..at]);
        let tail = &rest[at + 1..];
        let (decoded, after) = match rest[at] {
            b'+' => (b' ', tail),
            _ => escape(tail, map).unwrap_or((b'%', tail)),
        };
        out.push(decoded);
        rest = after;
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// What follows a `%`, decoded, and what follows that.
fn escape<'v>(text: &'v [u8], map: Option<&UnicodeMap>) -> Option<(u8, &'v [u8])> {
    match text {
        [b'u' | b'U', a, b, c, d, rest @ ..] => {
            let number = super::code_point([*a, *b, *c, *d])?;
            let mapped = map.and_then(|map| map.byte(number));
            Some((mapped.unwrap_or_else(|| super::low_byte(number)), rest))
        }
        [high, low, rest @ ..] => Some((hex(*high)? << 4 | hex(*low)?, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Transformation, UnicodeMap};
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::UrlDecodeUni, &[
            (b"plain", b"plain"),
            (b"a+b%41%4a", b"a bAJ"),
            (b"%4%zz%", b"%4%zz%"),
            (b"%u0041%U0042%u1241", b"ABA"),
            (b"%uff41%uff5e%uff5f", b"a~_"),
            (b"%u004g%u00", b"%u004g%u00"),
            (b"", b""),
        ]);
    }

    #[test]
    fn a_map_says_what_code_points_become() {
        let map = UnicodeMap::read("1\n0041:62 0100:41 ff41:78", 1).unwrap();
        for (value, expected) in
            [("%u0041%u0100%UFF41%41", "bAxA"), ("%u1241%uff42%u010", "Ab%u010"), ("%u{100}", "%u{100}")]
        {
            let found = Transformation::UrlDecodeUni.apply_mapped(value.as_bytes().into(), Some(&map));
            assert_eq!(&*found, expected.as_bytes(), "{value}");
        }
        let other = Transformation::UrlDecode.apply_mapped(b"%u0100"[..].into(), Some(&map));
        assert_eq!(&*other, b"%u0100");
    }
}
