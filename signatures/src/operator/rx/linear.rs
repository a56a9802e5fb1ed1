//! Patterns that are matched in linear time: a lazily built automaton with a stated bound on its memory.
//!
//! The automaton is built as values need it and kept in a [`Cache`]. What a cache may take is bounded here,
//! and a pattern has no more caches than searches that ever ran at the same time ([`Pool`]). The same pattern
//! is compiled once, whatever rules, policies and snapshots have it ([`Linear::shared`]).
//!
//! Loading finds out that a pattern can be compiled. Its automata are built when they are first needed, or before
//! that by whoever has the time ([`Linear::build`]): rules that no transaction comes to never need theirs.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use regex_automata::meta::{BuildError, Cache, Config, Regex};
use regex_automata::nfa::thompson;
use regex_automata::util::captures::Captures;
use regex_automata::util::{iter, syntax};
use regex_automata::{Input, Match, hybrid};
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use crate::pool::Pool;
use crate::prefilter::{Needs, large_pattern_needs, pattern_needs};

/// A pattern that can be compiled, with what was derived from it so far.
#[derive(Debug)]
pub(super) struct Linear {
    pattern: Box<str>,
    automata: OnceLock<Automata>,
    needs: OnceLock<Needs>,
}

/// What a pattern is matched with, and the memory of its searches.
#[derive(Debug)]
struct Automata {
    exact: Automaton,
    /// Matches whatever the pattern matches and more, in far fewer states.
    wider: Option<Automaton>,
}

#[derive(Debug)]
struct Automaton {
    regex: Regex,
    caches: Pool<Cache>,
}

impl Linear {
    /// The pattern compiled, or as it was compiled before and is still in use.
    pub(super) fn shared(pattern: &str) -> Result<Arc<Self>, Box<BuildError>> {
        if let Some(linear) = in_use().get(pattern).and_then(Weak::upgrade) {
            return Ok(linear);
        }
        let linear = Arc::new(Self::compile(pattern)?);
        let mut in_use = in_use();
        if in_use.len() == in_use.capacity() {
            in_use.retain(|_, linear| linear.strong_count() > 0);
        }
        in_use.insert(pattern.into(), Arc::downgrade(&linear));
        Ok(linear)
    }

    fn compile(pattern: &str) -> Result<Self, Box<BuildError>> {
        let (automata, needs) = (OnceLock::new(), OnceLock::new());
        // What is not certain to fit is built at once; so is what does not parse, which says what is wrong.
        match parse(pattern) {
            Ok(hir) if states_max(&hir) <= CERTAIN_STATES => {}
            Ok(hir) => drop(automata.set(Automata::build(&hir)?)),
            Err(_) => drop(Regex::builder().syntax(config()).build(pattern)?),
        }
        Ok(Self { pattern: pattern.into(), automata, needs })
    }

    /// What every match holds.
    pub(super) fn needs(&self) -> &Needs {
        self.needs.get_or_init(|| match parse(&self.pattern) {
            Ok(hir) if states_max(&hir) > FEW_STATES => large_pattern_needs(&hir),
            Ok(hir) => pattern_needs(&hir),
            Err(_) => Needs::default(),
        })
    }

    /// Builds the automata, unless they are there.
    pub(super) fn build(&self) {
        self.automata();
    }

    fn automata(&self) -> &Automata {
        self.automata.get_or_init(|| {
            let built = parse(&self.pattern).ok().and_then(|hir| Automata::build(&hir).ok());
            // A pattern of so few states is built; were it not, its rule had better match too much.
            built.unwrap_or_else(Automata::of_everything)
        })
    }

    /// The first match that begins at `from` or later.
    pub(super) fn find_at(&self, value: &[u8], from: usize) -> Option<Range<usize>> {
        if !self.may_match(value, from) {
            return None;
        }
        self.automata().exact.with_cache(|cache| self.find_with(cache, value, from))
    }

    /// The groups of the first match.
    pub(super) fn captures(&self, value: &[u8]) -> Option<Captures> {
        if !self.may_match(value, 0) {
            return None;
        }
        let exact = &self.automata().exact;
        exact.with_cache(|cache| {
            self.find_with(cache, value, 0)?;
            let mut groups = exact.regex.create_captures();
            exact.regex.search_captures_with(cache, &Input::new(value), &mut groups);
            Some(groups)
        })
    }

