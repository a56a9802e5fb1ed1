//! `t:base64DecodeExt`: decodes Base64, leaving out what is not Base64.
//!
//! ```text
//! SecRule ARGS:data "@contains select" "id:1000,phase:2,deny,t:none,t:base64DecodeExt"
//! ```
//! ModSecurity reference v3, "Transformation functions", `base64DecodeExt`.
//!
//! Unlike ModSecurity v3, which gives an empty value when padding comes too early (`Y=WJj`), padding counts
//! as what is not Base64.


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for sextet in value.iter().filter_map(|byte| super::base64_encode::sextet(*byte)) {
        bits = bits << 6 | sextet;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Base64DecodeExt, &[
            (b"YWJj", b"abc"),
            (b"YWJ", b"ab"),
            (b"YW=", b"a"),
            (b"P.HNjcmlwd", b"<scrip"),
            (b"YW\0J j", b"abc"),
            (b"YWI=YWI=", b"ab\x18X"),
            (b"=", b""),
            (b"", b""),
        ]);
    }
}
