//! The form in which n-grams are counted: what differs between two spellings of one attack is removed.

/// Digits of one run that are kept.
const DIGITS_MAX: u8 = 3;
/// Stands for a run of bytes that are not ASCII.
pub(crate) const FOREIGN: u8 = 0x80;

/// Normalises a value byte by byte: letters lower-cased, a run of white space is one space, digits are `0`
/// and a run of them at most three, a run of bytes that are not ASCII is one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Normaliser {
    last: u8,
    digits: u8,
}

impl Normaliser {
    /// The normalised byte, unless the run it belongs to has been told already.
    #[inline]
    pub(crate) fn push(&mut self, byte: u8) -> Option<u8> {
        let class = CLASSES[byte as usize];
        let previous = std::mem::replace(&mut self.last, class);
        match class {
            b'0' => {
                self.digits = if previous == b'0' { self.digits.saturating_add(1) } else { 1 };
                (self.digits <= DIGITS_MAX).then_some(class)
            }
            b' ' | FOREIGN => (previous != class).then_some(class),
            _ => Some(class),
        }
    }
}

/// What each byte becomes.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        classes[byte] = match value {
            b'0'..=b'9' => b'0',
            b' ' | b'\t'..=b'\r' | 0xa0 => b' ',
            0x80..=0xff => FOREIGN,
            _ => value.to_ascii_lowercase(),
        };
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises() {
        for (value, expected) in [
            ("UNION\t\n SELECT", "union select"),
            ("id=123456 or 12=12", "id=000 or 00=00"),
            ("\u{e9}\u{e8}t\u{e9}", "\\x80t\\x80"),
            ("", ""),
        ] {
            let mut normaliser = Normaliser::default();
            let normal: Vec<u8> = value.bytes().filter_map(|byte| normaliser.push(byte)).collect();
            assert_eq!(normal.escape_ascii().to_string(), expected, "{value}");
        }
    }
}
