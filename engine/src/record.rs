//! The decision record: what was concluded about one transaction, in one JSON line.

use serde::Serialize;

/// A decision record (DESIGN: `time, transactionId, asset, policy, mode, verdict, ...`).
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionRecord {
    /// When the request began (RFC 3339, UTC, microseconds).
    pub time: String,
    /// The transaction's id.
    pub transaction_id: String,
    /// The verdict: `pass`, `detect`, `prevent`.
    pub verdict: &'static str,
    /// Whether the transaction was stopped.
    pub blocked: bool,
}
