//! `t:cmdLine`: undoes what shells let through in command lines.
//!
//! ```text
//! SecRule ARGS "@contains c:/windows" "id:1000,phase:2,deny,t:none,t:cmdLine"
//! ```
//! ModSecurity reference v3, "Transformation functions", `cmdLine`.


//! Leaves out `\`, `"`, `'` and `^`; makes runs of spaces, tabs, line ends, `,` and `;` one space, and none
//! before `/` and `(`; folds ASCII upper case.

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    if !is_touched(value) {
        return None;
    }
    let mut out = Vec::with_capacity(value.len());
    let mut space = false;
    for byte in value {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => {}
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !space {
                    out.push(b' ');
                }
                space = true;
            }
            _ => {
                if space && matches!(byte, b'/' | b'(') {
                    out.pop();
                }
                out.push(byte.to_ascii_lowercase());
                space = false;
            }
        }
    }
    Some(out)
}

/// Whether anything changes: not in prose of small letters. Looks at all bytes, many at a time.
fn is_touched(value: &[u8]) -> bool {
    let changes = |byte: u8| {
        let is_removed = (byte == b'"') | (byte == b'\'') | (byte == b'\\') | (byte == b'^');
        let becomes_space = (byte == b',') | (byte == b';') | (byte == b'\t') | (byte == b'\r') | (byte == b'\n');
        is_removed | becomes_space | byte.is_ascii_uppercase()
    };
    let goes_before = |byte: u8| (byte == b' ') | (byte == b'/') | (byte == b'(');
    let after = value.get(1..).unwrap_or_default();
    value.iter().fold(false, |found, byte| found | changes(*byte))
        | value.iter().zip(after).fold(false, |found, (a, b)| found | ((*a == b' ') & goes_before(*b)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::CmdLine, &[
            (b"plain", b"plain"),
            (br#"C^md "x" 'y'"#, b"cmd x y"),
            (b"a, ;\tb\r\n/c (", b"a b/c("),
            (b"; ;a", b" a"),
            (b" /x", b"/x"),
            (br"a \ b", b"a b"),
            (b"", b""),
        ]);
    }

    proptest! {
        #[test]
        fn says_what_is_touched(value in "[ab /(\",;^A\t]{0,6}") {
            let changed = super::transform(value.as_bytes()).filter(|changed| changed != value.as_bytes());
            prop_assert_eq!(changed.is_some(), super::is_touched(value.as_bytes()));
        }
    }
}
