//! One link of a chain: its values, transformations and operator.

use std::ops::{Deref, Range};
use std::rc::Rc;

use super::bytes::Bytes;
use super::cache::transform_once;
use super::evaluation::Evaluation;
use super::scope::{RULE_FIELDS, rule_field};
use super::trace::{TraceEvent, TraceKind, VALUE_BYTES_MAX};
use super::value::Value;
use super::variables::{self, Listed};
use crate::operator::{Captures, GeoDatabase, Operator, Zone};
use crate::{Action, Link, Rule, Sanitise, Selector, Target, Variable};

/// A value that matched, and where.
#[derive(Clone)]
pub(super) struct Found<'t> {
    pub(super) value: Value<'t>,
    pub(super) range: Range<usize>,
}

/// The values of a target: listed for the phase, or made for this link.
enum Values<'t> {
    Listed(Rc<Vec<Value<'t>>>),
    Made(Vec<Value<'t>>),
    /// `TX:name`, which a third of CRS asks for: no list is made.
    One(Option<Value<'t>>),
}

impl<'t> Deref for Values<'t> {
    type Target = [Value<'t>];

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Listed(values) => values,
            Self::Made(values) => values,
            Self::One(value) => value.as_slice(),
        }
    }
}

/// The link under test, with what is needed to name it.
#[derive(Clone, Copy)]
struct Place<'r> {
    rule: &'r Rule,
    rule_index: u32,
    link: &'r Link,
    index: usize,
}

impl<'r, 't> Evaluation<'r, 't> {
    /// Whether a link matches; runs `setvar` for each value that does.
    pub(super) fn link(&mut self, rule: &'r Rule, rule_index: u32, index: usize) -> bool {
        let Some(link) = rule.links.get(index) else { return false };
        let place = Place { rule, rule_index, link, index };
        let matched = self.begin_matches();
        let earlier = std::mem::replace(&mut self.matched_before, matched);
        self.recycle(earlier);
        if link.targets.is_empty() {
            // `SecAction`: nothing to look at, always a match; what matched before stays visible.
            self.matched = Rc::clone(&self.matched_before);
            self.set_variables(place);
            return true;
        }
        let before = self.evidence.len();
        for target in &link.targets {
            self.target(place, target);
        }
        if self.evidence.len() > before {
            // The last link that looked at the transaction itself says best what was found.
            self.evidence.drain(..before);
        }
        if self.matched.is_empty() {
            self.trace(rule, index, || TraceKind::NoMatch);
        }
        !self.matched.is_empty()
    }

    fn target(&mut self, place: Place<'r>, target: &Target) {
        if target.count {
            return self.count(place, target);
        }
        let screened =
            if place.index == 0 { self.candidates.of(place.rule_index, target.variable) } else { None };
        if let Some(listed) = variables::listed(target.variable, self.scene()) {
            return self.listed(place, target, listed, screened);
        }
        let values = self.values(place.rule, target);
        let is_listed = matches!(values, Values::Listed(_));
        let Some(screened) = screened else {
            for value in values.iter() {
                self.look_at(place, target, value, is_listed);
            }
            return;
        };
        for at in screened {
            if let Some(value) = values.get(self.candidates.index(at)) {
                self.look_at_candidate(place, target, value, at);
            }
        }
    }

    /// Looks at fields where they lie: few of them are what a target means.
    fn listed(
        &mut self,
        place: Place<'r>,
        target: &Target,
        listed: Listed<'t>,
        screened: Option<Range<usize>>,
    ) {
        let value = |(name, bytes): (&'t [u8], &'t [u8])| Value::named(target.variable, name, bytes);
        let Some(screened) = screened else {
            listed.each(named(&target.selector), |field| {
                self.look_at(place, target, &value(field), true);
            });
            return;
        };
        for at in screened {
            if let Some(field) = listed.get(self.candidates.index(at)) {
                self.look_at_candidate(place, target, &value(field), at);
            }
        }
    }

