//! Where rule files and their data files come from; this crate does no IO itself.

use std::collections::BTreeMap;

use crate::operator::DataFiles;

/// Reads files for the loader.
pub trait FileReader {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// The files whose path matches a pattern as in [`glob_matches`]; a plain path matches itself if
    /// there is such a file. In any order.
    ///
    /// # Errors
    /// Why the directory cannot be read, for people.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, String>;
}

/// Files held in memory: tests, embedded rules.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryFiles {
    /// Adds a file, or replaces it.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), bytes.into());
        self
    }
}

impl FileReader for MemoryFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.files.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        Ok(self.files.keys().filter(|path| glob_matches(pattern, path)).cloned().collect())
    }
}

/// Data files beside a rule file.
pub(super) struct Beside<'a> {
    pub(super) reader: &'a dyn FileReader,
    pub(super) rule_file: &'a str,
}

impl DataFiles for Beside<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.reader.read(&self.path(name))
    }

    fn path(&self, name: &str) -> String {
        beside(self.rule_file, name)
    }
}

/// The path of `name` as written in the file `from`: relative to its directory, unless absolute.
pub(super) fn beside(from: &str, name: &str) -> String {
    match from.rfind('/') {
        Some(at) if !name.starts_with('/') => format!("{}{name}", &from[..=at]),
        _ => name.to_owned(),
    }
}

/// Whether a path matches a shell pattern: `*` and `?` (never `/`), `[a-z]`, `[!a]`.
///
/// ```
/// use signatures::seclang::glob_matches;
/// assert!(glob_matches("rules/*.conf", "rules/a.conf"));
/// assert!(!glob_matches("rules/*.conf", "rules/old/a.conf"));
/// ```
#[must_use]
pub fn glob_matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last `*` does not match: the star takes one more.
    let mut retry: Option<(usize, usize)> = None;
    while t < path.len() {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p, t));
            p += 1;
        } else if let Some(length) = matches_one(&pattern[p..], path[t]) {
            (p, t) = (p + length, t + 1);
        } else {
            let Some((star, from)) = retry.filter(|(_, from)| path[*from] != '/') else { return false };
            retry = Some((star, from + 1));
            (p, t) = (star + 1, from + 1);
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// How many characters of the pattern matched one character of the path.
fn matches_one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => (c != '/').then_some(1),
        '[' => match_class(pattern, c).unwrap_or((c == '[').then_some(1)),
        literal => (*literal == c).then_some(1),
    }
}

/// `None` when the bracket does not close, so that it means itself.
fn match_class(pattern: &[char], c: char) -> Option<Option<usize>> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let start = 1 + usize::from(negated);
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|&p| p == ']')?;
    let set = &pattern[start..end];
    let mut inside = set.contains(&c);
    for range in set.windows(3).filter(|range| range[1] == '-') {
        inside |= (range[0]..=range[2]).contains(&c);
    }
    Some((inside != negated && c != '/').then_some(end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_shell_patterns() {
        let rows = [
            ("a/*.conf", "a/b.conf", true),
            ("a/*.conf", "a/.conf", true),
            ("a/*.conf", "a/b/c.conf", false),
            ("a/*.conf", "a/b.conf.example", false),
            ("*/b*c", "a/bxcxc", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[x", "[x", true),
            ("a", "a", true),
            ("a*", "a", true),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, path, expected) in rows {
            assert_eq!(glob_matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn resolves_beside_the_rule_file() {
        for (from, name, expected) in [("a/b.conf", "c", "a/c"), ("b.conf", "c", "c"), ("a/b", "/c", "/c")] {
            assert_eq!(beside(from, name), expected);
        }
    }
}
