//! Lists in the DNS, asked of clients' addresses before rules run (`@rbl`).
//!
//! Rules never wait: a request asks for its client's address beforehand, waits for the answers up to the configured time, and
//! goes on with what is known then. Questions go on by themselves: what is answered late is there for the client's next
//! request. Answers, "not listed" and "no answer" among them, are kept in a cache; how many there are, and how many questions
//! are under way, is bounded. One question is asked once, whoever waits for it.

mod cache;
mod resolver;

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use engine::config::Rbl;
use signatures::operator::Zone;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use transaction::{Listing, Listings};

use crate::report::Metrics;
use cache::{Awaited, Cache, Found};
use resolver::Resolver;

/// Lists in the DNS, and what they said.
pub(crate) struct Lists {
    settings: Rbl,
    resolver: Arc<Resolver>,
    cache: Arc<Cache>,
    /// Questions that may still be asked.
    permits: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// A list and an address.
type Question = (Zone, IpAddr);

impl Lists {
    /// Finds the name servers. Must be called within a tokio runtime.
    pub(crate) fn start(settings: &Rbl, metrics: &Arc<Metrics>) -> io::Result<Self> {
        Ok(Self {
            settings: settings.clone(),
            resolver: Arc::new(Resolver::start(settings)?),
            cache: Arc::new(Cache::new(settings.entries_max)),
            permits: Arc::new(Semaphore::new(settings.lookups_max)),
            metrics: Arc::clone(metrics),
        })
    }

    /// Whether it is what these settings want; the system's name servers may be others by now.
    pub(crate) fn fits(&self, settings: &Rbl) -> bool {
        self.settings == *settings && !settings.name_servers.is_empty()
    }

    /// What lists say of an address, as far as they answer in time.
    pub(crate) async fn ask(&self, address: IpAddr, zones: &[Zone]) -> Listings {
        let deadline = Instant::now() + self.settings.timeout;
        let address = address.to_canonical();
        let asked: Vec<_> = zones.iter().map(|zone| (zone, self.find((zone.clone(), address)))).collect();
        let mut listings = Listings::default();
        for (zone, found) in asked {
            let listing = match found {
                Found::Known(listing) => listing,
                Found::Awaited(awaited) | Found::Begun(_, awaited) => answer(awaited, deadline).await,
                Found::Refused => Listing::Unanswered,
            };
            listings.set(zone.name(), listing);
        }
        listings
    }

    /// What is known, or what is waited for.
    fn find(&self, question: Question) -> Found {
        let mut permit = None;
        let mut may = || {
            permit = Arc::clone(&self.permits).try_acquire_owned().ok();
            permit.is_some()
        };
        let (said, awaited) = match self.cache.find(&question, Instant::now(), &mut may) {
            Found::Begun(said, awaited) => (said, awaited),
            Found::Refused => {
                self.metrics.lists.dropped();
                return Found::Refused;
            }
            found => {
                self.metrics.lists.cached();
                return found;
            }
        };
        let (resolver, cache, metrics) =
            (Arc::clone(&self.resolver), Arc::clone(&self.cache), Arc::clone(&self.metrics));
        tokio::spawn(async move {
            let (zone, address) = &question;
            let (listing, kept) = resolver.ask(&zone.question(*address)).await;
            drop(permit);
            metrics.lists.answered(listing);
            cache.keep(question, listing, Instant::now() + kept);
            said.send_replace(Some(listing));
        });
        Found::Awaited(awaited)
    }
}

/// The answer, if it comes in time.
async fn answer(mut awaited: Awaited, deadline: Instant) -> Listing {
    match timeout_at(deadline, awaited.wait_for(Option::is_some)).await {
        Ok(Ok(listing)) => listing.unwrap_or(Listing::Unanswered),
        Ok(Err(_)) | Err(_) => Listing::Unanswered,
    }
}
