//! What evaluation derives from the rules once: pipelines, gates, rules by tag, screens.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::gate::{Gate, GateBuilder};
use super::last_match;
use super::pipeline::{Pipeline, Pipelines};
use super::rule_set::RuleSet;
use super::screen::Screen;
use crate::transformation::{Transformation, UnicodeMap};
use crate::{Action, AuditEngine, Ctl, Rule, RuleSelector, Ruleset, Skip};

/// What evaluation derives from the rules once, before the first transaction.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    tree: Pipelines,
    /// The pipeline of each link of each rule.
    pipelines: Vec<Vec<Pipeline>>,
    /// The gate of each rule that has one.
    gates: Vec<Option<Gate>>,
    /// Behind which step of its phase each rule goes on that skips to a marker.
    skips: Vec<Option<usize>>,
    /// The rules that carry each tag; the few distinct tags are all a selector is asked about.
    rules_by_tag: Vec<(Box<[u8]>, RuleSet)>,
    /// The rules that the selectors of `ctl` actions mean: by the pattern of tags, and of messages.
    by_tag: Selected,
    by_msg: Selected,
    /// Whether a rule asks what an earlier one matched.
    recalls_matches: bool,
    /// Whether audit records may be asked for, which list every rule that matched.
    lists_all: bool,
    /// `SecUnicodeMapFile`.
    unicode_map: Option<Arc<UnicodeMap>>,
    /// Which rules need not be asked about a value.
    screen: OnceLock<Screen>,
    /// The same for some of the rules: what transactions come to that begin alike.
    partial: Mutex<Vec<Partial>>,
}

/// Rules by the pattern that means them.
type Selected = HashMap<Box<str>, RuleSet>;

/// Some rules, and their screen.
type Partial = (RuleSet, Arc<Screen>);

impl Plan {
    pub(super) fn new(ruleset: &Ruleset) -> Self {
        let mut plan = Self { unicode_map: ruleset.settings.unicode_map.clone(), ..Self::default() };
        let mut tags: BTreeMap<&[u8], RuleSet> = BTreeMap::new();
        let mut gates = GateBuilder::default();
        for (index, rule) in (0_u32..).zip(&ruleset.rules) {
            let links = rule.links.iter();
            plan.pipelines.push(links.map(|link| plan.tree.add(&link.transformations)).collect());
            plan.gates.push(gates.gate(rule));
            let is_marker = |skip: &&Skip| matches!(skip, Skip::After(_));
            let position = |skip| ruleset.position_after(rule.phase, skip, 0);
            plan.skips.push(rule.skip.as_ref().filter(is_marker).map(position));
            for tag in rule.meta.tags.iter().filter_map(crate::Text::as_literal) {
                tags.entry(tag).or_default().insert(index);
            }
        }
        plan.rules_by_tag = tags.into_iter().map(|(tag, rules)| (tag.into(), rules)).collect();
        plan.select_all(&ruleset.rules);
        plan.lists_all =
            ruleset.settings.audit.engine != AuditEngine::Off || ruleset.rules.iter().any(sets_audit);
        plan.recalls_matches = ruleset.rules.iter().any(last_match::asks);
        plan
    }

    /// Notes what the `ctl` actions of rules select by patterns.
    fn select_all(&mut self, rules: &[Rule]) {
        for action in rules.iter().flat_map(|rule| &rule.links).flat_map(|link| &link.actions) {
            let Action::Ctl(Ctl::RuleRemove(selector) | Ctl::RuleRemoveTarget(selector, _)) = action else {
                continue;
            };
            let selected = self.select(selector, rules);
            match selector {
                RuleSelector::Ids(_) => {}
                RuleSelector::Msg(regex) => drop(self.by_msg.insert(regex.as_str().into(), selected)),
                RuleSelector::Tag(regex) => drop(self.by_tag.insert(regex.as_str().into(), selected)),
            }
        }
    }

