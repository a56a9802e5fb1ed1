//! From an evaluation to its record.

use std::collections::BTreeMap;

use signatures::{Match, RuleSeverity};
use transaction::{Listings, Shortfall, SyntaxError};

use super::mask::Mask;
use super::{DecisionRecord, Hashes, InspectionRecord, MatchRecord, Micros, ModelRecord, Reason, Scores};
use crate::policy::Role;
use crate::{Evaluation, Evidence, Outcome, Verdict};

impl DecisionRecord {
    /// What is written down about a transaction.
    pub(crate) fn of(evaluation: &Evaluation, outcome: Outcome) -> Self {
        let transaction = evaluation.transaction();
        let compiled = evaluation.compiled();
        let verdict = evaluation.verdict();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            time: time(transaction.started_us),
            transaction_id: transaction.id.to_string(),
            asset: evaluation.asset().map(|asset| asset.name.clone()).unwrap_or_default(),
            policy: compiled.map(|compiled| compiled.policy.name.clone()).unwrap_or_default(),
            mode: compiled.map_or("off", |compiled| compiled.policy.mode.as_str()),
            verdict: verdict.as_str(),
            blocked: verdict.is_blocked(),
            status: outcome.status,
            client: transaction.connection.client_address.to_string(),
            client_subject: evaluation.client_subject().map(str::to_owned),
            attachment: outcome.attachment,
            hops: outcome.hops.record(transaction),
            method: text(&transaction.request.method),
            host: crate::host::normalised(transaction.host()).into_owned(),
            path: super::mask::by_form(&text(transaction.path())),
            scores: scores(evaluation),
            reason: reason(verdict),
            matches: matches(evaluation),
            model: ModelRecord::all_of(evaluation),
            habitual: ModelRecord::habitual(evaluation),
            exceptions: evaluation.exceptions().map(|exception| exception.name.clone()).collect(),
            malformed: outcome.syntax_error.map(SyntaxError::as_str),
            country: evaluation.admission().country.map(|country| country.as_str().to_owned()),
            over_limits: evaluation.limits_exceeded().map(|(limit, _)| limit.name.to_string()).collect(),
            listings: listings(&transaction.listings),
            inspection: InspectionRecord {
                complete: transaction.inspection.is_complete(),
                reasons: transaction.inspection.reasons().map(Shortfall::as_str).collect(),
                body_error: transaction.body.error.as_ref().map(|error| error.message.clone()),
            },
            hashes: Hashes {
                policy: compiled.map(|compiled| compiled.policy_hash.clone()).unwrap_or_default(),
                rules: compiled.map(|compiled| compiled.rules_hash.clone()).unwrap_or_default(),
                model: compiled.and_then(|it| it.model.as_ref()).map(|model| model.hash().to_owned()),
                profile: evaluation.profiles().map(|profiles| profiles.hash().to_owned()),
            },
            micros: Micros { total: outcome.total_us, inspect: outcome.inspect_us },
        }
    }
}

fn listings(listings: &Listings) -> BTreeMap<String, &'static str> {
    listings.iter().map(|(zone, listing)| (zone.to_owned(), listing.as_str())).collect()
}

fn scores(evaluation: &Evaluation) -> Scores {
    let model = evaluation.model_score();
    Scores {
        anomaly: evaluation.anomaly_score(),
        model: model.map(|(score, _)| score.0),
        confidence: model.map(|(_, confidence)| confidence.as_str()),
    }
}

fn time(started_us: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(started_us).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{time:.6}")
}

fn reason(verdict: &Verdict) -> Option<Reason> {
    let (Verdict::Detect(why) | Verdict::Prevent(why, _)) = verdict else { return None };
    Some(match &why.first {
        Evidence::InspectionFailure { reason } => {
            Reason { kind: "inspection", shortfall: Some(reason), ..Reason::default() }
        }
        Evidence::Model { .. } => Reason { kind: "model", ..Reason::default() },
        Evidence::Address { list } => {
            Reason { kind: "address", list: Some(list.to_string()), ..Reason::default() }
        }
        Evidence::Country { .. } => Reason { kind: "country", ..Reason::default() },
        Evidence::RateLimit { limit } => {
            Reason { kind: "rate-limit", limit: Some(limit.to_string()), ..Reason::default() }
        }
        Evidence::Rule { id, .. } => Reason { kind: "rule", rule_id: Some(id.get()), ..Reason::default() },
    })
}

fn matches(evaluation: &Evaluation) -> Vec<MatchRecord> {
    let reported = evaluation.reported_matches();
    if reported.is_empty() {
        return Vec::new();
    }
    let mask = Mask::of(evaluation);
    let record = |(role, found)| MatchRecord {
        evidence_only: role == Role::Evidence,
        habitual: evaluation.is_habitual(found),
        ..match_record(found, &mask)
    };
    reported.into_iter().map(record).collect()
}

fn match_record(found: &Match, mask: &Mask) -> MatchRecord {
    let value = found.values.first();
    let target = value.map(|value| value.target.as_str()).unwrap_or_default();
    // Where one of the values is sensitive, any part of it may be quoted, decoded or cut.
    let is_secret = found.values.iter().any(|value| mask.hides(&value.target));
    let text = |bytes: &[u8]| mask.text(bytes);
    MatchRecord {
        rule_id: found.id.get(),
        msg: text(&found.msg),
        logdata: match (found.logdata.is_empty(), is_secret) {
            (true, _) => String::new(),
            (false, true) => super::mask::MASK.to_owned(),
            (false, false) => text(&found.logdata),
        },
        severity: found.severity.map(severity),
        tags: found.tags.iter().map(|tag| text(tag)).collect(),
        target: text(target.as_bytes()),
        matched: value.map(|value| mask.value(target, &value.matched)).unwrap_or_default(),
        score: found.score,
        evidence_only: false,
        habitual: false,
    }
}

fn severity(severity: RuleSeverity) -> &'static str {
    match severity {
        RuleSeverity::Emergency => "emergency",
        RuleSeverity::Alert => "alert",
        RuleSeverity::Critical => "critical",
        RuleSeverity::Error => "error",
        RuleSeverity::Warning => "warning",
        RuleSeverity::Notice => "notice",
        RuleSeverity::Info => "info",
        RuleSeverity::Debug => "debug",
    }
}
