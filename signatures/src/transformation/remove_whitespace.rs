//! `t:removeWhitespace`: leaves out white space.
//!
//! ```text
//! SecRule ARGS "@contains alert(" "id:1000,phase:2,deny,t:none,t:removeWhitespace"
//! ```
//! ModSecurity reference v3, "Transformation functions", `removeWhitespace`.


//! White space is what C's `isspace` takes for it, and no-break spaces: `C2 A0` in UTF-8, `A0` in Latin-1.
//! Unlike in ModSecurity v3 a `C2` without `A0` stays.

use super::is_space;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let goes = |byte: u8| is_space(byte) || byte == NO_BREAK;
    let first = value.iter().position(|byte| goes(*byte))?;
    // The lead byte of a no-break space comes before the first byte that goes.
    let first = first - usize::from(value[..first].ends_with(&[LEAD]) && value[first] == NO_BREAK);
    let mut out = value[..first].to_vec();
    let mut rest = &value[first..];
    while let [byte, tail @ ..] = rest {
        let leads = *byte == LEAD && tail.first() == Some(&NO_BREAK);
        if !leads && !goes(*byte) {
            out.push(*byte);
        }
        rest = tail;
    }
    Some(out)
}

/// U+00A0 in Latin-1, and the last byte of it in UTF-8.
const NO_BREAK: u8 = 0xa0;
/// The first byte of U+00A0 in UTF-8.
const LEAD: u8 = 0xc2;

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::RemoveWhitespace, &[
            (b"abc", b"abc"),
            (b" a  b\t\n\x0b\x0c\r\xa0c\x85", b"abc\x85"),
                (b"\xc2\xa0a\xc2\xa0b\xc2c\xc2", b"ab\xc2c\xc2"),
            (b"", b""),
        ]);
    }
}
