//! What is known of a parameter, for people.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Clients, Indicator, Key, Kind, Look, Parameter, Quorum, Sign};
use crate::keyword;

/// Types of values that are named (count).
const KINDS_MAX: usize = 3;
/// N-grams that are shown (count).
const NGRAMS_MAX: usize = 8;
/// Classes of characters that fewer values have are not named (percent).
const CLASS_SHARE_MIN: u32 = 5;

/// What is known of a parameter, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The site, path template, location and name.
    pub site: String,
    /// See `site`.
    pub path: String,
    /// See `site`.
    pub location: &'static str,
    /// See `site`.
    pub name: String,
    /// Requests that had it.
    pub requests: u32,
    /// Sources of those, an estimate above 16.
    pub sources: u32,
    /// Windows of time they lie in, of the last 64.
    pub windows: u32,
    /// Requests with plain values only (percent).
    pub plain_percent: u32,
    /// The most frequent types of values (percent of requests).
    pub kinds: Vec<(&'static str, u32)>,
    /// The shortest and the longest value, rounded outwards to powers of two (bytes).
    pub bytes: (usize, usize),
    /// Classes of characters that values have.
    pub characters: Vec<&'static str>,
    /// Whether values that are not plain count more.
    pub always_plain: bool,
    /// Suspicious n-grams that do not count, because they are habitual (count).
    pub habitual_ngrams: usize,
    /// Some of those, the most frequent first.
    pub ngrams: Vec<String>,
    /// Classes of words that are habitual.
    pub words: Vec<&'static str>,
    /// Rules that habitually match, and so wait for the model's word.
    pub rules: Vec<u32>,
    /// Requests in which the model doubts it, and that it calls critical by itself.
    pub critical_requests: u32,
    /// Whether that is what it usually has, so that it does not count either.
    pub critical_trusted: bool,
    /// Indicators that were seen too seldom, too short a time or from too few sources (count).
    pub not_habitual: usize,
}

impl Summary {
    /// What is known of a parameter.
    #[must_use]
    pub fn new(key: &Key, parameter: &Parameter, quorum: &Quorum, clients: &Clients) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let critical = parameter.critical.as_deref();
        let of_critical = critical.into_iter().flat_map(|it| &it.indicators);
        let known: BTreeSet<u32> =
            parameter.indicators.iter().chain(of_critical).map(|it| it.number).collect();
        let habitual: BTreeMap<u32, &Indicator> =
            parameter.habitual(quorum, clients).map(|it| (it.number, it)).collect();
        let not_habitual = known.len() - habitual.len();
        let (mut ngrams, mut words, mut rules) = (Vec::new(), Vec::new(), Vec::new());
        for indicator in habitual.into_values() {
            match indicator.sign() {
                Sign::Bucket(_) => ngrams.push(indicator),
                Sign::Class(class) => words.extend(keyword::names().nth(class as usize)),
                Sign::Rule(rule) => rules.push(rule),
            }
        }
        Self {
            site: text(key.site()),
            path: text(key.path()),
            location: key.location().as_str(),
            name: text(key.name()),
            requests: parameter.count,
            sources: parameter.sources.estimate(),
            windows: parameter.windows.count(),
            plain_percent: percent(parameter.plain, parameter.count),
            kinds: kinds(parameter),
            bytes: lengths(parameter),
            characters: characters(parameter),
            always_plain: quorum.is_always_plain(parameter),
            habitual_ngrams: ngrams.len(),
            ngrams: examples(ngrams),
            words,
            rules,
            critical_requests: critical.map_or(0, |it| it.count),
            critical_trusted: critical.is_some_and(|it| quorum.trusts(parameter, it, clients)),
            not_habitual,
        }
    }
}

fn percent(count: u32, of: u32) -> u32 {
    (u64::from(count) * 100 / u64::from(of.max(1))) as u32
}

fn kinds(parameter: &Parameter) -> Vec<(&'static str, u32)> {
    let kinds = Kind::ALL.iter().zip(parameter.kinds);
    let mut kinds: Vec<_> =
        kinds.map(|(kind, count)| (kind.as_str(), percent(count, parameter.count))).collect();
    kinds.retain(|(_, percent)| *percent > 0);
    kinds.sort_by_key(|(_, percent)| std::cmp::Reverse(*percent));
    kinds.truncate(KINDS_MAX);
    kinds
}

/// From bits of a length to lengths: 3 bits are 4 to 7 bytes.
fn lengths(parameter: &Parameter) -> (usize, usize) {
    let used = || parameter.lengths.iter().enumerate().filter(|(_, count)| **count > 0).map(|(bits, _)| bits);
    let first = used().next().map_or(0, |bits| if bits == 0 { 0 } else { 1 << (bits - 1) });
    (first, used().next_back().map_or(0, |bits| (1 << bits) - 1))
}

fn characters(parameter: &Parameter) -> Vec<&'static str> {
    let classes = Look::CLASSES.iter().zip(parameter.classes);
    let frequent = classes.filter(|(_, count)| percent(*count, parameter.count) >= CLASS_SHARE_MIN);
    frequent.map(|(class, _)| *class).collect()
}

/// The most frequent n-grams; longer ones first, because they say more.
fn examples(mut ngrams: Vec<&Indicator>) -> Vec<String> {
    let text =
        |it: &Indicator| -> Vec<u8> { it.gram.iter().copied().skip_while(|byte| *byte == 0).collect() };
    ngrams.sort_by_key(|it| std::cmp::Reverse((text(it).len(), it.count)));
    ngrams.iter().take(NGRAMS_MAX).map(|it| text(it).escape_ascii().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::tests::sample;

    #[test]
    fn says_what_is_known() {
        let (state, quorum) = (sample(), Quorum::default());
        let of: Vec<_> =
            state.iter().map(|(key, it)| Summary::new(key, it, &quorum, state.clients())).collect();
        assert_eq!((of[0].name.as_str(), of[0].plain_percent, of[0].habitual_ngrams), ("id", 100, 0));
        assert_eq!((of[0].bytes, &of[0].kinds), ((2, 3), &vec![("integer", 100)]));
        assert_eq!((of[1].name.as_str(), of[1].habitual_ngrams), ("q", 2));
        assert_eq!((&of[1].words, &of[1].ngrams), (&vec!["sql_statement"], &vec!["x".into(), "x".into()]));
        assert_eq!((&of[0].rules, &of[1].rules), (&vec![], &vec![942_100]));
        assert_eq!(of[1].characters.join(" "), "lower space angle");
    }
}
