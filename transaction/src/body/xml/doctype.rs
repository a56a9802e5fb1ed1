//! The document type declaration, of which only the end is looked for.

/// A declaration, between two bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doctype {
    /// The quote that is open, or 0.
    quote: u8,
    in_subset: bool,
    in_comment: bool,
    /// The last four bytes, to find the ends of comments.
    recent: u32,
}

impl Doctype {
    /// Takes a byte; says whether it ended the declaration.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        self.recent = self.recent << 8 | u32::from(byte);
        if self.in_comment {
            self.in_comment = self.recent & 0xff_ffff != u32::from_be_bytes(*b"\0-->");
        } else if self.quote != 0 {
            if byte == self.quote {
                self.quote = 0;
            }
        } else {
            match byte {
                b'"' | b'\'' => self.quote = byte,
                b'[' => self.in_subset = true,
                b']' => self.in_subset = false,
                b'>' => return !self.in_subset,
                _ => self.in_comment = self.recent == u32::from_be_bytes(*b"<!--"),
            }
        }
        false
    }
}
