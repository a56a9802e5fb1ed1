//! `t:removeComments`: leaves out comments: `/* ... */`, `<!-- ... -->`, and all from `--` or `#`.
//!
//! ```text
//! SecRule ARGS "@contains unionselect" "id:1000,phase:2,deny,t:none,t:removeComments"
//! ```
//! ModSecurity reference v3, "Transformation functions", `removeComments`.


//! A comment that is not closed becomes a space. Unlike in ModSecurity v3 a comment ends with its own mark
//! (there `-->` ends `/*` too), what follows it is looked at, and no NUL is appended when it ends the value.

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [byte, tail @ ..] = rest {
        let comment = match rest {
            [b'/', b'*', inside @ ..] => Some((inside, b"*/".as_slice())),
            [b'<', b'!', b'-', b'-', inside @ ..] => Some((inside, b"-->".as_slice())),
            [b'-', b'-', ..] | [b'#', ..] => return Some(out),
            _ => None,
        };
        rest = match comment {
            None => {
                out.push(*byte);
                tail
            }
            Some((inside, end)) => match memchr::memmem::find(inside, end) {
                Some(at) => &inside[at + end.len()..],
                None => {
                    out.push(b' ');
                    &[]
                }
            },
        };
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::RemoveComments, &[
            (b"plain / * -", b"plain / * -"),
            (b"a/*b*/c", b"ac"),
            (b"a/*b", b"a "),
            (b"a/*b*/", b"a"),
            (b"a--b", b"a"),
            (b"a#b", b"a"),
            (b"a<!--b-->c", b"ac"),
            (b"a<!--b", b"a "),
            (b"a/**/b/*c", b"ab "),
            (b"a//b", b"a//b"),
            (b"", b""),
        ]);
    }
}
