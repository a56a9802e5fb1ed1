//! What a regular expression needs, by its syntax tree.
//!
//! After R. Cox, "Regular Expression Matching with a Trigram Index": for each part of a pattern the literals
//! that it may match, as long as they are few, and otherwise what they all hold.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::restricted::restricted;
use super::{ByteSet, Clause, Needs};

/// What every match of the pattern holds. `hir` matches bytes.
pub(crate) fn needs(hir: &Hir) -> Needs {
    let mut branches = Vec::new();
    split(hir, &mut branches);
    let branches = if branches.len() <= BRANCHES_MAX { branches } else { Vec::new() };
    let of_branch = |branch: &Hir| part(branch, 0).all_clauses();
    needs_together(hir).with_branches(branches.iter().map(of_branch).collect())
}

/// The same without telling branches apart.
fn needs_together(hir: &Hir) -> Needs {
    Needs::all(part(hir, 0).all_clauses(), hir.properties().minimum_len().unwrap_or(0))
}

/// The patterns of which a match of this one matches one: the parts of the choices that it is, and of the largest in a
/// sequence.
fn split(hir: &Hir, branches: &mut Vec<Hir>) {
    match hir.kind() {
        HirKind::Capture(capture) => split(&capture.sub, branches),
        HirKind::Alternation(parts) => {
            // Words are told best by one clause for all of them.
            let (words, others): (Vec<_>, Vec<_>) =
                parts.iter().cloned().partition(|branch| part(branch, 0).exact.is_some());
            if !words.is_empty() {
                branches.push(Hir::alternation(words));
            }
            others.iter().for_each(|branch| split(branch, branches));
        }
        HirKind::Concat(parts) => {
            let choices = parts.iter().enumerate().filter_map(|(at, part)| Some((at, choice_of(part)?)));
            let choices = choices.filter(|(_, choice)| choice.len() <= BRANCHES_MAX);
            match choices.max_by_key(|(_, choice)| choice.len()) {
                Some((at, choice)) => branches.extend(choice.iter().map(|branch| {
                    let with =
                        |(nth, part): (usize, &Hir)| if nth == at { branch.clone() } else { part.clone() };
                    Hir::concat(parts.iter().enumerate().map(with).collect())
                })),
                None => branches.push(hir.clone()),
            }
        }
        _ => branches.push(hir.clone()),
    }
}

/// The parts of a choice, unless it is of words.
fn choice_of(hir: &Hir) -> Option<&[Hir]> {
    match hir.kind() {
        HirKind::Capture(capture) => choice_of(&capture.sub),
        HirKind::Alternation(parts) if part(hir, 0).exact.is_none() => Some(parts),
        _ => None,
    }
}

/// The same of a large pattern. Those of CRS 932 have quotes and the like between any two letters of a thousand
/// commands, so that all they need is a letter; but what has no such byte must hold one of the commands.
pub(crate) fn needs_of_large(hir: &Hir) -> Needs {
    let whole = needs_together(hir);
    let rare = Clause::bytes(RARE);
    let otherwise = match restricted(hir, RARE) {
        None => vec![rare],
        Some(left) => {
            needs_together(&left).clauses.iter().map(|clause| Clause::any([clause, &rare])).collect()
        }
    };
    Needs::all(whole.clauses.into_iter().chain(otherwise), whole.bytes_min)
}

/// What shells let through between letters, and few values have.
const RARE: ByteSet = ByteSet::of(b"\"'[\\$)");

/// Texts that a part of a pattern may match, in lower case.
type Texts = BTreeSet<Vec<u8>>;

/// What is known of a part of a pattern.
#[derive(Clone, Debug, Default)]
struct Part {
    /// Everything it matches, when that is little.
    exact: Option<Texts>,
    /// What all matches begin with and end with, one of each; for what is repeated.
    edges: Option<Texts>,
    /// What all matches hold.
    clauses: Vec<Clause>,
}

impl Part {
    fn exact(texts: Texts) -> Self {
        Self { exact: Some(texts), ..Self::default() }
    }

    fn empty() -> Self {
        Self::exact(Texts::from([Vec::new()]))
    }

    fn clauses(clauses: Vec<Clause>) -> Self {
        Self { clauses, ..Self::default() }
    }

    /// The clauses, with what `exact` says.
    fn all_clauses(self) -> Vec<Clause> {
        let mut clauses = self.clauses;
        clauses.extend(self.exact.as_ref().and_then(clause));
        clauses.sort_by(|a, b| a.frequency().total_cmp(&b.frequency()));
        clauses
    }
}

fn clause(texts: &Texts) -> Option<Clause> {
    Clause::literals(texts.iter().map(Vec::as_slice))
}

fn part(hir: &Hir, depth: usize) -> Part {
    if depth > DEPTH_MAX {
        return Part::default();
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Part::empty(),
        HirKind::Literal(literal) => Part::exact(Texts::from([literal.0.to_ascii_lowercase()])),
        HirKind::Class(class) => one_of(class),
        HirKind::Capture(capture) => part(&capture.sub, depth + 1),
        HirKind::Repetition(repetition) => repeated(repetition, depth),
        HirKind::Concat(parts) => sequence(parts.iter().map(|hir| part(hir, depth + 1))),
        HirKind::Alternation(branches) => choice(branches.iter().map(|hir| part(hir, depth + 1)).collect()),
    }
}

fn one_of(class: &Class) -> Part {
    let bytes = class_bytes(class).without_case();
    let texts: Texts = bytes.iter().map(|byte| vec![byte.to_ascii_lowercase()]).collect();
    if texts.len() <= CLASS_TEXTS_MAX && is_ascii(class) {
        return Part::exact(texts);
    }
    Part::clauses(vec![Clause::bytes(bytes)])
}

