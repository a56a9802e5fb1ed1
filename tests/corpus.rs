//! Our own corpus, judged by the built-in rules alone and with the model: ordinary requests pass, hostile ones
//! are flagged.

use std::path::Path;
use std::sync::Arc;

use engine::config::Flags;
use engine::{Disk, Evaluation, Snapshot};
use transaction::Record;

/// Requests that are judged wrongly, by model, with the reason.
const KNOWN: &[(&str, &str, &str)] = &[(
    "default",
    "search-math",
    "`is 1 < 2 and 3 > 2` is as an SQL condition is; the model is high, not critical: a site that gets this learns it",
)];

#[test]
fn ordinary_requests_pass() {
    check("ordinary.jsonl", "pass");
}

#[test]
fn hostile_requests_are_flagged() {
    check("hostile.jsonl", "prevent");
}

#[track_caller]
fn check(file: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(file);
    let lines = std::fs::read_to_string(path).expect("the corpus is readable");
    for model in ["none", "default"] {
        let snapshot = snapshot(model);
        let mut wrong = Vec::new();
        for line in lines.lines() {
            let record = Record::from_json(line.as_bytes()).expect("a record");
            let decision = Evaluation::judge_record(&snapshot, &record);
            let is_known = KNOWN.iter().any(|(of, id, _)| *of == model && *id == record.id);
            if (decision.verdict != expected) != is_known {
                let rules: Vec<u32> = decision.matches.iter().map(|found| found.rule_id).collect();
                wrong.push(format!("{}: {} {rules:?} {:?}", record.id, decision.verdict, decision.model));
            }
        }
        assert!(
            wrong.is_empty(),
            "model {model}, expected {expected} but for those that are known:\n{wrong:#?}"
        );
    }
}

fn snapshot(model: &str) -> Arc<Snapshot> {
    let flags = Flags { mode: Some("prevent".into()), model: Some(model.into()), ..Flags::default() };
    let (snapshot, _warnings) = Snapshot::from_flags(&flags, &Disk, 0).expect("rules and model load");
    Arc::new(snapshot)
}
