//! What was learned of sites, and whether that goes on.

use std::time::Duration;

use model::profile::Quorum;
use signatures::Location;

use super::quantity::duration_at;
use super::{At, LearningMode, LearningSpec, QuorumSpec};

/// What was learned of sites, and whether that goes on.
#[derive(Clone, Debug)]
pub struct Learning {
    /// The file that holds it, found from the working directory.
    pub file: String,
    /// Whether the proxy goes on learning.
    pub learns: bool,
    /// How often what was learned takes effect and is written.
    pub every: Duration,
    /// Requests a second that are learned from at most.
    pub requests_per_second_max: u32,
    /// How much must be seen of something before it is usual.
    pub quorum: Quorum,
    /// Where the configuration names the file.
    pub place: Location,
}

/// The same settings, wherever they stand in the text.
impl PartialEq for Learning {
    fn eq(&self, other: &Self) -> bool {
        let settings =
            |it: &Self| (it.file.clone(), it.learns, it.every, it.requests_per_second_max, it.quorum);
        settings(self) == settings(other)
    }
}

pub(super) fn check(spec: &LearningSpec, at: &At<'_>) -> Option<Learning> {
    let place = at.key("file").location();
    let every = every(spec, &at.key("every"));
    let quorum = quorum(&spec.quorum, &at.key("quorum"));
    if spec.file.is_empty() {
        at.key("file").error("empty-path", "the path is empty").label("must name a file").report();
        return None;
    }
    let path = &place.file.path;
    let directory = path.rfind('/').filter(|_| !spec.file.starts_with('/')).map_or("", |at| &path[..=at]);
    Some(Learning {
        file: format!("{directory}{}", spec.file),
        learns: spec.mode == LearningMode::Learn,
        every,
        requests_per_second_max: spec.requests_per_second_max.unwrap_or(REQUESTS_PER_SECOND_MAX),
        quorum,
        place,
    })
}

fn every(spec: &LearningSpec, at: &At<'_>) -> Duration {
    let every = duration_at(spec.every.as_deref(), EVERY, at);
    if !EVERY_RANGE.contains(&every) {
        let found = spec.every.as_deref().unwrap_or_default();
        at.error("out-of-range", format!("expected a duration from 1s to 1h, found `{found}`"))
            .label("out of range")
            .report();
    }
    every
}

fn quorum(spec: &QuorumSpec, at: &At<'_>) -> Quorum {
    let usual = Quorum::default();
    if spec.sources == Some(1) {
        at.key("sources")
            .warning("one-source", "a single client can teach the site what is usual")
            .label("no guard against poisoning")
            .help("4 is the default; 1 is for traffic that all comes from one address".to_owned())
            .report();
    }
    Quorum {
        sources_min: spec.sources.unwrap_or(usual.sources_min),
        windows_min: spec.windows.unwrap_or(usual.windows_min),
        ..usual
    }
}

/// How often what was learned takes effect and is written, unless another time is set.
const EVERY: Duration = Duration::from_secs(60);
/// Profiles are built anew each time, and what was learned since is lost in a crash.
const EVERY_RANGE: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
/// Requests a second that are learned from at most, unless another number is set.
const REQUESTS_PER_SECOND_MAX: u32 = 100;
