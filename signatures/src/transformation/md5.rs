//! `t:md5`: replaces the value by its MD5 digest (RFC 1321), 16 bytes.
//!
//! ```text
//! SecRule ARGS:file "@streq d41d8cd98f00b204e9800998ecf8427e" "id:1000,phase:2,deny,t:none,t:md5,t:hexEncode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `md5`.


use md5::{Digest as _, Md5};

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    Some(Md5::digest(value).to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Md5, &[
            (b"abc", b"\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72"),
            (b"", b"\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e"),
        ]);
    }
}
