//! How a transaction stands with rate limits.

use std::sync::Arc;

use transaction::{Rate, Rates};

use super::Evaluation;
use crate::config::Skip;
use crate::decide::Finding;
use crate::limit::{self, Keyed, RateKey, RateLimit};
use crate::policy::RequestFacts;
use crate::snapshot::CompiledPolicy;

impl Evaluation {
    /// The rate limits that hold for the transaction, and what it is counted by. It is to be counted, and
    /// [answered](Evaluation::answer_rates), before [`Evaluation::request_headers`]; where it is not, it is within its limits.
    #[must_use]
    pub fn rate_limits(&self) -> Vec<(Arc<RateLimit>, RateKey)> {
        if self.limits.is_empty() {
            return Vec::new();
        }
        let transaction = &self.transaction;
        let keyed = Keyed {
            transaction,
            asset: self.asset().map_or("", |asset| &asset.name),
            host: &crate::host::normalised(transaction.host()),
            normal_path: &crate::policy::normalised(transaction.path()),
        };
        self.limits.iter().map(|limit| (limit.clone(), keyed.key(limit))).collect()
    }

    /// Says how the transaction stands with rate limits.
    pub fn answer_rates(&mut self, rates: Rates) {
        self.transaction.rates = rates;
    }

    /// The limits that it is one too many for.
    pub fn limits_exceeded(&self) -> impl Iterator<Item = (&Arc<RateLimit>, Rate)> {
        let rates = &self.transaction.rates;
        let with_rate = self.limits.iter().filter_map(|limit| Some((limit, rates.of(&limit.name)?)));
        with_rate.filter(|(_, rate)| rate.is_over)
    }

    /// The header fields `RateLimit-Policy` and `RateLimit`, which tell the client how it stands; `None` where no limit
    /// holds.
    #[must_use]
    pub fn rate_headers(&self) -> Option<(String, String)> {
        limit::fields(&self.limits, &self.transaction.rates)
    }

    /// Whether answers that are not refusals have these as well.
    #[must_use]
    pub fn tells_rates(&self) -> bool {
        !self.limits.is_empty() && self.policy().is_some_and(crate::decide::tells_rates)
    }

    /// Finds the limits that hold: the policy's, then the asset's.
    pub(super) fn begin_limits(&mut self, compiled: &CompiledPolicy) {
        let of_policy = &compiled.policy.rate_limits;
        let of_asset = self.asset().map(|asset| asset.rate_limits.as_slice()).unwrap_or_default();
        // Who is refused anyway is not counted, in any mode.
        let is_counted = !self.is_unwelcome() && !self.is_spared(compiled, Skip::RateLimits);
        if !is_counted || (of_policy.is_empty() && of_asset.is_empty()) {
            return;
        }
        let transaction = &self.transaction;
        let facts = RequestFacts {
            host: "",
            path: transaction.path(),
            normal_path: &crate::policy::normalised(transaction.path()),
            method: &transaction.request.method,
            client: transaction.connection.client_address,
            started_us: transaction.started_us,
        };
        let mut limits: Vec<Arc<RateLimit>> = Vec::new();
        for limit in of_policy.iter().chain(of_asset).filter(|limit| limit.holds(&facts)) {
            if !limits.iter().any(|known| known.index == limit.index) {
                limits.push(limit.clone());
            }
        }
        self.limits = limits;
    }

    pub(super) fn rate_findings(&self) -> impl Iterator<Item = Finding> {
        self.limits_exceeded().map(|(limit, rate)| Finding::RateLimit { limit: limit.clone(), rate })
    }
}

#[cfg(test)]
mod tests;
