//! Each query of alerts and dashboards asks for what the binary exports: names, labels, and values of labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use promql_parser::label::Matcher;
use promql_parser::parser::{
    self, AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorSelector, token,
};
use regex::Regex;
use serde_json::Value;

use super::alerts;
use super::everything::{Exported, exported};

/// Labels that Prometheus adds to what a target exports.
const TARGET: [&str; 3] = ["instance", "job", "namespace"];

/// Values that queries name and the process of this test does not export.
const ELSEWHERE: [(&str, &str); 1] = [
    // Envoy's alone: `inline` has it.
    ("answer", "given-up"),
];

/// What a query asks for that is not there.
struct Asked<'a> {
    exported: &'a Exported,
    wrong: Vec<String>,
    /// Metrics that it names.
    metrics: BTreeSet<String>,
}

impl Asked<'_> {
    /// Labels of what an expression evaluates to. What is wrong in it is noted.
    fn labels(&mut self, expr: &Expr) -> BTreeSet<String> {
        match expr {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Paren(inside) => self.labels(&inside.expr),
            Expr::Unary(inside) => self.labels(&inside.expr),
            Expr::Subquery(inside) => self.labels(&inside.expr),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Call(call) => self.call(call),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => BTreeSet::new(),
        }
    }

    fn selector(&mut self, selector: &VectorSelector) -> BTreeSet<String> {
        let name = selector.name.clone().unwrap_or_default();
        self.metrics.insert(name.clone());
        let Some(labels) = self.exported.get(&name) else {
            self.wrong.push(format!("`{name}` is not exported"));
            return BTreeSet::new();
        };
        for matcher in &selector.matchers.matchers {
            if let Some(values) = labels.get(&matcher.name) {
                self.wrong.extend(values_not_in(&name, matcher, values));
            } else if !TARGET.contains(&&*matcher.name) {
                self.wrong.push(format!("`{name}` has no label `{}`", matcher.name));
            }
        }
        labels.keys().cloned().chain(TARGET.map(str::to_owned)).collect()
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> BTreeSet<String> {
        let inside = self.labels(&aggregate.expr);
        let selects = [token::T_TOPK, token::T_BOTTOMK].contains(&aggregate.op.id());
        match &aggregate.modifier {
            None if selects => inside,
            None => BTreeSet::new(),
            Some(LabelModifier::Include(labels)) => {
                self.known(labels.labels.iter(), &inside);
                labels.labels.iter().cloned().collect()
            }
            Some(LabelModifier::Exclude(labels)) => {
                self.known(labels.labels.iter(), &inside);
                inside.into_iter().filter(|label| !labels.labels.contains(label)).collect()
            }
        }
    }

    fn binary(&mut self, binary: &BinaryExpr) -> BTreeSet<String> {
        let (left, right) = (self.labels(&binary.lhs), self.labels(&binary.rhs));
        let both: BTreeSet<_> = left.union(&right).cloned().collect();
        if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) =
            binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref())
        {
            self.known(labels.labels.iter(), &both);
        }
        // What stands on the left keeps its labels, in all that we write.
        if binary.op.id() == token::T_LOR || left.is_empty() { both } else { left }
    }

    fn call(&mut self, call: &Call) -> BTreeSet<String> {
        let inside: BTreeSet<_> = call.args.args.iter().flat_map(|argument| self.labels(argument)).collect();
        let text = |index: usize| match call.args.args.get(index).map(|argument| &**argument) {
            Some(Expr::StringLiteral(text)) => text.val.clone(),
            _ => String::new(),
        };
        match call.func.name {
            "label_replace" => inside.into_iter().chain([text(1)]).collect(),
            "histogram_quantile" => inside.into_iter().filter(|label| label != "le").collect(),
            _ => inside,
        }
    }

    fn known<'l>(&mut self, labels: impl Iterator<Item = &'l String>, inside: &BTreeSet<String>) {
        let unknown = labels.filter(|label| !inside.contains(*label));
        self.wrong.extend(unknown.map(|label| format!("there is no label `{label}` to go by")));
    }
}

/// Values that a matcher names and that are never exported.
fn values_not_in(metric: &str, matcher: &Matcher, values: &BTreeSet<String>) -> Option<String> {
    let is_elsewhere = |value: &str| ELSEWHERE.contains(&(matcher.name.as_str(), value));
    let is_unseen = |value: &&str| *value != ".*" && !values.contains(*value) && !is_elsewhere(value);
    let unseen: Vec<_> = matcher.value.split('|').filter(is_unseen).collect();
    (!unseen.is_empty()).then(|| format!("`{metric}` never has {}={unseen:?}", matcher.name))
}

/// A query: where it stands, its text, and labels that people are shown of what it gives.
struct Query {
    place: String,
    text: String,
    shown: BTreeSet<String>,
}

fn words(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

fn of_alerts() -> Vec<Query> {
    let query = |alert: &Value| Query {
        place: alerts::name(alert).to_owned(),
        text: alert["expr"].as_str().expect("an expression").to_owned(),
        shown: words(r"\$labels\.(\w+)", &alert["annotations"].to_string()),
    };
    alerts::all().iter().map(query).collect()
}

/// Files of dashboards.
pub(crate) fn dashboards() -> Vec<(PathBuf, Value)> {
    let directory = portcullis_tests::helm::chart().join("monitoring/dashboards");
    let files = std::fs::read_dir(directory).expect("dashboards").map(|entry| entry.expect("a file").path());
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).expect("a dashboard");
        (file, serde_json::from_str(&text).expect("JSON"))
    };
    files.map(read).collect()
}

