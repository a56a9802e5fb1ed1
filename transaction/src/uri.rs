//! The request target, split.

use std::ops::Range;

/// Where the parts of a raw request target lie. All ranges index the target as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uri {
    /// The path, before any decoding; of an absolute form, what follows the authority.
    pub path: Range<usize>,
    /// The query without its `?`; empty when there is none.
    pub query: Range<usize>,
    /// The fragment without its `#`; clients should not send one, attackers do.
    pub fragment: Range<usize>,
}

impl Uri {
    /// Splits a raw target at its first `?` and at the first `#` (RFC 3986 section 3).
    #[must_use]
    pub fn parse(target: &[u8]) -> Self {
        let path_start = authority_end(target);
        let fragment_at = find(target, path_start, b'#').unwrap_or(target.len());
        let query_at = find(&target[..fragment_at], path_start, b'?').unwrap_or(fragment_at);
        Self {
            path: path_start..query_at,
            query: (query_at + 1).min(fragment_at)..fragment_at,
            fragment: (fragment_at + 1).min(target.len())..target.len(),
        }
    }
}

fn find(bytes: &[u8], from: usize, wanted: u8) -> Option<usize> {
    memchr::memchr(wanted, &bytes[from..]).map(|at| from + at)
}

/// The end of `scheme://authority` in an absolute form, 0 in every other form.
fn authority_end(target: &[u8]) -> usize {
    if target.starts_with(b"/") {
        return 0;
    }
    let Some(scheme) = target.windows(3).take(16).position(|window| window == b"://") else { return 0 };
    if scheme == 0 || !target[..scheme].iter().all(u8::is_ascii_alphanumeric) {
        return 0;
    }
    let authority = scheme + 3;
    target[authority..]
        .iter()
        .position(|byte| b"/?#".contains(byte))
        .map_or(target.len(), |at| authority + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_targets() {
        for (target, path, query, fragment) in [
            ("/a/b?c=d#e", "/a/b", "c=d", "e"),
            ("/a#b?c", "/a", "", "b?c"),
            ("/?", "/", "", ""),
            ("*", "*", "", ""),
            ("", "", "", ""),
            ("http://h:80/x?y", "/x", "y", ""),
            ("http://h?y", "", "y", ""),
            ("/r?u=http://h/", "/r", "u=http://h/", ""),
        ] {
            let uri = Uri::parse(target.as_bytes());
            let parts = (&target[uri.path], &target[uri.query], &target[uri.fragment]);
            assert_eq!(parts, (path, query, fragment), "{target}");
        }
    }
}
