//! `SecAuditLogFormat Native`: sections between boundaries.

use std::fmt::Write as _;

use super::view::View;

/// One record.
pub(super) fn write(view: &View<'_>) -> String {
    let mut out = Sections { boundary: boundary(&view.transaction().id), text: String::new() };
    out.section('A', &header(view));
    let transaction = view.transaction();
    if view.parts.has('B') {
        out.section('B', &request_head(view));
    }
    if view.parts.has('C')
        && let Some(body) = view.request_body()
    {
        out.section('C', &body);
    }
    let response = transaction.response.as_ref();
    if let Some(response) = response.filter(|it| view.parts.has('E') && !it.body.is_empty()) {
        out.section('E', &view.text(&response.body));
    }
    if view.parts.has('F') {
        out.section('F', &response_head(view));
    }
    if view.parts.has('H') {
        out.section('H', &trailer(view));
    }
    // With C, the body stands there.
    if view.parts.has('I')
        && !view.parts.has('C')
        && let Some(body) = view.request_body()
    {
        out.section('I', &body);
    }
    if view.parts.has('J') && !transaction.body.files.is_empty() {
        out.section('J', &files(view));
    }
    if view.parts.has('K') {
        out.section('K', &rules(view));
    }
    out.section('Z', "");
    out.text
}

struct Sections {
    boundary: String,
    text: String,
}

impl Sections {
    /// A line within that looks like a boundary would end the section: it cannot be told apart, so it is indented.
    fn section(&mut self, part: char, content: &str) {
        let start = format!("--{}-", self.boundary);
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{start}{part}--");
        for line in content.lines() {
            let indent = if line.starts_with(&start) { " " } else { "" };
            let _ = writeln!(self.text, "{indent}{line}");
        }
        self.text.push('\n');
    }
}

/// Eight letters that no request can know beforehand: they are of its id.
fn boundary(id: &str) -> String {
    let tail: String = id.chars().filter(char::is_ascii_alphanumeric).rev().take(8).collect();
    format!("{tail:0>8}")
}

fn header(view: &View<'_>) -> String {
    let transaction = view.transaction();
    let connection = &transaction.connection;
    format!(
        "[{}] {} {} {} {} {}",
        view.time("%d/%b/%Y:%H:%M:%S +0000"),
        transaction.id,
        connection.client_address,
        connection.client_port,
        connection.server_address,
        connection.server_port
    )
}

fn request_head(view: &View<'_>) -> String {
    let request = &view.transaction().request;
    let mut out =
        format!("{} {} {}\n", view.text(&request.method), view.target(), view.text(&request.protocol));
    for (name, value) in view.headers("REQUEST_HEADERS", &request.headers) {
        let _ = writeln!(out, "{name}: {value}");
    }
    out
}

fn response_head(view: &View<'_>) -> String {
    let response = view.transaction().response.as_ref();
    let protocol = response.map_or_else(|| "HTTP/1.1".to_owned(), |it| view.text(&it.head.protocol));
    let mut out = format!("{protocol} {}\n", view.outcome.status);
    // What is answered in place of the application has no headers of its.
    let sent = response.filter(|response| response.head.status == view.outcome.status);
    for (name, value) in sent.into_iter().flat_map(|it| view.headers("RESPONSE_HEADERS", &it.head.headers)) {
        let _ = writeln!(out, "{name}: {value}");
    }
    out
}

fn trailer(view: &View<'_>) -> String {
    let mut out = String::new();
    for (found, rule) in view.messages() {
        let _ = write!(out, "Message: Warning. {}", view.found(found));
        let mut field = |name: &str, value: &str| {
            let _ = write!(out, " [{name} \"{}\"]", quoted(value));
        };
        field("file", &rule.location.file.path);
        field("line", &rule.location.line_column().0.to_string());
        field("id", &rule.id.to_string());
        field("rev", rule.meta.revision.as_deref().unwrap_or_default());
        field("msg", &view.text(&found.msg));
        field("data", &view.data(found));
        field("severity", &rule.meta.severity.map(|it| (it as u8).to_string()).unwrap_or_default());
        field("ver", rule.meta.version.as_deref().unwrap_or_default());
        found.tags.iter().for_each(|tag| field("tag", &view.text(tag)));
        out.push('\n');
    }
    if let Some(interruption) = &view.running.state.interruption
        && view.evaluation.verdict().is_blocked()
    {
        let found = view.matches().find(|(found, _)| found.id == interruption.rule);
        let phase = found.map_or(0, |(found, _)| found.phase as u8);
        let _ = writeln!(out, "Action: Intercepted (phase {phase})");
    }
    let begun = view.transaction().started_us;
    let (total, inspect) = (view.outcome.total_us, view.outcome.inspect_us);
    let _ = writeln!(out, "Stopwatch: {begun} {total} ({inspect} - -)");
    let _ = writeln!(out, "Producer: Portcullis {}.", env!("CARGO_PKG_VERSION"));
    for component in &view.running.rules.ruleset.settings.components {
        let _ = writeln!(out, "Component: {component}");
    }
    let _ = writeln!(out, "Engine-Mode: \"{}\"", view.engine());
    out
}

fn files(view: &View<'_>) -> String {
    let mut out = String::new();
    for (number, file) in (1..).zip(&view.transaction().body.files) {
        let (name, kind) = (view.text(&file.file_name), view.text(&file.content_type));
        let _ = writeln!(out, "{number},{},\"{}\",\"{}\"", file.bytes_total, quoted(&name), quoted(&kind));
    }
    out
}

/// Every rule that matched, one a line, as it was written.
fn rules(view: &View<'_>) -> String {
    let mut out = String::new();
    for (_, rule) in view.matches() {
        let (text, span) = (&rule.location.file.text, &rule.location.span);
        // The last word's place is within its quotes.
        let end = span.end + usize::from(text.get(span.end..).is_some_and(|rest| rest.starts_with('"')));
        let written = text.get(span.start..end).unwrap_or_default();
        let lines: Vec<_> = written.lines().map(|line| line.trim_end_matches('\\').trim()).collect();
        let _ = writeln!(out, "{}", lines.join(" "));
    }
    out
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r")
}
