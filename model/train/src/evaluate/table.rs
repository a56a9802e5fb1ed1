//! Figures by source, family and site.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Case, Decider, Rate, Tally};

/// Rows that are alike but for what they count.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// What a row is: `source`, `family`, `site`.
    pub by: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
}

/// Some requests, and what each decider makes of them.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What they have in common.
    pub name: String,
    /// Whether they are attacks: then to be stopped is right.
    pub hostile: bool,
    /// How many there are.
    pub requests: usize,
    /// Sites and clusters of near-duplicates among them.
    pub groups: usize,
    /// Those of them with plain values only: there is nothing in them that a model could see.
    pub plain: usize,
    /// What the default policy stops of the others (share), if there are any.
    pub share_of_others: Option<f64>,
    /// What is stopped, by the deciders of [`Decider::SHOWN`].
    pub rates: Vec<Rate>,
}

impl Table {
    /// A row for each name that `name` gives; requests without one are left out.
    pub fn new<'c>(
        by: &'static str,
        cases: &'c [Case<'c>],
        name: impl Fn(&'c Case<'c>) -> Option<String>,
    ) -> Self {
        let mut tallies: BTreeMap<(bool, String), Tally> = BTreeMap::new();
        for case in cases {
            if let Some(name) = name(case) {
                tallies.entry((!case.hostile, name)).or_default().add(case, &Decider::SHOWN);
            }
        }
        let rows = tallies.into_iter().map(|((ordinary, name), tally)| row(name, !ordinary, &tally));
        Self { by, rows: rows.collect() }
    }

    /// The rows where most goes wrong, at most `count`; rows without a mistake are left out.
    #[must_use]
    pub fn worst(mut self, count: usize) -> Self {
        self.rows.retain(|row| row.mistakes() > 0);
        self.rows.sort_by_key(|row| std::cmp::Reverse(row.mistakes()));
        self.rows.truncate(count);
        self
    }
}

impl Row {
    /// What the default policy gets wrong.
    #[must_use]
    pub fn mistakes(&self) -> usize {
        let stopped = self.default_rate().stopped;
        if self.hostile { self.requests - stopped } else { stopped }
    }

    /// What the default policy stops.
    #[must_use]
    pub fn default_rate(&self) -> &Rate {
        &self.rates[Decider::DEFAULT]
    }
}

fn row(name: String, hostile: bool, tally: &Tally) -> Row {
    Row {
        name,
        hostile,
        requests: tally.requests(),
        groups: tally.groups(),
        plain: tally.plain(),
        share_of_others: tally.share_of_others(Decider::DEFAULT),
        rates: (0..Decider::SHOWN.len()).map(|index| tally.rate(index)).collect(),
    }
}
