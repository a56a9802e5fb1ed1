//! One record of a persistent collection, and how rules change it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::text::leading_number;

/// One record of a persistent collection: variables by name, compared without ASCII case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub(super) variables: BTreeMap<Arc<[u8]>, Stored>,
    /// Bytes of all names and values.
    pub(super) bytes: usize,
    pub(super) created_us: i64,
    /// When a transaction changed it last; `None` before the first did.
    pub(super) updated_us: Option<i64>,
    /// How many transactions changed it.
    pub(super) updates: u64,
    /// Seconds after the last update for which it lives.
    pub(super) timeout_s: u32,
}

/// A variable of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// As the first assignment spelled it.
    pub(super) name: Arc<[u8]>,
    pub(super) value: Arc<[u8]>,
    /// `expirevar`.
    pub(super) expires_us: Option<i64>,
    /// Up to when `deprecatevar` has taken away; at first, when the variable was made.
    pub(super) decayed_us: i64,
}

/// What a rule did to a variable of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The variable's name, as the rule spells it.
    pub name: Arc<[u8]>,
    /// What was done.
    pub kind: UpdateKind,
}

/// What a rule does to a variable of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// `setvar:ip.x=+n`, `setvar:ip.x=-n`: adds to whatever the value is by then.
    Add(i64),
    /// `deprecatevar:ip.x=amount/period`.
    Decay {
        /// What is taken away each time, down to 0.
        amount: i64,
        /// How often that is (seconds, not 0).
        period_s: u32,
    },
    /// `expirevar:ip.x=seconds`: gone from then on (microseconds since the Unix epoch).
    Expire(i64),
    /// `setvar:ip.x=value`.
    Set(Arc<[u8]>),
    /// `setvar:!ip.x`.
    Unset,
}

impl Record {
    /// A record without variables, that lives for `timeout_s` seconds after its last update.
    #[must_use]
    pub fn new(now_us: i64, timeout_s: u32) -> Self {
        Self { created_us: now_us, timeout_s, ..Self::default() }
    }

