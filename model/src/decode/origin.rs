//! Where decoded bytes go, with or without the place they came from.

/// Takes decoded bytes.
pub trait Sink {
    /// Appends a byte that comes from what begins at `from` in the input.
    fn push(&mut self, byte: u8, from: usize);
}

impl Sink for Vec<u8> {
    fn push(&mut self, byte: u8, _: usize) {
        Self::push(self, byte);
    }
}

/// Decoded bytes, each with its place in the original value.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// For each byte, the offset in the original of what it was decoded from.
    pub origins: Vec<u32>,
}

impl Origins {
    /// A value as it came.
    pub(super) fn of(value: &[u8]) -> Self {
        Self { bytes: value.to_vec(), origins: (0..).take(value.len()).collect() }
    }

    pub(super) fn restart(&mut self) {
        self.bytes.clear();
        self.origins.clear();
    }

    /// Turns places in `earlier` into places in what `earlier` came from.
    pub(super) fn through(&mut self, earlier: &Self) {
        for origin in &mut self.origins {
            *origin = earlier.origins.get(*origin as usize).copied().unwrap_or_default();
        }
    }
}

impl Sink for Origins {
    fn push(&mut self, byte: u8, from: usize) {
        self.bytes.push(byte);
        self.origins.push(u32::try_from(from).unwrap_or(u32::MAX));
    }
}

/// Copies the input, each spelling of a character that `read` finds at the start of the rest replaced by that
/// character (its code, and how many bytes spell it); says whether there was any.
pub(super) fn replace<S: Sink>(
    input: &[u8],
    out: &mut S,
    read: impl Fn(&[u8]) -> Option<(u32, usize)>,
) -> bool {
    let (mut at, mut changed) = (0, false);
    while let Some(byte) = input.get(at) {
        match read(&input[at..]) {
            Some((code, length)) => {
                push_char(out, code, at);
                at += length;
                changed = true;
            }
            None => {
                out.push(*byte, at);
                at += 1;
            }
        }
    }
    changed
}

/// Appends a character as UTF-8; one below 256 that is no ASCII as that byte.
fn push_char<S: Sink>(out: &mut S, code: u32, from: usize) {
    match (u8::try_from(code), char::from_u32(code)) {
        (Ok(byte), _) => out.push(byte, from),
        // Full-width forms are what some servers fold to ASCII (best-fit mapping).
        (_, Some('\u{ff01}'..='\u{ff5e}')) => out.push((code - 0xff00 + 0x20) as u8, from),
        (_, Some(character)) => {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                out.push(byte, from);
            }
        }
        (_, None) => out.push(b'?', from),
    }
}

/// The number that `digits` hexadecimal digits at `at` spell.
pub(super) fn hex_number(input: &[u8], at: usize, digits: usize) -> Option<u32> {
    let text = input.get(at..at + digits)?;
    text.iter().try_fold(0_u32, |number, digit| Some(number << 4 | (*digit as char).to_digit(16)?))
}
