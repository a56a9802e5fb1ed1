//! From evidence to verdict; the only reader of [`crate::policy::Mode`].
//!
//! Rules and model are fused in one sentence: a transaction is stopped when the model is as sure as the
//! policy wants it to be, when an enforced rule says so, or when the model has its doubts (medium
//! confidence) and a rule that is not sure by itself agrees.
//!
//! Both functions are pure: what is stopped depends on the policy and on what was found, and on nothing
//! else. In [`Mode::Detect`] and [`Mode::Prevent`] the same is found; they differ in what is done.

use std::sync::Arc;

use model::{Confidence, ModelScore};
use signatures::{Interruption, InterruptionResponse, Match, RuleId};
use transaction::{Inspection, Rate, Shortfall};

use crate::address::Country;
use crate::config::RateLimitHeaders;
use crate::corroboration::ModelWord;
use crate::limit::RateLimit;
use crate::policy::{Mode, OnInspectionFailure, OnLimit, OnMalformed, Policy};
use crate::{Evidence, Explanation, Plan, Refusal, Verdict};

/// Something that speaks against a transaction.
#[derive(Clone, Debug)]
pub enum Finding {
    /// The client is on a list of addresses that the policy denies.
    Address {
        /// The list's name.
        list: Arc<str>,
    },
    /// The client comes from a country from where it is not welcome.
    Country {
        /// The country; `None` when it is not known.
        country: Option<Country>,
    },
    /// It is one more than a rate limit allows.
    RateLimit {
        /// The limit.
        limit: Arc<RateLimit>,
        /// How it stands with it.
        rate: Rate,
    },
    /// A rule of an enforced source wants the transaction stopped.
    Rule {
        /// The one that is named: of those that would each have stopped it, the most telling.
        rule: RuleId,
        /// How it is stopped: as the first of them wants it.
        interruption: Interruption,
        /// The matches that led to it, the most telling first.
        matches: Vec<Match>,
        /// Whether each of the rules that would have stopped it wants the model's word as well.
        word: ModelWord,
    },
    /// What the model says.
    Model {
        /// How hostile it takes the transaction to be.
        score: ModelScore,
        /// The band of that.
        confidence: Confidence,
        /// Whether a critical rule of a source taken as evidence matched in a field it finds strange.
        is_corroborated: bool,
    },
    /// A part of the transaction was not inspected.
    Shortfall(Shortfall),
}

/// What follows from the findings so far.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether later findings cannot change it. It does not depend on the mode.
    pub is_settled: bool,
}

/// How much a finding says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Nothing is done about it.
    None,
    /// It is reported, in every mode.
    Report,
    /// The transaction is stopped, if the mode is to stop any.
    Stop,
}

/// Turns what was found into what is done.
#[must_use]
pub fn decide(policy: &Policy, findings: Vec<Finding>) -> Decision {
    let opinion = Opinion::of(policy, &findings);
    let mut found: Vec<_> =
        findings.into_iter().map(|finding| (weight(policy, opinion, &finding), finding)).collect();
    found.retain(|(weight, _)| *weight > Weight::None);
    // Stable: of two that weigh the same, the one found first decides.
    found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let mut found = found.into_iter();
    let Some((weight, first)) = found.next() else {
        return Decision { verdict: Verdict::Pass, is_settled: false };
    };
    let refusal = refusal(policy, &first);
    let rest = found.map(|(_, finding)| evidence(finding)).collect();
    let explanation = Explanation { first: evidence(first), rest };
    let verdict = match policy.mode {
        Mode::Off => Verdict::Pass,
        Mode::Prevent if weight == Weight::Stop => Verdict::Prevent(explanation, refusal),
        Mode::Detect | Mode::Prevent => Verdict::Detect(explanation),
    };
    Decision { verdict, is_settled: weight == Weight::Stop }
}

/// What a front end delivers and withholds. `request_body` and `responses` say what is inspected.
#[must_use]
pub fn plan(policy: &Policy, request_body: bool, responses: bool) -> Plan {
    match policy.mode {
        Mode::Off => Plan::NOTHING,
        Mode::Detect => Plan {
            inspects: true,
            request_body,
            hold_bytes_max: 0,
            response_headers: responses,
            response_body: responses,
            holds_response: false,
        },
        Mode::Prevent => Plan {
            inspects: true,
            request_body,
            hold_bytes_max: if request_body { policy.hold_bytes_max } else { 0 },
            response_headers: responses,
            response_body: responses,
            holds_response: responses,
        },
    }
}

