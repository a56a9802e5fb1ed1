//! `t:normalizePath`: resolves `.`, `..` and repeated slashes in a path.
//!
//! ```text
//! SecRule REQUEST_FILENAME "@beginsWith /admin" "id:1000,phase:2,deny,t:none,t:normalizePath"
//! ```
//! ModSecurity reference v3, "Transformation functions", `normalizePath` (`normalisePath`).


//! `..` at the root of an absolute path goes, at the start of a relative one it stays. A slash at the end stays
//! if there was one, and none comes otherwise: `/a/..` becomes empty, as in ModSecurity.
//!
//! Unlike ModSecurity v3, which takes every segment that ends with two dots for `..`, names such as `...` and
//! `a..` are ordinary, as they are to file systems.

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    is_touched(value).then(|| normalize(value))
}

/// Whether there is a `.` beside a slash or an end, or an empty segment.
fn is_touched(path: &[u8]) -> bool {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"" | b"." | b".."))
}

pub(super) fn normalize(path: &[u8]) -> Vec<u8> {
    let absolute = path.first() == Some(&b'/');
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                if segments.last().is_some_and(|last| *last != b"..") {
                    segments.pop();
                } else if !absolute {
                    segments.push(segment);
                }
            }
            _ => segments.push(segment),
        }
    }
    join(absolute, &segments, path.last() == Some(&b'/'))
}

fn join(absolute: bool, segments: &[&[u8]], trailing: bool) -> Vec<u8> {
    let mut out = segments.join(&b'/');
    if absolute && (trailing || !segments.is_empty()) {
        out.insert(0, b'/');
    }
    if trailing && !segments.is_empty() {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::NormalizePath, &[
            (b"/a/b", b"/a/b"),
            (b"/a/./b/../c//d", b"/a/c/d"),
            (b"a/../../b", b"../b"),
            (b"/../a", b"/a"),
            (b"../a", b"../a"),
            (b"./a", b"a"),
            (b".", b""),
            (b"..", b".."),
            (b"/", b"/"),
            (b"//", b"/"),
            (b"a/", b"a/"),
            (b"a/.", b"a"),
            (b"a/..", b""),
            (b"/a/..", b""),
            (b"a//", b"a/"),
            (b"../../", b"../../"),
            (b"a/b/../", b"a/"),
            (b"a/.../b../c", b"a/.../b../c"),
            (b"a\\..\\b", b"a\\..\\b"),
            (b"", b""),
        ]);
    }
}
