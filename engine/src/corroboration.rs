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

/// Whether every rule that would have stopped the transaction waits for the model's word.
pub(crate) fn needs_model(matches: &[Match]) -> bool {
    let mut stopping = matches.iter().filter(|found| found.disruptive).peekable();
    let waits = |found: &Match| found.tags.iter().any(|tag| tag == NEEDS_MODEL.as_bytes());
    stopping.peek().is_some() && stopping.all(waits)
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
    match finding.location {
        Location::Path => matches!(variable, "REQUEST_URI" | "REQUEST_URI_RAW" | "REQUEST_FILENAME"),
        Location::Query => matches!(variable, "ARGS" | "ARGS_GET") && same(),
        Location::QueryName => matches!(variable, "ARGS_NAMES" | "ARGS_GET_NAMES"),
        Location::Body => matches!(variable, "ARGS" | "ARGS_POST" | "FILES") && same(),
        Location::BodyName => matches!(variable, "ARGS_NAMES" | "ARGS_POST_NAMES" | "FILES_NAMES"),
        Location::Cookie => variable.starts_with("REQUEST_COOKIES") && (finding.name.is_empty() || same()),
        Location::Header => variable == "REQUEST_HEADERS" && same(),
        Location::Xml => variable == "XML",
        Location::Raw => variable == "REQUEST_BODY",
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
        for (matches, expected) in [
            (vec![], false),
            (vec![rule(NEEDS_MODEL, true)], true),
            (vec![rule(NEEDS_MODEL, true), rule("", false)], true),
            (vec![rule(NEEDS_MODEL, true), rule("", true)], false),
        ] {
            assert_eq!(needs_model(&matches), expected);
        }
    }
}
