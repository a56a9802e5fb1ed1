//! The rules file as promtool sees it, and alerts by series that are made up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::promtool;

/// The alerts of our rules file, in its order.
pub(crate) fn all() -> Vec<Value> {
    let text = std::fs::read_to_string(promtool::rules()).expect("the rules");
    let rules: Value = serde_saphyr::from_str(&text).expect("YAML");
    let groups = rules["groups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

pub(crate) fn name(alert: &Value) -> &str {
    alert["alert"].as_str().expect("a name")
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring/alerts.test.yaml")
}

#[test]
fn promtool_takes_the_rules() {
    if promtool::is_there() {
        promtool::run(&["check", "rules", "--lint=all", "--lint-fatal"], &promtool::rules());
    }
}

#[test]
fn each_alert_fires_when_it_should_and_not_before() {
    if promtool::is_there() {
        promtool::run(&["test", "rules"], &cases());
    }
}

#[test]
fn no_alert_is_without_a_case() {
    let text = std::fs::read_to_string(cases()).expect("the cases");
    let cases: Value = serde_saphyr::from_str(&text).expect("YAML");
    let mut fired = BTreeSet::new();
    for case in cases["tests"].as_array().expect("cases") {
        let checks = case["promql_expr_test"].as_array().into_iter().flatten();
        let samples: Vec<_> = checks.map(|check| check["exp_samples"].as_array().expect("samples")).collect();
        assert!(
            samples.is_empty() || samples.iter().any(|it| it.is_empty()),
            "nothing is quiet in {}",
            case["name"]
        );
        let labels = samples.into_iter().flatten().filter_map(|sample| sample["labels"].as_str());
        fired.extend(labels.filter_map(|labels| labels.split('"').nth(1).map(str::to_owned)));
    }
    let all: BTreeSet<_> = all().iter().map(|alert| name(alert).to_owned()).collect();
    assert_eq!(fired, all);
}

/// Made-up series alone would not say that a process ever exports the like.
#[test]
fn no_alert_is_without_a_fault() {
    let faults = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring/faults"));
    let texts = faults.expect("faults").map(|file| std::fs::read_to_string(file.expect("a file").path()));
    let text: String = texts.collect::<Result<_, _>>().expect("text");
    for alert in all() {
        assert!(text.contains(&format!("\"{}\"", name(&alert))), "no fault makes {} fire", name(&alert));
    }
}
