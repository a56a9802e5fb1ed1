//! The form in which n-grams are counted: what differs between two spellings of one attack is removed.

/// Digits of one run that are kept.
const DIGITS_MAX: u32 = 3;
/// Stands for a run of bytes that are not ASCII.
pub(crate) const FOREIGN: u8 = 0x80;

/// Normalises a value byte by byte: letters lower-cased, a run of white space is one space, digits are `0`
/// and a run of them at most three, a run of bytes that are not ASCII is one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Normaliser {
    last: u8,
    /// How many in a row were like the last.
    run: u32,
}

impl Normaliser {
    /// The normalised byte, unless the run it belongs to has been told already.
    #[inline]
    pub(crate) fn push(&mut self, byte: u8) -> Option<u8> {
        let (normal, counts) = self.step(byte);
        counts.then_some(normal)
    }

    /// The normalised byte, and whether it counts: what [`Normaliser::push`] says, without a branch.
    #[inline]
    pub(crate) fn step(&mut self, byte: u8) -> (u8, bool) {
        let Class { normal, run_max } = CLASSES[usize::from(byte)];
        let run = if normal == self.last { self.run } else { 0 };
        self.run = run.wrapping_add(1);
        self.last = normal;
        (normal, self.run <= run_max)
    }

    /// Takes a byte that does not count; any other is left.
    #[inline]
    pub(crate) fn drops(&mut self, byte: u8) -> bool {
        let mut next = *self;
        let (_, counts) = next.step(byte);
        if !counts {
            *self = next;
        }
        !counts
    }
}

/// What becomes of a byte.
#[derive(Clone, Copy)]
struct Class {
    normal: u8,
    /// Bytes of one run that count.
    run_max: u32,
}

/// What becomes of each byte.
const CLASSES: [Class; 256] = {
    let mut classes = [Class { normal: 0, run_max: u32::MAX }; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        let (normal, run_max) = match value {
            b'0'..=b'9' => (b'0', DIGITS_MAX),
            b' ' | b'\t'..=b'\r' | 0xa0 => (b' ', 1),
            0x80..=0xff => (FOREIGN, 1),
            _ => (value.to_ascii_lowercase(), u32::MAX),
        };
        classes[byte] = Class { normal, run_max };
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
