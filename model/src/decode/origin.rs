//! Where decoded bytes go, with or without the place they came from.

/// Takes decoded bytes.
pub trait Sink {
    /// Appends a byte that comes from what begins at `from` in the input.
    fn push(&mut self, byte: u8, from: usize);

    /// Appends bytes that stay as they are, the first of which is at `from` in the input.
    fn extend(&mut self, bytes: &[u8], from: usize);
}

impl Sink for Vec<u8> {
    fn push(&mut self, byte: u8, _: usize) {
        Self::push(self, byte);
    }

    fn extend(&mut self, bytes: &[u8], _: usize) {
        self.extend_from_slice(bytes);
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

    fn extend(&mut self, bytes: &[u8], from: usize) {
        bytes.iter().zip(from..).for_each(|(byte, from)| self.push(*byte, from));
    }
}

/// Copies the input, each spelling of a character replaced by that character, if there is any; says whether there
/// was. `next` finds where in the rest of the input a spelling may begin, and `read` what is spelled there: a
/// character's code, and how many bytes spell it.
pub(super) fn replace<S: Sink>(
    input: &[u8],
    out: &mut S,
    next: impl Fn(&[u8]) -> Option<usize>,
    read: impl Fn(&[u8]) -> Option<(u32, usize)>,
) -> bool {
    let (mut copied, mut at) = (0, 0);
    while let Some(ahead) = next(&input[at..]) {
        at += ahead;
        let Some((code, length)) = read(&input[at..]) else {
            at += 1;
            continue;
        };
        out.extend(&input[copied..at], copied);
        push_char(out, code, at);
        at += length;
        copied = at;
    }
    if copied > 0 {
        out.extend(&input[copied..], copied);
    }
    copied > 0
}

/// Where a byte is; often the next is one too.
#[inline]
pub(super) fn find(byte: u8, rest: &[u8]) -> Option<usize> {
    if rest.first() == Some(&byte) { Some(0) } else { memchr::memchr(byte, rest) }
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
