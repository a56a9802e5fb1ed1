//! The mistakes that say most: attacks that look least like one, ordinary requests that look most like one.

use serde::Serialize;

use super::{Case, Decider, excerpt::excerpt};

/// Mistakes shown of one collection, so that one does not fill the list.
const OF_SOURCE_MAX: usize = 12;

/// A request the default policy gets wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Worst {
    /// The record's id.
    pub id: String,
    /// Its collection.
    pub source: String,
    /// Its kind.
    pub family: String,
    /// Log-odds above the critical threshold.
    pub margin: f32,
    /// The rules that matched.
    pub rules: Vec<u32>,
    /// The part of the request its strangest value stood in.
    pub location: &'static str,
    /// That value, shortened, with what looks like a secret left out.
    pub excerpt: String,
    /// How many more mistakes are in its site or cluster.
    pub alike: usize,
}

/// The worst mistakes of one kind: one of each site or cluster.
#[must_use]
pub(super) fn worst(cases: &[Case<'_>], hostile: bool, count: usize) -> Vec<Worst> {
    let default = Decider::SHOWN[Decider::DEFAULT];
    // What has plain values only is counted in tables: there is nothing to look at.
    let of_class = cases.iter().filter(|case| case.hostile == hostile && !(hostile && case.plain));
    let mut wrong: Vec<_> = of_class.filter(|case| default.stops(case) != hostile).collect();
    let towards = |case: &Case<'_>| if hostile { case.judgement.margin } else { -case.judgement.margin };
    // Stable: those that are as wrong stay in the order of the data.
    wrong.sort_by(|a, b| towards(a).total_cmp(&towards(b)));
    let mut groups = std::collections::HashMap::new();
    wrong.iter().for_each(|case| *groups.entry((case.source, case.group)).or_insert(0_usize) += 1);
    let mut of_source = std::collections::HashMap::new();
    let mut found = Vec::new();
    for case in wrong {
        let Some(mistakes) = groups.remove(&(case.source, case.group)) else { continue };
        let shown = of_source.entry(case.source).or_insert(0);
        *shown += 1;
        if *shown <= OF_SOURCE_MAX && found.len() < count {
            found.push(describe(case, mistakes - 1));
        }
    }
    found
}

fn describe(case: &Case<'_>, alike: usize) -> Worst {
    let value = case.excerpt.map(|(index, corpus)| &corpus.values[index as usize]);
    Worst {
        id: case.origin.id.to_string(),
        source: case.source.to_owned(),
        family: case.family.to_owned(),
        margin: case.judgement.margin,
        rules: case.origin.signatures.rules.to_vec(),
        location: value.map_or("none", |value| value.location.as_str()),
        excerpt: value.map(|value| excerpt(&value.bytes)).unwrap_or_default(),
        alike,
    }
}
