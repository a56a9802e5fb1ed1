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
    let first = value.iter().position(|byte| GOES[usize::from(*byte)])?;
    // The lead byte of a no-break space comes before the first byte that goes.
    let first = first - usize::from(value[..first].ends_with(&[LEAD]) && value[first] == NO_BREAK);
    // Without a branch: where words end, no processor foresees.
    let (mut out, mut length) = (value.to_vec(), first);
    let after = value[first..].iter().skip(1).chain([&0]);
    for (byte, next) in value[first..].iter().zip(after) {
        let leads = (*byte == LEAD) & (*next == NO_BREAK);
        out[length] = *byte;
        length += usize::from(!(leads | GOES[usize::from(*byte)]));
    }
    out.truncate(length);
    Some(out)
}

/// Whether each byte is left out wherever it is.
const GOES: [bool; 256] = {
    let mut goes = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        goes[byte] = is_space(byte as u8) || byte as u8 == NO_BREAK;
        byte += 1;
    }
    goes
};

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
