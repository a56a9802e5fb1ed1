//! When a request is sent to another server.

use std::time::Duration;

use crate::config::At;
use crate::config::quantity::duration_at;
use crate::config::spec::{RetriesSpec, RetryOnSpec};
use signatures::suggest::closest;

/// When a request is sent to another server, or once more to the only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often a request is tried, the first time included.
    pub tries_max: u32,
    /// What it is tried again after.
    pub on: RetryOn,
    /// How long a server may be silent on a try that could be repeated.
    pub per_try_timeout: Option<Duration>,
}

/// What a request is tried again after. All but `connect` is for idempotent requests alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// No connection, or the server says that it did not begin.
    pub connect: bool,
    /// A kept connection turned out to be closed.
    pub stale: bool,
    /// A connection broke before the answer.
    pub reset: bool,
    /// No answer in time.
    pub timeout: bool,
    /// Answers with these statuses.
    pub statuses: Vec<u16>,
}

impl Default for Retries {
    fn default() -> Self {
        let on = RetryOn { connect: true, stale: true, ..RetryOn::default() };
        Self { tries_max: TRIES_MAX, on, per_try_timeout: None }
    }
}

pub(super) fn check(spec: &RetriesSpec, at: &At<'_>) -> Retries {
    let defaults = Retries::default();
    let per_try = spec.per_try_timeout.as_ref();
    let per_try =
        per_try.map(|text| duration_at(Some(text), Duration::from_secs(1), &at.key("per_try_timeout")));
    let on = spec.on.as_ref().map_or(defaults.on, |specs| on(specs, &at.key("on")));
    if per_try.is_some() && !on.timeout {
        at.key("per_try_timeout")
            .error("contradiction", "no request is tried again after a timeout")
            .at_key()
            .label("has no effect")
            .help("write `on: [connect, stale, timeout]`, or `read_timeout` for the upstream".to_owned())
            .report();
    }
    Retries { tries_max: spec.tries_max.unwrap_or(defaults.tries_max), on, per_try_timeout: per_try }
}

fn on(specs: &[RetryOnSpec], at: &At<'_>) -> RetryOn {
    let mut on = RetryOn::default();
    for (index, spec) in specs.iter().enumerate() {
        match spec {
            RetryOnSpec::Status(status) if *status == 429 || (500..600).contains(status) => {
                on.statuses.push(*status);
            }
            RetryOnSpec::Status(status) => at
                .item(index)
                .error("out-of-range", format!("expected 429 or a status from 500 to 599, found {status}"))
                .label("not a status that another server would better")
                .report(),
            RetryOnSpec::Named(name) => match name.as_str() {
                "connect" => on.connect = true,
                "stale" => on.stale = true,
                "reset" => on.reset = true,
                "timeout" => on.timeout = true,
                _ => unknown(name, &at.item(index)),
            },
        }
    }
    on
}

fn unknown(name: &str, at: &At<'_>) {
    let words = ["connect", "stale", "reset", "timeout"];
    let help = closest(name, words).map(|word| format!("did you mean `{word}`?"));
    at.error(
        "unknown-value",
        format!("expected `connect`, `stale`, `reset`, `timeout` or a status, found `{name}`"),
    )
    .label("not one of them")
    .help(help)
    .report();
}

const TRIES_MAX: u32 = 3;
