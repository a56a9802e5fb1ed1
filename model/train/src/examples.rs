//! What stage 1 learns from: values of requests, weighted, attacks made from others, and ordinary samples.

use std::collections::{HashMap, HashSet};

use model::Location;

use crate::augment;
use crate::corpus::{Corpus, Request, Value};
use crate::ordinary;
use crate::random::{Random, mix};
use crate::stage1::{Example, Stage1};

/// Attacks made by changing others, for each fit.
pub(crate) const VARIANTS: usize = 22_000;

/// What each value of the corpus is to the fit.
struct Roles {
    /// Values of ordinary requests.
    ordinary: HashMap<u32, Ordinary>,
    /// Values of attacks that no ordinary request has, with the weight of each.
    hostile: HashMap<u32, f32>,
}

/// Fits an earlier stage 1 on to some requests of a corpus.
#[must_use]
pub fn continue_stage1(corpus: &Corpus, requests: &[&Request], earlier: Stage1, seed: u64) -> Stage1 {
    Stage1::continued(earlier, &Roles::of(corpus, requests).examples(corpus), seed)
}

/// Fits stage 1 to some requests of a corpus.
#[must_use]
pub fn fit_stage1(corpus: &Corpus, requests: &[&Request], seed: u64) -> Stage1 {
    let roles = Roles::of(corpus, requests);
    let mut examples = roles.examples(corpus);
    let mut random = Random::new(seed);
    let made = variants(corpus, &roles, &mut random);
    examples.extend(made.iter().map(|(bytes, weight)| Example { bytes, hostile: true, weight: *weight }));
    let samples = ordinary::corpus(mix(seed));
    for Value { bytes, .. } in &samples.values {
        examples.push(Example { bytes, hostile: false, weight: ordinary::WEIGHT });
    }
    Stage1::fit(&examples, seed)
}

/// A value of ordinary requests.
#[derive(Default)]
struct Ordinary {
    /// The groups it comes in.
    groups: HashSet<u64>,
    /// The highest weight of a request with it.
    weight: f32,
}

impl Roles {
    fn of(corpus: &Corpus, requests: &[&Request]) -> Self {
        let mut ordinary: HashMap<u32, Ordinary> = HashMap::new();
        for request in requests.iter().filter(|request| !request.hostile) {
            for value in corpus.values_of(request) {
                let known = ordinary.entry(*value).or_default();
                known.groups.insert(request.group);
                known.weight = known.weight.max(request.weight);
            }
        }
        let mut sizes: HashMap<u64, usize> = HashMap::new();
        for request in requests.iter().filter(|request| request.hostile) {
            *sizes.entry(request.group).or_default() += 1;
        }
        let mut hostile: HashMap<u32, f32> = HashMap::new();
        for request in requests.iter().filter(|request| request.hostile) {
            let candidates: Vec<u32> =
                corpus.payloads(request).filter(|it| !ordinary.contains_key(it)).collect();
            let weight = weight(corpus, request, sizes[&request.group]) * request.weight;
            for value in &candidates {
                let share = weight / candidates.len() as f32;
                let entry = hostile.entry(*value).or_default();
                *entry = entry.max(share);
            }
        }
        Self { ordinary, hostile }
    }

    fn examples<'c>(&self, corpus: &'c Corpus) -> Vec<Example<'c>> {
        let mut examples = Vec::new();
        for (index, value) in corpus.values.iter().enumerate() {
            let index = index as u32;
            if let Some(ordinary) = self.ordinary.get(&index) {
                let weight = ordinary.weight * (1.0 + (ordinary.groups.len() as f32).log2());
                examples.push(Example { bytes: &value.bytes, hostile: false, weight });
            } else if let Some(weight) = self.hostile.get(&index) {
                examples.push(Example { bytes: &value.bytes, hostile: true, weight: *weight });
            }
        }
        examples
    }
}

impl Corpus {
    /// The values of an attack that may be its payload: not the headers every browser sends.
    pub fn payloads<'c>(&'c self, request: &'c Request) -> impl Iterator<Item = u32> + 'c {
        let values = self.values_of(request);
        let inner = |index: &&u32| self.values[**index as usize].location != Location::Header;
        let only_headers = !values.iter().any(|index| inner(&index));
        values.iter().filter(move |index| only_headers || inner(index)).copied()
    }
}

/// Near-duplicates weigh less each; collections whose labels are doubtful weigh less.
fn weight(corpus: &Corpus, request: &Request, group_size: usize) -> f32 {
    match corpus.source(request) {
        "wcp" => 3.0 / (group_size as f32 / 2.0).max(1.0).sqrt() + 0.3,
        "fwaf" => 0.3,
        "crs-tests" => 0.7,
        _ => 0.8,
    }
}

fn variants(corpus: &Corpus, roles: &Roles, random: &mut Random) -> Vec<(Vec<u8>, f32)> {
    let mut attacks: Vec<_> = roles.hostile.iter().map(|(index, weight)| (*index, *weight)).collect();
    attacks.sort_unstable_by_key(|(index, _)| *index);
    let mut ordinary: Vec<u32> = roles.ordinary.keys().copied().collect();
    let ordinary = augment::text(corpus, &mut ordinary);
    let total: f32 = attacks.iter().map(|(_, weight)| weight).sum();
    let mut sums = Vec::with_capacity(attacks.len());
    let mut sum = 0.0;
    for (_, weight) in &attacks {
        sum += weight;
        sums.push(sum);
    }
    (0..VARIANTS)
        .filter_map(|_| {
            let at = (random.number() >> 40) as f32 / (1_u64 << 24) as f32 * total;
            let index = sums.partition_point(|sum| *sum <= at);
            let (value, _) = attacks.get(index)?;
            let attack = &corpus.values[*value as usize].bytes;
            Some((augment::variant(attack, &ordinary, random), 0.5))
        })
        .collect()
}
