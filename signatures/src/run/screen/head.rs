//! What screening said in phase 1, for the phases after it.
//!
//! Most of what rules look at is in the request's head, which is complete in phase 1 and stays. So phase 1
//! screens it for the rules of all phases, and the others screen what is new.

use super::candidates::Candidate;

/// What screening said of the request's head in phase 1; nothing, when that phase was not screened.
#[derive(Debug, Default)]
pub(in crate::run) struct Head {
    /// What rules of later phases look at.
    pub(super) found: Vec<Candidate>,
    /// For variables that were screened, by their place, how many of their values; all, when none can follow.
    screened: Vec<(usize, usize)>,
}

impl Head {
    pub(super) fn clear(&mut self) {
        self.found.clear();
        self.screened.clear();
    }

    /// Notes that so many values of the variable at that place were screened.
    pub(super) fn note(&mut self, variable: usize, values: usize) {
        self.screened.push((variable, values));
    }

    /// How many values of the variable at that place need not be screened again.
    pub(super) fn screened(&self, variable: usize) -> usize {
        self.screened.iter().find(|(place, _)| *place == variable).map_or(0, |(_, values)| *values)
    }
}
