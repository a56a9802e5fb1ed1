//! When the next attempt is made, and with which authority: pure functions of time and chance.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::failure::{Pace, Wait};

/// From when until when something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its beginning.
    pub from: SystemTime,
    /// Its end.
    pub until: SystemTime,
}

impl Span {
    /// How long it is.
    #[must_use]
    pub fn length(self) -> Duration {
        self.until.duration_since(self.from).unwrap_or_default()
    }

    /// A time within it; `unit` of 0.0 is its beginning.
    #[must_use]
    pub fn at(self, unit: f64) -> SystemTime {
        self.from + self.length().mul_f64(unit.clamp(0.0, 1.0))
    }
}

/// When a certificate is renewed of which the authority says nothing: at two thirds of its life, and up to a thirtieth later,
/// so that certificates made together are not renewed together. `unit` should stay the same for a certificate.
#[must_use]
pub(crate) fn renewal(life: Span, unit: f64) -> SystemTime {
    life.at(2.0 / 3.0) + life.length().mul_f64(unit.clamp(0.0, 1.0) / 30.0)
}

/// The soonest a certificate may be ordered anew, whatever the authority or a wrong clock says: an hour after it was obtained,
/// or a third of its life if that is less.
#[must_use]
pub(crate) fn soonest(obtained: SystemTime, life: Span) -> SystemTime {
    obtained + HOUR.min(life.length() / 3)
}

/// Whether a certificate is needed by all means: there is none, or less than a sixth of its life is left.
#[must_use]
pub(crate) fn is_pressing(now: SystemTime, life: Option<Span>) -> bool {
    life.is_none_or(|life| now > life.until - life.length() / 6)
}

/// How long to wait after a failure, the `failures`th in a row.
#[must_use]
pub(crate) fn wait(wait: Wait, failures: u32, unit: f64) -> Duration {
    match wait {
        // Not before, and not all at the same moment.
        Wait::Told(time) => {
            let time = time.clamp(TOLD_MIN, TOLD_MAX);
            time + (time / 10).min(Duration::from_secs(60)).mul_f64(unit)
        }
        Wait::Backoff(pace) => backoff(pace, failures, unit),
    }
}

/// Full jitter: anything between the least and a bound that doubles with each failure.
fn backoff(pace: Pace, failures: u32, unit: f64) -> Duration {
    let (least, base, most) = match pace {
        Pace::Quick => (Duration::from_secs(5), Duration::from_secs(30), HOUR),
        Pace::Slow => (Duration::from_secs(120), Duration::from_secs(900), 12 * HOUR),
    };
    let bound = base.saturating_mul(1_u32 << failures.saturating_sub(1).min(16)).min(most);
    least + (bound - least).mul_f64(unit)
}

/// How one authority stands, for one certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Failures in a row (count).
    pub(crate) failures: u32,
    /// It is not asked before this.
    pub(crate) until: Option<SystemTime>,
    /// It refused what the next one may grant.
    pub(crate) refused: bool,
}

impl Standing {
    /// Both at once: an authority's standing for a certificate, and for all.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            failures: self.failures.max(other.failures),
            until: self.until.max(other.until),
            refused: self.refused || other.refused,
        }
    }

    /// Whether the next authority is asked instead, as long as this one is not to be asked anyway.
    fn is_passed_over(&self, now: SystemTime, pressing: bool) -> bool {
        let Some(wait) = self.until.and_then(|until| until.duration_since(now).ok()) else { return false };
        let tried = self.refused || self.failures >= FAILURES_MAX;
        !wait.is_zero() && (tried || (pressing && self.failures > 0 && wait > PATIENCE))
    }
}

/// The next attempt: the authority's index, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// Which authority of the list.
    pub(crate) authority: usize,
    /// When.
    pub(crate) at: SystemTime,
}

/// Which authority is asked next, and when. The first of the list that is not passed over; as long as it is to be left alone, one
/// is passed over that refused, that failed [`FAILURES_MAX`] times in a row, or, when the certificate is pressing, that failed
/// once and is to be left alone for more than [`PATIENCE`]. When all are, it is the one whose time comes first. `None` without any.
#[must_use]
pub(crate) fn choose(
    standings: &[Standing],
    due: SystemTime,
    pressing: bool,
    now: SystemTime,
) -> Option<Next> {
    let at = |standing: &Standing| standing.until.map_or(due, |until| until.max(due));
    let first = standings.iter().position(|standing| !standing.is_passed_over(now.max(due), pressing));
    let authority = first.or_else(|| {
        let times = standings.iter().map(at).enumerate();
        times.min_by_key(|(index, at)| (*at, *index)).map(|(index, _)| index)
    })?;
    Some(Next { authority, at: at(&standings[authority]) })
}

/// Failures in a row after which the next authority is asked (count).
pub(crate) const FAILURES_MAX: u32 = 3;
/// How long an authority may ask to wait that failed, when a certificate is pressing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

