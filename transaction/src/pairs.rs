//! Lists of `name=value`, as queries, forms and cookies are, with another value put in: for measuring what would be
//! said of an attack there.

/// The list with another value for the first pair that is meant, if one is. `is_meant` gets a pair's name, and whether
/// it has a value.
#[must_use]
pub fn replaced(
    list: &[u8],
    separator: u8,
    mut is_meant: impl FnMut(&[u8], bool) -> bool,
    value: &[u8],
) -> Option<Vec<u8>> {
    let mut at = 0;
    for pair in list.split(|byte| *byte == separator) {
        let equals = pair.iter().position(|byte| *byte == b'=');
        let name = &pair[..equals.unwrap_or(pair.len())];
        if is_meant(name, equals.is_some()) {
            return Some([&list[..at], name, b"=", value, &list[at + pair.len()..]].concat());
        }
        at += pair.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_one() {
        for (list, name, expected) in [
            ("a=1&b=2&c=3", "b", Some("a=1&b=<&c=3")),
            ("b=1&b=2", "b", Some("b=<&b=2")),
            ("a&b", "b", Some("a&b=<")),
            ("a=b", "b", None),
            ("", "b", None),
        ] {
            let found = replaced(list.as_bytes(), b'&', |it, _| it == name.as_bytes(), b"<");
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{list}");
        }
        let second = std::cell::Cell::new(0);
        let is_second = |_: &[u8], has_value| has_value && second.replace(second.get() + 1) == 1;
        assert_eq!(replaced(b"a=1; b; c=2", b';', is_second, b"<").as_deref(), Some(&b"a=1; b; c=<"[..]));
    }
}
