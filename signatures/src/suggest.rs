//! "Did you mean": the known name closest to a mistyped one.

/// The name in `among` closest to `wanted`, when it is close enough to be what was meant.
///
/// ```
/// assert_eq!(signatures::suggest::closest("lowercaes", ["uppercase", "lowercase"]), Some("lowercase"));
/// assert_eq!(signatures::suggest::closest("lowercaes", ["md5"]), None);
/// ```
#[must_use]
pub fn closest<'a>(wanted: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wanted.len() > NAME_BYTES_MAX {
        return None;
    }
    let wanted = wanted.to_ascii_lowercase();
    let allowed = (wanted.len() / 3).max(1);
    among
        .into_iter()
        .filter(|name| name.len().abs_diff(wanted.len()) <= allowed)
        .map(|name| (name, name.to_ascii_lowercase()))
        .map(|(name, lower)| {
            (distance(wanted.as_bytes(), lower.as_bytes()), !lower.starts_with(&wanted), name)
        })
        .filter(|(distance, ..)| *distance <= allowed)
        // Of two that are as close, the one that only goes on.
        .min_by_key(|(distance, other, _)| (*distance, *other))
        .map(|(.., name)| name)
}

/// Edits (insertions, deletions, substitutions, swaps of neighbours) from `a` to `b`.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// No known name is longer; longer wishes are not worth the quadratic comparison.
const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in
            [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("x", "y", 1)]
        {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), edits, "{a} {b}");
        }
    }

    #[test]
    fn suggests_only_what_is_close() {
        let names = ["SecRule", "SecAction", "SecMarker"];
        for (wanted, meant) in
            [("SecRul", Some("SecRule")), ("secaktion", Some("SecAction")), ("Include", None)]
        {
            assert_eq!(closest(wanted, names), meant, "{wanted}");
        }
        assert_eq!(closest("Of", ["On", "Off"]), Some("Off"));
    }
}
