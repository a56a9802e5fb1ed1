//! What people are told: each alert has its section in the runbook, each threshold its value in the chart.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::alerts;
use super::promtool;

fn text(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).expect("a file")
}

#[test]
fn each_alert_has_its_section() {
    let runbook = text("docs/runbook.md");
    let sections: Vec<_> = runbook.split("\n## ").skip(1).filter(|it| it.starts_with("Portcullis")).collect();
    let title = |section: &str| section.lines().next().unwrap_or_default().to_owned();
    let titles: Vec<_> = sections.iter().map(|section| title(section)).collect();
    let names: Vec<_> = alerts::all().iter().map(|alert| alerts::name(alert).to_owned()).collect();
    assert_eq!(titles, names, "in the order of the rules");
    for section in sections {
        for part in ["**Means.**", "**Look.**", "**Do.**"] {
            assert!(section.contains(part), "{} has no {part}", title(section));
        }
    }
}

#[test]
fn each_alert_says_what_people_need() {
    let overview = text("docs/monitoring.md");
    for alert in alerts::all() {
        let name = alerts::name(&alert);
        let annotations = &alert["annotations"];
        let anchor = format!("docs/runbook.md#{}", name.to_lowercase());
        assert_eq!(annotations["runbook_url"], anchor.as_str(), "{name}");
        let severity = alert["labels"]["severity"].as_str().expect("a severity");
        assert!(["critical", "warning"].contains(&severity), "{name}");
        for key in ["summary", "description"] {
            assert!(annotations[key].as_str().is_some_and(|text| text.len() > 20), "{name}: {key}");
        }
        let row =
            format!("| [{}](runbook.md#{}) | {severity} |", &name["Portcullis".len()..], name.to_lowercase());
        assert!(overview.contains(&row), "docs/monitoring.md has no row that begins {row}");
    }
}

/// The numbers in the rules file are those in the values, by the names beside them.
#[test]
fn thresholds_are_those_of_the_values() {
    let rules = std::fs::read_to_string(promtool::rules()).expect("the rules");
    let marked = Regex::new(r"([0-9.]+) # threshold (\w+)\n").expect("a pattern");
    let in_rules: BTreeSet<_> = marked
        .captures_iter(&rules)
        .map(|found| (found[2].to_owned(), found[1].parse::<f64>().expect("a number").to_string()))
        .collect();
    assert_eq!(rules.matches("# threshold").count(), in_rules.len(), "one has two numbers, or none");
    let values: Value = serde_saphyr::from_str(&text("charts/portcullis/values.yaml")).expect("YAML");
    let thresholds = values["metrics"]["prometheusRule"]["thresholds"].as_object().expect("thresholds");
    let number = |value: &Value| value.as_f64().expect("a number").to_string();
    let in_values: BTreeSet<_> =
        thresholds.iter().map(|(name, value)| (name.clone(), number(value))).collect();
    assert_eq!(in_rules, in_values);
}