    /// Calls `take` with the groups of each match, at most `matches_max`; returns the first match.
    pub(super) fn captures_all(
        &self,
        value: &[u8],
        matches_max: usize,
        mut take: impl FnMut(&Captures),
    ) -> Option<Range<usize>> {
        if !self.may_match(value, 0) {
            return None;
        }
        let exact = &self.automata().exact;
        exact.with_cache(|cache| {
            let first = self.find_with(cache, value, 0)?;
            let mut searcher = iter::Searcher::new(Input::new(value));
            let mut groups = exact.regex.create_captures();
            for _ in 0..matches_max {
                searcher.advance(|input| {
                    exact.regex.search_captures_with(cache, input, &mut groups);
                    Ok(groups.get_match())
                });
                if !groups.is_match() {
                    break;
                }
                take(&groups);
            }
            Some(first)
        })
    }

    /// Whether there may be a match: what the wider pattern does not match, the pattern does not.
    fn may_match(&self, value: &[u8], from: usize) -> bool {
        let input = || Input::new(value).range(from..).earliest(true);
        let matches =
            |it: &Automaton| it.with_cache(|cache| it.regex.search_half_with(cache, &input())).is_some();
        self.automata().wider.as_ref().is_none_or(matches)
    }

    /// Most values do not match, and to know that takes the forward automaton alone.
    fn find_with(&self, cache: &mut Cache, value: &[u8], from: usize) -> Option<Range<usize>> {
        let Automata { exact, wider } = self.automata();
        let (regex, input) = (&exact.regex, Input::new(value).range(from..));
        if wider.is_none() {
            regex.search_half_with(cache, &input.clone().earliest(true))?;
        }
        regex.search_with(cache, &input).as_ref().map(Match::range)
    }
}

/// A rewritten pattern as it is matched: bytes, and `.` is every one of them.
pub(super) fn parse(pattern: &str) -> Result<Hir, Box<regex_syntax::Error>> {
    syntax::parse_with(pattern, &config()).map_err(Box::new)
}

fn config() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true)
}

impl Automata {
    fn build(hir: &Hir) -> Result<Self, Box<BuildError>> {
        let wider = widened(hir).and_then(|wider| Automaton::build(&wider).ok());
        Ok(Self { exact: Automaton::build(hir)?, wider })
    }

    /// Matches every value.
    fn of_everything() -> Self {
        let regex = Regex::builder().build_from_hir(&Hir::empty());
        let regex = regex.unwrap_or_else(|error| unreachable!("the empty pattern is built: {error}"));
        Self { exact: Automaton { regex, caches: Pool::default() }, wider: None }
    }
}

impl Automaton {
    fn build(hir: &Hir) -> Result<Self, Box<BuildError>> {
        let config = Config::new()
            .utf8_empty(false)
            .nfa_size_limit(Some(NFA_BYTES_MAX))
            .onepass_size_limit(Some(ONEPASS_BYTES_MAX))
            .hybrid_cache_capacity(cache_bytes_max(hir));
        let regex = Regex::builder().configure(config).build_from_hir(hir)?;
        Ok(Self { regex, caches: Pool::default() })
    }

    fn with_cache<T>(&self, search: impl FnOnce(&mut Cache) -> T) -> T {
        self.caches.with(|| self.regex.create_cache(), search)
    }
}

/// A pattern that matches more: what may repeat many times may repeat without end. `.{0,600}` makes so many
/// states that an automaton is given up for a matcher a hundred times slower; `.*` makes one. `None` where
/// nothing repeats so often.
fn widened(hir: &Hir) -> Option<Hir> {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
        HirKind::Capture(capture) => widened(&capture.sub),
        HirKind::Concat(parts) => widened_parts(parts).map(Hir::concat),
        HirKind::Alternation(parts) => widened_parts(parts).map(Hir::alternation),
        HirKind::Repetition(repetition) => {
            let sub = widened(&repetition.sub);
            let is_long = repetition.max.is_some_and(|max| max > REPEATED_MAX);
            (is_long || sub.is_some()).then(|| {
                let max = if is_long { None } else { repetition.max };
                let sub = Box::new(sub.unwrap_or_else(|| (*repetition.sub).clone()));
                let min = repetition.min.min(REPEATED_MAX);
                Hir::repetition(Repetition { min, max, greedy: repetition.greedy, sub })
            })
        }
    }
}

fn widened_parts(parts: &[Hir]) -> Option<Vec<Hir>> {
    let wider: Vec<_> = parts.iter().map(widened).collect();
    let is_wider = wider.iter().any(Option::is_some);
    let parts = wider.into_iter().zip(parts).map(|(wider, part)| wider.unwrap_or_else(|| part.clone()));
    is_wider.then(|| parts.collect())
}

