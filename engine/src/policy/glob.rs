//! Patterns with `*` and `?`.

/// A pattern: `*` stands for any bytes, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: Box<[u8]>,
    fold: bool,
}

impl Glob {
    /// A pattern that tells upper from lower case.
    #[must_use]
    pub fn exact(pattern: &str) -> Self {
        Self { pattern: pattern.as_bytes().into(), fold: false }
    }

    /// A pattern that does not tell ASCII upper from lower case.
    #[must_use]
    pub fn folding(pattern: &str) -> Self {
        Self { pattern: pattern.to_ascii_lowercase().into_bytes().into(), fold: true }
    }

    /// Whether the whole of `text` fits.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut at, mut pattern_at) = (0, 0);
        // Where to resume when what follows the last `*` does not fit: one byte further.
        let mut resume = None;
        while at < text.len() {
            match self.pattern.get(pattern_at) {
                Some(b'*') => {
                    resume = Some((pattern_at + 1, at));
                    pattern_at += 1;
                }
                Some(wanted) if self.fits(*wanted, text[at]) => {
                    at += 1;
                    pattern_at += 1;
                }
                _ => match &mut resume {
                    Some((after, from)) => {
                        *from += 1;
                        (pattern_at, at) = (*after, *from);
                    }
                    None => return false,
                },
            }
        }
        self.pattern[pattern_at..].iter().all(|byte| *byte == b'*')
    }

    /// The pattern as an anchored regular expression.
    #[must_use]
    pub fn to_regex(&self) -> String {
        let mut regex = String::from(if self.fold { "(?i-u)^" } else { "(?-u)^" });
        for byte in &self.pattern {
            match byte {
                b'*' => regex.push_str("(?s:.*)"),
                b'?' => regex.push_str("(?s:.)"),
                byte if byte.is_ascii_alphanumeric() => regex.push(char::from(*byte)),
                byte => regex.push_str(&format!("\\x{byte:02x}")),
            }
        }
        regex.push('$');
        regex
    }

    /// The pattern, when it stands for one text only.
    #[must_use]
    pub fn as_literal(&self) -> Option<&[u8]> {
        (!self.pattern.iter().any(|byte| b"*?".contains(byte))).then_some(&self.pattern)
    }

    fn fits(&self, wanted: u8, byte: u8) -> bool {
        wanted == b'?' || wanted == if self.fold { byte.to_ascii_lowercase() } else { byte }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("**a", "bba", true),
            ("json.*.q", "JSON.0.Q", false),
        ] {
            assert_eq!(Glob::exact(pattern).matches(text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(Glob::folding("Json.*.q").matches(b"JSON.0.Q"));
    }
}
