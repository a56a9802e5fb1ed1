//! `@validateUtf8Encoding`: the value is not UTF-8.
//!
//! No argument. It matches at the first sequence that is cut off, malformed, longer than needed
//! (`C0 AF`), a surrogate or beyond U+10FFFF (RFC 3629 section 3).
//!
//! ```text
//! SecRule ARGS "@validateUtf8Encoding" "id:920250,phase:2,block"
//! ```
//! ModSecurity reference v3, "Operators", `validateUtf8Encoding`.

use std::ops::Range;

pub(super) fn find_invalid(value: &[u8]) -> Option<Range<usize>> {
    let error = std::str::from_utf8(value).err()?;
    let start = error.valid_up_to();
    Some(start..error.error_len().map_or(value.len(), |length| start + length))
}

#[cfg(test)]
mod tests {
    use super::super::check::matched;

    #[test]
    fn matches() {
        let rows: [(&[u8], Option<&[u8]>); 9] = [
            (b"", None),
            (b"plain \x00", None),
            ("é€😀".as_bytes(), None),
            (b"a\xc0\xafb", Some(b"\xc0")),
            (b"\xe2\x82", Some(b"\xe2\x82")),
            (b"\xed\xa0\x80", Some(b"\xed")),
            (b"\xf4\x90\x80\x80", Some(b"\xf4")),
            (b"a\xff", Some(b"\xff")),
            (b"\x80", Some(b"\x80")),
        ];
        for (value, expected) in rows {
            assert_eq!(matched("validateUtf8Encoding", "", value), expected, "{value:x?}");
        }
    }
}
