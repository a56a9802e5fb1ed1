//! Sets of statuses.

use crate::config::At;
use crate::config::spec::StatusSpec;

/// A set of statuses: ranges, both ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statuses(Vec<(u16, u16)>);

impl Statuses {
    /// One status alone.
    #[must_use]
    pub fn one(status: u16) -> Self {
        Self(vec![(status, status)])
    }

    /// Whether a status is one of them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    pub(super) fn check(specs: &[StatusSpec], at: &At<'_>) -> Self {
        let parse = |(index, spec): (usize, &StatusSpec)| match spec {
            StatusSpec::Status(status) => in_range(*status, *status, &status.to_string(), &at.item(index)),
            StatusSpec::Range(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                let number = |text: &str| text.trim().parse().unwrap_or(0);
                in_range(number(first), number(last), text, &at.item(index))
            }
        };
        Self(specs.iter().enumerate().filter_map(parse).collect())
    }
}

fn in_range(first: u16, last: u16, text: &str, at: &At<'_>) -> Option<(u16, u16)> {
    if first >= 100 && first <= last && last < 600 {
        return Some((first, last));
    }
    at.error("invalid-status", format!("expected a status or a range of them, found `{text}`"))
        .label("not a status")
        .help("write `204` or `200-299`".to_owned())
        .report();
    None
}
