//! Patterns that are matched in linear time: a lazily built automaton with a stated bound on its memory.
//!
//! The automaton is built as values need it and kept in a [`Cache`]. What a cache may take is bounded here,
//! and a pattern has no more caches than searches that ever ran at the same time ([`Pool`]). The same pattern
//! is compiled once, whatever rules, policies and snapshots have it ([`Linear::shared`]).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use regex_automata::meta::{BuildError, Cache, Config, Regex};
use regex_automata::nfa::thompson;
use regex_automata::util::captures::Captures;
use regex_automata::util::{iter, syntax};
use regex_automata::{Input, Match, hybrid};
use regex_syntax::hir::Hir;

use crate::pool::Pool;
use crate::prefilter::{Needs, pattern_needs};

/// A compiled pattern and the memory of its searches.
#[derive(Debug)]
pub(super) struct Linear {
    regex: Regex,
    caches: Pool<Cache>,
    needs: Needs,
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
        let syntax = syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true);
        let hir = syntax::parse_with(pattern, &syntax).ok();
        let config = Config::new()
            .utf8_empty(false)
            .nfa_size_limit(Some(NFA_BYTES_MAX))
            .onepass_size_limit(Some(ONEPASS_BYTES_MAX))
            .hybrid_cache_capacity(hir.as_ref().map_or(CACHE_BYTES, cache_bytes_max));
        let mut builder = Regex::builder();
        let builder = builder.syntax(syntax).configure(config);
        let regex = match &hir {
            Some(hir) => builder.build_from_hir(hir)?,
            // Says what is wrong.
            None => builder.build(pattern)?,
        };
        let needs = hir.as_ref().map(pattern_needs).unwrap_or_default();
        Ok(Self { regex, caches: Pool::default(), needs })
    }

    /// What every match holds.
    pub(super) fn needs(&self) -> &Needs {
        &self.needs
    }

    /// The first match that begins at `from` or later.
    pub(super) fn find_at(&self, value: &[u8], from: usize) -> Option<Range<usize>> {
        self.with_cache(|cache| self.find_with(cache, value, from))
    }

    /// The groups of the first match.
    pub(super) fn captures(&self, value: &[u8]) -> Option<Captures> {
        self.with_cache(|cache| {
            self.find_with(cache, value, 0)?;
            let mut groups = self.regex.create_captures();
            self.regex.search_captures_with(cache, &Input::new(value), &mut groups);
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
        self.with_cache(|cache| {
            let first = self.find_with(cache, value, 0)?;
            let mut searcher = iter::Searcher::new(Input::new(value));
            let mut groups = self.regex.create_captures();
            for _ in 0..matches_max {
                searcher.advance(|input| {
                    self.regex.search_captures_with(cache, input, &mut groups);
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

    fn with_cache<T>(&self, search: impl FnOnce(&mut Cache) -> T) -> T {
        self.caches.with(|| self.regex.create_cache(), search)
    }

    /// Most values do not match, and to know that takes the forward automaton alone.
    fn find_with(&self, cache: &mut Cache, value: &[u8], from: usize) -> Option<Range<usize>> {
        let input = Input::new(value).range(from..);
        self.regex.search_half_with(cache, &input.clone().earliest(true))?;
        self.regex.search_with(cache, &input).as_ref().map(Match::range)
    }
}

/// What a cache of this pattern may take: enough that the states which ordinary values need stay in it. An
/// automaton that has no room for a few of its largest states would be given up for a slower matcher.
fn cache_bytes_max(hir: &Hir) -> usize {
    let nfa = thompson::Compiler::new()
        .configure(thompson::Config::new().utf8(false).nfa_size_limit(Some(NFA_BYTES_MAX)))
        .build_from_hir(hir);
    let smallest = nfa.ok().and_then(|nfa| {
        let config = hybrid::dfa::Config::new().starts_for_each_pattern(true).unicode_word_boundary(true);
        config.get_minimum_cache_capacity(&nfa).ok()
    });
    smallest.map_or(CACHE_BYTES, |bytes| (bytes * CACHE_GROWTH).max(CACHE_BYTES))
}

/// Compiled patterns by their text; those that no rule has any more are forgotten when the map is full.
type InUse = HashMap<Box<str>, Weak<Linear>>;

fn in_use() -> MutexGuard<'static, InUse> {
    static IN_USE: LazyLock<Mutex<InUse>> = LazyLock::new(Mutex::default);
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most memory a compiled pattern may take, in bytes.
const NFA_BYTES_MAX: usize = 32 << 20;
/// The most memory of the automaton that finds groups in one pass, in bytes.
const ONEPASS_BYTES_MAX: usize = 64 << 10;
/// What one direction of a lazily built automaton may take, in bytes, unless it is a large pattern.
const CACHE_BYTES: usize = 256 << 10;
/// A large pattern's may take this many times the least that its automaton works in.
const CACHE_GROWTH: usize = 4;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Linear;
    use crate::pool::PLACES;

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
            found && (depth == 0 || linear.with_cache(|_| nested(linear, depth - 1)))
        }
        let linear = Linear::shared("a+b").unwrap();
        assert!(nested(&linear, PLACES + 1));
        assert_eq!(linear.caches.filled(), PLACES);
    }
}
