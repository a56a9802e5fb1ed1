//! `t:removeWhitespace`: leaves out white space.
//!
//! ```text
//! SecRule ARGS "@contains alert(" "id:1000,phase:2,deny,t:none,t:removeWhitespace"
//! ```
//! ModSecurity reference v3, "Transformation functions", `removeWhitespace`.


//! White space is what C's `isspace` takes for it, and the byte A0 (a no-break space in Latin-1).

use super::is_space;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let stays = |byte: &u8| !is_space(*byte) && *byte != 0xa0;
    let first = value.iter().position(|byte| !stays(byte))?;
    let mut out = value[..first].to_vec();
    out.extend(value[first..].iter().filter(|byte| stays(byte)));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::RemoveWhitespace, &[
            (b"abc", b"abc"),
            (b" a  b\t\n\x0b\x0c\r\xa0c\x85", b"abc\x85"),
            (b"", b""),
        ]);
    }
}
