//! The form in which n-grams are counted: what differs between two spellings of one attack is removed.

/// Stands for a run of bytes that are not ASCII.
pub(crate) const FOREIGN: u8 = 0x80;

/// Normalises a value byte by byte: letters lower-cased, a run of white space is one space, digits are `0`
/// and a run of them at most three, a run of bytes that are not ASCII is one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Normaliser {
    /// The kinds of the last four bytes, two bits each, the last lowest: all that tells whether a byte counts.
    kinds: u8,
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
        let Class { normal, kind } = CLASSES[usize::from(byte)];
        self.kinds = self.kinds << KIND_BITS | kind;
        (normal, COUNTS[usize::from(self.kinds)])
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
    kind: u8,
}

const KIND_BITS: u32 = 2;
/// Each byte of this kind counts.
const ANY: u8 = 0;
/// One of a run counts.
const SPACE: u8 = 1;
/// One of a run counts.
const NOT_ASCII: u8 = 2;
/// Three of a run count.
const DIGIT: u8 = 3;

/// What becomes of each byte.
const CLASSES: [Class; 256] = {
    let mut classes = [Class { normal: 0, kind: ANY }; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        let (normal, kind) = match value {
            b'0'..=b'9' => (b'0', DIGIT),
            b' ' | b'\t'..=b'\r' | 0xa0 => (b' ', SPACE),
            0x80..=0xff => (FOREIGN, NOT_ASCII),
            _ => (value.to_ascii_lowercase(), ANY),
        };
        classes[byte] = Class { normal, kind };
        byte += 1;
    }
    classes
};

/// Whether the last of four bytes counts, by their kinds.
const COUNTS: [bool; 256] = {
    let mut counts = [true; 256];
    let mut kinds = 0;
    while kinds < 256 {
        let [last, before, third, fourth] =
            [kinds & 3, kinds >> KIND_BITS & 3, kinds >> (2 * KIND_BITS) & 3, kinds >> (3 * KIND_BITS) & 3];
        counts[kinds] = match last as u8 {
            ANY => true,
            DIGIT => before != last || third != last || fourth != last,
            _ => before != last,
        };
        kinds += 1;
    }
    counts
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
            ("1234x12345 1", "000x000 0"),
            ("  \t1 \u{e9}\u{e8}", " 0 \\x80"),
            ("", ""),
        ] {
            let mut normaliser = Normaliser::default();
            let normal: Vec<u8> = value.bytes().filter_map(|byte| normaliser.push(byte)).collect();
            assert_eq!(normal.escape_ascii().to_string(), expected, "{value}");
        }
    }
}
