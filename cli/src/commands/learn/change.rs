//! What differs between two states.

use std::collections::BTreeSet;

use model::profile::{Key, Quorum, State, Summary};

/// A parameter that is known differently.
pub(super) struct Change {
    pub(super) key: Key,
    pub(super) before: Option<Summary>,
    pub(super) after: Option<Summary>,
}

/// The parameters whose summaries differ, in the order of their keys.
pub(super) fn between(before: &State, after: &State, quorum: &Quorum) -> Vec<Change> {
    let keys: BTreeSet<&Key> = before.iter().chain(after.iter()).map(|(key, _)| key).collect();
    let summary =
        |state: &State, key: &Key| state.get(key).map(|it| Summary::new(key, it, quorum, state.clients()));
    let changes = keys.into_iter().map(|key| Change {
        key: key.clone(),
        before: summary(before, key),
        after: summary(after, key),
    });
    changes.filter(|change| change.before != change.after).collect()
}