/// Whether answers tell clients how they stand with rate limits. Where requests only are detected, nobody is told anything.
#[must_use]
pub fn tells_rates(policy: &Policy) -> bool {
    policy.mode == Mode::Prevent && policy.rate_limit_headers == RateLimitHeaders::All
}

/// The shortfalls that are for [`Policy::on_limit`], [`Policy::on_malformed`] and
/// [`Policy::on_inspection_failure`] to judge.
///
/// What was released early was inspected all the same, an upgrade is the application's consent, and who is exempt is so by
/// the policy. The length of a response is
/// not in the hands of who sent the request, nor is which bodies an attachment sees, so that they have keys of their own
/// ([`Policy::on_response_limit`], [`Policy::on_unseen_body`]).
pub fn judged_shortfalls(inspection: Inspection) -> impl Iterator<Item = Shortfall> {
    inspection.reasons().filter(|reason| {
        !matches!(reason, Shortfall::ReleasedEarly | Shortfall::Upgraded | Shortfall::Exempt)
    })
}

/// What the model thinks of a transaction as a whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Opinion {
    /// There is no model whose word could be waited for.
    None,
    /// It sees nothing.
    Ordinary,
    /// It is not sure: it speaks where rules do.
    Suspicious,
    /// It is as sure as the policy wants it to be.
    Hostile,
}

impl Opinion {
    fn of(policy: &Policy, findings: &[Finding]) -> Self {
        let Some(model) = &policy.model else { return Self::None };
        let said = findings.iter().find_map(|finding| match finding {
            Finding::Model { confidence, .. } => Some(*confidence),
            _ => None,
        });
        match said {
            Some(confidence) if confidence >= model.minimum_confidence => Self::Hostile,
            Some(confidence) if confidence >= Confidence::Medium => Self::Suspicious,
            _ => Self::Ordinary,
        }
    }
}

fn weight(policy: &Policy, opinion: Opinion, finding: &Finding) -> Weight {
    match finding {
        Finding::Address { .. } | Finding::Country { .. } | Finding::RateLimit { .. } => Weight::Stop,
        Finding::Rule { word, .. } if !is_heard(*word, opinion) => Weight::None,
        Finding::Rule { interruption, .. } if interruption.enforced => Weight::Stop,
        // `SecRuleEngine DetectionOnly`: the rules themselves only report.
        Finding::Rule { .. } => Weight::Report,
        Finding::Model { .. } if opinion == Opinion::Hostile => Weight::Stop,
        Finding::Model { is_corroborated: true, .. } if opinion == Opinion::Suspicious => Weight::Stop,
        Finding::Model { .. } => Weight::None,
        // Nobody who sends requests chooses either.
        Finding::Shortfall(Shortfall::EngineFailure | Shortfall::ListUnanswered | Shortfall::Deadline) => {
            match policy.on_inspection_failure {
                OnInspectionFailure::Block => Weight::Stop,
                OnInspectionFailure::Pass => Weight::None,
            }
        }
        Finding::Shortfall(Shortfall::BodyMalformed) => match policy.on_malformed {
            OnMalformed::Block => Weight::Stop,
            OnMalformed::Detect => Weight::Report,
            OnMalformed::Pass => Weight::None,
        },
        Finding::Shortfall(Shortfall::ResponseTooLarge) => at_limit(policy.on_response_limit),
        Finding::Shortfall(Shortfall::BodyUnseen | Shortfall::ResponseUnseen) => {
            at_limit(policy.on_unseen_body)
        }
        Finding::Shortfall(_) => at_limit(policy.on_limit),
    }
}

/// Whether rules that want the model's word have it.
fn is_heard(word: ModelWord, opinion: Opinion) -> bool {
    match opinion {
        Opinion::None => word < ModelWord::Required,
        Opinion::Ordinary => word == ModelWord::Unneeded,
        Opinion::Suspicious | Opinion::Hostile => true,
    }
}

fn at_limit(action: OnLimit) -> Weight {
    match action {
        OnLimit::Block => Weight::Stop,
        OnLimit::Detect => Weight::Report,
        OnLimit::Pass => Weight::None,
    }
}

fn evidence(finding: Finding) -> Evidence {
    match finding {
        Finding::Address { list } => Evidence::Address { list },
        Finding::Country { country } => Evidence::Country { country },
        Finding::RateLimit { limit, .. } => Evidence::RateLimit { limit: limit.name.clone() },
        Finding::Rule { rule, matches, .. } => Evidence::Rule { id: rule, matches },
        Finding::Model { score, confidence, .. } => Evidence::Model { score, confidence },
        Finding::Shortfall(reason) => Evidence::InspectionFailure { reason: reason.as_str() },
    }
}

