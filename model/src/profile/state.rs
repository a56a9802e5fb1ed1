//! What was learned, of all parameters.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::parameter::Value;
use super::{Clients, Key, Parameter, Quorum};

/// What was learned, and from whom. Merging two adds counts and unites sources and windows: associative and commutative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub(super) parameters: BTreeMap<Key, Parameter>,
    pub(super) clients: Clients,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Parameters (count).
    pub parameters_max: usize,
    /// Parameters of one site (count).
    pub site_parameters_max: usize,
    /// Indicators of one parameter (count).
    pub indicators_max: usize,
    /// Indicators of all parameters (count).
    pub all_indicators_max: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            parameters_max: 10_000,
            site_parameters_max: 5_000,
            indicators_max: 512,
            all_indicators_max: 300_000,
        }
    }
}

impl State {
    /// How many parameters are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// What is known of a parameter.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Parameter> {
        self.parameters.get(key)
    }

    /// All parameters, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Parameter)> {
        self.parameters.iter()
    }

    /// Memory that it takes (bytes), about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let each = |(key, parameter): (&Key, &Parameter)| {
            size_of::<Key>() + key.as_bytes().len() + parameter.bytes()
        };
        self.iter().map(each).sum::<usize>() + self.clients.bytes()
    }

    /// Those who sent it.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Counts a parameter of one more request; says how many indicators are new.
    pub(super) fn add(&mut self, key: Key, value: &Value, source: u32, window: u32) -> usize {
        self.parameters.entry(key).or_default().add(value, source, window)
    }

    /// Counts a parameter that the model doubts, of one more request that it calls critical; says how many indicators are new.
    pub(super) fn add_critical(&mut self, key: Key, value: &Value, source: u32, window: u32) -> usize {
        self.parameters.entry(key).or_default().add_critical(value, source, window)
    }

    /// Adds what was learned elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.clients.merge(&other.clients);
        for (key, parameter) in &other.parameters {
            match self.parameters.entry(key.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert(parameter.clone());
                }
                Entry::Occupied(mut entry) => entry.get_mut().merge(parameter),
            }
        }
    }

    /// Forgets parameters, and with the last of them who sent them; says how many.
    pub fn forget(&mut self, mut which: impl FnMut(&Key) -> bool) -> usize {
        let before = self.len();
        self.parameters.retain(|key, _| !which(key));
        if self.is_empty() {
            self.clients = Clients::default();
        }
        before - self.len()
    }

    /// Drops what is above the caps. Parameters that are known from several sources and windows of time are
    /// dropped last, so that nobody displaces them with names that he makes up; of the others, those not
    /// seen for longest go first.
    pub fn trim(&mut self, caps: &Caps, quorum: &Quorum) {
        let mut sites: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        self.parameters.keys().for_each(|key| *sites.entry(key.site().to_vec()).or_default() += 1);
        for (site, _) in sites.iter().filter(|(_, count)| **count > caps.site_parameters_max) {
            self.drop_weakest(caps.site_parameters_max, quorum, |key| key.site() == site.as_slice());
        }
        if self.len() > caps.parameters_max {
            self.drop_weakest(caps.parameters_max, quorum, |_| true);
        }
        for parameter in self.parameters.values_mut() {
            parameter.trim(caps.indicators_max, quorum);
            parameter.trim_critical(caps.indicators_max);
        }
        self.trim_critical(caps);
        self.trim_indicators(caps, quorum);
    }

    fn drop_weakest(&mut self, wanted: usize, quorum: &Quorum, of: impl Fn(&Key) -> bool) {
        let strength = |it: &Parameter| (quorum.is_established(it), it.last_window(), it.windows.count());
        let those = self.parameters.iter().filter(|(key, _)| of(key));
        let mut ranked: Vec<_> = those.map(|(key, it)| (strength(it), key.clone())).collect();
        ranked.sort_unstable();
        // Some room is made at once, because ranking takes time.
        let dropped = ranked.len().saturating_sub(wanted - wanted / 16);
        for (_, key) in &ranked[..dropped] {
            self.parameters.remove(key);
        }
    }

    /// What critical requests have may take a quarter of the room, so that attacks do not push out what is ordinary.
    fn trim_critical(&mut self, caps: &Caps) {
        let mut each = caps.indicators_max;
        let all = |it: &Self| it.parameters.values().map(Parameter::critical_indicators).sum::<usize>();
        while all(self) > caps.all_indicators_max / 4 && each > 0 {
            each = each * 3 / 4;
            self.parameters.values_mut().for_each(|it| it.trim_critical(each));
        }
    }

    /// With too many indicators in all, each parameter may keep fewer.
    fn trim_indicators(&mut self, caps: &Caps, quorum: &Quorum) {
        let mut each = caps.indicators_max;
        while self.indicators() > caps.all_indicators_max && each > 0 {
            each = each * 3 / 4;
            self.parameters.values_mut().for_each(|it| it.trim(each, quorum));
        }
    }

    /// How many indicators are kept of all parameters.
    #[must_use]
    pub fn indicators(&self) -> usize {
        self.parameters.values().map(|it| it.indicators.len() + it.critical_indicators()).sum()
    }
}
