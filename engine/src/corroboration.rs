//! Where rules and model have to agree.
//!
//! Some rules are right about attacks and, now and then, wrong about ordinary text that looks like one: they
//! carry the tag [`NEEDS_MODEL`], and in a policy with a model they count once the model has its doubts as
//! well. Some look for what ordinary text has as often as attacks within text do: with the tag [`BESIDE_MODEL`] they count for nothing
//! where there is no model. And rules of sources taken as evidence never stop anything alone; one of critical severity makes up
//! the model's mind when both mean the same field.

use model::{Finding, Location};
use signatures::{Match, RuleSeverity};

/// The tag of rules that wait for the model's word where there is a model.
pub const NEEDS_MODEL: &str = "portcullis/needs-model";

/// The tag of rules that do so too, and that stop nothing where there is no model.
pub const BESIDE_MODEL: &str = "portcullis/beside-model";

/// Whether rules that would stop a transaction want the model's word as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModelWord {
    /// They do not.
    #[default]
    Unneeded,
    /// Where there is a model.
    Awaited,
    /// They count only where there is a model that has its doubts.
    Required,
}

impl ModelWord {
    /// What a rule's tags say of it.
    #[must_use]
    pub fn of(found: &Match) -> Self {
        let has = |wanted: &str| found.tags.iter().any(|tag| tag == wanted.as_bytes());
        if has(BESIDE_MODEL) {
            Self::Required
        } else if has(NEEDS_MODEL) {
            Self::Awaited
        } else {
            Self::Unneeded
        }
    }
}

/// Whether the rules that would have stopped the transaction want the model's word: each by its tag, or because it habitually matches where
/// it did. One that does not is enough.
pub(crate) fn model_word(matches: &[Match], is_habitual: impl Fn(&Match) -> bool) -> ModelWord {
    let word = |found: &Match| {
        let habit = || match found.is_on_score() {
            true => is_all(scoring(matches), &is_habitual),
            false => is_habitual(found),
        };
        match ModelWord::of(found) {
            ModelWord::Unneeded if habit() => ModelWord::Awaited,
            word => word,
        }
    };
    matches.iter().filter(|found| found.disruptive).map(word).min().unwrap_or_default()
}

/// The matches that add to a score.
pub(crate) fn scoring(matches: &[Match]) -> impl Iterator<Item = &Match> {
    matches.iter().filter(|found| found.score > 0)
}

fn is_all<'m>(matches: impl Iterator<Item = &'m Match>, test: impl Fn(&Match) -> bool) -> bool {
    let mut matches = matches.peekable();
    matches.peek().is_some() && matches.all(test)
}

/// Whether a critical rule among `matches` means a field that the model finds strange.
pub(crate) fn agree<'m>(matches: impl Iterator<Item = &'m Match>, strange: &[Finding]) -> bool {
    let critical = |found: &&Match| found.severity.is_some_and(|it| it <= RuleSeverity::Critical);
    let means = |target: &str| strange.iter().any(|finding| is_of(target, finding));
    matches.filter(critical).any(|found| found.values.iter().any(|value| means(&value.target)))
}

/// Whether a target, as SecLang names it (`ARGS:q`), is the field of a finding.
fn is_of(target: &str, finding: &Finding) -> bool {
    let (variable, name) = target.split_once(':').unwrap_or((target, ""));
    let same = || finding.name.eq_ignore_ascii_case(name.as_bytes());
    let is_named = match finding.location {
        Location::Query | Location::Body | Location::Header => same(),
        Location::Cookie => finding.name.is_empty() || same(),
        _ => true,
    };
    is_named && locations(variable).contains(&finding.location)
}

