//! The fingerprints of known attacks.

use std::sync::LazyLock;

use super::{Fingerprint, TOKENS_MAX};

static KNOWN: LazyLock<Box<[u32]>> = LazyLock::new(|| parse(include_str!("fingerprints.txt")));

/// Whether attacks are known to look like this.
pub(super) fn is_known(fingerprint: Fingerprint) -> bool {
    pack(fingerprint.as_ref()).is_some_and(|packed| KNOWN.binary_search(&packed).is_ok())
}

fn parse(table: &str) -> Box<[u32]> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let mut known: Vec<u32> = lines.filter_map(|line| pack(line.as_bytes())).collect();
    known.sort_unstable();
    known.into_boxed_slice()
}

/// Five bits a letter; nothing if a letter never occurs in the table.
fn pack(letters: &[u8]) -> Option<u32> {
    if letters.is_empty() || letters.len() > TOKENS_MAX {
        return None;
    }
    letters.iter().try_fold(0, |packed, letter| {
        let digit = LETTERS.iter().position(|known| letter.eq_ignore_ascii_case(known))?;
        Some(packed << 5 | (digit as u32 + 1))
    })
}

/// The letters in the table, case folded, frequent ones first.
const LETTERS: [u8; 20] = *b"N1SOFVUEKC(),&;TB:XA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_packed_and_kept_apart() {
        let lines = include_str!("fingerprints.txt").lines().filter(|line| !line.starts_with('#'));
        assert!(lines.clone().all(|line| pack(line.as_bytes()).is_some()));
        assert_eq!(lines.count(), 8367);
        assert!(KNOWN.is_sorted_by(|a, b| a < b));
        assert_eq!(KNOWN.len(), 8367);
    }

    #[test]
    fn letters_outside_the_table_are_unknown() {
        for letters in ["", "?", "1.1", "{", "NNNNNN"] {
            assert_eq!(pack(letters.as_bytes()), None, "{letters}");
        }
    }
}
