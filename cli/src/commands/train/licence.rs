//! Under which terms data may be used, as those say who handed it on.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest statement that is taken over (characters).
const STATED_MAX: usize = 1_000;

/// What is stated of a file beside it: in `FILE.licence`, or in the column about licences of a table in `README.md`
/// that begins with the file's name.
pub(super) fn stated(path: &Path) -> Option<String> {
    let own = ["licence", "license"].into_iter().find_map(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        fs::read_to_string(PathBuf::from(name)).ok()
    });
    let of_readme = || {
        let readme = fs::read_to_string(path.with_file_name("README.md")).ok()?;
        in_table(&readme, &path.file_name()?.to_string_lossy()).map(str::to_owned)
    };
    let text = own.or_else(of_readme)?;
    // In one cell of a table.
    let words: Vec<_> = text.split_whitespace().collect();
    let cell: String = words.join(" ").replace('|', "/").chars().take(STATED_MAX).collect();
    (!cell.is_empty()).then_some(cell)
}

fn in_table<'t>(text: &'t str, file: &str) -> Option<&'t str> {
    let mut column = None;
    for line in text.lines().map(str::trim).filter(|line| line.starts_with('|')) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if cells.first().is_some_and(|name| name.trim_matches('`') == file) {
            return cells.get(column?).copied();
        }
        let is_about = |cell: &&str| cell.to_lowercase().contains("licen");
        column = column.or_else(|| cells.iter().position(is_about));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "# Data\n\n| file | licence |\n|---|---|\n| `a.jsonl` | MIT |\n| b.jsonl | CC-BY-4.0 |\n";

    #[test]
    fn finds_what_is_stated() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        fs::write(place("README.md"), TABLE).unwrap();
        fs::write(place("b.jsonl.licence"), "ours,\n  for | tests\n").unwrap();
        for (file, expected) in
            [("a.jsonl", Some("MIT")), ("b.jsonl", Some("ours, for / tests")), ("c.jsonl", None)]
        {
            assert_eq!(stated(&place(file)).as_deref(), expected, "{file}");
        }
        assert_eq!(in_table(&TABLE.replace("licence", "terms"), "a.jsonl"), None);
    }
}