    /// The value of a variable that rules set.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<[u8]>> {
        Some(&self.variables.get(name.to_ascii_lowercase().as_slice())?.value)
    }

    /// The variables that rules set, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<[u8]>, &Arc<[u8]>)> {
        self.variables.values().map(|stored| (&stored.name, &stored.value))
    }

    /// What the record says of itself: a number for each name of [`Record::BUILT_IN`] but `IS_NEW` and `KEY`.
    /// `None` for other names, and for what there is not yet.
    #[must_use]
    pub fn built_in(&self, name: &str, now_us: i64) -> Option<i64> {
        let seconds = |us: i64| us.div_euclid(1_000_000);
        let updates = i64::try_from(self.updates).unwrap_or(i64::MAX);
        Some(match name {
            "CREATE_TIME" => seconds(self.created_us),
            "LAST_UPDATE_TIME" => seconds(self.updated_us?),
            "TIMEOUT" => i64::from(self.timeout_s),
            "UPDATE_COUNTER" => updates,
            // Updates a minute since it was made.
            "UPDATE_RATE" => {
                let age_s = seconds(now_us).saturating_sub(seconds(self.created_us));
                updates.saturating_mul(60).checked_div(age_s.max(0)).unwrap_or(0)
            }
            _ => return None,
        })
    }

    /// What every record says of itself (ModSecurity v3 reference, "Persistent Storage"). Of these, rules may
    /// set `TIMEOUT` alone.
    pub const BUILT_IN: [&str; 7] =
        ["CREATE_TIME", "IS_NEW", "KEY", "LAST_UPDATE_TIME", "TIMEOUT", "UPDATE_COUNTER", "UPDATE_RATE"];

    /// Applies an update at `now_us`. A record that is full keeps what it has.
    pub fn apply(&mut self, update: &Update, now_us: i64) {
        let lower = update.name.to_ascii_lowercase();
        if let Some(name) = Self::BUILT_IN.iter().find(|name| name.as_bytes().eq_ignore_ascii_case(&lower)) {
            return self.apply_built_in(name, &update.kind);
        }
        match &update.kind {
            UpdateKind::Add(amount) => {
                let old = self.variables.get(lower.as_slice()).map_or(0, |it| leading_number(&it.value));
                let sum = old.saturating_add(*amount).to_string();
                self.set(lower, &update.name, sum.as_bytes().into(), now_us);
            }
            UpdateKind::Set(value) => self.set(lower, &update.name, value.clone(), now_us),
            UpdateKind::Unset => self.remove(&lower),
            UpdateKind::Expire(at_us) => {
                if let Some(stored) = self.variables.get_mut(lower.as_slice()) {
                    stored.expires_us = Some(*at_us);
                }
            }
            UpdateKind::Decay { amount, period_s } => self.decay(lower, *amount, *period_s, now_us),
        }
    }

    fn apply_built_in(&mut self, name: &str, kind: &UpdateKind) {
        let old = i64::from(self.timeout_s);
        let new = match (name, kind) {
            ("TIMEOUT", UpdateKind::Set(value)) => leading_number(value),
            ("TIMEOUT", UpdateKind::Add(amount)) => old.saturating_add(*amount),
            _ => return,
        };
        self.timeout_s = u32::try_from(new.max(0)).unwrap_or(u32::MAX);
    }

    fn set(&mut self, lower: Vec<u8>, name: &Arc<[u8]>, value: Arc<[u8]>, now_us: i64) {
        let is_full = self.variables.len() >= VARIABLES_MAX;
        let old = self.variables.get_mut(lower.as_slice());
        let freed = old.as_ref().map_or(0, |old| old.name.len() + old.value.len());
        let bytes = self.bytes - freed + name.len() + value.len();
        if bytes > BYTES_MAX {
            return;
        }
        match old {
            // Its name is as long as the one it has.
            Some(old) => (self.bytes, old.value) = (bytes, value),
            None if is_full => {}
            None => {
                self.bytes = bytes;
                let stored = Stored { name: name.clone(), value, expires_us: None, decayed_us: now_us };
                self.variables.insert(lower.into(), stored);
            }
        }
    }

    fn remove(&mut self, lower: &[u8]) {
        if let Some(stored) = self.variables.remove(lower) {
            self.bytes -= stored.name.len() + stored.value.len();
        }
    }

    fn decay(&mut self, lower: Vec<u8>, amount: i64, period_s: u32, now_us: i64) {
        let Some(stored) = self.variables.get_mut(lower.as_slice()) else { return };
        let period_us = i64::from(period_s.max(1)) * 1_000_000;
        let times = now_us.saturating_sub(stored.decayed_us).div_euclid(period_us);
        if times <= 0 {
            return;
        }
        // Whole periods only: what is left of the last one counts the next time.
        stored.decayed_us = stored.decayed_us.saturating_add(times.saturating_mul(period_us));
        let name = stored.name.clone();
        let old = leading_number(&stored.value);
        let new = old.saturating_sub(amount.saturating_mul(times)).max(0).min(old.max(0));
        self.set(lower, &name, new.to_string().as_bytes().into(), now_us);
    }

    /// Notes that a transaction changed it.
    pub(super) fn touch(&mut self, now_us: i64) {
        self.updated_us = Some(self.updated_us.unwrap_or(now_us).max(now_us));
        self.updates = self.updates.saturating_add(1);
    }

    /// Whether its time is over.
    pub(super) fn has_expired(&self, now_us: i64) -> bool {
        let last = self.updated_us.unwrap_or(self.created_us);
        now_us.saturating_sub(last) >= i64::from(self.timeout_s).saturating_mul(1_000_000)
    }

    /// Whether a variable's time is over.
    pub(super) fn has_stale(&self, now_us: i64) -> bool {
        self.variables.values().any(|stored| stored.is_stale(now_us))
    }

    /// Forgets the variables whose time is over.
    pub(super) fn forget_stale(&mut self, now_us: i64) {
        let stale: Vec<_> = self
            .variables
            .iter()
            .filter(|(_, stored)| stored.is_stale(now_us))
            .map(|(lower, _)| lower.clone())
            .collect();
        stale.iter().for_each(|lower| self.remove(lower));
    }
}

