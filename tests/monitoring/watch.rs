//! What Prometheus sees of processes: a scrape a minute, which alerts are asked about.
//!
//! Time is told to Prometheus as if a minute were between two scrapes, which are as close together as they happen to be: counters grow
//! by what really happened, per minute. Moments (when a certificate ends) are moved with the clock.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::process::Portcullis;
use super::promtool;

/// Processes being watched.
pub(crate) struct Watch {
    /// The real time that Prometheus' time 0 is (seconds since the Unix epoch).
    begun: f64,
    /// By series, with its labels; each a value a minute, where there was one.
    series: BTreeMap<String, Vec<Option<f64>>>,
    minutes: usize,
    /// At which minute which alerts are expected.
    expected: Vec<(usize, Vec<String>)>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let begun = now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        Self { begun, series: BTreeMap::new(), minutes: 0, expected: Vec::new() }
    }

    /// A minute later: asks all targets, by their names; who is gone does not answer.
    pub(crate) fn scrape(&mut self, targets: &[(&str, Option<&Portcullis>)]) {
        for (instance, process) in targets {
            let target = format!("instance=\"{instance}\",job=\"portcullis\",namespace=\"shop\"");
            let text =
                process.map(|process| process.admin("/metrics")).filter(|text| text.contains("portcullis_"));
            self.note(format!("up{{{target}}}"), f64::from(u8::from(text.is_some())));
            for (name, labels, value) in text.iter().flat_map(|text| samples(text)) {
                let value = if is_moment(name) && value != 0.0 { value - self.begun } else { value };
                let labels = if labels.is_empty() { target.clone() } else { format!("{target},{labels}") };
                self.note(format!("{name}{{{labels}}}"), value);
            }
        }
        self.minutes += 1;
        self.series.values_mut().for_each(|values| values.resize(self.minutes, None));
    }

    fn note(&mut self, series: String, value: f64) {
        let values = self.series.entry(series).or_default();
        values.resize(self.minutes, None);
        values.push(Some(value));
    }

    /// So many minutes later nothing has changed.
    pub(crate) fn hold(&mut self, minutes: usize) {
        self.minutes += minutes;
        for values in self.series.values_mut() {
            let last = values.last().copied().flatten();
            values.resize(self.minutes, last);
        }
    }

    /// Exactly these alerts are firing by now.
    pub(crate) fn expect(&mut self, alerts: &[&str]) {
        let alerts = alerts.iter().map(|alert| (*alert).to_owned()).collect();
        self.expected.push((self.minutes - 1, alerts));
    }

    /// Has promtool say whether it is so.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(!self.expected.is_empty(), "nothing is expected");
        if !promtool::is_there() {
            return;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("test.yaml");
        std::fs::write(&file, self.yaml(&promtool::rules())).expect("written");
        promtool::run(&["test", "rules"], &file);
    }

    fn yaml(&self, rules: &Path) -> String {
        let rules = rules.canonicalize().expect("the rules");
        let mut text = format!(
            "rule_files: ['{}']\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n",
            rules.display()
        );
        text += "    input_series:\n";
        for (series, values) in &self.series {
            writeln!(
                text,
                "      - {{ series: '{}', values: '{}' }}",
                series.replace('\'', "''"),
                notation(values)
            )
            .expect("memory");
        }
        text += "    promql_expr_test:\n";
        for (minute, alerts) in &self.expected {
            writeln!(text, "      - expr: group by (alertname) (ALERTS{{alertstate=\"firing\"}})")
                .expect("memory");
            writeln!(text, "        eval_time: {minute}m\n        exp_samples:").expect("memory");
            for alert in alerts {
                writeln!(text, "          - {{ labels: '{{alertname=\"{alert}\"}}', value: 1 }}")
                    .expect("memory");
            }
        }
        text
    }
}

/// What the clock says.
#[expect(clippy::disallowed_methods, reason = "what it is compared with is told by the clock, too")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Name, labels and value of each sample in Prometheus' text format.
pub(crate) fn samples(text: &str) -> impl Iterator<Item = (&str, &str, f64)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        Some((name, labels.trim_end_matches('}'), value.parse().ok()?))
    })
}

/// Whether a metric says when something is, or was.
fn is_moment(name: &str) -> bool {
    ["_timestamp_seconds", "_expiry_seconds", "_start_time_seconds"].iter().any(|end| name.ends_with(end))
}

/// Values as promtool reads them; what stays the same is said once.
fn notation(values: &[Option<f64>]) -> String {
    let runs = values.chunk_by(|one, other| one == other);
    let run = |run: &[Option<f64>]| match (run[0], run.len() - 1) {
        (None, more) => format!("_x{}", more + 1),
        (Some(value), 0) => format!("{value}"),
        (Some(value), more) => format!("{value}+0x{more}"),
    };
    runs.map(run).collect::<Vec<_>>().join(" ")
}
