//! Admission policies, by what those who enforce them make of what helm renders: the API server's CEL, Gatekeeper's Rego, Kyverno's CEL.

#[path = "admission/cases.rs"]
mod cases;
#[path = "admission/chart.rs"]
mod chart;
#[path = "admission/evaluator.rs"]
mod evaluator;
#[path = "admission/inject.rs"]
mod inject;
#[path = "chart/python.rs"]
mod python;
#[path = "admission/rollout.rs"]
mod rollout;
#[path = "admission/schemas.rs"]
mod schemas;
#[path = "admission/signatures.rs"]
mod signatures;
#[path = "admission/table.rs"]
mod table;
#[path = "admission/verdicts.rs"]
mod verdicts;
