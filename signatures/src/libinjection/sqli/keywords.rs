//! What the words, operators and phrases of SQL are.

use std::iter;
use std::sync::LazyLock;

use super::token::Kind;

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(|| Keywords::parse(include_str!("keywords.txt")));

/// The kind of a word or operator.
pub(super) fn kind(word: &[u8]) -> Option<Kind> {
    if word.len() > KEYWORD_BYTES_MAX {
        return None;
    }
    let found = KEYWORDS.find(hash(word.iter().copied()), |known| known.eq_ignore_ascii_case(word))?;
    Some(found.kind)
}

/// The phrase that two tokens make when a space is put between them.
pub(super) fn phrase(first: &[u8], second: &[u8]) -> Option<&'static Keyword> {
    if first.len() + 1 + second.len() > KEYWORD_BYTES_MAX {
        return None;
    }
    let bytes = || first.iter().copied().chain(iter::once(b' ')).chain(second.iter().copied());
    KEYWORDS
        .find(hash(bytes()), |known| known.iter().copied().eq(bytes().map(|byte| byte.to_ascii_uppercase())))
}

/// An entry of the table: upper case.
pub(super) struct Keyword {
    pub(super) text: &'static [u8],
    pub(super) kind: Kind,
}

/// A hash table with open addressing: `slots` hold an index into `words` plus one, zero if empty.
struct Keywords {
    words: Vec<Keyword>,
    slots: Box<[u16; SLOTS]>,
}

/// A power of two about four times the number of words, so that most misses end at the first slot.
const SLOTS: usize = 4096;

/// The longest text in the table (a test holds it to that).
const KEYWORD_BYTES_MAX: usize = 29;

impl Keywords {
    fn parse(table: &'static str) -> Self {
        let words: Vec<Keyword> = table.lines().filter_map(parse_line).collect();
        let mut slots = Box::new([0; SLOTS]);
        for (number, word) in (1..).zip(&words) {
            if let Some(slot) = probe(hash(word.text.iter().copied())).find(|&slot| slots[slot] == 0) {
                slots[slot] = number;
            }
        }
        Self { words, slots }
    }

    fn find(&self, hash: u32, is_it: impl Fn(&[u8]) -> bool) -> Option<&Keyword> {
        probe(hash)
            .map_while(|slot| self.words.get(usize::from(self.slots[slot]).checked_sub(1)?))
            .find(|word| is_it(word.text))
    }
}

fn parse_line(line: &'static str) -> Option<Keyword> {
    let (&letter, text) = line.as_bytes().split_first()?;
    Some(Keyword { kind: Kind::of_keyword(letter)?, text: text.strip_prefix(b" ")? })
}

/// The slots where an entry with this hash may be, in order.
fn probe(hash: u32) -> impl Iterator<Item = usize> {
    let start = (hash >> 16) as usize;
    (start..start + SLOTS).map(|slot| slot % SLOTS)
}

/// Blind to ASCII case. The bits worth having are the upper ones.
fn hash(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_uppercase())).wrapping_mul(0x9e37_79b1).rotate_left(5)
    })
}

#[cfg(test)]
pub(super) fn words() -> impl Iterator<Item = &'static [u8]> {
    KEYWORDS.words.iter().map(|word| word.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_an_entry_that_is_found() {
        let lines = include_str!("keywords.txt").lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let entry = parse_line(line).expect(line);
            assert_eq!(kind(entry.text), Some(entry.kind), "{line}");
            assert_eq!(kind(&entry.text.to_ascii_lowercase()), Some(entry.kind), "{line}");
            assert_eq!(entry.text, entry.text.to_ascii_uppercase(), "{line}");
            assert!(entry.text.len() <= KEYWORD_BYTES_MAX, "{line}");
        }
        assert_eq!(words().count(), 985);
    }

    #[test]
    fn phrases_are_found_by_their_parts() {
        for (first, second, expected) in
            [("union", "all", Some(Kind::Union)), ("NOT", "in", Some(Kind::Keyword)), ("foo", "bar", None)]
        {
            let found = phrase(first.as_bytes(), second.as_bytes()).map(|phrase| phrase.kind);
            assert_eq!(found, expected, "{first} {second}");
        }
    }

    #[test]
    fn what_is_no_keyword_is_not_found() {
        for word in ["", " ", "select1", "selec", "\u{df}", "a word that is longer than every keyword"] {
            assert_eq!(kind(word.as_bytes()), None, "{word}");
        }
    }
}
