//! The report, for people and in JSON.

use std::io::{self, Write};

use http::Version;
use serde_json::{Value, json};

use super::agent::{About, Agent, Counter};
use super::finding::{Row, Shown};
use crate::output;

/// Everything that was found.
pub(super) struct Report {
    agent: String,
    agents: usize,
    about: About,
    counters: Vec<Counter>,
    targets: Vec<Target>,
}

struct Target {
    url: String,
    rows: Vec<Row>,
}

/// Something to change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Where.
    at: String,
    /// What is wrong.
    what: String,
    /// What to change.
    advice: String,
}

impl Report {
    pub(super) fn new(agent: &Agent, about: About, counters: Vec<Counter>) -> Self {
        let (agent, agents) = (agent.address().to_owned(), agent.replicas());
        Self { agent, agents, about, counters, targets: Vec::new() }
    }

    pub(super) fn add(&mut self, url: String, rows: Vec<Row>) {
        self.targets.push(Target { url, rows });
    }

    /// What to change; each thing once, with all probes that show it.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut all = self.of_agent();
        for Target { url, rows } in &self.targets {
            let mut grouped: Vec<(Shown, Option<&str>, Vec<&str>)> = Vec::new();
            for row in rows {
                let (shown, way) = (row.shown(), row.way());
                match grouped.iter_mut().find(|(other, by, _)| *other == shown && *by == way) {
                    Some((_, _, titles)) => titles.push(row.probe.title),
                    None => grouped.push((shown, way, vec![row.probe.title])),
                }
            }
            all.extend(grouped.into_iter().filter_map(|(shown, way, titles)| {
                let all = titles.len() == rows.len() && titles.len() > 1;
                let which = if all { "every probe".into() } else { titles.join(", ") };
                let what = format!("{which}: {}", shown.text());
                Some(Finding { at: url.clone(), what, advice: shown.advice(way)? })
            }));
        }
        all
    }

    /// What the agent itself says.
    fn of_agent(&self) -> Vec<Finding> {
        let finding = |what, advice: &str| Finding { at: self.agent.clone(), what, advice: advice.into() };
        let reload = self.about.last_reload_error.iter().map(|error| {
            finding(
                format!("the last configuration was not taken: {error}"),
                "mend it: what is running is the one before",
            )
        });
        let troubles = self.counters.iter().filter_map(|Counter { attachment, what, count }| {
            let advice = match what.as_str() {
                "unreadable" => "the gateway leaves out or repeats a header that its attachment needs: the agent's log says which",
                "unauthorized" => "the token or the address (`gateways`) of who asks is not what the configuration says",
                "unsafe-mode" => {
                    "Envoy sends bodies STREAMED, of which nothing can be withheld: set BUFFERED or FULL_DUPLEX_STREAMED (docs/attach/envoy.md)"
                }
                "shed" => "more requests at once than `requests_max` of its `limits`: give the agent more processors, or raise it",
                missed if missed.starts_with("missed: ") => {
                    "requests went by unasked: the agent was down or late; the metric portcullis_attach_missed_total has them"
                }
                _ => return None,
            };
            let requests = output::plural(usize::try_from(*count).unwrap_or(usize::MAX), "request");
            Some(finding(format!("attachment `{attachment}`: {requests} {what} since the start"), advice))
        });
        reload.chain(troubles).collect()
    }

    pub(super) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let About { version, loaded_at, hashes, .. } = &self.about;
        let hash = hashes["config"].as_str().unwrap_or("unknown");
        writeln!(out, "Portcullis {version} at {}: configuration {hash}, loaded {loaded_at}", self.agent)?;
        if self.agents > 1 {
            writeln!(out, "  one of {} agents behind this name, each of which is asked", self.agents)?;
        }
        for address in &self.about.listeners {
            writeln!(out, "  listener at {address}")?;
        }
        for attachment in &self.about.attachments {
            let of = self.counters.iter().filter(|it| it.attachment == attachment.name);
            let counts: Vec<_> = of.map(|it| format!("{} {}", it.count, it.what)).collect();
            let counts = if counts.is_empty() { "has not been asked yet".into() } else { counts.join(", ") };
            writeln!(out, "  attachment `{}` at {}: {counts}", attachment.name, attachment.address)?;
        }
        self.targets.iter().try_for_each(|target| target.write_text(out))?;
        if self.targets.is_empty() {
            writeln!(
                out,
                "\nNothing was sent: name what clients ask, `portcullis doctor https://shop.example.com/`."
            )?;
        }
        let findings = self.findings();
        writeln!(out, "\n{}", output::plural(findings.len(), "finding"))?;
        for (number, Finding { at, what, advice }) in findings.iter().enumerate() {
            writeln!(out, "{}. {at}: {what}\n   {advice}.", number + 1)?;
        }
        out.flush()
    }

    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let findings: Vec<_> = self
            .findings()
            .into_iter()
            .map(|Finding { at, what, advice }| json!({ "at": at, "what": what, "advice": advice }))
            .collect();
        let counters: Vec<_> = self
            .counters
            .iter()
            .map(|it| json!({ "attachment": it.attachment, "what": it.what, "count": it.count }))
            .collect();
        let attachments: Vec<_> = self
            .about
            .attachments
            .iter()
            .map(|it| json!({ "name": it.name, "address": it.address }))
            .collect();
        let whole = json!({
            "agent": {
                "address": self.agent,
                "agents": self.agents,
                "version": self.about.version,
                "loadedAt": self.about.loaded_at,
                "hashes": self.about.hashes,
                "lastReloadError": self.about.last_reload_error,
                "listeners": self.about.listeners,
                "attachments": attachments,
                "counters": counters,
            },
            "targets": self.targets.iter().map(Target::json).collect::<Vec<_>>(),
            "findings": findings,
        });
        serde_json::to_writer_pretty(&mut *out, &whole)?;
        writeln!(out)?;
        out.flush()
    }
}

