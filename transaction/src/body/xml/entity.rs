//! References: `&lt;`, `&#x3c;`. Only the predefined ones are replaced (XML 1.0 section 4.6), so
//! nothing expands; what a document declares itself stays as it is written.

/// The longest reference that is looked at.
const BYTES_MAX: usize = 32;

/// A reference so far, without its `&`.
#[derive(Debug, Default)]
pub(super) struct Reference(Vec<u8>);

impl Reference {
    /// Takes a byte if the reference may go on with it.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let part = byte.is_ascii_alphanumeric() || b"#._-:".contains(&byte);
        let taken = part && self.0.len() < BYTES_MAX;
        if taken {
            self.0.push(byte);
        }
        taken
    }

    /// What the reference stands for, once its `;` came; itself when that is not known.
    pub(super) fn resolve(&mut self) -> Vec<u8> {
        let character = match self.0.as_slice() {
            b"lt" => Some('<'),
            b"gt" => Some('>'),
            b"amp" => Some('&'),
            b"quot" => Some('"'),
            b"apos" => Some('\''),
            [b'#', b'x', digits @ ..] => number(digits, 16),
            [b'#', digits @ ..] => number(digits, 10),
            _ => None,
        };
        let Some(character) = character else {
            let mut written = self.written();
            written.push(b';');
            return written;
        };
        self.0.clear();
        character.to_string().into_bytes()
    }

    /// The bytes as they came, when it is no reference after all.
    pub(super) fn written(&mut self) -> Vec<u8> {
        let written = [b"&".as_slice(), &self.0].concat();
        self.0.clear();
        written
    }
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let digits = std::str::from_utf8(digits).ok()?;
    let number = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(number).filter(|character| *character != '\0')
}
