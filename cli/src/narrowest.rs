//! The narrowest exception that would have let a request pass.

use std::fmt;

use engine::{Evaluation, Evidence, Verdict};
use model::Location;
use serde_json::json;
use signatures::{Match, RuleId};

/// What an exception has to name so that nothing of what was found speaks against the request any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Narrowest {
    /// Where.
    pub(crate) path: String,
    /// Which rules.
    pub(crate) rules: Vec<u32>,
    /// Whether the model is meant.
    pub(crate) model: bool,
    /// In which fields; in all when there is none, because something was found in what is no such field.
    pub(crate) fields: Vec<Field>,
}

/// What found something that an exception can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indicator {
    Model,
    Rule(u32),
}

/// A field that an exception can name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Parameter(String),
    Cookie(String),
    Header(String),
}

impl Narrowest {
    /// `None` when nothing is to be excepted: the request passes, or was not inspected whole.
    pub(crate) fn of(evaluation: &Evaluation) -> Option<Self> {
        let (Verdict::Detect(why) | Verdict::Prevent(why, _)) = evaluation.verdict() else { return None };
        let mut found = Self {
            path: String::from_utf8_lossy(evaluation.transaction().path()).into_owned(),
            ..Self::default()
        };
        let mut fields = Some(Vec::new());
        for evidence in std::iter::once(&why.first).chain(&why.rest) {
            match evidence {
                Evidence::Address { .. }
                | Evidence::Country { .. }
                | Evidence::InspectionFailure { .. }
                | Evidence::RateLimit { .. } => return None,
                Evidence::Rule { id, matches } => found.add_rules(*id, matches, &mut fields),
                Evidence::Model { .. } => found.add_model(evaluation, &mut fields),
            }
        }
        found.rules.sort_unstable();
        found.rules.dedup();
        found.fields = fields.unwrap_or_default();
        found.fields.sort_unstable();
        found.fields.dedup();
        Some(found)
    }

    /// What it excepts, the widest first.
    pub(crate) fn indicators(&self) -> Vec<Indicator> {
        let model = self.model.then_some(Indicator::Model);
        model.into_iter().chain(self.rules.iter().map(|rule| Indicator::Rule(*rule))).collect()
    }

    /// The same, but for one indicator.
    pub(crate) fn without(&self, indicator: Indicator) -> Self {
        let mut narrower = self.clone();
        match indicator {
            Indicator::Model => narrower.model = false,
            Indicator::Rule(rule) => narrower.rules.retain(|it| *it != rule),
        }
        narrower
    }

    /// Whether both except the same rule, or the model.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.model && other.model || self.rules.iter().any(|rule| other.rules.contains(rule))
    }

    /// Excepts also what another does of the same fields.
    pub(crate) fn include(&mut self, other: Self) {
        self.model |= other.model;
        self.rules.extend(other.rules);
        self.rules.sort_unstable();
        self.rules.dedup();
    }

    /// Whatever scored or would have stopped the request by itself. Rules that only look at scores (949110) are
    /// not excepted: that would switch off all others.
    fn add_rules(&mut self, decisive: RuleId, matches: &[Match], fields: &mut Option<Vec<Field>>) {
        let counts = |found: &&Match| found.score > 0 || (found.disruptive && !found.is_on_score());
        let scored: Vec<_> = matches.iter().filter(counts).collect();
        self.rules.extend(scored.iter().map(|found| found.id.get()));
        if scored.is_empty() {
            self.rules.push(decisive.get());
            *fields = None;
        }
        for value in scored.iter().flat_map(|found| &found.values) {
            add(fields, field_of(&value.target));
        }
    }

    fn add_model(&mut self, evaluation: &Evaluation, fields: &mut Option<Vec<Field>>) {
        self.model = true;
        let wanted = evaluation.minimum_confidence();
        let views = evaluation.strange_views();
        let confidence =
            |it: &model::Finding| evaluation.compiled_model().map(|model| model.judge(it.log_odds).1);
        let decisive = views.iter().filter(|it| confidence(it).is_some_and(|it| it >= wanted)).count();
        // Of views that needed a rule's word all count.
        let decisive = if decisive == 0 { views.len() } else { decisive };
        for finding in views.iter().take(decisive) {
            let name = String::from_utf8_lossy(&finding.name).into_owned();
            add(
                fields,
                match finding.location {
                    _ if name.is_empty() => None,
                    Location::Query | Location::Body => Some(Field::Parameter(name)),
                    Location::Cookie => Some(Field::Cookie(name)),
                    Location::Header => Some(Field::Header(name)),
                    _ => None,
                },
            );
        }
    }

    fn names(&self, pick: impl Fn(&Field) -> Option<&String>) -> Vec<&String> {
        self.fields.iter().filter_map(pick).collect()
    }
}

fn add(fields: &mut Option<Vec<Field>>, field: Option<Field>) {
    match (fields.as_mut(), field) {
        (Some(fields), Some(field)) => fields.push(field),
        _ => *fields = None,
    }
}

/// The field that a target is, as SecLang names it.
fn field_of(target: &str) -> Option<Field> {
    let (variable, name) = target.split_once(':')?;
    let name = name.to_owned();
    match variable {
        "ARGS" | "ARGS_GET" | "ARGS_POST" => Some(Field::Parameter(name)),
        "REQUEST_COOKIES" => Some(Field::Cookie(name)),
        "REQUEST_HEADERS" => Some(Field::Header(name)),
        _ => None,
    }
}

/// As a policy has it, without braces, reason and expiry.
impl fmt::Display for Narrowest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "paths: [{}]", json!(self.path))?;
        if !self.rules.is_empty() {
            write!(f, ", rules: {}", json!(self.rules))?;
        }
        if self.model {
            write!(f, ", model: true")?;
        }
        for (key, names) in [
            ("parameters", self.names(|it| if let Field::Parameter(name) = it { Some(name) } else { None })),
            ("cookies", self.names(|it| if let Field::Cookie(name) = it { Some(name) } else { None })),
            ("headers", self.names(|it| if let Field::Header(name) = it { Some(name) } else { None })),
        ] {
            if !names.is_empty() {
                write!(f, ", {key}: {}", json!(names))?;
            }
        }
        Ok(())
    }
}
