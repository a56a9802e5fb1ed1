//! Texts that a pattern matches, nearly matches, or goes through over and over: made of its syntax tree.

use portcullis_tests::random::Random;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};
use signatures::operator::rewrite;

/// What a rule's pattern means; of one that is not regular, something like it.
pub(crate) fn parse(pattern: &str) -> Option<Hir> {
    let rewritten = rewrite(pattern).map_or_else(|_| loosened(pattern), |it| it.pattern);
    ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).build().parse(&rewritten).ok()
}

/// Look-around becomes what it looks for, possessive quantifiers give back: texts for the pattern are still near it.
fn loosened(pattern: &str) -> String {
    let mut text = pattern.to_owned();
    for (from, to) in [
        ("(?!", "(?:"),
        ("(?=", "(?:"),
        ("(?<!", "(?:"),
        ("(?<=", "(?:"),
        ("(?>", "(?:"),
        ("++", "+"),
        ("*+", "*"),
        ("?+", "?"),
        ("\\1", ""),
        ("\\2", ""),
    ] {
        text = text.replace(from, to);
    }
    text
}

/// Appends a text that the pattern matches.
pub(crate) fn walk(hir: &Hir, random: &mut Random, out: &mut Vec<u8>) {
    if out.len() > WALK_BYTES_MAX {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.extend(&literal.0[..]),
        HirKind::Class(class) => out.extend(of_class(class, random)),
        HirKind::Repetition(repetition) => {
            for _ in 0..count(repetition, random) {
                walk(&repetition.sub, random, out);
            }
        }
        HirKind::Capture(capture) => walk(&capture.sub, random, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| walk(part, random, out)),
        HirKind::Alternation(parts) => walk(random.pick(parts), random, out),
    }
}

/// A text up to something that repeats, and one round of that: a matcher that is there stays there while the rounds go on.
pub(crate) fn pump(hir: &Hir, random: &mut Random) -> Option<(Vec<u8>, Vec<u8>)> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => None,
        HirKind::Repetition(repetition) => {
            let repeats = repetition.max.is_none_or(|max| max > FEW);
            if !repeats || random.below(4) == 0 {
                return pump(&repetition.sub, random).or_else(|| repeats.then(|| rounds(repetition, random)));
            }
            Some(rounds(repetition, random))
        }
        HirKind::Capture(capture) => pump(&capture.sub, random),
        HirKind::Alternation(parts) => {
            let from = random.below(parts.len());
            (0..parts.len()).find_map(|step| pump(&parts[(from + step) % parts.len()], random))
        }
        HirKind::Concat(parts) => {
            let from = random.below(parts.len());
            (0..parts.len()).find_map(|step| {
                let at = (from + step) % parts.len();
                let (inner, unit) = pump(&parts[at], random)?;
                let mut prefix = Vec::new();
                parts[..at].iter().for_each(|part| walk(part, random, &mut prefix));
                prefix.extend(inner);
                Some((prefix, unit))
            })
        }
    }
}

fn rounds(repetition: &Repetition, random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let mut unit = Vec::new();
    walk(&repetition.sub, random, &mut unit);
    if unit.is_empty() {
        unit.push(b' ');
    }
    (Vec::new(), unit)
}

fn count(repetition: &Repetition, random: &mut Random) -> u32 {
    let most = repetition.max.unwrap_or(u32::MAX).min(repetition.min.saturating_add(3));
    repetition.min + random.below((most - repetition.min + 1) as usize) as u32
}

/// One of the bytes of a class; of a large one, letters and digits first, because these are of many classes.
fn of_class(class: &Class, random: &mut Random) -> Vec<u8> {
    let holds = |byte: u8| match class {
        Class::Bytes(class) => class.ranges().iter().any(|it| (it.start()..=it.end()).contains(&byte)),
        Class::Unicode(class) => {
            class.ranges().iter().any(|it| (it.start()..=it.end()).contains(&char::from(byte)))
        }
    };
    let preferred: &[u8] = if random.below(2) == 0 { b"a0_ -x1A" } else { b"'\"(/.;=<>`$|&%\\:,\n\t" };
    let found: Vec<u8> = preferred.iter().copied().filter(|byte| holds(*byte)).collect();
    if !found.is_empty() {
        return vec![*random.pick(&found)];
    }
    match class {
        Class::Bytes(class) if !class.ranges().is_empty() => {
            let range = random.pick(class.ranges());
            vec![range.start() + random.below(usize::from(range.end() - range.start()) + 1) as u8]
        }
        Class::Unicode(class) if !class.ranges().is_empty() => {
            random.pick(class.ranges()).start().to_string().into_bytes()
        }
        _ => Vec::new(),
    }
}

/// A longer text is not gone on with (bytes).
const WALK_BYTES_MAX: usize = 512;
/// What may repeat more often can be gone through for long.
const FEW: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_match_their_pattern() {
        let mut random = Random::new(1);
        for pattern in ["(?i)union\\s+select", "^a{3,5}[^b]?$", "<script[^>]*>", "x|[0-9]+y"] {
            let hir = parse(pattern).expect(pattern);
            let regex = regex_automata_free(pattern);
            for _ in 0..50 {
                let mut text = Vec::new();
                walk(&hir, &mut random, &mut text);
                assert!(regex(&text), "{pattern}: {:?}", String::from_utf8_lossy(&text));
            }
        }
    }

    /// Whether the engine's own operator finds the pattern.
    fn regex_automata_free(pattern: &str) -> impl Fn(&[u8]) -> bool {
        struct Nothing;
        impl signatures::Resolve for Nothing {
            fn resolve(&self, _: signatures::Variable, _: Option<&[u8]>, _: &mut Vec<u8>) {}
        }
        impl signatures::operator::DataFiles for Nothing {
            fn read(&self, _: &str) -> Result<Vec<u8>, String> {
                Err(String::new())
            }
        }
        let operator = signatures::operator::Operator::compile("rx", pattern, &Nothing).expect("a pattern");
        move |value| operator.find(value, &Nothing, None).is_some()
    }

    #[test]
    fn goes_through_what_repeats() {
        let mut random = Random::new(1);
        for (pattern, expected) in
            [("ab*c", None), ("ab[c]*d", Some(("ab", "c"))), ("(?:x(?:yz)+)w", Some(("x", "yz")))]
        {
            let found = pump(&parse(pattern).expect(pattern), &mut random);
            if let Some((prefix, unit)) = expected {
                assert_eq!(found, Some((prefix.into(), unit.into())), "{pattern}");
            }
        }
        assert_eq!(pump(&parse("abc").expect("a pattern"), &mut random), None);
    }
}
