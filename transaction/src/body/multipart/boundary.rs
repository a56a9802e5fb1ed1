//! The boundary in a Content-Type (RFC 2046 section 5.1.1).

use crate::body::MultipartFlags;

/// ModSecurity v3 refuses longer headers.
const CONTENT_TYPE_BYTES_MAX: usize = 1_024;
const PARAMETER: &[u8] = b"boundary";

/// What a Content-Type says about the boundary.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    /// Empty when there is none to work with.
    pub(super) text: Vec<u8>,
    /// What is wrong with it, even if it can be worked with.
    pub(super) error: Option<&'static str>,
}

impl Boundary {
    /// Finds the boundary. Other than ModSecurity v3, which stops at them, other parameters are
    /// passed over: they leave no doubt.
    pub(super) fn parse(content_type: &[u8], flags: &mut MultipartFlags) -> Self {
        let lower = content_type.to_ascii_lowercase();
        let mut found = occurrences(&lower);
        let boundary = match (found.next(), found.next()) {
            (None, _) => Self::wrong("no boundary in the Content-Type"),
            (Some(_), Some(_)) => Self::wrong("several boundaries in the Content-Type"),
            (Some(at), None) => Self::parse_at(content_type, at, flags),
        };
        if content_type.len() > CONTENT_TYPE_BYTES_MAX {
            return Self::wrong("the Content-Type of a multipart body is too long");
        }
        if !lower.starts_with(b"multipart/form-data") {
            return boundary.but("expected `multipart/form-data` as Content-Type");
        }
        boundary
    }

    fn parse_at(content_type: &[u8], at: usize, flags: &mut MultipartFlags) -> Self {
        let before = content_type[..at].trim_ascii_end();
        flags.missing_semicolon = !before.contains(&b';');
        if !flags.missing_semicolon && !before.ends_with(b";") {
            return Self::wrong("malformed boundary in the Content-Type");
        }
        let after = &content_type[at + PARAMETER.len()..];
        let Some(value) = after.trim_ascii_start().strip_prefix(b"=") else {
            return Self::wrong("malformed boundary parameter in the Content-Type");
        };
        let padded = after.len() != value.len() + 1 || value.len() != value.trim_ascii_start().len();
        flags.boundary_whitespace = padded;
        Self::parse_value(value.trim_ascii_start(), flags)
    }

    fn parse_value(value: &[u8], flags: &mut MultipartFlags) -> Self {
        if let Some(quoted) = value.strip_prefix(b"\"") {
            flags.boundary_quoted = true;
            let Some(end) = quoted.iter().position(|byte| *byte == b'"') else {
                return Self::wrong("unfinished quotes around the boundary");
            };
            let rest = quoted[end + 1..].trim_ascii();
            let boundary = Self::checked(&quoted[..end]);
            let clean = rest.is_empty() || rest.starts_with(b";");
            return if clean { boundary } else { boundary.but("text after the quoted boundary") };
        }
        let value = value.split(|byte| *byte == b';').next().unwrap_or_default();
        let text = value.trim_ascii_end();
        flags.boundary_whitespace |= text.len() != value.len();
        Self::checked(text)
    }

    fn checked(text: &[u8]) -> Self {
        let boundary = Self { text: text.to_vec(), error: None };
        if text.is_empty() {
            return boundary.but("an empty boundary in the Content-Type");
        }
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+_,-./:=?".contains(byte);
        if !text.iter().all(allowed) || text.ends_with(b" ") {
            return boundary.but("the boundary has characters that are not allowed");
        }
        boundary
    }

    /// Gives up on a boundary that is too long to look for.
    pub(super) fn at_most(self, bytes_max: usize) -> Self {
        if self.text.len() > bytes_max { Self::wrong("the boundary is too long") } else { self }
    }

    fn wrong(error: &'static str) -> Self {
        Self { text: Vec::new(), error: Some(error) }
    }

    fn but(self, error: &'static str) -> Self {
        Self { error: self.error.or(Some(error)), ..self }
    }
}

/// Where the word stands with a `=` somewhere after it.
fn occurrences(lower: &[u8]) -> impl Iterator<Item = usize> {
    let last_equals = lower.iter().rposition(|byte| *byte == b'=').unwrap_or(0);
    lower
        .windows(PARAMETER.len())
        .enumerate()
        .filter(move |(at, window)| *window == PARAMETER && *at < last_equals)
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_boundary() {
        let none = MultipartFlags::default();
        let whitespace = MultipartFlags { boundary_whitespace: true, ..none };
        for (content_type, text, error, expected) in [
            ("multipart/form-data; boundary=a-b_c", "a-b_c", false, none),
            ("Multipart/Form-Data;charset=utf-8;BOUNDARY=x; a=b", "x", false, none),
            (
                "multipart/form-data; boundary=\"a b\"",
                "a b",
                false,
                MultipartFlags { boundary_quoted: true, ..none },
            ),
            ("multipart/form-data; boundary = x ", "x", false, whitespace),
            (
                "multipart/form-data boundary=x",
                "x",
                false,
                MultipartFlags { missing_semicolon: true, ..none },
            ),
            ("multipart/form-data; boundary=a; boundary=b", "", true, none),
            ("multipart/form-data; boundary=a; Boundary*0=b", "", true, none),
            ("multipart/form-data; boundary*0=a", "", true, none),
            ("multipart/form-data; xboundary=a", "", true, none),
            ("multipart/form-data; boundary=", "", true, none),
            ("multipart/form-data; boundary=a\"b", "a\"b", true, none),
            ("multipart/form-data", "", true, none),
            ("multipart/mixed; boundary=a", "a", true, none),
        ] {
            let mut flags = MultipartFlags::default();
            let boundary = Boundary::parse(content_type.as_bytes(), &mut flags);
            assert_eq!(boundary.text, text.as_bytes(), "{content_type}");
            assert_eq!(boundary.error.is_some(), error, "{content_type}: {:?}", boundary.error);
            assert_eq!(flags, expected, "{content_type}");
        }
    }
}
