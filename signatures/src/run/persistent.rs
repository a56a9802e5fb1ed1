//! A persistent collection as one transaction sees it.

use std::sync::Arc;

use super::bytes::Bytes;
use super::value::Value;
use crate::collections::{CollectionKey, CollectionStore, Record, Update, UpdateKind};
use crate::{Phase, Variable};

/// A persistent collection as one transaction sees it: the record as it was when rules named it, with what
/// they changed since.
#[derive(Clone, Debug, Default)]
pub(super) struct Persistent {
    /// `None` before `initcol`: what rules set until then is kept for when they name it.
    key: Option<Arc<CollectionKey>>,
    is_new: bool,
    record: Option<Arc<Record>>,
    changes: Changes,
}

/// What was done to a record, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes(Vec<(Phase, Update)>);

/// The changes that belong to one record.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) key: Arc<CollectionKey>,
    pub(super) changes: Changes,
}

impl Persistent {
    /// Names the record; the first name holds for the transaction.
    pub(super) fn open(
        &mut self,
        key: CollectionKey,
        store: Option<&dyn CollectionStore>,
        now_us: i64,
        timeout_s: u32,
    ) {
        if self.key.is_some() {
            return;
        }
        let loaded = store.and_then(|store| store.load(&key, now_us));
        self.is_new = loaded.is_none();
        let mut record = loaded.unwrap_or_else(|| Arc::new(Record::new(now_us, timeout_s)));
        if !self.changes.0.is_empty() {
            let changed = Arc::make_mut(&mut record);
            self.changes.0.iter().for_each(|(_, update)| changed.apply(update, now_us));
        }
        self.record = Some(record);
        self.key = Some(Arc::new(key));
    }

    /// Changes a variable.
    pub(super) fn change(&mut self, phase: Phase, update: Update, now_us: i64) {
        let record = self.record.get_or_insert_with(Arc::default);
        Arc::make_mut(record).apply(&update, now_us);
        self.changes.push(phase, update);
    }

    /// The value of that name.
    pub(super) fn value<'t>(&self, variable: Variable, name: &[u8], now_us: i64) -> Option<Value<'t>> {
        let built_in = Record::BUILT_IN.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name));
        if let Some(built_in) = built_in {
            return self.built_in(variable, built_in, now_us);
        }
        let value = self.record.as_ref()?.get(name)?;
        Some(Value::named(variable, name.to_vec(), Bytes::Shared(value.clone())))
    }

    /// All values.
    pub(super) fn values<'t>(&self, variable: Variable, now_us: i64) -> impl Iterator<Item = Value<'t>> {
        let built_in = Record::BUILT_IN.iter().filter_map(move |name| self.built_in(variable, name, now_us));
        let variables = self.record.iter().flat_map(|record| record.iter());
        built_in.chain(variables.map(move |(name, value)| {
            Value::named(variable, Bytes::Shared(name.clone()), Bytes::Shared(value.clone()))
        }))
    }

    fn built_in<'t>(&self, variable: Variable, name: &'static str, now_us: i64) -> Option<Value<'t>> {
        let key = self.key.as_ref()?;
        let bytes = match name {
            "IS_NEW" => Bytes::Borrowed(if self.is_new { b"1" } else { b"0" }),
            "KEY" => key.key().to_vec().into(),
            _ => self.record.as_ref()?.built_in(name, now_us)?.to_string().into(),
        };
        Some(Value::named(variable, name.as_bytes(), bytes))
    }

    /// What was changed of a record that has a name.
    pub(super) fn committed(&self) -> Option<Committed> {
        let key = self.key.clone().filter(|_| !self.changes.0.is_empty())?;
        Some(Committed { key, changes: self.changes.clone() })
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Changes {
    /// Adds an update; what exceeds the bound is left out, as variables of a full record are.
    fn push(&mut self, phase: Phase, update: Update) {
        let is_same = |(earlier, known): &(Phase, Update)| *earlier == phase && known.name == update.name;
        let last = self.0.iter().rposition(is_same).and_then(|at| self.0.get_mut(at));
        match (last.map(|(_, known)| &mut known.kind), update.kind) {
            // One addition for each value that matched is one addition.
            (Some(UpdateKind::Add(sum)), UpdateKind::Add(more)) => *sum = sum.saturating_add(more),
            (Some(old @ UpdateKind::Set(_)), new @ UpdateKind::Set(_)) => *old = new,
            (_, kind) => {
                if self.0.len() < CHANGES_MAX {
                    self.0.push((phase, Update { name: update.name, kind }));
                }
            }
        }
    }

    /// Joins what another segment of the same body did. What both did was done once: segments overlap, and a
    /// rule that matches in several of them has matched once.
    pub(super) fn join_segment(&mut self, earlier: &Self) {
        for (phase, update) in &earlier.0 {
            let wanted = times(&earlier.0, *phase, update);
            if *phase == Phase::RequestBody
                && times(&self.0, *phase, update) < wanted
                && self.0.len() < CHANGES_MAX
            {
                self.0.push((*phase, update.clone()));
            }
        }
    }

    pub(super) fn into_updates(self) -> Vec<Update> {
        self.0.into_iter().map(|(_, update)| update).collect()
    }
}

fn times(changes: &[(Phase, Update)], phase: Phase, update: &Update) -> usize {
    changes.iter().filter(|(other, known)| *other == phase && known == update).count()
}

/// Changes of one collection in one transaction (count).
const CHANGES_MAX: usize = 512;

#[cfg(test)]
mod tests;
