//! How servers are found healthy.

use std::time::Duration;

use super::{Statuses, host};
use crate::config::quantity::duration_at;
use crate::config::{At, HealthCheckSpec};

/// How servers are found healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked of a server.
    pub probe: Probe,
    /// Time between checks.
    pub interval: Duration,
    /// How long a check may take.
    pub timeout: Duration,
    /// Failed checks in a row until a server gets no more requests.
    pub unhealthy_after: u32,
    /// Passed checks in a row until it gets requests again.
    pub healthy_after: u32,
}

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// An answer to `GET path`.
    Http {
        /// The path, with its query.
        path: String,
        /// The Host; without one, that of requests.
        host: Option<String>,
        /// The statuses of a healthy server.
        statuses: Statuses,
    },
    /// An accepted connection.
    Tcp,
}

pub(super) fn check(spec: &HealthCheckSpec, at: &At<'_>) -> HealthCheck {
    let interval = duration_at(spec.interval.as_deref(), Duration::from_secs(10), &at.key("interval"));
    let timeout = duration_at(spec.timeout.as_deref(), Duration::from_secs(2), &at.key("timeout"));
    let (unhealthy_after, healthy_after) =
        (spec.unhealthy_after.unwrap_or(3), spec.healthy_after.unwrap_or(1));
    HealthCheck { probe: probe(spec, at), interval, timeout, unhealthy_after, healthy_after }
}

fn probe(spec: &HealthCheckSpec, at: &At<'_>) -> Probe {
    match (&spec.path, spec.tcp) {
        (Some(path), None | Some(false)) => http(path, spec, at),
        (None, Some(true)) => {
            for (key, given) in [("host", spec.host.is_some()), ("statuses", spec.statuses.is_some())] {
                if given {
                    at.key(key)
                        .error("contradiction", format!("`{key}` is for checks with `path`"))
                        .at_key()
                        .label("has no effect")
                        .report();
                }
            }
            Probe::Tcp
        }
        _ => {
            at.error("contradiction", "expected exactly one of `path` and `tcp: true`")
                .at_key()
                .label("what should be asked?")
                .report();
            Probe::Tcp
        }
    }
}

fn http(path: &str, spec: &HealthCheckSpec, at: &At<'_>) -> Probe {
    let printable = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !path.starts_with('/') || !printable {
        at.key("path")
            .error("invalid-path", format!("expected a path, found `{path}`"))
            .label("must begin with `/`, and is ASCII without spaces")
            .report();
    }
    if let Some(host) = spec.host.as_ref().filter(|host| !host::is_host(host)) {
        at.key("host")
            .error("invalid-host", format!("expected a host, found `{host}`"))
            .label("not a Host")
            .report();
    }
    let statuses = spec.statuses.as_ref();
    let statuses = statuses.map_or(Statuses::one(200), |specs| Statuses::check(specs, &at.key("statuses")));
    Probe::Http { path: path.to_owned(), host: spec.host.clone(), statuses }
}