    /// Whether any value that a rule's first link looks at is `wanted`, as the transformations leave it; `None` where
    /// its variable is no list of fields.
    pub(super) fn any_listed(
        &self,
        index: u32,
        rule: &'r Rule,
        target: &Target,
        mut wanted: impl FnMut(Bytes<'t>) -> bool,
    ) -> Option<bool> {
        let place = Place { rule, rule_index: index, link: rule.links.first()?, index: 0 };
        let mut any = false;
        variables::listed(target.variable, self.scene())?.each(named(&target.selector), |(name, bytes)| {
            let value = Value::named(target.variable, name, bytes);
            if !any && selects(target, &value) && !self.is_excluded(place, target, &value) {
                any = wanted(transform_once(self.plan, self.plan.of(index, 0), &value.bytes));
            }
        });
        Some(any)
    }

    /// Looks at a value that may match, and remembers it when it does not.
    fn look_at_candidate(&mut self, place: Place<'r>, target: &Target, value: &Value<'t>, at: usize) {
        if self.look_at(place, target, value, true) == Some(false) && place.link.operator.is_constant() {
            self.candidates.rule_out(at, &value.bytes);
        }
    }

    /// Tests a value if the target means it; `Some(false)` when it does not match.
    fn look_at(
        &mut self,
        place: Place<'r>,
        target: &Target,
        value: &Value<'t>,
        is_listed: bool,
    ) -> Option<bool> {
        if !selects(target, value) {
            return None;
        }
        if self.is_excluded(place, target, value) {
            self.trace(place.rule, place.index, || TraceKind::ValueExcluded { target: value.name() });
            return None;
        }
        let before = self.matched.len();
        self.value(place, value, is_listed);
        (before < MATCHED_VARS_MAX).then_some(self.matched.len() > before)
    }

    /// `&ARGS`: tests how many values are selected.
    fn count(&mut self, place: Place<'r>, target: &Target) {
        let scene = self.scene();
        let mut count = match variables::listed(target.variable, scene) {
            Some(listed) => {
                let mut count = 0;
                listed.each(named(&target.selector), |(name, _)| {
                    count += usize::from(means(&target.selector, name));
                });
                count
            }
            None => self.values(place.rule, target).iter().filter(|value| selects(target, value)).count(),
        };
        if matches!(target.selector, Selector::All) {
            count += variables::earlier_values(target.variable, scene);
        }
        let key = match &target.selector {
            Selector::Named(name) => Some(Bytes::Shared(name.clone())),
            _ => None,
        };
        let value = Value { variable: target.variable, key, bytes: number(count), count: true };
        if !self.is_excluded(place, target, &value) {
            self.value(place, &value, false);
        }
    }

    fn values(&mut self, rule: &'r Rule, target: &Target) -> Values<'t> {
        if let (Variable::Tx, Selector::Named(name)) = (target.variable, &target.selector) {
            return Values::One(variables::tx_value(name, &self.state.memory));
        }
        if let (Some(_), Selector::Named(name)) = (variables::persistent(target.variable), &target.selector) {
            let memory = &self.state.memory;
            return Values::One(variables::persistent_value(target.variable, name, memory, self.now_us));
        }
        let mut made = Vec::new();
        if let (Variable::Tx, Selector::Matching(pattern)) = (target.variable, &target.selector) {
            variables::tx_matching(pattern, &self.state.memory, &mut made);
        } else if let Selector::XPath(path) = &target.selector {
            variables::at_path(path, self.scene(), &mut made);
        } else if target.variable == Variable::Rule {
            self.rule_values(rule, &mut made);
        } else if variables::is_remembered(target.variable) {
            let memory = &self.state.memory;
            variables::recall(target.variable, memory, &self.matched_before, self.now_us, &mut made);
        } else {
            let scene = self.scene();
            return Values::Listed(self.catalog.values(target.variable, scene));
        }
        Values::Made(made)
    }

    fn rule_values(&self, rule: &'r Rule, out: &mut Vec<Value<'t>>) {
        for name in RULE_FIELDS {
            let mut text = Vec::new();
            rule_field(rule, name.as_bytes(), &self.scope(rule), &mut text);
            out.push(Value::named(Variable::Rule, name.as_bytes(), text));
        }
    }

    fn is_excluded(&self, place: Place<'r>, target: &Target, value: &Value<'t>) -> bool {
        let excludes = |exclusion: &Target| {
            exclusion.variable == target.variable
                && exclusion.count == target.count
                && selects(exclusion, value)
        };
        place.link.exclusions.iter().any(excludes)
            || self
                .state
                .memory
                .removed_targets
                .iter()
                .any(|removed| excludes(&removed.target) && removed.rules.contains(place.rule_index))
    }

    /// Tests one value, once or (`multiMatch`) after each transformation that changed it.
    fn value(&mut self, place: Place<'r>, value: &Value<'t>, is_listed: bool) {
        if place.link.multi_match {
            let mut bytes = value.bytes.clone();
            self.test(place, value, bytes.clone());
            for transformation in &place.link.transformations {
                let changed = bytes.transform(*transformation, self.plan.unicode_map());
                if !changed.is_same(&bytes) && *changed != *bytes {
                    self.test(place, value, changed.clone());
                }
                bytes = changed;
            }
            return;
        }
        let pipeline = self.plan.of(place.rule_index, place.index);
        let bytes = if is_listed {
            self.cache.transform(self.plan, pipeline, &value.bytes)
        } else {
            transform_once(self.plan, pipeline, &value.bytes)
        };
        self.test(place, value, bytes);
    }

    /// Asks the operator, and acts on a match.
    fn test(&mut self, place: Place<'r>, value: &Value<'t>, bytes: Bytes<'t>) {
        if !self.is_answered(place, &bytes) {
            return;
        }
        let wants_captures = place.link.capture && !place.link.negated;
        let mut captures = std::mem::take(&mut self.spare_captures);
        captures.clear();
        let range = self.find(place, &bytes, wants_captures.then_some(&mut captures));
        let range = match (range, place.link.negated) {
            (Some(range), false) => Some(range),
            (None, true) => Some(0..bytes.len()),
            (Some(_), true) | (None, false) => None,
        };
        self.trace(place.rule, place.index, || TraceKind::Tested {
            target: value.name(),
            value: bytes.iter().copied().take(VALUE_BYTES_MAX).collect(),
            matched: range.is_some(),
        });
        if wants_captures && range.is_some() {
            std::mem::swap(&mut self.state.memory.captures, &mut captures);
        }
        self.spare_captures = captures;
        if let Some(range) = range {
            let value = Value { bytes, ..value.clone() };
            self.found(place, Found { value, range });
        }
    }

    fn find(
        &mut self,
        place: Place<'r>,
        bytes: &[u8],
        captures: Option<&mut Captures>,
    ) -> Option<Range<usize>> {
        if let Operator::GeoLookup(database) = &place.link.operator {
            return self.locate(database, bytes);
        }
        if let Operator::Rbl(zone) = &place.link.operator {
            return self.look_up(zone, bytes, captures);
        }
        let mut budget = std::mem::take(&mut self.state.regex_budget);
        let before = budget.exceeded();
        let range = place.link.operator.find_within(bytes, &self.scope(place.rule), &mut budget, captures);
        if budget.exceeded() > before {
            self.state.memory.exceed_regex_limits();
        }
        self.state.regex_budget = budget;
        range
    }

    /// `@geoLookup`: writes what is known of an address to `GEO`.
    fn locate(&mut self, database: &GeoDatabase, address: &[u8]) -> Option<Range<usize>> {
        let found = database.locate(address)?;
        let geo = &mut self.state.memory.geo;
        geo.clear();
        found.iter().for_each(|(name, value)| geo.set(name.as_bytes(), value.as_bytes()));
        Some(0..address.len())
    }

    /// `@rbl`: whether a list has the client's address, which is what is captured.
    fn look_up(&self, zone: &Zone, address: &[u8], captures: Option<&mut Captures>) -> Option<Range<usize>> {
        let is_listed = self.is_listed(zone, address)?;
        let found = is_listed.then_some(0..address.len())?;
        captures.into_iter().for_each(|captures| captures.set(address));
        Some(found)
    }

    fn is_listed(&self, zone: &Zone, address: &[u8]) -> Option<bool> {
        zone.lists(address, &self.transaction.connection, &self.transaction.listings)
    }

    /// Whether an operator can say anything: of a list that did not answer nobody knows whether it has an address.
    fn is_answered(&mut self, place: Place<'r>, bytes: &[u8]) -> bool {
        let Operator::Rbl(zone) = &place.link.operator else { return true };
        let is_known = self.is_listed(zone, bytes).is_some();
        self.state.list_unanswered |= !is_known;
        is_known
    }

    fn found(&mut self, place: Place<'r>, found: Found<'t>) {
        self.remember(&found.value);
        if self.matched.len() < MATCHED_VARS_MAX {
            self.matched_mut().push(found.value.clone());
        }
        let variable = found.value.variable;
        let is_evidence = place.rule.log && !variables::is_remembered(variable);
        if is_evidence && self.evidence.len() < 2 * EVIDENCE_MAX {
            self.evidence.push(found);
        }
        self.set_variables(place);
    }

    /// Begins a list of matches; gives the last one.
    pub(super) fn begin_matches(&mut self) -> Rc<Vec<Value<'t>>> {
        std::mem::replace(&mut self.matched, Rc::clone(&self.nothing))
    }

    /// Keeps the memory of a list that nobody needs any more.
    pub(super) fn recycle(&mut self, mut list: Rc<Vec<Value<'t>>>) {
        if let Some(values) = Rc::get_mut(&mut list).filter(|values| values.capacity() > 0) {
            values.clear();
            self.spare = Some(list);
        }
    }

    fn matched_mut(&mut self) -> &mut Vec<Value<'t>> {
        if Rc::ptr_eq(&self.matched, &self.nothing)
            && let Some(spare) = self.spare.take()
        {
            self.matched = spare;
        }
        Rc::make_mut(&mut self.matched)
    }