/// SecLang's default status, which gives way to the policy's.
const DENY_STATUS: u16 = 403;

fn refusal(policy: &Policy, finding: &Finding) -> Refusal {
    let page = Refusal::Page { status: policy.response.status };
    match finding {
        Finding::Shortfall(_) | Finding::Model { .. } | Finding::Address { .. } | Finding::Country { .. } => {
            page
        }
        Finding::RateLimit { rate, .. } => {
            Refusal::TooMany { retry_after_s: rate.wait_us.div_ceil(1_000_000).max(1) }
        }
        Finding::Rule { interruption, .. } => match &interruption.response {
            InterruptionResponse::Deny(DENY_STATUS) => page,
            InterruptionResponse::Deny(status) => Refusal::Page { status: *status },
            InterruptionResponse::Drop => Refusal::Close,
            InterruptionResponse::Redirect(status, location) => Refusal::Redirect {
                status: *status,
                location: String::from_utf8_lossy(location).into_owned(),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use super::*;
    use crate::limit::Quota;
    use proptest::prelude::*;

    fn policy(mode: Mode, on_limit: OnLimit, on_inspection_failure: OnInspectionFailure) -> Policy {
        Policy { mode, on_limit, on_inspection_failure, ..policy_with("default") }
    }

    fn policy_with(model: &str) -> Policy {
        let policy = format!("{{ mode: prevent, model: {model}, response: {{ status: 406 }} }}");
        let yaml = format!("version: 1\npolicies: {{ p: {policy} }}\n");
        let (config, _) = crate::Config::parse("p", &yaml, 0).unwrap();
        Arc::unwrap_or_clone(config.policies.into_iter().next().unwrap())
    }

    fn rule(id: u32, response: InterruptionResponse, enforced: bool) -> Finding {
        let rule = RuleId(NonZeroU32::new(id).unwrap());
        let interruption = Interruption { rule, response, enforced };
        Finding::Rule { rule, interruption, matches: Vec::new(), word: ModelWord::Unneeded }
    }

    fn any_finding() -> impl Strategy<Value = Finding> {
        let response = prop_oneof![
            (400_u16..600).prop_map(InterruptionResponse::Deny),
            Just(InterruptionResponse::Drop),
            Just(InterruptionResponse::Redirect(302, b"/".to_vec())),
        ];
        prop_oneof![
            (1_u32..10, response, any::<bool>(), any_word())
                .prop_map(|(id, response, enforced, word)| waiting(rule(id, response, enforced), word)),
            prop::sample::select(Shortfall::ALL).prop_map(Finding::Shortfall),
            any::<u32>().prop_map(|wait| over(wait.into())),
            Just(Finding::Address { list: "l".into() }),
            Just(Finding::Country { country: Country::parse("XY") }),
            (any_confidence(), any::<bool>()).prop_map(|(confidence, agreed)| says(confidence, agreed)),
        ]
    }

    fn over(wait_us: u64) -> Finding {
        let quota = Quota { count: 1, period: std::time::Duration::from_secs(1), burst: 1 };
        let (key, paths, methods) = (Vec::new(), Vec::new(), Vec::new());
        let limit =
            RateLimit { name: "l".into(), index: 0, key, paths, methods, quota, store: None, entries_max: 1 };
        Finding::RateLimit { limit: Arc::new(limit), rate: Rate { is_over: true, remaining: 0, wait_us } }
    }

    fn any_word() -> impl Strategy<Value = ModelWord> {
        prop::sample::select(&[ModelWord::Unneeded, ModelWord::Awaited, ModelWord::Required][..])
    }

    fn waiting(mut finding: Finding, wanted: ModelWord) -> Finding {
        if let Finding::Rule { word, .. } = &mut finding {
            *word = wanted;
        }
        finding
    }

    fn says(confidence: Confidence, is_corroborated: bool) -> Finding {
        Finding::Model { score: ModelScore(0.5), confidence, is_corroborated }
    }

    fn any_confidence() -> impl Strategy<Value = Confidence> {
        use Confidence::{Critical, High, Low, Medium};
        prop::sample::select(&[Low, Medium, High, Critical][..])
    }

    fn any_policy(mode: Mode) -> impl Strategy<Value = Policy> {
        let on_limit = prop::sample::select(&[OnLimit::Block, OnLimit::Detect, OnLimit::Pass][..]);
        let failure = prop::sample::select(&[OnInspectionFailure::Block, OnInspectionFailure::Pass][..]);
        (on_limit, failure).prop_map(move |(on_limit, failure)| policy(mode, on_limit, failure))
    }

    fn explanation(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Pass => String::new(),
            Verdict::Detect(why) | Verdict::Prevent(why, _) => format!("{why:?}"),
        }
    }

    proptest! {
        #[test]
        fn modes_find_the_same(
            findings in prop::collection::vec(any_finding(), 0..6),
            prevent in any_policy(Mode::Prevent),
        ) {
            let detect = Policy { mode: Mode::Detect, ..prevent.clone() };
            let (prevented, detected) = (decide(&prevent, findings.clone()), decide(&detect, findings));
            prop_assert_eq!(explanation(&prevented.verdict), explanation(&detected.verdict));
            prop_assert_eq!(prevented.is_settled, detected.is_settled);
            // What is stopped is what detection settles on; the rest is the same.
            prop_assert_eq!(prevented.verdict.is_blocked(), detected.is_settled);
            prop_assert!(!detected.verdict.is_blocked());
        }

        #[test]
        fn off_finds_nothing(findings in prop::collection::vec(any_finding(), 0..6), policy in any_policy(Mode::Off)) {
            prop_assert_eq!(decide(&policy, findings).verdict.as_str(), "pass");
        }
    }

    #[test]
    fn fuses_rules_and_model() {
        use Confidence::{Critical, High, Low, Medium};
        let sure = || rule(1, InterruptionResponse::Deny(403), true);
        let unsure = || waiting(sure(), ModelWord::Awaited);
        let beside = || waiting(sure(), ModelWord::Required);
        for (model, findings, reasons) in [
            ("default", vec![sure()], 1),
            ("default", vec![unsure()], 0),
            ("default", vec![unsure(), says(Low, false)], 0),
            ("default", vec![unsure(), says(Medium, false)], 1),
            ("default", vec![says(Medium, false)], 0),
            ("default", vec![says(Medium, true)], 1),
            ("default", vec![says(High, false)], 1),
            ("{ minimum_confidence: critical }", vec![says(High, false)], 0),
            ("default", vec![says(Critical, false)], 1),
            ("default", vec![sure(), says(Critical, false)], 2),
            ("{ minimum_confidence: high }", vec![says(High, false)], 1),
            ("{ minimum_confidence: medium }", vec![says(Medium, false)], 1),
            ("none", vec![unsure()], 1),
            ("none", vec![beside()], 0),
            ("none", vec![beside(), sure()], 1),
            ("default", vec![beside()], 0),
            ("default", vec![beside(), says(Low, false)], 0),
            ("default", vec![beside(), says(Medium, false)], 1),
        ] {
            let case = format!("{model} {findings:?}");
            let found = match decide(&policy_with(model), findings).verdict {
                Verdict::Prevent(why, _) => 1 + why.rest.len(),
                _ => 0,
            };
            assert_eq!(found, reasons, "{case}");
        }
    }

    #[test]
    fn says_how_it_is_answered() {
        let policy = policy(Mode::Prevent, OnLimit::Block, OnInspectionFailure::Pass);
        for (finding, expected) in [
            (rule(1, InterruptionResponse::Deny(403), true), "Page { status: 406 }"),
            (rule(1, InterruptionResponse::Deny(429), true), "Page { status: 429 }"),
            (rule(1, InterruptionResponse::Drop, true), "Close"),
            (Finding::Shortfall(Shortfall::QueryArguments), "Page { status: 406 }"),
            (Finding::Address { list: "l".into() }, "Page { status: 406 }"),
            (Finding::Country { country: None }, "Page { status: 406 }"),
            (over(0), "TooMany { retry_after_s: 1 }"),
            (over(1_000_001), "TooMany { retry_after_s: 2 }"),
        ] {
            let Verdict::Prevent(_, refusal) = decide(&policy, vec![finding]).verdict else {
                panic!("stopped")
            };
            assert_eq!(format!("{refusal:?}"), expected);
        }
    }

    #[test]
    fn detect_withholds_nothing() {
        let policy = |mode| policy(mode, OnLimit::Block, OnInspectionFailure::Pass);
        let plan_of = |mode| plan(&policy(mode), true, true);
        assert_eq!((plan_of(Mode::Detect).hold_bytes_max, plan_of(Mode::Detect).holds_response), (0, false));
        assert_eq!(
            (plan_of(Mode::Prevent).hold_bytes_max, plan_of(Mode::Prevent).holds_response),
            (1 << 20, true)
        );
        assert_eq!(plan_of(Mode::Off), Plan::NOTHING);
    }
}
