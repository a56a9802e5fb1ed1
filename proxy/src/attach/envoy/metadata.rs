//! What is written into the dynamic metadata of a request, for access logs and other filters.
//!
//! | key | says |
//! |---|---|
//! | `id` | the transaction's id, as in its decision record |
//! | `verdict` | `pass`, `detect` or `prevent` |
//! | `score` | the anomaly score |
//! | `model` | the model's score, 0 to 1; absent without a model |
//! | `rules` | ids of rules that found something, the most telling first |

use super::messages::structure::{Kind, List, Struct, Value};
use crate::attach::{Asked, Conclusion};

/// Under one namespace, as both services want it.
pub(super) fn of(asked: &mut Asked, conclusion: &Conclusion) -> Struct {
    let rules = asked.rules(RULES_MAX).into_iter().map(|id| Value { kind: Some(Kind::Number(id.into())) });
    let verdict = if conclusion.refused.is_some() { "prevent" } else { conclusion.verdict };
    // A score is far below what a double cannot count.
    #[allow(clippy::cast_precision_loss)]
    let mut told = Struct::from([
        ("id", Kind::Text(conclusion.id.clone())),
        ("verdict", Kind::Text(verdict.to_owned())),
        ("score", Kind::Number(conclusion.anomaly as f64)),
        ("rules", Kind::List(List { values: rules.collect() })),
    ]);
    if let Some(score) = conclusion.model {
        told.fields.insert("model".to_owned(), Value { kind: Some(Kind::Number(f64::from(score))) });
    }
    Struct::from([(NAMESPACE, Kind::Object(told))])
}

const NAMESPACE: &str = "portcullis";
/// Rules that are named (count).
const RULES_MAX: usize = 20;
