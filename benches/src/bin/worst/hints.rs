//! What rules look for, as a search for slow requests begins with it.

use engine::Snapshot;
use portcullis_tests::random::Random;
use regex_syntax::hir::Hir;
use signatures::operator::Operator;
use signatures::{Link, Target};

use crate::gene::{Distinct, Gene, Split};
use crate::pattern;
use crate::place::Place;

/// What one test of a rule looks for, and where.
pub(crate) struct Hint {
    places: Vec<Place>,
    texts: Vec<Vec<u8>>,
    pattern: Option<Hir>,
}

/// The hints of all rules of all policies; the same rules give theirs once.
pub(crate) fn of(snapshot: &Snapshot) -> Vec<Hint> {
    let mut seen = Vec::new();
    let mut hints = Vec::new();
    for source in snapshot.policies().iter().flat_map(|policy| &policy.sources) {
        let rules = &source.rules;
        if !seen.contains(&&rules.hash) {
            seen.push(&rules.hash);
            hints.extend(rules.ruleset.rules.iter().flat_map(|rule| &rule.links).filter_map(Hint::new));
        }
    }
    hints
}

impl Hint {
    fn new(link: &Link) -> Option<Self> {
        let (mut texts, mut pattern) = (Vec::new(), None);
        match &link.operator {
            Operator::Rx(regex) | Operator::RxGlobal(regex) => pattern = pattern::parse(regex.pattern()),
            Operator::Pm(phrases) => texts.extend(phrases.phrases().map(<[u8]>::to_vec)),
            Operator::BeginsWith(text)
            | Operator::Contains(text)
            | Operator::ContainsWord(text)
            | Operator::EndsWith(text)
            | Operator::Streq(text)
            | Operator::Within(text) => texts.extend(text.as_literal().map(<[u8]>::to_vec)),
            Operator::DetectSqli => texts.extend(SQL.iter().map(|it| it.as_bytes().to_vec())),
            Operator::DetectXss => texts.extend(HTML.iter().map(|it| it.as_bytes().to_vec())),
            _ => {}
        }
        let mut places: Vec<_> =
            link.targets.iter().flat_map(|target: &Target| Place::of_target(target)).collect();
        places.dedup();
        (pattern.is_some() || !texts.is_empty()).then_some(Self { places, texts, pattern })
    }

    /// Something that its rule spends time on.
    pub(crate) fn gene(&self, random: &mut Random) -> Gene {
        let (mut head, mut unit) = (Vec::new(), Vec::new());
        let mut tail = if random.below(2) == 0 { Vec::new() } else { vec![*random.pick(b"!x0 \n'")] };
        match &self.pattern {
            Some(hir) => match (random.below(6), pattern::pump(hir, random)) {
                (0..=2, Some((prefix, round))) => (head, unit) = (prefix, round),
                (3, Some((prefix, round))) => unit = [&prefix[..], &round, &round, &round].concat(),
                (4, _) => {
                    // All but the end, over and over.
                    pattern::walk(hir, random, &mut unit);
                    unit.truncate(1 + random.below(unit.len()));
                }
                _ => {
                    pattern::walk(hir, random, &mut unit);
                    tail.clear();
                }
            },
            None => {
                for _ in 0..=random.below(3) {
                    unit.extend(random.pick(&self.texts));
                    if random.below(2) == 0 {
                        unit.push(*random.pick(b" ,;/\n"));
                    }
                }
            }
        }
        let place = if self.places.is_empty() || random.below(4) == 0 {
            Place::any(random)
        } else {
            random.pick(&self.places).clone()
        };
        let split = if random.below(2) == 0 { Split::Into(1) } else { Split::any(random) };
        let distinct = *random.pick(&[Distinct::No, Distinct::Values, Distinct::Units]);
        Gene { place, split, head, unit, tail, encodings: Vec::new(), distinct }
    }

    /// Texts to put into others.
    pub(crate) fn pieces(&self, random: &mut Random) -> Vec<Vec<u8>> {
        let mut pieces: Vec<_> =
            (0..self.texts.len().min(4)).map(|_| random.pick(&self.texts).clone()).collect();
        if let Some(hir) = &self.pattern {
            let mut text = Vec::new();
            pattern::walk(hir, random, &mut text);
            pieces.push(text);
            pieces.extend(pattern::pump(hir, random).map(|(prefix, _)| prefix));
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces.iter_mut().for_each(|piece| piece.truncate(PIECE_BYTES_MAX));
        pieces
    }
}

/// What makes libinjection's tokenizers look further.
const SQL: [&str; 10] =
    ["1' or ", "/*!0", "'a' ", "\"\\\"", "--\n", "@@a ", "q'(", "1e", "$a$", "select(1),"];
const HTML: [&str; 8] =
    ["<a b=", "<!--", "<![CDATA[", "&#0000000", "<svg/onload=", "style=x:", "</a ", "`'\""];
/// Longer pieces are cut (bytes).
const PIECE_BYTES_MAX: usize = 256;
