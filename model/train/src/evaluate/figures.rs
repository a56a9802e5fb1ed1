//! All figures of one evaluation.

use std::collections::BTreeSet;

use serde::Serialize;

use super::histogram::{Bin, Reliability, histogram, reliability};
use super::worst::worst;
use super::{Case, Curve, Decider, Fusion, JudgedBy, Rate, Row, Table, Tally, Weighing, Worst, decider};

/// Rows of the table by site.
const SITES_MAX: usize = 20;
/// Mistakes of each kind that are shown.
const WORST_MAX: usize = 60;

/// All figures of one evaluation.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// What the rates of each row stand for, in order.
    pub deciders: Vec<String>,
    /// The models that judged.
    pub models: Vec<JudgedBy>,
    /// What the default policy comes to.
    pub totals: Vec<Total>,
    /// Ways to bring signatures and model together.
    pub fusion: Vec<Total>,
    /// Collections that were not recorded at sites, each counting the same.
    pub collections: Vec<Collections>,
    /// By collection.
    pub by_source: Table,
    /// By collection and kind.
    pub by_family: Table,
    /// By site, the worst.
    pub by_site: Table,
    /// Curves of the model alone.
    pub curves: Vec<Curve>,
    /// How scores lie.
    pub histogram: Vec<Bin>,
    /// Whether probabilities mean what they say.
    pub reliability: Vec<Reliability>,
    /// Attacks that are missed.
    pub misses: Vec<Worst>,
    /// Ordinary requests that are stopped.
    pub alarms: Vec<Worst>,
}

/// What a way to decide comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Total {
    /// The way to decide.
    pub decider: String,
    /// Whether the default policy decides so.
    pub default: bool,
    /// Of which requests.
    pub scope: &'static str,
    /// Attacks it stops; `None` when there are none.
    pub found: Option<Rate>,
    /// Ordinary requests it stops; `None` when there are none.
    pub false_positives: Option<Rate>,
    /// The mean of the shares it decides rightly.
    pub balanced: Option<f64>,
}

/// What a way to decide comes to over collections.
#[derive(Clone, Debug, Serialize)]
pub struct Collections {
    /// The way to decide.
    pub decider: String,
    /// The mean of the shares of attacks stopped, over collections.
    pub mean_found: Option<f64>,
    /// The collection of which least is stopped.
    pub lowest_found: Option<(String, f64)>,
    /// The collection of which most ordinary requests are stopped.
    pub most_false_positives: Option<(String, f64)>,
}

/// Requests of one kind of collection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Recorded,
    Collected,
    All,
}

/// Counts everything.
#[must_use]
pub fn figures(cases: &[Case<'_>], models: Vec<JudgedBy>) -> Figures {
    let by_source = Table::new("source", cases, |case| Some(case.source.to_owned()));
    let family =
        |case: &Case<'_>| (!case.family.is_empty()).then(|| format!("{} {}", case.source, case.family));
    let site = |case: &Case<'_>| (!case.origin.site.is_empty()).then(|| case.origin.site.to_string());
    let recorded: BTreeSet<&str> = cases.iter().filter(|it| it.recorded).map(|it| it.source).collect();
    let shown = |decider: &Decider| collections(&by_source, &recorded, *decider);
    Figures {
        deciders: Decider::SHOWN.map(Decider::name).to_vec(),
        totals: totals(cases, &recorded, &Decider::SHOWN),
        fusion: totals(cases, &recorded, &Fusion::ALL.map(Decider::Alternative)),
        collections: Decider::SHOWN.iter().map(shown).collect(),
        by_family: Table::new("family", cases, family),
        by_site: Table::new("site", cases, site).worst(SITES_MAX),
        curves: [Weighing::Requests, Weighing::Clusters].map(|it| Curve::of(cases, it)).to_vec(),
        histogram: histogram(cases),
        reliability: reliability(cases),
        misses: worst(cases, true, WORST_MAX),
        alarms: worst(cases, false, WORST_MAX),
        by_source,
        models,
    }
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::Recorded => "collections with recorded sites",
            Self::Collected => "other collections",
            Self::All => "all",
        }
    }

    fn has(self, case: &Case<'_>, recorded: &BTreeSet<&str>) -> bool {
        self == Self::All || recorded.contains(case.source) == (self == Self::Recorded)
    }
}

/// A row for each scope that has requests, and each decider.
fn totals(cases: &[Case<'_>], recorded: &BTreeSet<&str>, deciders: &[Decider]) -> Vec<Total> {
    let mut totals = Vec::new();
    for scope in [Scope::Recorded, Scope::Collected, Scope::All] {
        let (mut hostile, mut ordinary) = (Tally::default(), Tally::default());
        for case in cases.iter().filter(|case| scope.has(case, recorded)) {
            (if case.hostile { &mut hostile } else { &mut ordinary }).add(case, deciders);
        }
        if hostile.requests() + ordinary.requests() > 0 {
            let of = |(index, decider)| total(scope, decider, [&hostile, &ordinary], index);
            totals.extend(deciders.iter().enumerate().map(of));
        }
    }
    totals
}

fn total(scope: Scope, decider: &Decider, [hostile, ordinary]: [&Tally; 2], index: usize) -> Total {
    let rate = |tally: &Tally| (tally.requests() > 0).then(|| tally.rate(index));
    let (found, false_positives) = (rate(hostile), rate(ordinary));
    let balanced = found.zip(false_positives).map(|(found, wrong)| (found.share + 1.0 - wrong.share) / 2.0);
    let default =
        [Decider::SHOWN[Decider::DEFAULT], Decider::Alternative(decider::DEFAULT)].contains(decider);
    Total { decider: decider.name(), default, scope: scope.name(), found, false_positives, balanced }
}

fn collections(by_source: &Table, recorded: &BTreeSet<&str>, decider: Decider) -> Collections {
    let index = Decider::SHOWN.iter().position(|it| *it == decider).unwrap_or(Decider::DEFAULT);
    let share = |row: &Row| (row.name.clone(), row.rates[index].share);
    let of = |hostile: bool| -> Vec<(String, f64)> {
        let wanted = |row: &&Row| row.hostile == hostile && !recorded.contains(row.name.as_str());
        by_source.rows.iter().filter(wanted).map(share).collect()
    };
    let by_share = |a: &(String, f64), b: &(String, f64)| a.1.total_cmp(&b.1);
    let found = of(true);
    let mean = found.iter().map(|(_, share)| share).sum::<f64>() / found.len() as f64;
    Collections {
        decider: decider.name(),
        mean_found: (!found.is_empty()).then_some(mean),
        lowest_found: found.into_iter().min_by(by_share),
        most_false_positives: of(false).into_iter().max_by(by_share),
    }
}

impl Figures {
    /// What the default policy comes to where traffic was recorded, or else over all.
    #[must_use]
    pub fn headline(&self) -> Option<&Total> {
        let of_default = || self.totals.iter().filter(|total| total.default);
        of_default().find(|total| total.balanced.is_some()).or_else(|| of_default().next_back())
    }
}
