//! A rule in words, as text.

use std::io::{self, Write};

use super::test::{Done, Test};
use super::{Explained, Place};

pub(super) fn write(rule: &Explained, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{} {}", rule.id, rule.message)?;
    let Place { file, line } = &rule.place;
    writeln!(out, "  {file}:{line}, phase {} ({})", rule.phase, phase(rule.phase))?;
    if let Some(severity) = &rule.severity {
        writeln!(out, "  severity {severity}")?;
    }
    if !rule.tags.is_empty() {
        writeln!(out, "  tags {}", rule.tags.join(", "))?;
    }
    when_active(rule, out)?;
    for change in &rule.changed_by {
        let Place { file, line } = &change.place;
        writeln!(out, "  changed by {file}:{line}: {}", change.directive)?;
    }
    for (at, test) in rule.tests.iter().enumerate() {
        write_test(at, test, out)?;
    }
    writeln!(out, "\na match")?;
    for effect in &rule.effects {
        writeln!(out, "  {effect}")?;
    }
    write_cost(rule, out)?;
    writeln!(out, "\n{}", rule.text)
}

fn when_active(rule: &Explained, out: &mut impl Write) -> io::Result<()> {
    if let Some(level) = rule.paranoia {
        let and_above = if level < 4 { " and above" } else { "" };
        writeln!(out, "  active at paranoia level {level}{and_above}")?;
    }
    for gate in &rule.gates {
        writeln!(out, "  skipped to {} when {} (rule {})", gate.marker, gate.when, gate.rule)?;
    }
    Ok(())
}

fn write_test(at: usize, test: &Test, out: &mut impl Write) -> io::Result<()> {
    if test.targets.is_empty() {
        return writeln!(out, "\nalways matches");
    }
    writeln!(out, "\n{}", if at == 0 { "looks at" } else { "and then looks at" })?;
    let width = test.targets.iter().map(|target| target.target.len()).max().unwrap_or(0).min(40);
    for target in &test.targets {
        writeln!(out, "  {:<width$}  {}", target.target, target.what)?;
    }
    if !test.exclusions.is_empty() {
        writeln!(out, "  but not at {}", test.exclusions.join(", "))?;
    }
    if !test.transformations.is_empty() {
        writeln!(out, "after")?;
        let width = test.transformations.iter().map(|step| step.name.len()).max().unwrap_or(0);
        for Done { name, what } in &test.transformations {
            writeln!(out, "  {name:<width$}  {what}")?;
        }
    }
    let each = if test.multi_match { ", asked after each of these" } else { "" };
    writeln!(out, "matches when the value {}{each}", test.condition)
}

fn write_cost(rule: &Explained, out: &mut impl Write) -> io::Result<()> {
    let cost = &rule.cost;
    writeln!(out, "\ncost")?;
    if cost.values > 0 {
        let values = crate::output::plural(cost.values, "value");
        writeln!(out, "  looks at about {values} of a typical request")?;
    }
    writeln!(out, "  asked {}", cost.asked)?;
    writeln!(out, "  {}", cost.matching)?;
    let Some(measured) = &rule.measured else { return Ok(()) };
    let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    writeln!(
        out,
        "  measured on {} requests: {} values, asked about {} ({:.2} %), matched {} requests ({:.2} %)",
        measured.requests,
        measured.values,
        measured.asked,
        share(measured.asked, measured.values),
        measured.matched,
        share(measured.matched, measured.requests),
    )
}

fn phase(phase: u8) -> &'static str {
    match phase {
        1 => "when the request's head is here",
        2 => "when the request's body is here",
        3 => "when the response's head is here",
        4 => "when the response's body is here",
        _ => "when all is over",
    }
}