fn of_dashboards() -> Vec<Query> {
    let mut queries = Vec::new();
    for (file, dashboard) in dashboards() {
        let name = file.file_stem().expect("a name").display().to_string();
        for panel in dashboard["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                queries.push(Query {
                    place: format!("{name}: {}", panel["title"].as_str().expect("a title")),
                    text: target["expr"].as_str().expect("a query").to_owned(),
                    shown: words(r"\{\{(\w+)\}\}", target["legendFormat"].as_str().unwrap_or_default()),
                });
            }
        }
        let annotations = dashboard["annotations"]["list"].as_array().expect("annotations").iter();
        queries.extend(annotations.map(|it| Query {
            place: format!("{name}: annotation"),
            text: it["expr"].as_str().expect("a query").to_owned(),
            shown: BTreeSet::new(),
        }));
    }
    queries
}

/// What Grafana puts in place of its variables.
fn without_variables(text: &str) -> String {
    let values = BTreeMap::from([
        ("$__rate_interval", "5m"),
        ("$__range", "6h"),
        ("$namespace", ".*"),
        ("$job", ".*"),
    ]);
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// What is wrong with a query, and which metrics it asks for.
fn look(query: &Query, exported: &Exported) -> (Vec<String>, BTreeSet<String>) {
    let mut asked = Asked { exported, wrong: Vec::new(), metrics: BTreeSet::new() };
    match parser::parse(&without_variables(&query.text)) {
        Ok(expr) => {
            let labels = asked.labels(&expr);
            asked.known(query.shown.iter(), &labels);
        }
        Err(error) => asked.wrong.push(error),
    }
    (asked.wrong, asked.metrics)
}

#[test]
fn queries_ask_for_what_is_exported() {
    let queries = of_alerts().into_iter().chain(of_dashboards());
    let wrong = queries.flat_map(|query| {
        look(&query, exported())
            .0
            .into_iter()
            .map(move |wrong| format!("{}: {wrong}\n{}", query.place, query.text))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is exported is shown: nobody has to know the names of metrics.
#[test]
fn dashboards_show_all_that_is_exported() {
    let queries = of_dashboards();
    let asked: BTreeSet<_> = queries.iter().flat_map(|query| look(query, exported()).1).collect();
    let base = |name: &str| {
        ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    let asked: BTreeSet<_> = asked.iter().map(|name| base(name)).collect();
    let missing: Vec<_> = exported().keys().filter(|name| !asked.contains(&base(name))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The check itself finds what it is for.
#[test]
fn what_is_not_exported_is_found() {
    for (text, shown, expected) in [
        ("sum by (verdict) (rate(portcullis_requests_total[5m]))", "verdict", ""),
        ("sum(rate(portcullis_request_total[5m]))", "", "`portcullis_request_total` is not exported"),
        ("portcullis_requests_total{verdikt=\"pass\"}", "", "no label `verdikt`"),
        ("portcullis_reloads_total{result=\"bad\"}", "", "never has result=[\"bad\"]"),
        ("portcullis_reloads_total{result=~\"ok|bad\"}", "", "never has result=[\"bad\"]"),
        ("sum by (reason) (portcullis_reloads_total)", "", "no label `reason`"),
        ("sum by (result) (portcullis_reloads_total)", "reason", "no label `reason`"),
        ("sum(portcullis_reloads_total) / on (result) portcullis_held_bytes_max", "", "no label `result`"),
        (
            "histogram_quantile(0.9, sum by (le) (rate(portcullis_request_seconds_bucket[5m])))",
            "le",
            "no label `le`",
        ),
        ("label_replace(portcullis_held_bytes_max, \"a\", \"b\", \"\", \"\")", "a", ""),
        ("sum by (", "", "unclosed"),
    ] {
        let shown = Some(shown.to_owned()).filter(|it| !it.is_empty()).into_iter().collect();
        let query = Query { place: String::new(), text: text.to_owned(), shown };
        let wrong = look(&query, exported()).0.join("; ");
        assert_eq!(wrong.is_empty(), expected.is_empty(), "{text}: {wrong}");
        assert!(wrong.contains(expected), "{text}: {wrong}");
    }
}

/// What Grafana needs of a dashboard.
#[test]
fn dashboards_are_whole() {
    let mut uids = BTreeSet::new();
    for (file, dashboard) in dashboards() {
        let file = file.display();
        let uid = dashboard["uid"].as_str().expect("an identifier");
        assert!(uid.starts_with("portcullis-") && uid.len() <= 40 && uids.insert(uid.to_owned()), "{file}");
        let panels = dashboard["panels"].as_array().expect("panels");
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), panels.len(), "{file}: two panels have one number");
        let mut taken = BTreeSet::new();
        for panel in panels {
            let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            for (x, y) in (0..place("w")).flat_map(|x| (0..place("h")).map(move |y| (x, y))) {
                let cell = (place("x") + x, place("y") + y);
                assert!(
                    cell.0 < 24 && taken.insert(cell),
                    "{file}: {} lies on another panel",
                    panel["title"]
                );
            }
            let data = panel["targets"].as_array().map_or(0, Vec::len);
            assert_eq!(data == 0, panel["type"] == "row", "{file}: {}", panel["title"]);
            assert!(
                panel["type"] == "row" || panel["fieldConfig"]["defaults"]["unit"].is_string(),
                "{file}: {}",
                panel["title"]
            );
        }
    }
    assert_eq!(uids.len(), 4);
}
