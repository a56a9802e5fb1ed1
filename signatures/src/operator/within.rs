//! `@within`: the value is somewhere in the argument.
//!
//! The argument may have macros; case counts. Nothing divides the argument into words: a list wants
//! separators that are part of the value too, as CRS writes it. The empty value is within everything.
//!
//! ```text
//! SecRule REQUEST_METHOD "!@within %{tx.allowed_methods}" "id:911100,phase:1,block"
//! ```
//! ModSecurity reference v3, "Operators", `within`.

pub(super) fn matches(value: &[u8], argument: &[u8]) -> bool {
    memchr::memmem::find(argument, value).is_some()
}

/// The pairs of bytes that are next to each other in a text: what has another pair is not within it. Pairs share bits, so
/// that a value may be taken for one that is.
#[derive(Debug)]
pub(crate) struct Pairs([u64; PAIR_WORDS]);

impl Pairs {
    /// Of a text.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut words = [0; PAIR_WORDS];
        for pair in text.windows(2) {
            let bit = bit_of(pair[0], pair[1]);
            words[bit / 64] |= 1 << (bit % 64);
        }
        Self(words)
    }

    /// Whether what these parts make may be within the text.
    pub(crate) fn may_have(&self, parts: [&[u8]; 3]) -> bool {
        let mut bytes = parts.into_iter().flatten().copied();
        let Some(mut before) = bytes.next() else { return true };
        bytes.all(|byte| {
            let bit = bit_of(std::mem::replace(&mut before, byte), byte);
            self.0[bit / 64] & (1 << (bit % 64)) != 0
        })
    }
}

fn bit_of(first: u8, second: u8) -> usize {
    (usize::from(first) * 29 + usize::from(second)) % (PAIR_WORDS * 64)
}

/// 1,024 bits: a list of headers has some hundred pairs.
const PAIR_WORDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_never_miss() {
        let text = b"/content-encoding/ /proxy/ /lock-token/";
        let pairs = Pairs::of(text);
        for (begin, end) in
            (0..text.len()).flat_map(|begin| (begin..=text.len()).map(move |end| (begin, end)))
        {
            let part = &text[begin..end];
            let (one, other) = part.split_at(part.len() / 2);
            assert!(pairs.may_have([one, other, b""]) && pairs.may_have([b"", one, other]), "{part:?}");
        }
        for other in ["/accept/", "/user-agent/", "/host/", "/cookie/", "/sec-fetch-dest/"] {
            assert!(!pairs.may_have([b"", other.as_bytes(), b""]), "{other}");
        }
    }

    #[test]
    fn matches() {
        super::super::check::check(
            "within",
            &[
                ("GET HEAD POST", "POST", Some("POST")),
                ("GET HEAD POST", "PUT", None),
                ("GET HEAD POST", "post", None),
                ("GET HEAD POST", "", Some("")),
                ("", "x", None),
                ("|%{tx.word}|", "|admin|", Some("|admin|")),
            ],
        );
    }
}