/// The parts of a request that the model may know a variable as.
pub(crate) fn locations(variable: &str) -> &'static [Location] {
    match variable {
        "REQUEST_URI" | "REQUEST_URI_RAW" | "REQUEST_FILENAME" => &[Location::Path],
        "ARGS" => &[Location::Query, Location::Body],
        "ARGS_GET" => &[Location::Query],
        "ARGS_POST" | "FILES" => &[Location::Body],
        "ARGS_NAMES" => &[Location::QueryName, Location::BodyName],
        "ARGS_GET_NAMES" => &[Location::QueryName],
        "ARGS_POST_NAMES" | "FILES_NAMES" => &[Location::BodyName],
        "REQUEST_HEADERS" => &[Location::Header],
        "XML" => &[Location::Xml],
        "REQUEST_BODY" => &[Location::Raw],
        _ if variable.starts_with("REQUEST_COOKIES") => &[Location::Cookie],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use model::decode::Steps;
    use signatures::{MatchedValue, Phase, RuleId};

    use super::*;

    fn found(target: &str, severity: RuleSeverity, tag: &str, disruptive: bool) -> Match {
        Match {
            id: RuleId(NonZeroU32::MIN),
            phase: Phase::RequestBody,
            msg: Vec::new(),
            logdata: Vec::new(),
            severity: Some(severity),
            tags: vec![tag.into()],
            paranoia: None,
            values: vec![MatchedValue { target: target.to_owned(), matched: Vec::new() }],
            score: 5,
            log: true,
            disruptive,
        }
    }

    fn strange(location: Location, name: &str) -> Finding {
        Finding {
            location,
            name: name.into(),
            excerpt: b"x".to_vec(),
            offset: 0,
            window: 0..1,
            steps: Steps::default(),
            log_odds: 1.0,
            adjustment: None,
        }
    }

    #[test]
    fn agree_about_a_field() {
        let critical = RuleSeverity::Critical;
        for (target, severity, location, name, expected) in [
            ("ARGS:q", critical, Location::Query, "q", true),
            ("ARGS:Q", critical, Location::Body, "q", true),
            ("ARGS:p", critical, Location::Query, "q", false),
            ("ARGS:q", RuleSeverity::Warning, Location::Query, "q", false),
            ("REQUEST_HEADERS:User-Agent", critical, Location::Header, "user-agent", true),
            ("REQUEST_HEADERS:Content-Type", critical, Location::Header, "user-agent", false),
            ("REQUEST_COOKIES:a", critical, Location::Cookie, "a", true),
            ("REQUEST_BODY", critical, Location::Query, "q", false),
            ("TX:blocking_inbound_anomaly_score", critical, Location::Query, "q", false),
        ] {
            let matches = [found(target, severity, "", false)];
            assert_eq!(agree(matches.iter(), &[strange(location, name)]), expected, "{target} {location:?}");
        }
    }

    #[test]
    fn one_sure_rule_is_enough() {
        let rule = |tag, disruptive| found("ARGS:q", RuleSeverity::Critical, tag, disruptive);
        let on_score = || {
            let mut found = found("TX:score", RuleSeverity::Critical, "", true);
            found.score = 0;
            found
        };
        let [no, waits, beside] = [ModelWord::Unneeded, ModelWord::Awaited, ModelWord::Required];
        for (matches, cold, habitual) in [
            (vec![], no, no),
            (vec![rule(NEEDS_MODEL, true)], waits, waits),
            (vec![rule(NEEDS_MODEL, true), rule("", false)], waits, waits),
            (vec![rule(NEEDS_MODEL, true), rule("", true)], no, no),
            (vec![rule(BESIDE_MODEL, true)], beside, beside),
            (vec![rule(BESIDE_MODEL, true), rule(NEEDS_MODEL, true)], waits, waits),
            (vec![rule(BESIDE_MODEL, true), rule("habitual", true)], no, waits),
            (vec![rule(BESIDE_MODEL, true), rule("", true)], no, no),
            (vec![rule("habitual", true)], no, waits),
            (vec![rule("habitual", true), rule(NEEDS_MODEL, true)], no, waits),
            (vec![rule("habitual", true), rule("", true)], no, no),
            (vec![rule("habitual", false), on_score()], no, waits),
            (vec![rule("habitual", false), rule("", false), on_score()], no, no),
            (vec![on_score()], no, no),
        ] {
            let is_habitual = |found: &Match| found.tags[0] == b"habitual";
            assert_eq!(
                (model_word(&matches, |_| false), model_word(&matches, is_habitual)),
                (cold, habitual)
            );
        }
    }
}
