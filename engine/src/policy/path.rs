//! Paths as an application is likely to read them.

use std::borrow::Cow;

use transaction::decode::percent::hex;

/// The path decoded once, with `\` as `/`, without empty, `.` and `..` segments; borrowed when that
/// changes nothing.
///
/// Assets and exceptions are chosen by it, so that `/shop/../admin` is not taken for `/shop`.
pub(crate) fn normalised(path: &[u8]) -> Cow<'_, [u8]> {
    if is_normal(path) {
        return Cow::Borrowed(path);
    }
    let decoded = decoded(path);
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|byte| b"/\\".contains(byte)) {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let ends_open = matches!(decoded.last(), Some(b'/' | b'\\')) && !segments.is_empty();
    let mut path = Vec::with_capacity(decoded.len());
    for segment in &segments {
        path.push(b'/');
        path.extend_from_slice(segment);
    }
    if ends_open || segments.is_empty() {
        path.push(b'/');
    }
    Cow::Owned(path)
}

/// Unlike in a form, `+` is itself in a path.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match tail {
            [high, low, after @ ..] if *byte == b'%' => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                }
                _ => decoded.push(b'%'),
            },
            _ => decoded.push(*byte),
        }
    }
    decoded
}

fn is_normal(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
        && !path.iter().any(|byte| b"%\\".contains(byte))
        && !path.windows(2).any(|pair| pair == b"//" || pair == b"/.")
}

/// Whether `prefix` covers `path` in whole segments.
pub(crate) fn covers(prefix: &[u8], path: &[u8]) -> bool {
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/shop/../admin", "/admin"),
            ("/%61/%2e%2E/b/", "/b/"),
            ("//a/./b\\c", "/a/b/c"),
            ("/../..", "/"),
            ("", "/"),
            ("*", "/*"),
        ] {
            assert_eq!(normalised(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }

    #[test]
    fn covers_whole_segments() {
        for (prefix, path, expected) in [
            ("/", "/", true),
            ("/", "/a", true),
            ("/api", "/api", true),
            ("/api", "/api/x", true),
            ("/api/", "/api/x", true),
            ("/api", "/apis", false),
        ] {
            assert_eq!(covers(prefix.as_bytes(), path.as_bytes()), expected, "{prefix} {path}");
        }
    }
}