impl Stored {
    fn is_stale(&self, now_us: i64) -> bool {
        self.expires_us.is_some_and(|expires_us| expires_us <= now_us)
    }
}

/// Variables of one record (count): names may be made of what clients sent.
const VARIABLES_MAX: usize = 256;

/// Bytes of the names and values of one record (bytes).
const BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn update(name: &str, kind: UpdateKind) -> Update {
        Update { name: name.as_bytes().into(), kind }
    }

    fn set(name: &str, value: &str) -> Update {
        update(name, UpdateKind::Set(value.as_bytes().into()))
    }

    fn value(record: &Record, name: &str) -> Option<String> {
        record.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    const SECOND: i64 = 1_000_000;

    #[test]
    fn updates_change_a_variable() {
        let decay = |amount, period_s| update("x", UpdateKind::Decay { amount, period_s });
        let add = |amount| update("x", UpdateKind::Add(amount));
        /// Updates with the seconds at which they come, and the value after them.
        type Row<'r> = (&'r [(i64, Update)], Option<&'r str>);
        let rows: &[Row<'_>] = &[
            (&[(0, set("x", "a"))], Some("a")),
            (&[(0, add(2)), (0, add(-5))], Some("-3")),
            (&[(0, set("X", "7")), (0, add(1))], Some("8")),
            (&[(0, set("x", "7")), (0, update("x", UpdateKind::Unset))], None),
            (&[(0, set("x", "100")), (299, decay(60, 300))], Some("100")),
            (&[(0, set("x", "100")), (300, decay(60, 300))], Some("40")),
            (&[(0, set("x", "100")), (900, decay(60, 300))], Some("0")),
            (&[(0, set("x", "100")), (450, decay(60, 300)), (600, decay(5, 300))], Some("35")),
            (&[(0, set("x", "-3")), (900, decay(60, 300))], Some("0")),
            (&[(0, decay(1, 1))], None),
            (&[(0, set("y", "1")), (0, update("x", UpdateKind::Expire(1)))], None),
        ];
        for (updates, expected) in rows {
            let mut record = Record::new(0, 3600);
            updates.iter().for_each(|(at_s, update)| record.apply(update, at_s * SECOND));
            assert_eq!(value(&record, "x").as_deref(), *expected, "{updates:?}");
        }
    }

    #[test]
    fn says_of_itself_what_the_reference_lists() {
        let mut record = Record::new(100 * SECOND, 3600);
        assert_eq!(record.built_in("LAST_UPDATE_TIME", 100 * SECOND), None);
        record.apply(&set("timeout", "60"), 100 * SECOND);
        record.apply(&set("create_time", "1"), 100 * SECOND);
        record.touch(110 * SECOND);
        record.touch(130 * SECOND);
        for (name, expected) in [
            ("CREATE_TIME", 100),
            ("LAST_UPDATE_TIME", 130),
            ("TIMEOUT", 60),
            ("UPDATE_COUNTER", 2),
            ("UPDATE_RATE", 4),
        ] {
            assert_eq!(record.built_in(name, 130 * SECOND), Some(expected), "{name}");
        }
        assert!(record.iter().next().is_none(), "what a record says of itself is no variable of it");
        assert!(!record.has_expired(189 * SECOND) && record.has_expired(190 * SECOND));
    }

    #[test]
    fn is_bounded() {
        let mut record = Record::new(0, 3600);
        for index in 0..VARIABLES_MAX + 10 {
            record.apply(&set(&index.to_string(), "x"), 0);
        }
        assert_eq!(record.iter().count(), VARIABLES_MAX);
        record.apply(&set("1", &"x".repeat(BYTES_MAX)), 0);
        assert_eq!(value(&record, "1").as_deref(), Some("x"), "too long: kept as it was");
        for index in 0..VARIABLES_MAX {
            record.apply(&update(&index.to_string(), UpdateKind::Unset), 0);
        }
        assert_eq!((record.bytes, record.variables.len()), (0, 0));
    }
}
