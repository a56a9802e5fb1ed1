//! How the proxy stops.

use std::time::Duration;

use super::quantity::duration_at;
use super::{At, DrainSpec};

/// How the proxy stops when it is told to (SIGTERM), and its predecessor when another process takes over (SIGUSR2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long connections are still accepted.
    pub accept: Duration,
    /// How long idle connections are kept after that.
    pub idle: Duration,
    /// When it is over, whatever is in flight.
    pub deadline: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { accept: ACCEPT, idle: IDLE, deadline: DEADLINE }
    }
}

pub(super) fn check(spec: &DrainSpec, at: &At<'_>) -> Drain {
    let accept = duration_at(spec.accept.as_deref(), ACCEPT, &at.key("accept"));
    let idle = duration_at(spec.idle.as_deref(), IDLE, &at.key("idle"));
    let before = accept.saturating_add(idle);
    let deadline = duration_at(spec.deadline.as_deref(), DEADLINE.max(before), &at.key("deadline"));
    if deadline < before {
        at.key("deadline")
            .error("contradiction", "`deadline` is before `accept` and `idle` are over")
            .label(format!("less than {} ms", before.as_millis()))
            .help(
                "requests in flight get what is left of `deadline`: make it longer, or the others shorter"
                    .to_owned(),
            )
            .report();
    }
    Drain { accept, idle, deadline }
}

/// How long connections are still accepted, unless another time is set: who balances load and looks every
/// second sees it.
const ACCEPT: Duration = Duration::from_secs(1);
/// How long idle connections are kept, unless another time is set: a client that sends a request the moment its
/// connection is closed would have to guess what became of it.
const IDLE: Duration = Duration::from_secs(5);
/// When it is over, unless another time is set.
const DEADLINE: Duration = Duration::from_secs(30);
