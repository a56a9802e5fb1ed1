//! What the demonstration prints.

use super::Decision;
use super::cases::Case;

/// A request with what became of it.
pub(super) struct Row {
    pub(super) case: Case,
    pub(super) status: u16,
    /// Its decision record; absent when none was written in time.
    pub(super) decision: Option<Decision>,
}

impl Row {
    /// Whether hostile requests were stopped, and ordinary ones were not.
    pub(super) fn is_as_expected(&self) -> bool {
        self.decision.as_ref().is_some_and(|decision| decision.blocked == self.case.hostile)
    }

    fn verdict(&self) -> &str {
        self.decision.as_ref().map_or("no record", |decision| &decision.verdict)
    }

    /// The rule that decided, with its message.
    fn reason(&self) -> (String, String) {
        let Some(decision) = &self.decision else { return Default::default() };
        let id = decision.reason.as_ref().and_then(|reason| reason.rule_id);
        let found = decision.matches.iter().find(|found| id.is_none_or(|id| found.rule_id == id));
        match found.or(decision.matches.first()) {
            Some(found) => (found.rule_id.to_string(), found.msg.clone()),
            None => Default::default(),
        }
    }

    /// What the model saw in the strangest field, with the weights of the bytes that made it so.
    fn spans(&self) -> Option<String> {
        let decision = self.decision.as_ref()?;
        let (strange, score) = (decision.model.first()?, decision.scores.model?);
        let heaviest = strange.spans.iter().take(SPANS_SHOWN_MAX);
        let spans: Vec<_> =
            heaviest.map(|it| format!("{:?} {:+.1}", shortened(&it.text, 40), it.weight)).collect();
        Some(format!("{score:.3} in {}: {}", strange.field, spans.join(", ")))
    }
}

/// Spans shown of one field (count).
const SPANS_SHOWN_MAX: usize = 3;

/// Prints all requests in columns.
pub(super) fn print(rows: &[Row]) {
    println!(
        "{:<6} {:<38} {:<28} {:<9} {:>6}  {:<8} reason",
        "method", "path", "what", "verdict", "status", "rule"
    );
    for row in rows {
        let (rule, reason) = row.reason();
        let wrong = if row.is_as_expected() { "" } else { "   <- not as expected" };
        let line = format!(
            "{:<6} {:<38} {:<28} {:<9} {:>6}  {:<8} {}",
            row.case.method,
            shortened(row.case.path, 38),
            row.case.what,
            row.verdict(),
            row.status,
            rule,
            shortened(&reason, 60),
        );
        println!("{}{wrong}", line.trim_end());
        if let Some(spans) = row.spans() {
            println!("       model: {spans}");
        }
    }
}

/// One line about all requests.
pub(super) fn summary(rows: &[Row]) -> String {
    let (hostile, ordinary): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.case.hostile);
    let stopped = |rows: &[&Row]| rows.iter().filter(|row| row.status == 403).count();
    format!(
        "\n{} of {} hostile requests were stopped, {} of {} ordinary requests passed.\n",
        stopped(&hostile),
        hostile.len(),
        ordinary.len() - stopped(&ordinary),
        ordinary.len(),
    )
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}