    /// The pipeline of a rule's link.
    pub(super) fn of(&self, rule: u32, link: usize) -> Pipeline {
        let links = self.pipelines.get(rule as usize);
        links.and_then(|links| links.get(link)).copied().unwrap_or(Pipeline::ROOT)
    }

    /// The gate of a rule.
    pub(super) fn gate(&self, rule: u32) -> Option<&Gate> {
        self.gates.get(rule as usize)?.as_ref()
    }

    /// Where a rule that skips to a marker goes on, if that is ahead.
    pub(super) fn skips_to(&self, rule: u32) -> Option<usize> {
        self.skips.get(rule as usize).copied().flatten()
    }

    /// The pipeline without its last transformation, and that transformation; `None` for the root.
    pub(super) fn step(&self, pipeline: Pipeline) -> Option<(Pipeline, Transformation)> {
        self.tree.step(pipeline)
    }

    /// Whether a rule asks what an earlier one matched.
    pub(super) fn recalls_matches(&self) -> bool {
        self.recalls_matches
    }

    /// Whether somebody wants to know that a rule matched: not of those that skip others by a variable of `TX` and do
    /// nothing else (a paranoia level's), which are a third of what matches an ordinary request.
    pub(super) fn lists(&self, index: u32, rule: &Rule) -> bool {
        let is_mere_gate = self.gate(index).is_some_and(Gate::only_skips) && rule.skip.is_some();
        self.lists_all || !is_mere_gate
    }

    /// What a code page says of `%uHHHH`.
    pub(super) fn unicode_map(&self) -> Option<&UnicodeMap> {
        self.unicode_map.as_deref()
    }

    /// The screen of all rules.
    pub(super) fn screen(&self, rules: &[Rule]) -> &Screen {
        self.screen.get_or_init(|| Screen::new(rules, &RuleSet::first(rules.len())))
    }

    /// The screen of some of the rules, the same for the same rules. To be asked for at load.
    pub(super) fn screen_of(&self, rules: &[Rule], some: &RuleSet) -> Arc<Screen> {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, screen)) = partial.iter().find(|(rules, _)| rules == some) {
            return screen.clone();
        }
        let screen = Arc::new(Screen::new(rules, some));
        partial.push((some.clone(), screen.clone()));
        screen
    }

    /// The rules that the selector of a rule's `ctl` means.
    pub(super) fn selected(&self, selector: &RuleSelector, rules: &[Rule]) -> RuleSet {
        let known = match selector {
            RuleSelector::Ids(_) => None,
            RuleSelector::Msg(regex) => self.by_msg.get(regex.as_str()),
            RuleSelector::Tag(regex) => self.by_tag.get(regex.as_str()),
        };
        known.cloned().unwrap_or_else(|| self.select(selector, rules))
    }

    /// The rules that `selector` means.
    pub(super) fn select(&self, selector: &RuleSelector, rules: &[Rule]) -> RuleSet {
        let mut selected = RuleSet::default();
        match selector {
            RuleSelector::Ids(_) => {
                insert_where(&mut selected, rules, |rule| selector.has_id(rule.id));
            }
            RuleSelector::Msg(regex) => insert_where(&mut selected, rules, |rule| {
                let msg = rule.meta.msg.as_ref().and_then(crate::Text::as_literal);
                msg.is_some_and(|msg| regex.is_match(msg))
            }),
            RuleSelector::Tag(regex) => {
                for (_, rules) in self.rules_by_tag.iter().filter(|(tag, _)| regex.is_match(tag)) {
                    selected.merge(rules);
                }
            }
        }
        selected
    }
}

/// Whether a rule may switch audit records on.
fn sets_audit(rule: &Rule) -> bool {
    let mut actions = rule.links.iter().flat_map(|link| &link.actions);
    actions.any(|action| matches!(action, Action::Ctl(Ctl::AuditEngine(_))))
}

fn insert_where(selected: &mut RuleSet, rules: &[Rule], wanted: impl Fn(&Rule) -> bool) {
    for (index, _) in (0_u32..).zip(rules).filter(|(_, rule)| wanted(rule)) {
        selected.insert(index);
    }
}
