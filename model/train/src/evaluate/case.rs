//! What is known of one labelled request.

use std::sync::Arc;

use model::{Confidence, Location};

use super::Judgement;
use crate::corpus::{Corpus, Request};

/// What signatures found in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    /// Whether they would have stopped it by themselves.
    pub stopped: bool,
    /// Whether they would stop it with a model that has its doubts as well.
    pub seconded: bool,
    /// Whether one of those that stop it does not wait for the model to agree.
    pub sure: bool,
    /// Whether one of the rules that matched is of the highest severities (`CRITICAL` and above).
    pub severe: bool,
    /// The rules that matched, in order.
    pub rules: Box<[u32]>,
}

/// What a corpus does not keep of a request.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The record's id.
    pub id: Box<str>,
    /// The site it was recorded at, empty when at none.
    pub site: Arc<str>,
    /// What signatures found in it.
    pub signatures: Signatures,
}

/// A labelled request with everything that was found about it.
#[derive(Clone, Debug)]
pub struct Case<'c> {
    /// Where it comes from and what signatures found.
    pub origin: &'c Origin,
    /// Whether it is an attack.
    pub hostile: bool,
    /// The collection it comes from.
    pub source: &'c str,
    /// The kind of attack or traffic.
    pub family: &'c str,
    /// Its site, or its cluster of near-duplicates.
    pub group: u64,
    /// Whether it was recorded at a site.
    pub recorded: bool,
    /// Whether each of its values is plain, but for headers: there is nothing in it that a model could see.
    pub plain: bool,
    /// What the model said.
    pub judgement: Judgement,
    /// The value the model found strangest, if there was any.
    pub excerpt: Option<(u32, &'c Corpus)>,
}

impl Case<'_> {
    /// Whether the model's confidence reaches `level`.
    #[must_use]
    pub fn reaches(&self, level: Confidence) -> bool {
        self.judgement.confidence >= level
    }
}

fn is_plain(corpus: &Corpus, request: &Request) -> bool {
    let mut values = corpus.values_of(request).iter().map(|index| &corpus.values[*index as usize]);
    values.all(|value| value.location == Location::Header)
}

/// The requests that were judged, with what was found about each. `origins` are those of the corpus's
/// requests, in order, and so are `judgements`.
#[must_use]
pub fn cases<'c>(
    corpus: &'c Corpus,
    origins: &'c [Origin],
    judgements: &[Option<Judgement>],
) -> Vec<Case<'c>> {
    let judged = corpus.requests.iter().zip(origins).zip(judgements);
    judged
        .filter_map(|((request, origin), judgement)| {
            let judgement = (*judgement)?;
            Some(Case {
                origin,
                hostile: request.hostile,
                source: corpus.source(request),
                family: corpus.family(request),
                group: request.group,
                recorded: corpus.is_recorded(request),
                plain: is_plain(corpus, request),
                excerpt: judgement.strangest.map(|index| (index, corpus)),
                judgement,
            })
        })
        .collect()
}
