//! Which of several matches is shown first: the one that says most about the transaction.

use std::cmp::Reverse;

use signatures::{Match, RuleId};

/// The place of a match, the most telling lowest: what was found in the transaction before what only
/// looked at scores, then by severity, by what it added to the score, and by the length of what matched.
/// A stable sort leaves of equal ones the rule that ran first.
pub(crate) fn order(found: &Match) -> impl Ord + use<> {
    let severity = found.severity.map_or(u8::MAX, |severity| severity as u8);
    let length = found.values.iter().map(|value| value.matched.len()).max();
    (found.is_on_score(), severity, Reverse(found.score), Reverse(length))
}

/// The rule that is named as the reason: of those that would each have stopped the transaction when
/// `first` did, the most telling. A rule that fired before `first` did so without being enforced.
pub(crate) fn decisive(first: RuleId, matches: &[Match]) -> RuleId {
    let Some(at) = matches.iter().position(|found| found.id == first && found.disruptive) else {
        return first;
    };
    let phase = matches[at].phase;
    let stopping = matches[at..].iter().filter(|found| found.disruptive && found.phase == phase);
    stopping.min_by_key(|found| order(found)).map_or(first, |found| found.id)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use signatures::{MatchedValue, Phase, RuleSeverity};

    use super::*;

    fn id(id: u32) -> RuleId {
        RuleId(NonZeroU32::new(id).unwrap())
    }

    fn found(number: u32, severity: Option<RuleSeverity>, score: i64, target: &str, matched: &str) -> Match {
        Match {
            id: id(number),
            phase: Phase::RequestBody,
            msg: Vec::new(),
            logdata: Vec::new(),
            severity,
            tags: Vec::new(),
            paranoia: None,
            values: vec![MatchedValue { target: target.to_owned(), matched: matched.into() }],
            score,
            log: true,
            disruptive: true,
        }
    }

    fn sorted(matches: &[Match]) -> Vec<u32> {
        let mut sorted: Vec<_> = matches.iter().collect();
        sorted.sort_by_key(|found| order(found));
        sorted.iter().map(|found| found.id.get()).collect()
    }

    #[test]
    fn shows_the_most_telling_first() {
        use RuleSeverity::{Alert, Critical, Error};
        let matches = [
            found(1, Some(Critical), 0, "TX:SCORE", "10"),
            found(2, None, 0, "ARGS:q", "a long text that matched"),
            found(3, Some(Error), 5, "ARGS:q", "x"),
            found(4, Some(Critical), 0, "ARGS:q", "longer"),
            found(5, Some(Critical), 0, "ARGS:q", "short"),
            found(6, Some(Critical), 0, "ARGS:q", "equal"),
            found(7, Some(Critical), 5, "TX:1", "x"),
            found(8, Some(Alert), 0, "ARGS:q", "x"),
        ];
        assert_eq!(sorted(&matches), [8, 7, 4, 5, 6, 3, 2, 1]);
    }

    #[test]
    fn names_a_rule_that_would_have_stopped_it() {
        use RuleSeverity::{Alert, Critical};
        let first = found(2, Some(Critical), 0, "ARGS:q", "x");
        let earlier = found(1, Some(Alert), 0, "ARGS:q", "x");
        let later = |change: fn(&mut Match)| {
            let mut later = found(3, Some(Alert), 0, "ARGS:q", "x");
            change(&mut later);
            later
        };
        for (matches, expected) in [
            (vec![first.clone(), later(|_| {})], 3),
            (vec![first.clone(), later(|found| found.disruptive = false)], 2),
            (vec![first.clone(), later(|found| found.phase = Phase::ResponseBody)], 2),
            (vec![earlier, first], 2),
            (vec![later(|_| {})], 2),
        ] {
            assert_eq!(decisive(id(2), &matches), id(expected), "{matches:?}");
        }
    }
}
