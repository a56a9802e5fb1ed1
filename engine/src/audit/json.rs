//! `SecAuditLogFormat JSON`: one object a line, with the names that ModSecurity v3 uses.

use serde_json::{Map, Value, json};
use signatures::{Match, Rule};

use super::view::View;

/// One record.
pub(super) fn write(view: &View<'_>) -> String {
    let transaction = view.transaction();
    let connection = &transaction.connection;
    let mut out = json!({
        "client_ip": connection.client_address.to_string(),
        "time_stamp": view.time("%a %b %e %H:%M:%S %Y"),
        "client_port": connection.client_port,
        "host_ip": connection.server_address.to_string(),
        "host_port": connection.server_port,
        "unique_id": &*transaction.id,
        "request": request(view),
        "response": response(view),
    });
    if view.parts.has('H') {
        out["is_interrupted"] = view.evaluation.verdict().is_blocked().into();
        out["producer"] = json!({
            "modsecurity": "",
            "connector": format!("Portcullis {}", env!("CARGO_PKG_VERSION")),
            "secrules_engine": view.engine(),
            "components": view.running.rules.ruleset.settings.components,
        });
        out["messages"] = view.messages().map(|(found, rule)| message(view, found, rule)).collect();
    }
    if view.parts.has('J') {
        let file = |file: &transaction::FilePart| {
            json!({
                "name": view.text(&file.file_name),
                "size": file.bytes_total,
                "content_type": view.text(&file.content_type),
            })
        };
        out["uploads"] = transaction.body.files.iter().map(file).collect();
    }
    if view.parts.has('K') {
        out["matched_rules"] = view.matches().map(|(found, _)| found.id.get()).collect();
    }
    format!("{}\n", json!({ "transaction": out }))
}

fn request(view: &View<'_>) -> Value {
    let request = &view.transaction().request;
    let version = request.protocol.split(|byte| *byte == b'/').nth(1).unwrap_or_default();
    let mut out = json!({
        "method": view.text(&request.method),
        "http_version": view.text(version),
        "uri": view.target(),
    });
    if view.parts.has('B') {
        out["headers"] = headers(view.headers("REQUEST_HEADERS", &request.headers));
    }
    if let Some(body) = view.request_body() {
        out["body"] = body.into();
    }
    out
}

fn response(view: &View<'_>) -> Value {
    let mut out = json!({ "http_code": view.outcome.status });
    let response = view.transaction().response.as_ref();
    let sent = response.filter(|response| response.head.status == view.outcome.status);
    if let Some(response) = sent.filter(|_| view.parts.has('F')) {
        out["headers"] = headers(view.headers("RESPONSE_HEADERS", &response.head.headers));
    }
    if let Some(response) = response.filter(|it| view.parts.has('E') && !it.body.is_empty()) {
        out["body"] = view.text(&response.body).into();
    }
    out
}

/// Headers by name; those that come more than once are joined.
fn headers(fields: impl Iterator<Item = (String, String)>) -> Value {
    let mut out: Map<String, Value> = Map::new();
    for (name, value) in fields {
        let joined = match out.get(&name).and_then(Value::as_str) {
            Some(earlier) => format!("{earlier}, {value}"),
            None => value,
        };
        out.insert(name, joined.into());
    }
    Value::Object(out)
}

fn message(view: &View<'_>, found: &Match, rule: &Rule) -> Value {
    let meta = &rule.meta;
    json!({
        "message": view.text(&found.msg),
        "details": {
            "match": view.found(found),
            "ruleId": rule.id.to_string(),
            "file": rule.location.file.path,
            "lineNumber": rule.location.line_column().0.to_string(),
            "data": view.data(found),
            "severity": meta.severity.map(|it| (it as u8).to_string()).unwrap_or_default(),
            "ver": meta.version.as_deref().unwrap_or_default(),
            "rev": meta.revision.as_deref().unwrap_or_default(),
            "tags": found.tags.iter().map(|tag| view.text(tag)).collect::<Vec<_>>(),
            "maturity": meta.maturity.unwrap_or(0).to_string(),
            "accuracy": meta.accuracy.unwrap_or(0).to_string(),
        },
    })
}
