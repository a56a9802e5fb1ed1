//! Labelled requests, taken apart into the views that are scored; each distinct view is kept once.

use std::collections::HashMap;
use std::ops::Range;

use model::extract::each_segment;
use model::{Extractor, Location, View};
use transaction::{Limits, Record};

use crate::random::fingerprint;

/// One view of a value, as it is scored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    /// The part of the request it comes from.
    pub location: Location,
    /// Its bytes.
    pub bytes: Box<[u8]>,
}

/// A labelled request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whether it is an attack.
    pub hostile: bool,
    /// The collection it comes from, as [`Corpus::source`] names it.
    pub source: u16,
    /// The kind of attack or traffic, as [`Corpus::family`] names it.
    pub family: u16,
    /// Whether it was recorded at a site.
    recorded: bool,
    /// How much it counts: 1, or more for what a team decided itself.
    pub weight: f32,
    /// What it must not be separated from when data are split: its site, or its cluster of near-duplicates.
    pub group: u64,
    /// Its views: a range of [`Corpus::values_of`].
    values: Range<usize>,
}

/// Labelled requests.
#[derive(Debug, Default)]
pub struct Corpus {
    /// All distinct views.
    pub values: Vec<Value>,
    /// All requests, in the order they were read.
    pub requests: Vec<Request>,
    indices: Vec<u32>,
    known: HashMap<Value, u32>,
    sources: Vec<String>,
    families: Vec<String>,
    extractor: Extractor,
}

impl Corpus {
    /// Adds a request; one without a label is left out (`false`).
    pub fn add(&mut self, record: &Record) -> bool {
        self.add_weighted(record, 1.0)
    }

    /// Adds a request that counts as much as so many others; one without a label is left out (`false`).
    pub fn add_weighted(&mut self, record: &Record, weight: f32) -> bool {
        let Some(hostile) = record.label else { return false };
        let start = self.indices.len();
        self.take_apart(record);
        self.indices[start..].sort_unstable();
        let mut values = self.indices.split_off(start);
        values.dedup();
        self.indices.append(&mut values);
        let request = Request {
            hostile,
            source: index(&mut self.sources, &record.source),
            family: index(&mut self.families, &record.family),
            recorded: !record.site.is_empty(),
            weight,
            group: self.group(record, start),
            values: start..self.indices.len(),
        };
        self.requests.push(request);
        true
    }

    /// Indices into [`Corpus::values`] of a request's views.
    #[must_use]
    pub fn values_of(&self, request: &Request) -> &[u32] {
        &self.indices[request.values.clone()]
    }

    /// Whether a request was recorded at a site, not collected for what it looks like.
    #[must_use]
    pub fn is_recorded(&self, request: &Request) -> bool {
        request.recorded
    }

    /// The name of a collection.
    #[must_use]
    pub fn source(&self, request: &Request) -> &str {
        &self.sources[request.source as usize]
    }

    /// The name of a kind of attack or traffic.
    #[must_use]
    pub fn family(&self, request: &Request) -> &str {
        &self.families[request.family as usize]
    }

    fn take_apart(&mut self, record: &Record) {
        let Self { values, indices, known, extractor, .. } = self;
        let mut visit = |view: View<'_>| {
            let value = Value { location: view.location, bytes: view.value.into() };
            let next = values.len() as u32;
            let index = *known.entry(value).or_insert_with_key(|value| {
                values.push(value.clone());
                next
            });
            indices.push(index);
        };
        each_view(record, extractor, &mut visit);
    }

    /// Requests to one site belong together, and so do variants of one attack.
    fn group(&self, record: &Record, start: usize) -> u64 {
        let name = match (record.site.as_str(), record.cluster.as_str()) {
            ("", "") => return self.skeleton(record, start),
            ("", cluster) => cluster,
            // `shop_part_1` and `shop_part_2` are one site.
            (site, _) => site.split("_part").next().unwrap_or(site),
        };
        fingerprint(name.as_bytes())
    }

    /// Without a name, near-duplicates are those whose longest value differs in words and numbers only.
    fn skeleton(&self, record: &Record, start: usize) -> u64 {
        let values = self.indices[start..].iter().map(|index| &self.values[*index as usize]);
        let values = values.filter(|value| !value.location.is_envelope());
        let longest = values.max_by_key(|value| value.bytes.len());
        let bytes = longest.map_or(record.request.target.as_slice(), |value| &value.bytes);
        let mut skeleton: Vec<u8> =
            bytes.iter().map(|byte| if byte.is_ascii_alphanumeric() { b'a' } else { *byte }).collect();
        skeleton.dedup();
        fingerprint(&skeleton)
    }
}

/// Shows every view of a recorded request.
pub fn each_view(record: &Record, extractor: &mut Extractor, visit: &mut impl model::Visit) {
    let limits = Limits::default();
    let mut transaction = record.transaction(&limits);
    extractor.head(&transaction, visit);
    each_segment(&mut transaction, &record.body, &limits, |body| extractor.body(body, visit));
}

fn index(names: &mut Vec<String>, name: &str) -> u16 {
    let found = names.iter().position(|known| known == name);
    let index = found.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    u16::try_from(index).unwrap_or(u16::MAX)
}