const HOUR: Duration = Duration::from_secs(3_600);
const TOLD_MIN: Duration = Duration::from_secs(1);
/// What is longer is asked again after this: somebody may have mended it.
const TOLD_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    fn t(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn span(from: u64, until: u64) -> Span {
        Span { from: t(from), until: t(until) }
    }

    const DAY: u64 = 86_400;

    #[test]
    fn renews_at_two_thirds_and_a_little_later() {
        for (life, unit, expected) in [
            (span(0, 90 * DAY), 0.0, 60 * DAY),
            (span(0, 90 * DAY), 1.0, 63 * DAY),
            (span(DAY, 7 * DAY), 0.0, 5 * DAY),
            (span(0, 6 * DAY), 0.5, 4 * DAY + DAY / 10),
            (span(10, 10), 0.5, 10),
        ] {
            let at = renewal(life, unit).duration_since(t(0)).unwrap_or_default().as_secs_f64();
            assert!((at - expected as f64).abs() < 1.0, "{life:?} {unit}: {at}");
        }
    }

    #[test]
    fn waits_as_told_or_longer_each_time() {
        let quick = Wait::Backoff(Pace::Quick);
        let slow = Wait::Backoff(Pace::Slow);
        for (it, failures, unit, expected) in [
            (Wait::Told(Duration::from_secs(60)), 1, 0.0, 60),
            (Wait::Told(Duration::from_secs(60)), 9, 1.0, 66),
            (Wait::Told(Duration::from_secs(36_000)), 1, 1.0, 36_060),
            (Wait::Told(Duration::ZERO), 1, 0.0, 1),
            (Wait::Told(Duration::from_secs(u64::MAX)), 1, 0.0, 7 * DAY),
            (quick, 1, 0.0, 5),
            (quick, 1, 1.0, 30),
            (quick, 2, 1.0, 60),
            (quick, 100, 1.0, 3_600),
            (slow, 1, 0.0, 120),
            (slow, 1, 1.0, 900),
            (slow, 3, 1.0, 3_600),
            (slow, 100, 1.0, 43_200),
        ] {
            assert_eq!(wait(it, failures, unit).as_secs(), expected, "{it:?} {failures} {unit}");
        }
    }

    /// `failures`, `until` in seconds (0 for none), `refused`.
    fn standings(rows: &[(u32, u64, bool)]) -> Vec<Standing> {
        let standing = |&(failures, until, refused): &(u32, u64, bool)| Standing {
            failures,
            until: (until > 0).then(|| t(until)),
            refused,
        };
        rows.iter().map(standing).collect()
    }

    #[test]
    fn the_next_authority_is_asked_by_stated_criteria() {
        let now = 1_000;
        for (rows, due, pressing, expected) in [
            // The first, when it is due.
            (&[(0, 0, false), (0, 0, false)][..], 5_000, false, Some((0, 5_000))),
            (&[(0, 0, false), (0, 0, false)][..], 500, true, Some((0, 500))),
            // It failed: it is waited for.
            (&[(1, 1_100, false), (0, 0, false)][..], 500, false, Some((0, 1_100))),
            (&[(2, 90_000, false), (0, 0, false)][..], 500, false, Some((0, 90_000))),
            (&[(1, 1_300, false), (0, 0, false)][..], 500, true, Some((0, 1_300))),
            // It asks for more than there is patience for.
            (&[(1, 1_301, false), (0, 0, false)][..], 500, true, Some((1, 500))),
            (&[(1, 1_301, false)][..], 500, true, Some((0, 1_301))),
            // It failed too often, or refused.
            (&[(3, 1_010, false), (0, 0, false)][..], 500, false, Some((1, 500))),
            (&[(1, 90_000, true), (0, 0, false)][..], 500, false, Some((1, 500))),
            // But its time has come again.
            (&[(9, 990, true), (0, 0, false)][..], 500, true, Some((0, 990))),
            (&[(1, 90_000, true), (0, 0, false)][..], 95_000, false, Some((0, 95_000))),
            // All did: whoever's time comes first.
            (&[(3, 2_000, false), (5, 1_500, false)][..], 500, false, Some((1, 1_500))),
            (&[(3, 1_400, true), (5, 1_500, false)][..], 500, true, Some((0, 1_400))),
            (&[][..], 500, true, None),
        ] {
            let found = choose(&standings(rows), t(due), pressing, t(now));
            let expected = expected.map(|(authority, at)| Next { authority, at: t(at) });
            assert_eq!(found, expected, "{rows:?} {due} {pressing}");
        }
    }

    #[test]
    fn a_certificate_presses_in_its_last_sixth() {
        for (now, life, expected) in [
            (0, None, true),
            (0, Some(span(0, 60)), false),
            (50, Some(span(0, 60)), false),
            (51, Some(span(0, 60)), true),
            (100, Some(span(0, 60)), true),
        ] {
            assert_eq!(is_pressing(t(now), life), expected, "{now} {life:?}");
        }
    }
}
