//! The decision record: what was concluded about one transaction, in one JSON line.
//!
//! Sensitive values are masked ([`mask`]) before a record exists, so that whatever becomes of it, they
//! were never in it.

mod build;
mod hops;
pub mod mask;
mod strange;

use std::collections::BTreeMap;

use serde::Serialize;

pub use hops::{Hops, HopsRecord};

/// What was concluded about one transaction.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionRecord {
    /// When the request began (RFC 3339, UTC, microseconds).
    pub time: String,
    /// The transaction's id.
    pub transaction_id: String,
    /// The asset's name; empty when none was selected.
    pub asset: String,
    /// The policy's name; empty when no asset was selected.
    pub policy: String,
    /// The policy's mode.
    pub mode: &'static str,
    /// The verdict: `pass`, `detect`, `prevent`.
    pub verdict: &'static str,
    /// Whether the transaction was stopped.
    pub blocked: bool,
    /// The status the client got; 0 when none.
    pub status: u16,
    /// The client's address.
    pub client: String,
    /// The distinguished name in the certificate that the client showed; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_subject: Option<String>,
    /// The attachment that asked about it (`nginx`, `traefik`); absent where it came by a listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<&'static str>,
    /// The hops it came by.
    #[serde(flatten)]
    pub hops: HopsRecord,
    /// The method as sent.
    pub method: String,
    /// The host asked for, without its port.
    pub host: String,
    /// The path as sent, without its query.
    pub path: String,
    /// How much speaks against it.
    pub scores: Scores,
    /// What decided; absent when nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Rules that matched, those that ask for no log line left out.
    pub matches: Vec<MatchRecord>,
    /// What the model found; empty without a model.
    pub model: Vec<ModelRecord>,
    /// What it would have found strange, did these fields not usually look like that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub habitual: Vec<ModelRecord>,
    /// Names of the exceptions that held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<String>,
    /// What was wrong with the head of a request that was answered with 400 in every mode, as
    /// [`transaction::SyntaxError::as_str`] spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<&'static str>,
    /// The client's country, where the policy asks for it and the database knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The rate limits that it was one too many for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub over_limits: Vec<String>,
    /// What lists in the DNS said of the client's address, by their zones; empty when none was asked.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub listings: BTreeMap<String, &'static str>,
    /// Whether all was inspected.
    pub inspection: InspectionRecord,
    /// What the verdict depends on besides the transaction.
    pub hashes: Hashes,
    /// Where the time went.
    pub micros: Micros,
}

/// How much speaks against a transaction.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    /// The sum of what matches added to anomaly scores, of the rule source where it is highest.
    pub anomaly: i64,
    /// The model's score; `null` without a model.
    pub model: Option<f32>,
    /// Its band; `null` without a model.
    pub confidence: Option<&'static str>,
}

/// What decided.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// `rule`, `model`, `inspection`, `address`, `country` or `rate-limit`.
    pub kind: &'static str,
    /// The most telling rule of those whose disruptive action fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<u32>,
    /// The list of addresses that the client is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The rate limit that it was one too many for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Why inspection was incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortfall: Option<&'static str>,
}

/// A rule that matched.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchRecord {
    /// The rule.
    pub rule_id: u32,
    /// Its message, expanded.
    pub msg: String,
    /// Its log data, expanded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub logdata: String,
    /// Its severity, as syslog spells it.
    pub severity: Option<&'static str>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The first value that matched, as SecLang names it.
    pub target: String,
    /// What of it matched, after transformations.
    pub matched: String,
    /// What it added to the anomaly score.
    pub score: i64,
    /// Whether its source only supports the model.
    #[serde(skip_serializing_if = "is_false")]
    pub evidence_only: bool,
    /// Whether it habitually matches in these fields, and so needs the model's word.
    #[serde(skip_serializing_if = "is_false")]
    pub habitual: bool,
}

/// What the model found in one field.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelRecord {
    /// The field.
    pub field: String,
    /// Its strangest bytes, decoded.
    pub decoded: String,
    /// What was undone to get there: `percent > base64`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub encodings: String,
    /// The bytes that speak for an attack, the heaviest first.
    pub spans: Vec<SpanRecord>,
    /// Log-odds that the value is hostile.
    pub weight: f32,
    /// The part of those that comes from the field's never having had anything but plain values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f32>,
}

/// Bytes that speak for an attack.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SpanRecord {
    /// The bytes, decoded.
    pub text: String,
    /// Where in the field as it came they begin and end (bytes), if that can be told: not for parts of
    /// structures, for what base64 hid, and for fields of a body that has gone by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<(u32, u32)>,
    /// What they add to the log-odds of n-grams.
    pub weight: f32,
}

/// Whether all was inspected.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectionRecord {
    /// Whether all was inspected.
    pub complete: bool,
    /// Why not, as [`transaction::Shortfall::as_str`] spells it.
    pub reasons: Vec<&'static str>,
    /// The first error in a body that does not parse, as `REQBODY_ERROR_MSG` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_error: Option<String>,
}

impl Default for InspectionRecord {
    fn default() -> Self {
        Self { complete: true, reasons: Vec::new(), body_error: None }
    }
}

/// What a verdict depends on besides the transaction: SHA-256, shortened to 16 hexadecimal digits.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hashes {
    /// Of the policy.
    pub policy: String,
    /// Of its rules' texts.
    pub rules: String,
    /// Of the model; `null` without one.
    pub model: Option<String>,
    /// Of the site's learned profile; `null` without one.
    pub profile: Option<String>,
}

/// Where the time went (microseconds).
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Micros {
    /// From the first byte to the last.
    pub total: u64,
    /// Inspecting.
    pub inspect: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}
