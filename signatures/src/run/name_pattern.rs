//! `TX:/pattern/`: which names a pattern means.

use regex::bytes::Regex;

/// A pattern that selects names. CRS asks so for names that rules make (`TX:/^header_name_920450_/`): such patterns
/// are compared, not searched for.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamePattern<'p> {
    regex: &'p Regex,
    kind: Kind<'p>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind<'p> {
    /// Names that begin so.
    Prefix(&'p [u8]),
    /// Names that have this in them.
    Part(&'p [u8]),
    Any,
}

impl<'p> NamePattern<'p> {
    pub(super) fn of(regex: &'p Regex) -> Self {
        Self { regex, kind: Kind::of(regex.as_str()) }
    }

    pub(super) fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// What names must have in them, if that is all.
    pub(super) fn part(&self) -> Option<&'p [u8]> {
        match self.kind {
            Kind::Part(text) => Some(text),
            Kind::Prefix(_) | Kind::Any => None,
        }
    }

    /// Whether it may match a name that begins so, given in lower case.
    pub(super) fn may_begin(&self, prefix: &[u8]) -> bool {
        match self.kind {
            Kind::Prefix(text) => {
                let common = text.len().min(prefix.len());
                text[..common].eq_ignore_ascii_case(&prefix[..common])
            }
            Kind::Part(_) | Kind::Any => true,
        }
    }

    /// Whether the pattern matches a name, given in lower case.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match self.kind {
            Kind::Prefix(text) => {
                name.get(..text.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(text))
            }
            Kind::Part(text) => name.windows(text.len()).any(|part| {
                part.first().map(u8::to_ascii_lowercase) == text.first().map(u8::to_ascii_lowercase)
                    && part.eq_ignore_ascii_case(text)
            }),
            Kind::Any => self.regex.is_match(name),
        }
    }
}

impl<'p> Kind<'p> {
    /// Of letters, digits, `_` and `-` after perhaps a `^`, and before perhaps a star. A pattern ignores case.
    fn of(pattern: &'p str) -> Self {
        let unanchored = pattern.strip_prefix('^').unwrap_or(pattern);
        let literal = match unanchored.strip_suffix(".*") {
            Some(literal) => literal,
            None => unanchored.strip_suffix('*').map_or(unanchored, |it| &it[..it.len().max(1) - 1]),
        };
        let is_plain =
            literal.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        match is_plain && !literal.is_empty() {
            true if unanchored.len() < pattern.len() => Self::Prefix(literal.as_bytes()),
            true => Self::Part(literal.as_bytes()),
            false => Self::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::bytes::RegexBuilder;

    use super::*;

    #[test]
    fn says_what_the_pattern_says() {
        let names: [&[u8]; 9] =
            [b"", b"a", b"head", b"head_", b"head_a", b"x-head_a", b"hea", b"hea\n", b"headd_"];
        for (pattern, is_plain) in [
            ("^head_", true),
            ("head_", true),
            ("HEAD_*", true),
            ("^head_.*", true),
            ("h*", false),
            ("head.", false),
            ("^$", false),
            ("(head)", false),
            ("^h|a", false),
        ] {
            let regex = RegexBuilder::new(pattern).case_insensitive(true).build().unwrap();
            let compared = NamePattern::of(&regex);
            assert_eq!(compared.kind != Kind::Any, is_plain, "{pattern}");
            for name in names {
                assert_eq!(compared.matches(name), regex.is_match(name), "{pattern} {name:?}");
            }
        }
    }
}