/// What a cache of this pattern may take: enough that the states which ordinary values need stay in it. An
/// automaton that has no room for a few of its largest states would be given up for a slower matcher.
fn cache_bytes_max(hir: &Hir) -> usize {
    if states_max(hir) <= FEW_STATES {
        return CACHE_BYTES;
    }
    let nfa = thompson::Compiler::new()
        .configure(thompson::Config::new().utf8(false).nfa_size_limit(Some(NFA_BYTES_MAX)))
        .build_from_hir(hir);
    let smallest = nfa.ok().and_then(|nfa| {
        let config = hybrid::dfa::Config::new().starts_for_each_pattern(true).unicode_word_boundary(true);
        config.get_minimum_cache_capacity(&nfa).ok()
    });
    smallest.map_or(CACHE_BYTES, |bytes| (bytes * CACHE_GROWTH).max(CACHE_BYTES))
}

/// At most how many states the automaton of a pattern is compiled to, in one direction.
fn states_max(hir: &Hir) -> usize {
    let sum =
        |parts: &[Hir]| parts.iter().fold(2 + parts.len(), |sum, part| sum.saturating_add(states_max(part)));
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => 1 + literal.0.len(),
        // A class that is not of single bytes has up to four states for each range.
        HirKind::Class(Class::Bytes(_)) => 2,
        HirKind::Class(Class::Unicode(class)) => 2 + 4 * class.ranges().len(),
        HirKind::Capture(capture) => states_max(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts),
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or(repetition.min.saturating_add(1)) as usize;
            states_max(&repetition.sub).saturating_add(2).saturating_mul(copies.max(1))
        }
    }
}

/// Compiled patterns by their text; those that no rule has any more are forgotten when the map is full.
type InUse = HashMap<Box<str>, Weak<Linear>>;

fn in_use() -> MutexGuard<'static, InUse> {
    static IN_USE: LazyLock<Mutex<InUse>> = LazyLock::new(Mutex::default);
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What repeats more often is taken to repeat without end, in the wider pattern.
const REPEATED_MAX: u32 = 8;
/// The most memory a compiled pattern may take, in bytes.
const NFA_BYTES_MAX: usize = 32 << 20;
/// The most memory of the automaton that finds groups in one pass, in bytes.
const ONEPASS_BYTES_MAX: usize = 64 << 10;
/// A pattern of so few states is compiled for certain: a state takes about 1 KB at the most, for a class of many
/// ranges.
const CERTAIN_STATES: usize = NFA_BYTES_MAX / 2 / 1_100;
/// What one direction of a lazily built automaton may take, in bytes, unless it is a large pattern.
const CACHE_BYTES: usize = 512 << 10;
/// An automaton of so few states works in a quarter of that: it takes less than 48 bytes for each, and 12 KB.
const FEW_STATES: usize = 1_000;
/// A large pattern's may take this many times the least that its automaton works in.
const CACHE_GROWTH: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Linear;
    use crate::pool::PLACES;

    #[test]
    fn the_wider_pattern_matches_more() {
        for (pattern, wider) in [
            ("<a.{0,600}?on[a-z]{3,20}=", Some("<a.*?on[a-z]{3,}=")),
            ("(?:a{9}|b{2,4})c", Some("(?:a{8,}|b{2,4})c")),
            ("(?:x.{1,80}y){2}", Some("(?:x.+y){2}")),
            ("a+b{0,8}", None),
        ] {
            let parse = |pattern: &str| regex_syntax::Parser::new().parse(pattern).unwrap();
            let found = super::widened(&parse(pattern)).map(|hir| hir.to_string());
            assert_eq!(found, wider.map(|wider| parse(wider).to_string()), "{pattern}");
        }
        let linear = Linear::compile("<a.{0,600}b.{0,600}=").unwrap();
        let far = ["<a".into(), ".".repeat(601), "b=".into()].concat();
        assert!(linear.may_match(far.as_bytes(), 0) && linear.find_at(far.as_bytes(), 0).is_none());
        assert_eq!(linear.find_at(&far.as_bytes()[1..], 0), None);
        assert_eq!(linear.find_at(b"x<ab=", 0), Some(1..5));
    }

    #[test]
    fn equal_patterns_are_compiled_once_while_in_use() {
        let (first, second) = (Linear::shared("a+shared").unwrap(), Linear::shared("a+shared").unwrap());
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &Linear::shared("a+other").unwrap()));
    }

    #[test]
    fn searches_at_the_same_time_have_a_cache_each() {
        fn nested(linear: &Linear, depth: usize) -> bool {
            let found = linear.find_at(b"xaab", 1) == Some(1..4);
            let exact = &linear.automata().exact;
            found && (depth == 0 || exact.with_cache(|_| nested(linear, depth - 1)))
        }
        let linear = Linear::shared("a+b").unwrap();
        assert!(nested(&linear, PLACES + 1));
        assert_eq!(linear.automata().exact.caches.filled(), PLACES);
    }
}
