//! How many of some requests are stopped.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Case, Decider};
use crate::interval::{wilson, wilson_share};

/// A share with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Requests there are.
    pub requests: usize,
    /// Requests stopped.
    pub stopped: usize,
    /// Their share.
    pub share: f64,
    /// Where the true share lies, with 95 % confidence.
    pub interval: (f64, f64),
    /// The share when each site and each cluster of near-duplicates counts once.
    pub weighted: f64,
    /// Where that lies.
    pub weighted_interval: (f64, f64),
}

/// Requests, and how many of them each decider stops; by site and cluster.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    requests: usize,
    plain: usize,
    /// What each decider stops of the plain ones.
    plain_stopped: Vec<usize>,
    groups: BTreeMap<u64, (usize, Vec<usize>)>,
}

impl Tally {
    /// Counts a request.
    pub fn add(&mut self, case: &Case<'_>, deciders: &[Decider]) {
        self.requests += 1;
        self.plain += usize::from(case.plain);
        self.plain_stopped.resize(deciders.len(), 0);
        let (all, stopped) = self.groups.entry(case.group).or_insert_with(|| (0, vec![0; deciders.len()]));
        *all += 1;
        for ((stopped, plain), decider) in stopped.iter_mut().zip(&mut self.plain_stopped).zip(deciders) {
            let is_stopped = decider.stops(case);
            *stopped += usize::from(is_stopped);
            *plain += usize::from(is_stopped && case.plain);
        }
    }

    /// Requests counted.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// Requests with plain values only.
    #[must_use]
    pub fn plain(&self) -> usize {
        self.plain
    }

    /// The share that the decider at `index` stops of what is not plain; `None` when all is.
    #[must_use]
    pub fn share_of_others(&self, index: usize) -> Option<f64> {
        let others = self.requests - self.plain;
        let stopped = self.rate(index).stopped - self.plain_stopped.get(index).copied().unwrap_or_default();
        (others > 0).then(|| stopped as f64 / others as f64)
    }

    /// Sites and clusters counted.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// How many the decider at `index` stops.
    #[must_use]
    pub fn rate(&self, index: usize) -> Rate {
        let stopped = self.groups.values().map(|(_, stopped)| stopped[index]).sum();
        let of_groups = self.groups.values().map(|(all, stopped)| stopped[index] as f64 / *all as f64);
        let weighted = of_groups.sum::<f64>() / self.groups.len().max(1) as f64;
        Rate {
            requests: self.requests,
            stopped,
            share: stopped as f64 / self.requests.max(1) as f64,
            interval: wilson(stopped, self.requests),
            weighted,
            weighted_interval: wilson_share(weighted, self.groups.len() as f64),
        }
    }
}
