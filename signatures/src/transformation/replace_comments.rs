//! `t:replaceComments`: makes each C comment (`/* ... */`) one space.
//!
//! ```text
//! SecRule ARGS "@contains union select" "id:1000,phase:2,deny,t:none,t:replaceComments"
//! ```
//! ModSecurity reference v3, "Transformation functions", `replaceComments`.


//! A comment that is not closed is one too; a lone `*/` stays.

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memmem::find(value, b"/*")?;
    let mut out = value[..first].to_vec();
    let mut rest = &value[first..];
    while let Some(start) = memchr::memmem::find(rest, b"/*") {
        out.extend_from_slice(&rest[..start]);
        out.push(b' ');
        let inside = &rest[start + 2..];
        rest = memchr::memmem::find(inside, b"*/").map_or(&[], |end| &inside[end + 2..]);
    }
    out.extend_from_slice(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::ReplaceComments, &[
            (b"plain */ --", b"plain */ --"),
            (b"a/*b*/c", b"a c"),
            (b"a/*b", b"a "),
            (b"/**//**/", b"  "),
            (b"a/*/b", b"a "),
            (b"", b""),
        ]);
    }
}
