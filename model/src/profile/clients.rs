//! How clients behave: who may say that something critical is usual.

use std::collections::BTreeMap;

use super::{When, Windows};

/// What clients sent, to all sites together, of those with the smallest hashes: a sample that is the same whoever draws it, so that
/// replicas that each saw a part of the traffic know together what one would that saw all.
///
/// Parameters keep the smallest hashes of their sources, too ([`super::Distinct`]): where anything is known of a parameter's sources,
/// it is of those that are in this sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    conducts: BTreeMap<u32, Conduct>,
}

/// What one client sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conduct {
    /// Requests with nothing suspicious in them.
    pub ordinary: u32,
    /// Requests that the model calls critical by itself.
    pub critical: u32,
    /// When it sent the ordinary ones.
    pub windows: Windows,
}

impl Conduct {
    /// Whether it is a client as others are: it uses the site, came back, and does not mostly send what looks like attacks. Who
    /// looks for holes is none, from however many addresses.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.ordinary >= ORDINARY_MIN && self.windows.count() >= WINDOWS_MIN && self.critical <= self.ordinary
    }

    fn merge(&mut self, other: &Self) {
        self.ordinary = self.ordinary.saturating_add(other.ordinary);
        self.critical = self.critical.saturating_add(other.critical);
        self.windows.merge(&other.windows);
    }
}

impl Clients {
    /// Clients that are kept (count).
    pub const MAX: usize = 16_384;

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.conducts.len()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conducts.is_empty()
    }

    /// Memory that they take (bytes), about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // Nodes of the tree are two thirds full, about.
        self.len() * size_of::<(u32, Conduct)>() * 3 / 2
    }

    /// All of them, in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Conduct)> {
        self.conducts.iter().map(|(source, conduct)| (*source, conduct))
    }

    /// A client sent an ordinary request.
    pub(super) fn saw_ordinary(&mut self, when: When) {
        let mut windows = Windows::default();
        windows.add(when.window);
        self.add(when.source, &Conduct { ordinary: 1, critical: 0, windows });
    }

    /// A client sent one that is critical.
    pub(super) fn saw_critical(&mut self, when: When) {
        let conduct = Conduct { critical: 1, ..Conduct::default() };
        self.add(when.source, &conduct);
    }

    /// Adds what was read or counted elsewhere.
    pub(super) fn add(&mut self, source: u32, conduct: &Conduct) {
        if let Some(known) = self.conducts.get_mut(&source) {
            return known.merge(conduct);
        }
        if self.len() >= Self::MAX {
            // What was dropped once does not come back: it would be known in part.
            if self.conducts.last_key_value().is_some_and(|(last, _)| *last < source) {
                return;
            }
            self.conducts.pop_last();
        }
        self.conducts.insert(source, *conduct);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.conducts.iter().for_each(|(source, conduct)| self.add(*source, conduct));
    }

    /// How many of these clients are as others are.
    #[must_use]
    pub fn good(&self, sources: &[u32]) -> u32 {
        let conducts = sources.iter().filter_map(|source| self.conducts.get(source));
        conducts.filter(|conduct| conduct.is_good()).count() as u32
    }
}

/// Ordinary requests of a client that is as others are, at least.
const ORDINARY_MIN: u32 = 10;
/// Windows of time in which it sent those, at least.
const WINDOWS_MIN: u32 = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Requests of (client, window, whether it is critical).
    fn clients(requests: impl IntoIterator<Item = (u32, u32, bool)>) -> Clients {
        let mut clients = Clients::default();
        for (source, window, is_critical) in requests {
            let when = When { source, window };
            if is_critical {
                clients.saw_critical(when);
            } else {
                clients.saw_ordinary(when);
            }
        }
        clients
    }

    #[test]
    fn good_are_those_who_use_the_site() {
        for (ordinary, windows, critical, expected) in [
            (0, 1, 0, 0),
            (10, 2, 0, 1),
            (9, 2, 0, 0),
            (10, 1, 0, 0),
            (10, 2, 10, 1),
            (10, 2, 11, 0),
            (0, 1, 500, 0),
        ] {
            let ordinary = (0..ordinary).map(|request| (7, request % windows, false));
            let clients = clients(ordinary.chain((0..critical).map(|window| (7, window, true))));
            assert_eq!(clients.good(&[7, 8]), expected);
        }
    }

    #[test]
    fn those_with_the_smallest_hashes_are_kept() {
        let many = 3 * Clients::MAX as u32;
        let kept = clients((0..many).rev().map(|source| (source, 1, false)));
        assert_eq!(kept.len(), Clients::MAX);
        assert!(kept.iter().all(|(source, ..)| (source as usize) < Clients::MAX));
        let mut again = kept.clone();
        again.saw_ordinary(When { source: many, window: 1 });
        assert_eq!(again, kept);
    }

    proptest! {
        #[test]
        fn replicas_know_together_what_one_would(
            requests in prop::collection::vec((0..5_u32, 0..9_u32, any::<bool>()), 0..60),
            cut: prop::sample::Index,
        ) {
            let (first, second) = requests.split_at(cut.index(requests.len() + 1).min(requests.len()));
            let mut both = clients(second.iter().copied());
            both.merge(&clients(first.iter().copied()));
            prop_assert_eq!(both, clients(requests));
        }
    }
}
