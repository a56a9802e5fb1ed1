//! `t:removeNulls`: leaves out NUL bytes.
//!
//! ```text
//! SecRule ARGS "@contains x" "id:1000,phase:2,deny,t:none,t:removeNulls"
//! ```
//! ModSecurity reference v3, "Transformation functions", `removeNulls`.


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr(0, value)?;
    let mut out = value[..first].to_vec();
    out.extend(value[first..].iter().filter(|byte| **byte != 0));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::RemoveNulls, &[
            (b"abc", b"abc"),
            (b"a\0\0b\0", b"ab"),
            (b"", b""),
        ]);
    }
}
