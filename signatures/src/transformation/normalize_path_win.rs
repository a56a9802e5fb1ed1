//! `t:normalizePathWin`: makes backslashes slashes, then resolves the path as `t:normalizePath`.
//! Unlike in ModSecurity v3 every backslash becomes a slash, in runs too.
//!
//! ```text
//! SecRule ARGS:file "@contains windows/win.ini" "id:1000,phase:2,deny,t:none,t:normalizePathWin"
//! ```
//! ModSecurity reference v3, "Transformation functions", `normalizePathWin` (`normalisePathWin`).


pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    if !value.contains(&b'\\') {
        return super::normalize_path::transform(value);
    }
    let slashes: Vec<u8> = value.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    Some(super::normalize_path::normalize(&slashes))
}

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::NormalizePathWin, &[
            (b"/a/b", b"/a/b"),
            (br"\a\.\b\..\c\\d", b"/a/c/d"),
            (br"a\..\../b", b"../b"),
            (br"C:\x", b"C:/x"),
            (b"", b""),
        ]);
    }
}
