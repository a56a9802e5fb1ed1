//! What was stopped, by source and family.

use std::collections::BTreeMap;
use std::fmt;

use transaction::Record;

use crate::client::Answer;

/// Counts of answers.
#[derive(Default)]
pub(crate) struct Report {
    rows: BTreeMap<String, Row>,
    answers: BTreeMap<Answer, usize>,
}

#[derive(Default)]
struct Row {
    hostile: usize,
    hostile_stopped: usize,
    legitimate: usize,
    legitimate_stopped: usize,
}

impl Report {
    /// Counts one answer.
    pub(crate) fn count(&mut self, record: &Record, answer: &Answer) {
        *self.answers.entry(*answer).or_default() += 1;
        // What got no answer was neither stopped nor passed.
        if !matches!(answer, Answer::Status(_)) {
            return;
        }
        let stopped = usize::from(*answer == Answer::Status(403));
        let detail = format!("{}/{}", record.source, record.family);
        for name in [String::from("all"), detail] {
            let row = self.rows.entry(name).or_default();
            match record.label {
                Some(true) => {
                    row.hostile += 1;
                    row.hostile_stopped += stopped;
                }
                _ => {
                    row.legitimate += 1;
                    row.legitimate_stopped += stopped;
                }
            }
        }
    }

    /// Requests without an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.answers
            .iter()
            .filter(|(answer, _)| !matches!(answer, Answer::Status(_)))
            .map(|(_, count)| count)
            .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {:<44} {:>17} {:>8} {:>17} {:>8}",
            "", "hostile stopped", "TPR %", "ordinary passed", "TNR %"
        )?;
        for (name, row) in &self.rows {
            let passed = row.legitimate - row.legitimate_stopped;
            writeln!(
                f,
                "  {name:<44} {:>17} {:>8} {:>17} {:>8}",
                of(row.hostile_stopped, row.hostile),
                percent(row.hostile_stopped, row.hostile),
                of(passed, row.legitimate),
                percent(passed, row.legitimate),
            )?;
        }
        write!(f, "  answers:")?;
        for (answer, count) in &self.answers {
            write!(f, " {answer} x {count}")?;
        }
        writeln!(f)
    }
}

fn of(part: usize, whole: usize) -> String {
    if whole == 0 { String::from("-") } else { format!("{part}/{whole}") }
}

fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { String::from("-") } else { format!("{:.2}", 100.0 * part as f64 / whole as f64) }
}