    /// `setvar`; and, where nothing can keep the rule from matching any more, what opens collections, so that
    /// `setvar`s after it see them.
    fn set_variables(&mut self, place: Place<'r>) {
        let is_last = place.index + 1 == place.rule.links.len();
        for action in &place.link.actions {
            match action {
                Action::SetVar(assignment) => self.assign(place.rule, assignment),
                Action::InitCol { .. } | Action::SetId { .. } if is_last => self.open(place.rule, action),
                Action::Sanitise(Sanitise::Matched) => {
                    let name = self.matched.last().map(Value::name);
                    name.into_iter().for_each(|name| self.state.sanitise(name));
                }
                _ => {}
            }
        }
    }

    pub(super) fn trace(&mut self, rule: &Rule, link: usize, kind: impl FnOnce() -> TraceKind) {
        let phase = self.phase;
        if let Some(trace) = self.state.trace.as_mut().filter(|trace| trace.wants(rule.id)) {
            trace.events.push(TraceEvent { rule: rule.id, phase, link, kind: kind() });
        }
    }
}

/// A number of values as text; small ones without memory of their own.
fn number(count: usize) -> Bytes<'static> {
    match b"0123456789".get(count..=count) {
        Some(digit) => Bytes::Borrowed(digit),
        None => count.to_string().into(),
    }
}

fn selects(target: &Target, value: &Value<'_>) -> bool {
    match target.selector {
        // Remembered matches keep the names they had, and `MATCHED_VARS:ARGS:q` is what selects them.
        Selector::Named(_) | Selector::Matching(_) if matches!(target.variable, Variable::MatchedVars) => {
            let mut name = Vec::new();
            value.write_name(&mut name);
            target.selector.selects(&name)
        }
        _ => means(&target.selector, value.key()),
    }
}

/// The one name that a selector means.
fn named(selector: &Selector) -> Option<&[u8]> {
    match selector {
        Selector::Named(name) => Some(name),
        _ => None,
    }
}

/// Whether a selector means the values of that name.
fn means(selector: &Selector, name: &[u8]) -> bool {
    match selector {
        Selector::XmlText => name == b"/*",
        Selector::XmlAttributes => name == b"//@*",
        Selector::All | Selector::Named(_) | Selector::Matching(_) | Selector::XPath(_) => {
            selector.selects(name)
        }
    }
}

/// Matches of one link that the next one sees (count).
const MATCHED_VARS_MAX: usize = 4_096;

/// Values of one rule that its [`crate::Match`] shows (count).
pub const EVIDENCE_MAX: usize = 32;
