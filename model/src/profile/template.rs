//! What paths and names have in common: their variable parts replaced.

/// Segments of a path that are kept (count).
const SEGMENTS_MAX: usize = 8;
/// The longest segment that is kept as it is (bytes).
const SEGMENT_BYTES_MAX: usize = 32;
/// From this length on, letters and digits mixed are taken for an identifier (bytes).
const IDENTIFIER_BYTES_MIN: usize = 16;

/// Appends a path with its variable segments replaced: `/user/17/photo` becomes `/user/{int}/photo`.
pub(super) fn path(path: &[u8], out: &mut Vec<u8>) {
    for (index, part) in path.split(|byte| *byte == b'/').skip(1).enumerate() {
        if index == SEGMENTS_MAX {
            out.extend_from_slice(b"/...");
            return;
        }
        out.push(b'/');
        segment(part, out);
    }
}

/// Appends a parameter's name, likewise: `items[3].id` becomes `items[{int}].id`.
pub(super) fn name(name: &[u8], out: &mut Vec<u8>) {
    if name.len() > 2 * SEGMENT_BYTES_MAX {
        out.extend_from_slice(b"{long}");
        return;
    }
    let is_separator = |byte: &u8| matches!(byte, b'.' | b'[' | b']' | b':' | b'/');
    let mut rest = name;
    while let Some(at) = rest.iter().position(is_separator) {
        segment(&rest[..at], out);
        push(rest[at], out);
        rest = &rest[at + 1..];
    }
    segment(rest, out);
}

fn segment(part: &[u8], out: &mut Vec<u8>) {
    match placeholder(part) {
        Some(placeholder) => out.extend_from_slice(placeholder),
        None => part.iter().for_each(|byte| push(byte.to_ascii_lowercase(), out)),
    }
}

/// Zero separates the parts of a key.
fn push(byte: u8, out: &mut Vec<u8>) {
    out.push(if byte == 0 { b'?' } else { byte });
}

fn placeholder(part: &[u8]) -> Option<&'static [u8]> {
    let all = |test: fn(&u8) -> bool| part.iter().all(test);
    let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
    if part.is_empty() {
        return None;
    }
    if digits == part.len() {
        return Some(b"{int}");
    }
    if part.len() == 36 && all(|byte| byte.is_ascii_hexdigit() || *byte == b'-') {
        return Some(b"{uuid}");
    }
    if part.len() >= 8 && digits > 0 && all(u8::is_ascii_hexdigit) {
        return Some(b"{hex}");
    }
    if part.len() >= IDENTIFIER_BYTES_MIN && digits > 1 && all(|byte| !b" /".contains(byte)) {
        return Some(b"{id}");
    }
    (part.len() > SEGMENT_BYTES_MAX).then_some(b"{long}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replaces_what_varies() {
        for (from, expected) in [
            ("/", "/"),
            ("", ""),
            ("/user/17/Photo", "/user/{int}/photo"),
            ("/o/0b9f1c3e-2f64-4a53-9a0e-5f6f1f5d9f10", "/o/{uuid}"),
            ("/static/3fa94c0d/app.js", "/static/{hex}/app.js"),
            ("/decade/cafe", "/decade/cafe"),
            ("/p/shoe-model-1234-red", "/p/{id}"),
            ("/a-very-long-segment-without-numbers-in-it", "/{long}"),
            ("/1/2/3/4/5/6/7/8/9", "/{int}/{int}/{int}/{int}/{int}/{int}/{int}/{int}/..."),
        ] {
            let mut out = Vec::new();
            path(from.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{from}");
        }
        for (from, expected) in [
            ("q", "q"),
            ("items[3].id", "items[{int}].id"),
            ("json.rows.12.Name", "json.rows.{int}.name"),
            ("a\0b", "a?b"),
        ] {
            let mut out = Vec::new();
            name(from.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{from}");
        }
    }

    proptest! {
        #[test]
        fn is_bounded(bytes: Vec<u8>, times in 1..40_usize) {
            let mut out = Vec::new();
            path(&bytes.repeat(times), &mut out);
            prop_assert!(out.len() <= SEGMENTS_MAX * (SEGMENT_BYTES_MAX + 1) + 4);
            out.clear();
            name(&bytes.repeat(times), &mut out);
            prop_assert!(out.len() <= 64 * 5 && !out.contains(&0));
        }
    }
}
