//! `t:cmdLine`: undoes what shells let through in command lines.
//!
//! ```text
//! SecRule ARGS "@contains c:/windows" "id:1000,phase:2,deny,t:none,t:cmdLine"
//! ```
//! ModSecurity reference v3, "Transformation functions", `cmdLine`.


//! Leaves out `\`, `"`, `'` and `^`; makes runs of spaces, tabs, line ends, `,` and `;` one space, and none
//! before `/` and `(`; folds ASCII upper case.

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
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
}
