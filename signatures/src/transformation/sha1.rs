//! `t:sha1`: replaces the value by its SHA-1 digest (RFC 3174), 20 bytes.
//!
//! ```text
//! SecAction "id:901320,phase:1,pass,initcol:ip=%{REMOTE_ADDR},t:none,t:sha1,t:hexEncode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `sha1`.


use sha1::{Digest as _, Sha1};

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    Some(Sha1::digest(value).to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Sha1, &[
            (b"abc", b"\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d"),
            (b"", b"\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09"),
            (b"a", b"\x86\xf7\xe4\x37\xfa\xa5\xa7\xfc\xe1\x5d\x1d\xdc\xb9\xea\xea\xea\x37\x76\x67\xb8"),
        ]);
    }
}
