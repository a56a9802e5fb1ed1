//! `t:urlDecodeUni`: decodes as `t:urlDecode`, and `%uHHHH` as IIS does.
//!
//! ```text
//! SecRule ARGS "@contains <script" "id:1000,phase:2,deny,t:none,t:urlDecodeUni"
//! ```
//! ModSecurity reference v3, "Transformation functions", `urlDecodeUni`.


//! `%uHHHH` becomes the low byte of the code point; full-width ASCII (U+FF01 to U+FF5E) becomes ASCII. A `%`
//! without its digits stays. There is no best-fit mapping of other characters (`SecUnicodeMapFile`).

use transaction::decode::percent::hex;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr2(b'%', b'+', value)?;
    let mut out = value[..first].to_vec();
    out.reserve(value.len() - first);
    let mut rest = &value[first..];
    while let Some(at) = memchr::memchr2(b'%', b'+', rest) {
        out.extend_from_slice(&rest[..at]);
        let tail = &rest[at + 1..];
        let (decoded, after) = match rest[at] {
            b'+' => (b' ', tail),
            _ => escape(tail).unwrap_or((b'%', tail)),
        };
        out.push(decoded);
        rest = after;
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// What follows a `%`, decoded, and what follows that.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'u' | b'U', a, b, c, d, rest @ ..] => {
            super::code_point([*a, *b, *c, *d]).map(|number| (super::low_byte(number), rest))
        }
        [high, low, rest @ ..] => Some((hex(*high)? << 4 | hex(*low)?, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
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
}
