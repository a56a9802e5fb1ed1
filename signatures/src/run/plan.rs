//! What evaluation derives from the rules once: shared transformation prefixes, rules by tag, the screen.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::gate::{Gate, GateBuilder};
use super::rule_set::RuleSet;
use super::screen::Screen;
use crate::transformation::{Transformation, UnicodeMap};
use crate::{Rule, RuleSelector, Ruleset};

/// What evaluation derives from the rules once, before the first transaction.
///
/// Pipelines of transformations form a tree, because most begin alike (`t:urlDecodeUni,...`): a value
/// is transformed once for each node, however many rules ask for it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    nodes: Vec<Node>,
    /// The pipeline of each link of each rule.
    pipelines: Vec<Vec<Pipeline>>,
    /// The gate of each rule that has one.
    gates: Vec<Option<Gate>>,
    /// The rules that carry each tag; the few distinct tags are all a selector is asked about.
    rules_by_tag: Vec<(Box<[u8]>, RuleSet)>,
    /// `SecUnicodeMapFile`.
    unicode_map: Option<Arc<UnicodeMap>>,
    /// Which rules need not be asked about a value.
    pub(super) screen: Screen,
}

/// A plan to which pipelines are added.
#[derive(Debug, Default)]
pub(super) struct PlanBuilder {
    plan: Plan,
    children: HashMap<(Pipeline, Transformation), Pipeline>,
}

/// A node of the tree: the transformations from the root to it. 0 is the root, which changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pipeline(u32);

#[derive(Debug)]
struct Node {
    parent: Pipeline,
    transformation: Transformation,
}

impl Plan {
    pub(super) fn new(ruleset: &Ruleset) -> Self {
        let rules = &ruleset.rules;
        let mut builder = PlanBuilder::default();
        let mut tags: BTreeMap<&[u8], RuleSet> = BTreeMap::new();
        let mut gates = GateBuilder::default();
        for (index, rule) in (0_u32..).zip(rules) {
            let links = rule.links.iter();
            let pipelines = links.map(|link| builder.pipeline(&link.transformations)).collect();
            builder.plan.pipelines.push(pipelines);
            builder.plan.gates.push(gates.gate(rule));
            for tag in rule.meta.tags.iter().filter_map(crate::Text::as_literal) {
                tags.entry(tag).or_default().insert(index);
            }
        }
        let screen = Screen::new(rules, &mut builder);
        let mut plan = builder.plan;
        plan.screen = screen;
        plan.unicode_map.clone_from(&ruleset.settings.unicode_map);
        plan.rules_by_tag = tags.into_iter().map(|(tag, rules)| (tag.into(), rules)).collect();
        plan
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

    /// The pipeline without its last transformation, and that transformation; `None` for the root.
    pub(super) fn step(&self, pipeline: Pipeline) -> Option<(Pipeline, Transformation)> {
        let node = self.nodes.get((pipeline.0 as usize).checked_sub(1)?)?;
        Some((node.parent, node.transformation))
    }

    /// What a code page says of `%uHHHH`.
    pub(super) fn unicode_map(&self) -> Option<&UnicodeMap> {
        self.unicode_map.as_deref()
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

impl PlanBuilder {
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The pipeline of these transformations, with all that lead to it.
    pub(super) fn pipeline(&mut self, transformations: &[Transformation]) -> Pipeline {
        let (nodes, children) = (&mut self.plan.nodes, &mut self.children);
        transformations.iter().fold(Pipeline::ROOT, |parent, transformation| {
            *children.entry((parent, *transformation)).or_insert_with(|| {
                nodes.push(Node { parent, transformation: *transformation });
                Pipeline(nodes.len() as u32)
            })
        })
    }
}

impl Pipeline {
    pub(super) const ROOT: Self = Self(0);

    /// As a part of a cache key.
    pub(super) fn index(self) -> u32 {
        self.0
    }
}

fn insert_where(selected: &mut RuleSet, rules: &[Rule], wanted: impl Fn(&Rule) -> bool) {
    for (index, _) in (0_u32..).zip(rules).filter(|(_, rule)| wanted(rule)) {
        selected.insert(index);
    }
}
