//! What is made of the client's address.

use transaction::Shortfall;

use super::Evaluation;
use crate::address::{Admission, Standing};
use crate::config::Skip;
use crate::decide::Finding;
use crate::snapshot::CompiledPolicy;

impl Evaluation {
    /// What the policy makes of the client's address.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    pub(super) fn begin_addresses(&mut self, compiled: &CompiledPolicy) {
        self.admission = compiled.addresses.admit(self.transaction.connection.client_address);
        if self.is_spared(compiled, Skip::Inspection) {
            self.transaction.inspection.note(Shortfall::Exempt);
        }
    }

    /// Whether the client is spared something.
    pub(super) fn is_spared(&self, compiled: &CompiledPolicy, skip: Skip) -> bool {
        matches!(self.admission.standing, Standing::Allowed(_)) && compiled.addresses.skips.contains(&skip)
    }

    /// Whether what is known of the client is enough to refuse it.
    pub(super) fn is_unwelcome(&self) -> bool {
        matches!(self.admission.standing, Standing::Abroad | Standing::Denied(_))
    }

    pub(super) fn address_finding(&self) -> Option<Finding> {
        match &self.admission.standing {
            Standing::Abroad => Some(Finding::Country { country: self.admission.country }),
            Standing::Denied(list) => Some(Finding::Address { list: list.clone() }),
            Standing::Allowed(_) | Standing::Ordinary => None,
        }
    }
}

#[cfg(test)]
mod tests;
