//! How many of how many are flagged and blocked.

use std::fmt;

use crate::judge::Judged;

/// Requests of one kind, and those of them that the model alone flags at medium, high and critical confidence,
/// that the default policy blocks, and that it would with `minimum_confidence: high`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    all: usize,
    flagged: [usize; 5],
}

impl Tally {
    /// What its columns are.
    pub(crate) fn heading() -> String {
        let columns = ["medium", "high", "critical", "blocked", "blocked at high"];
        format!("{:50} {:>7}{}", "", "all", columns.map(|column| format!(" {column:>17}")).concat())
    }

    /// Counts a request.
    pub(crate) fn add(&mut self, judged: &Judged) {
        self.all += 1;
        let [medium, high, critical] = judged.flagged;
        let blocked = judged.decision.blocked;
        let flags = [medium, high, critical, blocked, blocked || high];
        for (count, is_flagged) in self.flagged.iter_mut().zip(flags) {
            *count += usize::from(is_flagged);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7}", self.all)?;
        for count in self.flagged {
            write!(f, " {count:6} {:8.4} %", 100.0 * count as f64 / self.all.max(1) as f64)?;
        }
        Ok(())
    }
}

/// What is counted in a simulation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    OrdinaryCold,
    OrdinaryLearned,
    OrdinaryPoisoned,
    HostileCold,
    HostileLearned,
    HostilePoisoned,
    AimedCold,
    AimedLearned,
    AimedPoisoned,
}

impl Row {
    /// Whether it counts attacks.
    pub(crate) fn is_hostile(self) -> bool {
        !matches!(self, Self::OrdinaryCold | Self::OrdinaryLearned | Self::OrdinaryPoisoned)
    }

    /// Its line in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::OrdinaryCold => "ordinary requests, cold",
            Self::OrdinaryLearned => "ordinary requests, learned",
            Self::OrdinaryPoisoned => "ordinary requests, learned from poisoned traffic",
            Self::HostileCold => "attacks, cold",
            Self::HostileLearned => "attacks, learned",
            Self::HostilePoisoned => "attacks, learned from poisoned traffic",
            Self::AimedCold => "the poisoner's own attack, cold",
            Self::AimedLearned => "the poisoner's own attack, learned",
            Self::AimedPoisoned => "the poisoner's own attack, learned from it",
        }
    }
}
