//! `t:base64Decode`: decodes Base64 (RFC 4648 section 4), strictly.
//!
//! ```text
//! SecRule ARGS:data "@contains select" "id:1000,phase:2,deny,t:none,t:base64Decode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `base64Decode`.


//! As in ModSecurity v3 the value ends at a NUL and must be Base64 up to there: line ends and spaces at the end
//! of lines are left out, a value with anything else becomes empty, and so does padding that is not at the end.
//! What is left of the last group of four without padding is left out. Lenient: [`super::base64_decode_ext`].

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    Some(decode(value).unwrap_or_default())
}

fn decode(value: &[u8]) -> Option<Vec<u8>> {
    // Most values have something else in them, and what is Base64 is seldom in lines.
    let end = value.iter().position(|byte| SEXTETS[usize::from(*byte)] == NO_DIGIT);
    match end.map(|end| value[end]) {
        None => Some(decode_digits(value)),
        Some(b'=' | b' ' | b'\r' | b'\n' | 0) => decode_lines(value),
        Some(_) => None,
    }
}

/// Decodes digits alone, without padding.
fn decode_digits(digits: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(digits.len() / 4 * 3);
    for group in digits.as_chunks::<4>().0 {
        let [a, b, c, d] = group.map(|digit| u32::from(SEXTETS[usize::from(digit)]));
        let [_, bytes @ ..] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
        out.extend_from_slice(&bytes);
    }
    out
}

fn decode_lines(value: &[u8]) -> Option<Vec<u8>> {
    let digits = digits(value)?;
    let padding = digits.iter().position(|digit| *digit == b'=').map_or(0, |at| digits.len() - at);
    let mut out = Vec::with_capacity(digits.len() / 4 * 3);
    for group in digits.chunks_exact(4) {
        let bits = group.iter().try_fold(0, |bits, digit| Some(bits << 6 | sextet(*digit)?))?;
        out.extend_from_slice(&u32::to_be_bytes(bits)[1..]);
    }
    // Groups end with their padding only when the digits are a multiple of four.
    let padding = if digits.len() % 4 == 0 { padding } else { padding.saturating_sub(digits.len() % 4) };
    out.truncate(out.len().saturating_sub(padding));
    Some(out)
}

/// The digits and padding without spaces, when nothing else is there.
fn digits(value: &[u8]) -> Option<Vec<u8>> {
    let value = value.split(|byte| *byte == 0).next()?;
    let mut digits = Vec::with_capacity(value.len());
    let (mut space, mut padding) = (false, 0);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b' ' => space = true,
            b'\n' => space = false,
            b'\r' if value.get(at + 1) == Some(&b'\n') => {}
            _ if space => return None,
            b'=' if padding < 2 => {
                padding += 1;
                digits.push(b'=');
            }
            _ if padding == 0 && super::base64_encode::sextet(*byte).is_some() => digits.push(*byte),
            _ => return None,
        }
    }
    Some(digits)
}

/// The six bits of each byte that is a digit.
const SEXTETS: [u8; 256] = {
    let mut sextets = [NO_DIGIT; 256];
    let mut byte = 0;
    while byte < sextets.len() {
        if let Some(sextet) = super::base64_encode::sextet(byte as u8) {
            sextets[byte] = sextet as u8;
        }
        byte += 1;
    }
    sextets
};
/// What is not one.
const NO_DIGIT: u8 = 0xff;

/// Six bits; none for padding.
fn sextet(digit: u8) -> Option<u32> {
    if digit == b'=' { Some(0) } else { super::base64_encode::sextet(digit) }
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::Base64Decode, &[
            (b"YWJj", b"abc"),
            (b"YWI=", b"ab"),
            (b"YQ==", b"a"),
            (b"YWJj\r\nYWJj", b"abcabc"),
            (b"YWJj \nYWJj  ", b"abcabc"),
            (b"YWJj YWJj", b""),
            (b"YWJjZ", b"abc"),
            (b"YWI=YWI=", b""),
            (b"YW$Jj", b""),
            (b"YWJj\0$", b"abc"),
            (b"\0YWJj", b""),
            (b"", b""),
        ]);
    }
}
