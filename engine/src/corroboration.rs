//! Where rules and model have to agree.
//!
//! Some rules are right about attacks and, now and then, wrong about ordinary text that looks like one: they
//! carry the tag [`NEEDS_MODEL`], and in a policy with a model they count once the model has its doubts as
//! well. And rules of sources taken as evidence never stop anything alone; one of critical severity makes up
//! the model's mind when both mean the same field.

use model::{Finding, Location};
use signatures::{Match, RuleSeverity};

/// The tag of rules that wait for the model's word where there is a model.
pub const NEEDS_MODEL: &str = "portcullis/needs-model";

/// Whether every rule that would have stopped the transaction waits for the model's word: by its tag, or because it
/// habitually matches where it did.
pub(crate) fn needs_model(matches: &[Match], is_habitual: impl Fn(&Match) -> bool) -> bool {
    let mut stopping = matches.iter().filter(|found| found.disruptive).peekable();
    let waits = |found: &Match| {
        found.tags.iter().any(|tag| tag == NEEDS_MODEL.as_bytes())
            || if found.is_on_score() { is_all(scoring(matches), &is_habitual) } else { is_habitual(found) }
    };
    stopping.peek().is_some() && stopping.all(waits)
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
        for (matches, cold, habitual) in [
            (vec![], false, false),
            (vec![rule(NEEDS_MODEL, true)], true, true),
            (vec![rule(NEEDS_MODEL, true), rule("", false)], true, true),
            (vec![rule(NEEDS_MODEL, true), rule("", true)], false, false),
            (vec![rule("habitual", true)], false, true),
            (vec![rule("habitual", true), rule(NEEDS_MODEL, true)], false, true),
            (vec![rule("habitual", true), rule("", true)], false, false),
            (vec![rule("habitual", false), on_score()], false, true),
            (vec![rule("habitual", false), rule("", false), on_score()], false, false),
            (vec![on_score()], false, false),
        ] {
            let is_habitual = |found: &Match| found.tags[0] == b"habitual";
            assert_eq!(
                (needs_model(&matches, |_| false), needs_model(&matches, is_habitual)),
                (cold, habitual)
            );
        }
    }
}
