//! `application/x-www-form-urlencoded` percent-decoding.

/// Decodes `%XX` and turns `+` into a space, appending to `out`. What is not two hexadecimal digits
/// after a `%` stays as it is, as in ModSecurity's `urldecode_nonstrict_inplace`.
pub fn decode_form(raw: &[u8], out: &mut Vec<u8>) {
    out.reserve(raw.len());
    let mut rest = raw;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            _ => out.push(*byte),
        }
    }
}

/// The value of a hexadecimal digit.
#[must_use]
pub fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn decodes() {
        for (raw, decoded) in [
            ("a+b", "a b"),
            ("%41%4a%4A", "AJJ"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
        ] {
            let mut out = Vec::new();
            super::decode_form(raw.as_bytes(), &mut out);
            assert_eq!(out, decoded.as_bytes(), "{raw}");
        }
    }
}
