//! Matches as the log lines that tests search.

use signatures::Match;

/// One line for each match that asks for a log line, in the form that ModSecurity made common:
/// `[id "942100"] [msg "..."] [data "..."] ...`.
#[must_use]
pub fn log_lines(matches: &[Match]) -> Vec<String> {
    matches.iter().filter(|found| found.log).map(line).collect()
}

fn line(found: &Match) -> String {
    let mut line = String::from("Match.");
    field(&mut line, "id", found.id.to_string().as_bytes());
    field(&mut line, "msg", &found.msg);
    field(&mut line, "data", &found.logdata);
    if let Some(severity) = found.severity {
        field(&mut line, "severity", format!("{severity:?}").to_ascii_uppercase().as_bytes());
    }
    for tag in &found.tags {
        field(&mut line, "tag", tag);
    }
    line
}

/// Appends `[name "value"]` with quotes and line ends escaped; everything else stays legible.
fn field(line: &mut String, name: &str, value: &[u8]) {
    line.push_str(" [");
    line.push_str(name);
    line.push_str(" \"");
    for character in String::from_utf8_lossy(value).chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            other => line.push(other),
        }
    }
    line.push_str("\"]");
}
