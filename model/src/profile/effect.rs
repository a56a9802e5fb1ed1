//! What a state changes about scores.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Clients, Key, Parameter, Quorum, Sign, State, key};
use crate::ngram::{Stage1, Table};
use crate::stretch::{self, Stretch};
use crate::{GATE, Location};

/// What is known of a site's parameters, ready to be asked for each value that looks strange.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    effects: HashMap<Box<[u8]>, Effect>,
    hash: String,
}

/// What is known of one parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// Buckets of n-grams that are habitual, in ascending order.
    pub buckets: Box<[u16]>,
    /// Rules that habitually match, in ascending order.
    pub rules: Box<[u32]>,
    /// What a value that is not plain scores more, because the parameter never had one (log-odds).
    pub bonus: f32,
}

/// Where in a site a request goes, and what is known of that site.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    /// What is known.
    pub profiles: &'p Profiles,
    /// The site.
    pub site: &'p [u8],
    /// The request's path.
    pub path: &'p [u8],
}

/// What the profile of its parameter changed about a view's score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Adjustment {
    /// Nothing suspicious is left without what is habitual: it would have scored these log-odds.
    Habitual {
        /// Log-odds without the profile.
        cold: f32,
    },
    /// The parameter never had anything but plain values: this was added to the log-odds.
    Novel {
        /// Log-odds that were added.
        bonus: f32,
    },
}

/// Log-odds that a value which is not plain scores more in a parameter that was always plain, if that is
/// known from many requests.
const BONUS: f32 = 2.0;
/// Requests with which half of the bonus is given.
const BONUS_HALF: f32 = 20.0;
/// Requests from which on a parameter at one path is known by itself; before, what is known of it at other
/// paths counts as well.
const OWN_COUNT_MIN: u32 = 10;
/// A value whose n-grams score no more than this, without those that are habitual, is ordinary: it is more
/// like what people send than like an attack.
const ORDINARY: f32 = 0.0;

impl Profiles {
    /// What a state changes.
    #[must_use]
    pub fn new(state: &State, quorum: &Quorum) -> Self {
        let mut anywhere: BTreeMap<Key, Parameter> = BTreeMap::new();
        let mut effects = HashMap::new();
        for (key, parameter) in state.iter() {
            anywhere.entry(key.anywhere()).or_default().merge(parameter);
            if parameter.all() >= OWN_COUNT_MIN {
                let effect = Effect::new(parameter, quorum, state.clients());
                effects.insert(key.as_bytes().into(), effect);
            }
        }
        for (key, parameter) in &anywhere {
            let effect = Effect::new(parameter, quorum, state.clients());
            effects.insert(key.as_bytes().into(), effect);
        }
        Self { effects, hash: state.hash() }
    }

    /// SHA-256 of the state they were made of, shortened to 16 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl Place<'_> {
    /// What is known of a parameter; `buffer` is written to.
    pub(crate) fn effect(&self, location: Location, name: &[u8], buffer: &mut Vec<u8>) -> Option<&Effect> {
        let mut find = |path| {
            buffer.clear();
            key::write(self.site, path, location, name, buffer);
            self.profiles.effects.get(buffer.as_slice())
        };
        find(Some(self.path)).or_else(|| find(None))
    }

    /// Whether a rule habitually matches values of a parameter.
    #[must_use]
    pub fn is_habitual(&self, location: Location, name: &[u8], rule: u32) -> bool {
        let effect = self.effect(location, name, &mut Vec::new());
        effect.is_some_and(|effect| effect.rules.binary_search(&rule).is_ok())
    }
}

impl Effect {
    fn new(parameter: &Parameter, quorum: &Quorum, clients: &Clients) -> Self {
        let (mut buckets, mut rules) = (BTreeSet::new(), BTreeSet::new());
        for indicator in parameter.habitual(quorum, clients) {
            match indicator.sign() {
                Sign::Bucket(bucket) => _ = buckets.insert(bucket),
                Sign::Rule(rule) => _ = rules.insert(rule),
                Sign::Class(_) => {}
            }
        }
        let (buckets, rules) = (buckets.into_iter().collect(), rules.into_iter().collect());
        let mut effect = Self { buckets, rules, bonus: 0.0 };
        if quorum.is_always_plain(parameter) {
            let count = parameter.count as f32;
            effect.bonus = BONUS * count / (count + BONUS_HALF);
        }
        effect
    }

    /// The stage-1 score of a value without what is habitual, if that leaves nothing suspicious in it.
    pub(crate) fn rest(
        &self,
        value: &[u8],
        stage1: &Stage1,
        table: &mut Table,
        weights: &mut Vec<i16>,
    ) -> Option<f32> {
        if self.buckets.is_empty() || stage1.best.score <= GATE && !stretch::has_runs(stage1) {
            return None;
        }
        let rest = table.without(&self.buckets, weights, |table| {
            let stage1 = table.score(value);
            Stretch::highest(value, &stage1, table)
        });
        (rest <= ORDINARY).then_some(rest)
    }
}

#[cfg(test)]
mod tests;
