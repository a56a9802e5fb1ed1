//! The agent's side: what it waits for, what it saw.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use serde::Deserialize;
use serde_json::Value;

use super::client::{Http, target};

/// The admin listener of a running agent.
pub(super) struct Agent {
    address: String,
    token: Option<String>,
    http: Http,
}

/// What is running there.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    pub(super) version: String,
    pub(super) loaded_at: String,
    pub(super) hashes: Value,
    pub(super) listeners: Vec<String>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) last_reload_error: Option<String>,
}

/// A way in beside listeners.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) address: String,
}

/// What became of a probe at the agent.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    row: String,
    /// Bytes of the body that were inspected.
    pub(super) body_bytes: u64,
    /// Bytes of the response's body; `None` when its head was not seen either.
    pub(super) response_bytes: Option<u64>,
    /// The decision record.
    pub(super) record: Value,
}

/// One counter of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) attachment: String,
    /// `answer` of a request that was asked about, or `missed: REASON`.
    pub(super) what: String,
    pub(super) count: u64,
}

impl Agent {
    pub(super) fn at(url: &str, token: Option<String>) -> anyhow::Result<Self> {
        let address = target(url)?.to_string().trim_end_matches('/').to_owned();
        Ok(Self { address, token, http: Http::new(None, None)? })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Has the agent wait for a mark; what runs there.
    pub(super) async fn expect(&self, mark: &str) -> anyhow::Result<About> {
        let (status, body) = self.ask(Method::POST, &format!("/api/v1/probes/{mark}")).await?;
        match status {
            StatusCode::CREATED => {
                Ok(serde_json::from_slice(&body).context("the agent is of another version")?)
            }
            StatusCode::UNAUTHORIZED => bail!("the agent at {} wants its token: --token-file", self.address),
            StatusCode::CONFLICT => {
                bail!("too many others look at this agent now; try again in five minutes")
            }
            status => bail!("{} answers {status}: no Portcullis, or an older one", self.address),
        }
    }

    /// Counters of attachments since the start.
    pub(super) async fn counters(&self) -> anyhow::Result<Vec<Counter>> {
        let (_, body) = self.ask(Method::GET, "/metrics").await?;
        Ok(counters(&String::from_utf8_lossy(&body)))
    }

    /// What became of a probe, as soon as the agent knows; nothing if it does not in time.
    pub(super) async fn seen(&self, mark: &str, row: &str, patience: Duration) -> anyhow::Result<Vec<Seen>> {
        let until = Instant::now() + patience;
        loop {
            let (status, body) = self.ask(Method::GET, &format!("/api/v1/probes/{mark}")).await?;
            if status != StatusCode::OK {
                bail!("the agent forgot what it waits for: it was started anew meanwhile");
            }
            let mut all: Everything =
                serde_json::from_slice(&body).context("the agent is of another version")?;
            all.seen.retain(|seen| seen.row == row);
            if !all.seen.is_empty() || Instant::now() >= until {
                return Ok(all.seen);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn ask(&self, method: Method, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = self.http.send(request.body(Empty::new().boxed())?).await;
        let answer = answer.with_context(|| {
            format!(
                "cannot ask the agent at {}; is `admin` in its configuration? --admin says where it is",
                self.address
            )
        })?;
        Ok((answer.status(), answer.into_body()))
    }
}

#[derive(Deserialize)]
struct Everything {
    seen: Vec<Seen>,
}

/// Counters of attachments in Prometheus' text format, those at zero left out.
fn counters(text: &str) -> Vec<Counter> {
    let of = |line: &str| {
        let (what, labels) =
            [("portcullis_attach_requests_total{", ""), ("portcullis_attach_missed_total{", "missed: ")]
                .into_iter()
                .find_map(|(name, what)| Some((what, line.strip_prefix(name)?)))?;
        let (labels, count) = labels.split_once("} ")?;
        let label = |wanted: &str| {
            let found = labels.split(',').find_map(|label| label.strip_prefix(wanted)?.strip_prefix("=\""));
            found.map(|value| value.trim_end_matches('"').to_owned())
        };
        let kind = label("answer").or_else(|| label("reason"))?;
        let count = count.trim().parse().ok().filter(|count| *count > 0)?;
        Some(Counter { attachment: label("attachment")?, what: format!("{what}{kind}"), count })
    };
    text.lines().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_counters() {
        let text = "# HELP portcullis_attach_requests_total x\n\
            portcullis_attach_requests_total{answer=\"passed\",attachment=\"nginx\"} 12\n\
            portcullis_attach_requests_total{answer=\"refused\",attachment=\"nginx\"} 0\n\
            portcullis_attach_missed_total{attachment=\"native\",reason=\"down\"} 3\n\
            portcullis_requests_total{verdict=\"pass\"} 12\n";
        let counter = |attachment: &str, what: &str, count| Counter {
            attachment: attachment.into(),
            what: what.into(),
            count,
        };
        assert_eq!(counters(text), [counter("nginx", "passed", 12), counter("native", "missed: down", 3)]);
    }
}
