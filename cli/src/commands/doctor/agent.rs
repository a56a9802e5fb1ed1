//! The agent's side: what it waits for, what it saw.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use serde::Deserialize;
use serde_json::Value;

use super::client::{Http, Speaks, target};

/// The admin listener of a running agent, or of several that are behind one name.
pub(super) struct Agent {
    address: String,
    token: Option<String>,
    /// One for each address of the name. A mark is known to the one that it was told to.
    replicas: Vec<Http>,
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
        let url = target(url)?;
        let replicas = addresses(&url)
            .into_iter()
            .map(|it| Http::new(it, None, Speaks::Http1))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { address: url.to_string().trim_end_matches('/').to_owned(), token, replicas })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// How many agents there are.
    pub(super) fn replicas(&self) -> usize {
        self.replicas.len()
    }

    /// Has the agent wait for a mark; what runs there. Of several, those that answer are asked from here on: what went by another is not seen.
    pub(super) async fn expect(&mut self, mark: &str) -> anyhow::Result<About> {
        let mut about = None;
        let mut refused = None;
        let mut kept = Vec::new();
        for replica in std::mem::take(&mut self.replicas) {
            match self.announce(&replica, mark).await {
                Ok(said) => {
                    about.get_or_insert(said);
                    kept.push(replica);
                }
                Err(error) => refused = Some(error),
            }
        }
        self.replicas = kept;
        about.ok_or_else(|| refused.unwrap_or_else(|| anyhow::anyhow!("`{}` has no address", self.address)))
    }

    async fn announce(&self, replica: &Http, mark: &str) -> anyhow::Result<About> {
        let (status, body) = self.ask(replica, Method::POST, &format!("/api/v1/probes/{mark}")).await?;
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
        let mut all: Vec<Counter> = Vec::new();
        for replica in &self.replicas {
            let (_, body) = self.ask(replica, Method::GET, "/metrics").await?;
            for counter in counters(&String::from_utf8_lossy(&body)) {
                match all.iter_mut().find(|it| it.attachment == counter.attachment && it.what == counter.what)
                {
                    Some(known) => known.count += counter.count,
                    None => all.push(counter),
                }
            }
        }
        Ok(all)
    }

    /// What became of a probe, as soon as the agent knows; nothing if it does not in time.
    pub(super) async fn seen(&self, mark: &str, row: &str, patience: Duration) -> anyhow::Result<Vec<Seen>> {
        let until = Instant::now() + patience;
        loop {
            let mut seen = Vec::new();
            for replica in &self.replicas {
                seen.extend(self.seen_by(replica, mark).await?.into_iter().filter(|seen| seen.row == row));
            }
            if !seen.is_empty() || Instant::now() >= until {
                return Ok(seen);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn seen_by(&self, replica: &Http, mark: &str) -> anyhow::Result<Vec<Seen>> {
        let (status, body) = self.ask(replica, Method::GET, &format!("/api/v1/probes/{mark}")).await?;
        if status != StatusCode::OK {
            bail!("the agent forgot what it waits for: it was started anew meanwhile");
        }
        let all: Everything = serde_json::from_slice(&body).context("the agent is of another version")?;
        Ok(all.seen)
    }

    async fn ask(&self, replica: &Http, method: Method, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = replica.send(request.body(Empty::new().boxed())?).await;
        let answer = answer.with_context(|| {
            format!(
                "cannot ask the agent at {}; is `admin` in its configuration? --admin says where it is",
                self.address
            )
        })?;
        Ok((answer.status(), answer.into_body()))
    }
}

/// The addresses of a URL's host, where there are several: a headless Service has each pod's. Whoever connects resolves any other name itself.
fn addresses(url: &Uri) -> Vec<Option<IpAddr>> {
    use std::net::ToSocketAddrs as _;
    // Nothing else happens in this process meanwhile.
    let found = (url.host().unwrap_or_default(), 0).to_socket_addrs();
    let all: BTreeSet<IpAddr> = found.into_iter().flatten().map(|address| address.ip()).collect();
    if all.len() > 1 { all.into_iter().map(Some).collect() } else { vec![None] }
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
