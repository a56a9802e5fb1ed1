//! Our own corpus, judged by the built-in rules alone: ordinary requests pass, hostile ones are flagged.

use std::path::Path;
use std::sync::Arc;

use engine::config::Flags;
use engine::{Disk, Evaluation, Snapshot};
use transaction::Record;

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
    let flags = Flags { mode: Some("prevent".into()), ..Flags::default() };
    let (snapshot, _warnings) = Snapshot::from_flags(&flags, &Disk, 0).expect("the built-in rules load");
    let snapshot = Arc::new(snapshot);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(file);
    let lines = std::fs::read_to_string(path).expect("the corpus is readable");
    let mut wrong = Vec::new();
    for line in lines.lines() {
        let record = Record::from_json(line.as_bytes()).expect("a record");
        let decision = Evaluation::judge_record(&snapshot, &record);
        if decision.verdict != expected {
            let rules: Vec<u32> = decision.matches.iter().map(|found| found.rule_id).collect();
            wrong.push(format!("{}: {} {rules:?}", record.id, decision.verdict));
        }
    }
    assert!(wrong.is_empty(), "expected {expected}:\n{}", wrong.join("\n"));
}
