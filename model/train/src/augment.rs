//! Attacks as they come in the wild: within ordinary text, with something before and after, spelled
//! differently.

use std::ops::Range;

use crate::corpus::Corpus;
use crate::random::Random;

/// Variants of `attack`, one for each number drawn; `ordinary` is text to put it in.
pub fn variant(attack: &[u8], ordinary: &[&[u8]], random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0..=2 => within(attack, ordinary, random).0,
        3 => [&beside(ordinary, random), &b" "[..], attack].concat(),
        4 => [attack, b" ", &beside(ordinary, random)].concat(),
        5 => changed_case(attack, random),
        6 => changed_space(attack, random),
        _ => changed_numbers(attack, random),
    }
}

/// In the middle of 200 to 3,000 bytes of ordinary text, and where.
pub fn within(attack: &[u8], ordinary: &[&[u8]], random: &mut Random) -> (Vec<u8>, Range<usize>) {
    let length = 200 + random.below(2_800);
    let before = random.below(length);
    let mut text = prose(before, ordinary, random);
    let start = text.len();
    text.extend_from_slice(attack);
    text.extend(prose(length - before, ordinary, random));
    (text, start..start + attack.len())
}

/// The values among these that ordinary text can be made of, each once, in the corpus's order.
pub fn text<'c>(corpus: &'c Corpus, ordinary: &mut Vec<u32>) -> Vec<&'c [u8]> {
    ordinary.sort_unstable();
    ordinary.dedup();
    let values = ordinary.iter().map(|index| &*corpus.values[*index as usize].bytes);
    values.filter(|bytes| (12..400).contains(&bytes.len())).collect()
}

/// So many bytes of ordinary text.
pub fn prose(length: usize, ordinary: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < length {
        let Some(piece) = random.pick(ordinary) else { break };
        text.extend_from_slice(piece);
        text.push(*random.pick(b"  \n,.").unwrap_or(&b' '));
    }
    text.truncate(length);
    text
}

/// With 8 to 48 bytes of ordinary text beside it.
fn beside(ordinary: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let length = 8 + random.below(40);
    let text = random.pick(ordinary).copied().unwrap_or_default();
    text[..text.len().min(length)].to_vec()
}

fn changed_case(attack: &[u8], random: &mut Random) -> Vec<u8> {
    attack.iter().map(|byte| if random.below(3) == 0 { byte.to_ascii_uppercase() } else { *byte }).collect()
}

/// What parsers take for white space, instead of spaces.
fn changed_space(attack: &[u8], random: &mut Random) -> Vec<u8> {
    let spaces: [&[u8]; 6] = [b"/**/", b"\t", b"\n", b"+", b"  ", b"/*x*/"];
    let space = random.pick(&spaces).copied().unwrap_or(b" ");
    let mut text = Vec::new();
    for byte in attack {
        if *byte == b' ' { text.extend_from_slice(space) } else { text.push(*byte) }
    }
    text
}

fn changed_numbers(attack: &[u8], random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in attack {
        if byte.is_ascii_digit() {
            text.extend(random.below(1_000).to_string().bytes());
        } else {
            text.push(*byte);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_attack() {
        let attack = b"' or 1=1 -- ".as_slice();
        let ordinary = [b"a long piece of ordinary text".as_slice(), b"another one"];
        let mut random = Random::new(1);
        for _ in 0..200 {
            let variant = variant(attack, &ordinary, &mut random);
            let text = String::from_utf8_lossy(&variant).to_lowercase();
            assert!(text.contains("'") && text.contains("or") && text.contains("--"), "{text}");
            assert!(variant.len() < 4_000);
        }
        assert!(!variant(attack, &[], &mut random).is_empty());
    }
}