impl Target {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{}{}{}", self.url, self.over(), self.judged_by())?;
        for row in &self.rows {
            let status = row.status().map_or_else(|| "-".into(), |status| status.to_string());
            let note = self.body_note(row);
            writeln!(out, "  {:<30} {status:>3}  {}{note}", row.probe.title, row.shown().text())?;
        }
        match self.rows.iter().any(|row| !row.seen.is_empty()) {
            true => writeln!(out, "  {:<30}      {}", "responses", self.responses()),
            false => Ok(()),
        }
    }

    /// What was spoken, where that is not HTTP/1.1.
    fn over(&self) -> &'static str {
        let is_http2 = |row: &Row| row.answer.as_ref().is_ok_and(|it| it.version() == Version::HTTP_2);
        if self.rows.iter().any(is_http2) { " (HTTP/2)" } else { "" }
    }

    /// Who judged: the way in, policy and mode, and the versions of what judged.
    fn judged_by(&self) -> String {
        let Some(row) = self.rows.iter().find(|row| row.record().is_some()) else { return String::new() };
        let record = row.record().unwrap_or(&Value::Null);
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        format!(
            ": {}, asset {}, policy {} ({}), rules {}, model {}",
            row.way().unwrap_or_default(),
            text(&record["asset"]),
            text(&record["policy"]),
            text(&record["mode"]),
            text(&record["hashes"]["rules"]),
            text(&record["hashes"]["model"])
        )
    }

    /// How much of a body was inspected, and whether anybody asked twice.
    fn body_note(&self, row: &Row) -> String {
        let bytes = row.probe.body_bytes();
        let Some(seen) = row.seen.first() else { return String::new() };
        let of_body =
            if bytes > 0 { format!(" ({} of {bytes} bytes)", seen.body_bytes) } else { String::new() };
        let again = if row.seen.len() > 1 { format!(", {} times", row.seen.len()) } else { String::new() };
        format!("{of_body}{again}")
    }

    fn responses(&self) -> &'static str {
        let seen = |row: &Row| row.seen.iter().any(|seen| seen.response_bytes.is_some());
        if self.rows.iter().any(seen) {
            "inspected"
        } else if self.rows.iter().any(|row| row.way() == Some("native")) {
            "not inspected: the gateway does not show them (the nginx module does with `portcullis_responses on`), or the policy does not \
             ask (`inspect_responses`)"
        } else {
            "not inspected: the attachment does not show them, or the policy does not ask (`inspect_responses`)"
        }
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "probe": row.probe.name,
                "hostile": row.probe.is_hostile,
                "status": row.status(),
                "http": row.answer.as_ref().ok().map(|answer| format!("{:?}", answer.version())),
                "error": row.answer.as_ref().err(),
                "shown": row.shown().name(),
                "way": row.way(),
                "bodyBytes": row.probe.body_bytes(),
                "inspectedBytes": row.seen.first().map(|seen| seen.body_bytes),
                "responseBytes": row.seen.first().and_then(|seen| seen.response_bytes),
                "seen": row.seen.len(),
                "record": row.record(),
            })
        });
        json!({ "url": self.url, "rows": rows.collect::<Vec<_>>() })
    }
}
