//! `t:urlDecode`: decodes `application/x-www-form-urlencoded`: `%XX` and `+`.
//!
//! ```text
//! SecRule REQUEST_URI_RAW "@contains ../" "id:1000,phase:2,deny,t:none,t:urlDecode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `urlDecode`.


//! A `%` without two hexadecimal digits after it stays.

use transaction::decode::percent::decode_form;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr2(b'%', b'+', value)?;
    let mut out = Vec::new();
    decode_form(value, &mut out);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::UrlDecode, &[
            (b"plain", b"plain"),
            (b"a+b%41%4a", b"a bAJ"),
            (b"%4%zz%", b"%4%zz%"),
            (b"%u0041%00", b"%u0041\0"),
            (b"", b""),
        ]);
    }
}
