//! Which requests a model is measured on: never those of a site or cluster it was trained on.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};

use crate::corpus::{Corpus, Request};
use crate::random::mix;

/// How requests are held out of training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Split {
    /// So many parts, by site and cluster.
    Folds(u64),
    /// These collections, one at a time.
    Sources(Vec<String>),
    /// Every collection that was not recorded at sites, one at a time; a collection of attacks alone goes
    /// together with one of ordinary requests alone, because neither tells of the other.
    EachSource,
}

/// Requests that are held out together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `fold 1`, or the collections held out.
    pub name: String,
    /// Which requests of the corpus (indices).
    pub held: Vec<usize>,
}

/// Set apart from the folds that training itself makes, which are by the same hash.
const SALT: u64 = 77;

impl Split {
    /// Cuts a corpus.
    ///
    /// # Errors
    /// When a collection is not there, or when there is nothing to hold out.
    pub fn parts(&self, corpus: &Corpus) -> anyhow::Result<Vec<Part>> {
        match self {
            Self::Folds(count) => folds(corpus, *count),
            Self::Sources(names) => sources(corpus, names),
            Self::EachSource => each(corpus),
        }
    }
}

fn folds(corpus: &Corpus, count: u64) -> anyhow::Result<Vec<Part>> {
    ensure!((2..=100).contains(&count), "expected 2 to 100 parts to split into, found {count}");
    let part = |fold: u64| Part {
        name: format!("fold {}", fold + 1),
        held: indices(corpus, |request| mix(request.group ^ SALT) % count == fold),
    };
    let parts: Vec<_> = (0..count).map(part).filter(|part| !part.held.is_empty()).collect();
    ensure!(parts.len() > 1, "all records are of one site or cluster: they cannot be split");
    Ok(parts)
}

fn sources(corpus: &Corpus, names: &[String]) -> anyhow::Result<Vec<Part>> {
    let known = Collections::of(corpus);
    let absent: Vec<_> = names.iter().filter(|name| !known.0.contains_key(name.as_str())).collect();
    if !absent.is_empty() {
        let known: Vec<_> = known.0.keys().map(|name| format!("`{name}`")).collect();
        let absent: Vec<_> = absent.iter().map(|name| format!("`{name}`")).collect();
        bail!("there is no source {} in the data; there are {}", absent.join(", "), known.join(", "));
    }
    Ok(names.iter().map(|name| part(corpus, &[name])).collect())
}

fn each(corpus: &Corpus) -> anyhow::Result<Vec<Part>> {
    let known = Collections::of(corpus);
    let of = |hostile: bool, ordinary: bool| {
        let wanted = move |it: &Collection| !it.recorded && (it.hostile, it.ordinary) == (hostile, ordinary);
        known.0.iter().filter(move |(_, it)| wanted(it)).map(|(name, _)| *name)
    };
    let mut ordinary = of(false, true);
    let mut parts: Vec<_> = of(true, true).map(|name| part(corpus, &[name])).collect();
    for name in of(true, false) {
        parts.push(match ordinary.next() {
            Some(other) => part(corpus, &[name, other]),
            None => part(corpus, &[name]),
        });
    }
    parts.extend(ordinary.map(|name| part(corpus, &[name])));
    ensure!(!parts.is_empty(), "there is no source that was not recorded at sites");
    Ok(parts)
}

fn part(corpus: &Corpus, names: &[&str]) -> Part {
    Part { name: names.join(" + "), held: indices(corpus, |request| names.contains(&corpus.source(request))) }
}

fn indices(corpus: &Corpus, wanted: impl Fn(&Request) -> bool) -> Vec<usize> {
    let all = corpus.requests.iter().enumerate();
    all.filter(|(_, request)| wanted(request)).map(|(index, _)| index).collect()
}

/// What is in a collection.
#[derive(Default)]
struct Collection {
    hostile: bool,
    ordinary: bool,
    recorded: bool,
}

/// Collections by name.
struct Collections<'c>(BTreeMap<&'c str, Collection>);

impl<'c> Collections<'c> {
    fn of(corpus: &'c Corpus) -> Self {
        let mut known: BTreeMap<&str, Collection> = BTreeMap::new();
        for request in &corpus.requests {
            let found = known.entry(corpus.source(request)).or_default();
            found.hostile |= request.hostile;
            found.ordinary |= !request.hostile;
            found.recorded |= corpus.is_recorded(request);
        }
        Self(known)
    }
}
