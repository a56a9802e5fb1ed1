//! `t:removeCommentsChar`: leaves out the marks of comments: `/*`, `*/`, `<!--`, `-->`, `--`, `#`.
//!
//! ```text
//! SecRule ARGS "@contains union" "id:1000,phase:2,deny,t:none,t:removeCommentsChar"
//! ```
//! ModSecurity reference v3, "Transformation functions", `removeCommentsChar`.


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [byte, tail @ ..] = rest {
        rest = match rest {
            [b'<', b'!', b'-', b'-', after @ ..]
            | [b'-', b'-', b'>', after @ ..]
            | [b'-', b'-', after @ ..]
            | [b'/', b'*', after @ ..]
            | [b'*', b'/', after @ ..]
            | [b'#', after @ ..] => after,
            _ => {
                out.push(*byte);
                tail
            }
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
        check(Transformation::RemoveCommentsChar, &[
            (b"plain / * -", b"plain / * -"),
            (b"a/*b*/c", b"abc"),
            (b"a--b#c", b"abc"),
            (b"a<!--b-->c", b"abc"),
            (b"---", b"-"),
            (b"<!--->", b"->"),
            (b"a//b", b"a//b"),
            (b"", b""),
        ]);
    }
}
