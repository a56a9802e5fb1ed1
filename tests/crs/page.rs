//! `docs/conformance.md`: what is measured stands there, and a measurement that differs fails.

use std::path::Path;

/// Compares a section of the page, between `<!-- NAME -->` and `<!-- /NAME -->`, with what was measured;
/// `UPDATE=1` writes it.
pub(crate) fn check(name: &str, measured: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let page = std::fs::read_to_string(&path).expect("docs/conformance.md");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = page.find(&begin).unwrap_or_else(|| panic!("no section {name} in the page")) + begin.len();
    let length = page[start..].find(&end).unwrap_or_else(|| panic!("section {name} does not end"));
    let written = &page[start..start + length];
    let measured = format!("{}\n", measured.trim_end());
    if written == measured {
        return;
    }
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        let page = format!("{}{measured}{}", &page[..start], &page[start + length..]);
        return std::fs::write(&path, page).expect("a page that can be written");
    }
    panic!("docs/conformance.md says otherwise of {name} (./x conformance writes it):\n{measured}");
}
