//! The configuration as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;
use signatures::{Diagnostic, Severity};

use super::plan::{Plan, Policy, Rules};
use super::{Converted, Options};

/// Writes all files.
pub(super) fn write(plan: Plan, options: &Options) -> Converted {
    let mut rules = BTreeMap::new();
    let mut out = head(&plan.diagnostics);
    out += "version: 1\nlisteners: [{ address: \"[::]:8080\" }]\n";
    out += "upstreams:\n";
    for (name, server) in &plan.upstreams {
        let _ = writeln!(out, "  {}: {{ servers: [{}] }}", json!(name), json!(server));
    }
    out += "assets:\n";
    for asset in &plan.assets {
        let (name, host, paths) = (json!(asset.name), json!([asset.host]), json!(asset.paths));
        let paths = if asset.paths == ["/"] { String::new() } else { format!("paths: {paths}, ") };
        let (upstream, policy) = (json!(asset.upstream), json!(asset.policy));
        let _ = writeln!(
            out,
            "  - {{ name: {name}, hosts: {host}, {paths}upstream: {upstream}, policy: {policy} }}"
        );
    }
    out += "policies:\n";
    for (name, policy) in &plan.policies {
        let _ = writeln!(out, "  {}:", json!(name));
        write_policy(&mut out, name, policy, options, &mut rules);
    }
    let (to, only) = &plan.records;
    let to = to.as_ref().map(|to| format!("to: {}", json!(to)));
    let parts: Vec<_> = to.into_iter().chain(only.map(|only| format!("only: {only}"))).collect();
    if !parts.is_empty() {
        let _ = writeln!(out, "reports: {{ decisions: {{ {} }} }}", parts.join(", "));
    }
    Converted { configuration: out, rules, diagnostics: plan.diagnostics }
}

/// What the reader has to know first.
fn head(diagnostics: &[Diagnostic]) -> String {
    let mut out = "# Made by `portcullis rules convert`. Read it, and `portcullis check` it, before it goes into service.\n".to_owned();
    let lost: Vec<_> = diagnostics.iter().filter(|found| found.severity > Severity::Note).collect();
    if !lost.is_empty() {
        out += "#\n# Not carried over, or not as it was:\n";
    }
    for found in lost {
        let place = found.location.as_ref();
        let place = place.map(|place| format!("{}:{}: ", place.file.path, place.line_column().0));
        let label = if found.label.is_empty() { String::new() } else { format!(" ({})", found.label) };
        let line = format!("# - {}{}{label}", place.unwrap_or_default(), found.title);
        out += &line.replace(['\n', '\r'], " ");
        out.push('\n');
    }
    out
}

fn write_policy(
    out: &mut String,
    name: &str,
    policy: &Policy,
    options: &Options,
    files: &mut BTreeMap<String, String>,
) {
    let settings = &policy.settings;
    let _ = writeln!(out, "    mode: {}", settings.mode.unwrap_or("detect"));
    if settings.mode == Some("off") {
        return;
    }
    out.push_str("    signatures:\n      rules:\n");
    let mut add = |out: &mut String, rules: &Rules, what: &str| {
        for (file, text) in rules.iter().filter(|(_, text)| has_directive(text)) {
            let path = unused(files, name, file, what, text);
            let _ = writeln!(out, "        - {{ file: {} }}", json!(path));
            files.insert(path, text.clone());
        }
    };
    add(out, &policy.before, "");
    match (&options.crs, policy.crs) {
        (Some(directory), true) => {
            let _ = writeln!(out, "        - {{ crs: {} }}", json!(directory));
        }
        (None, true) => out.push_str("        - builtin # in place of the Core Rule Set\n"),
        (_, false) => {}
    }
    add(out, &policy.after, "after");
    if out.ends_with("rules:\n") {
        let length = out.len() - 1;
        out.truncate(length);
        out.push_str(" []\n");
    }
    out.push_str("    model: none # `default` adds the model, which needs no set-up\n");
    if let Some(inspect) = settings.inspect_responses {
        let _ = writeln!(out, "    inspect_responses: {inspect}");
    }
    if !settings.limits.is_empty() {
        let limits: Vec<_> = settings.limits.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        let _ = writeln!(out, "    limits: {{ {} }}", limits.join(", "));
    }
    if let Some(on_limit) = settings.on_limit {
        let _ = writeln!(out, "    on_limit: {on_limit}");
    }
    if let Some(on_response_limit) = settings.on_response_limit {
        let _ = writeln!(out, "    on_response_limit: {on_response_limit}");
    }
}

/// Whether there is more than comments.
fn has_directive(text: &str) -> bool {
    text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

/// A path that no other text has yet.
fn unused(files: &BTreeMap<String, String>, policy: &str, file: &str, what: &str, text: &str) -> String {
    let dash = if what.is_empty() { "" } else { "-" };
    let stem = file.strip_suffix(".conf").unwrap_or(file);
    let first = format!("rules/{stem}{dash}{what}.conf");
    let others = (1..).map(|number| match number {
        1 => format!("rules/{policy}-{stem}{dash}{what}.conf"),
        number => format!("rules/{policy}-{stem}{dash}{what}-{number}.conf"),
    });
    std::iter::once(first)
        .chain(others)
        .find(|path| files.get(path).is_none_or(|there| there == text))
        .unwrap_or_default()
}
