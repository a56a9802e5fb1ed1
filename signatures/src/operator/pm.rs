//! `@pm`, `@pmFromFile` (`@pmf`): one of many phrases is in the value.
//!
//! ASCII case does not count. The phrases of `@pm` are divided by spaces; bytes can be written in
//! hexadecimal between bars (`A|42 43|D`), and so can a space. `@pmFromFile` takes names of files with one
//! phrase a line; spaces around it, empty lines and lines that begin with `#` are left out. With
//! `capture`, `TX:0` becomes the phrase as the value spells it. All phrases are searched in one pass.
//!
//! ```text
//! SecRule REQUEST_HEADERS:User-Agent "@pm WebZIP WebCopier Webster" "id:1000,phase:1,deny"
//! SecRule REQUEST_FILENAME "@pmFromFile restricted-files.data" "id:930130,phase:1,block"
//! ```
//! ModSecurity reference v3, "Operators", `pm`, `pmFromFile`.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::error::items;
use super::{Captures, DataFiles, OperatorError};

/// A set of phrases.
#[derive(Debug)]
pub struct Pm {
    automaton: AhoCorasick,
    phrases: Vec<Box<[u8]>>,
}

impl Pm {
    pub(super) fn compile(argument: &str) -> Result<Self, OperatorError> {
        Self::new(phrases(argument))
    }

    pub(super) fn compile_files(argument: &str, files: &dyn DataFiles) -> Result<Self, OperatorError> {
        let mut phrases = Vec::new();
        for (span, name) in items(argument, char::is_whitespace) {
            let text = read(files, name).map_err(|error| error.at(span))?;
            phrases.extend(lines(&text).map(Box::from));
        }
        Self::new(phrases)
    }

    fn new(phrases: Vec<Box<[u8]>>) -> Result<Self, OperatorError> {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostFirst)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&phrases)
            .map_err(|error| OperatorError::new("invalid-argument", format!("too many phrases: {error}")))?;
        if phrases.is_empty() {
            return Err(OperatorError::new("invalid-argument", "expected phrases, found none"));
        }
        Ok(Self { automaton, phrases })
    }

    /// The phrases, as the rule spells them.
    pub fn phrases(&self) -> impl Iterator<Item = &[u8]> {
        self.phrases.iter().map(AsRef::as_ref)
    }

    pub(super) fn find(&self, value: &[u8], captures: Option<&mut Captures>) -> Option<Range<usize>> {
        let found = self.automaton.find(value)?.range();
        if let Some(captures) = captures {
            captures.set(&value[found.clone()]);
        }
        Some(found)
    }
}

/// Reads a data file that an argument names.
pub(super) fn read(files: &dyn DataFiles, name: &str) -> Result<Vec<u8>, OperatorError> {
    if name.starts_with("https://") || name.starts_with("http://") {
        return Err(OperatorError::new(
            "unsupported-argument",
            format!("`{name}` is not read from the network"),
        )
        .help("download it beside the rules and name the file"));
    }
    files
        .read(name)
        .map_err(|why| OperatorError::new("unreadable-file", format!("cannot read `{name}`: {why}")))
}

/// The phrases of a data file.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// The phrases of `@pm`: divided at spaces that are not between bars.
fn phrases(argument: &str) -> Vec<Box<[u8]>> {
    let mut phrases = Vec::new();
    let mut phrase = Vec::new();
    let mut rest = argument.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'|' => match hexadecimal(tail) {
                Some((bytes, after)) => {
                    phrase.extend(bytes);
                    rest = after;
                }
                None => phrase.push(b'|'),
            },
            byte if byte.is_ascii_whitespace() => phrases.push(std::mem::take(&mut phrase)),
            byte => phrase.push(*byte),
        }
    }
    phrases.push(phrase);
    phrases.into_iter().filter(|phrase| !phrase.is_empty()).map(Into::into).collect()
}

/// Bytes written as `42 43|`, and what follows; `None` when it is a bar and not the start of bytes.
fn hexadecimal(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let end = text.iter().position(|byte| *byte == b'|')?;
    let digits: Vec<u8> = text[..end]
        .iter()
        .filter(|byte| **byte != b' ')
        .map(|digit| transaction::decode::percent::hex(*digit))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if digits.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    Some((pairs.map(|pair| pair[0] << 4 | pair[1]).collect(), &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::check::{captured, check, refusal};
    use super::*;

    #[test]
    fn matches() {
        check(
            "pm",
            &[
                ("WebZIP Webster", "a webster b", Some("webster")),
                ("WebZIP  Webster ", "webzi", None),
                ("A|42 43|D", "xabcdx", Some("abcd")),
                ("a|20|b", "A B", Some("A B")),
                ("a || |b", "x || y", Some("||")),
                ("|zz| q", "|ZZ|", Some("|ZZ|")),
                ("é", "É é", Some("é")),
                ("x", "", None),
            ],
        );
        for name in ["pmFromFile", "pmf"] {
            check(
                name,
                &[
                    ("phrases.data", "SELECT 1", Some("SELECT")),
                    ("phrases.data", "drop", None),
                    ("phrases.data", "a x y b", Some("x y")),
                    ("phrases.data networks.data", "10.0.0.0/8 x", Some("10.0.0.0/8")),
                ],
            );
        }
        assert_eq!(captured("pm", "admin root", "I am Root"), [Some("Root".to_owned())]);
        assert!(captured("pm", "admin root", "nobody").is_empty());
    }

    #[test]
    fn bad_arguments_are_refused() {
        for (name, argument, code) in [
            ("pm", " ", "invalid-argument"),
            ("pmFromFile", "none.data", "unreadable-file"),
            ("pmFromFile", "https://example.com/list", "unsupported-argument"),
        ] {
            assert_eq!(refusal(name, argument).code, code, "{argument}");
        }
    }

    proptest! {
        #[test]
        fn finds_what_a_scan_finds(phrases in prop::collection::vec("[abAB]{1,3}", 1..4), value in "[abAB]{0,12}") {
            let found = Pm::compile(&phrases.join(" ")).unwrap().find(value.as_bytes(), None).is_some();
            let lower = value.to_ascii_lowercase();
            prop_assert_eq!(found, phrases.iter().any(|phrase| lower.contains(&phrase.to_ascii_lowercase())));
        }

        #[test]
        fn any_argument_compiles_or_is_refused(argument in ".{0,40}") {
            let _ = Pm::compile(&argument);
        }
    }
}