fn is_ascii(class: &Class) -> bool {
    match class {
        Class::Bytes(_) => true,
        Class::Unicode(class) => class.is_ascii(),
    }
}

/// The bytes of which every match of the class has at least one.
fn class_bytes(class: &Class) -> ByteSet {
    match class {
        Class::Bytes(class) => {
            class.iter().fold(ByteSet::EMPTY, |set, range| set.with_range(range.start(), range.end()))
        }
        Class::Unicode(class) => class.iter().fold(ByteSet::EMPTY, |set, range| {
            let ascii = |c: char| u8::try_from(c).ok().filter(u8::is_ascii);
            let set = match ascii(range.start()) {
                Some(first) => set.with_range(first, ascii(range.end()).unwrap_or(0x7f)),
                None => set,
            };
            if range.end().is_ascii() { set } else { set.with_range(0x80, 0xff) }
        }),
    }
}

fn repeated(repetition: &Repetition, depth: usize) -> Part {
    let sub = part(&repetition.sub, depth + 1);
    match (repetition.min, repetition.max) {
        (0, Some(1)) => match sub.exact {
            Some(mut texts) => {
                texts.insert(Vec::new());
                Part::exact(texts)
            }
            None => Part::default(),
        },
        (0, _) => Part::default(),
        (min, max) if max == Some(min) && min <= COPIES_MAX => sequence((0..min).map(|_| sub.clone())),
        _ => {
            let edges = sub.exact.clone().or_else(|| sub.edges.clone());
            Part { exact: None, edges, clauses: sub.all_clauses() }
        }
    }
}

/// Parts one after the other. As long as what may come is little, it is written out; where it is not, what
/// was written out becomes a clause.
fn sequence(parts: impl Iterator<Item = Part>) -> Part {
    let mut clauses = Vec::new();
    let mut run = Texts::from([Vec::new()]);
    let mut is_exact = true;
    for part in parts {
        clauses.extend(part.clauses);
        if let Some(texts) = part.exact {
            match product(&run, &texts) {
                Some(longer) => run = longer,
                None => {
                    is_exact = false;
                    clauses.extend(clause(&run));
                    run = texts;
                }
            }
            continue;
        }
        is_exact = false;
        let end = part.edges.as_ref().and_then(|edges| product(&run, edges));
        clauses.extend(clause(&end.unwrap_or(run)));
        run = part.edges.unwrap_or_else(|| Texts::from([Vec::new()]));
    }
    if is_exact && clauses.is_empty() {
        return Part::exact(run);
    }
    clauses.extend(clause(&run));
    Part::clauses(clauses)
}

/// Each text of one with each of the other after it, unless they are many or long. Texts that are long enough
/// by themselves are not made many.
fn product(first: &Texts, second: &Texts) -> Option<Texts> {
    let bytes = |texts: &Texts| texts.iter().map(Vec::len).max().unwrap_or(0);
    let shortest = |texts: &Texts| texts.iter().map(Vec::len).min().unwrap_or(0);
    let is_long = shortest(first).max(shortest(second)) >= LITERAL_BYTES_GOOD;
    let max = if is_long { PRODUCT_OF_LONG_MAX } else { PRODUCT_MAX };
    let count = first.len() * second.len();
    if count > max.max(first.len()) || bytes(first) + bytes(second) > TEXT_BYTES_MAX {
        return None;
    }
    let joined = first.iter().flat_map(|a| second.iter().map(move |b| [a.as_slice(), b].concat()));
    Some(joined.collect())
}

/// One of several parts: whatever one clause of each says, all say together.
fn choice(branches: Vec<Part>) -> Part {
    let texts: usize =
        branches.iter().map(|part| part.exact.as_ref().map_or(TEXTS_MAX + 1, Texts::len)).sum();
    if texts <= TEXTS_MAX {
        return Part::exact(branches.into_iter().filter_map(|part| part.exact).flatten().collect());
    }
    let branches: Vec<_> = branches.into_iter().map(Part::all_clauses).collect();
    let count = branches.iter().map(Vec::len).max().unwrap_or(0).min(CHOICE_CLAUSES_MAX);
    let clauses = (0..count).map_while(|index| {
        let of_each = branches.iter().map(|clauses| clauses.get(index).or(clauses.last()));
        of_each.collect::<Option<Vec<_>>>().map(Clause::any)
    });
    Part::clauses(clauses.collect())
}

/// A pattern of more branches is not told apart.
const BRANCHES_MAX: usize = 64;
/// Deeper parts of a pattern need nothing.
const DEPTH_MAX: usize = 64;
/// A class of more bytes is not written out.
const CLASS_TEXTS_MAX: usize = 12;
/// Texts that the branches of a choice are written out as.
const TEXTS_MAX: usize = 512;
/// Texts that a sequence is written out as; more only where it is a word list that goes on.
const PRODUCT_MAX: usize = 128;
/// The same, where there are texts of at least [`LITERAL_BYTES_GOOD`] already.
const PRODUCT_OF_LONG_MAX: usize = 8;
/// A literal that is rare enough by itself (bytes).
const LITERAL_BYTES_GOOD: usize = 5;
/// How long these may get (bytes).
const TEXT_BYTES_MAX: usize = 32;
/// Times that something repeated is written out.
const COPIES_MAX: u32 = 8;
/// Clauses of a choice.
const CHOICE_CLAUSES_MAX: usize = 3;
