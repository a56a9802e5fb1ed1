//! What screening makes of a rule, for people who ask what it costs.

use super::Plan;
use super::variables;
use crate::prefilter::{BranchClauses, Clause, Needs, ScannerBuilder, is_met};
use crate::{Rule, Ruleset, Variable};

/// When a rule is asked about a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screening {
    /// About every value that it looks at, and why.
    Always(Unscreened),
    /// Only about values that hold one of each of these.
    Screened(Vec<Required>),
}

/// Why a rule is asked about every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unscreened {
    /// It looks at no value: `SecAction`.
    Action,
    /// It looks at what rules wrote themselves, which this variable holds.
    Memory(Variable),
    /// It matches what an operator does not find (`!@rx`).
    Negated,
    /// It looks at how many values there are (`&ARGS`).
    Number,
    /// Nothing can be said of what all values hold that it matches.
    Undecided,
}

/// Of these bytes and literals a value must hold at least one, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// Single bytes.
    pub bytes: Vec<u8>,
    /// Longer texts, lower case.
    pub literals: Vec<Box<[u8]>>,
}

impl Ruleset {
    /// When the rule at that index of [`Self::rules`] is asked, by its first link; `None` for no such rule.
    #[must_use]
    pub fn screening(&self, rule: usize) -> Option<Screening> {
        let found = self.rules.get(rule)?;
        let plan = self.plan.get_or_init(|| Plan::new(self));
        Some(match plan.screen(&self.rules).has(u32::try_from(rule).ok()?) {
            true => Screening::Screened(needs(found).clauses.iter().map(Required::of).collect()),
            false => Screening::Always(reason(found)),
        })
    }
}

fn needs(rule: &Rule) -> Needs {
    rule.links.first().map(|link| link.operator.needs()).unwrap_or_default()
}

fn reason(rule: &Rule) -> Unscreened {
    let Some(link) = rule.links.first().filter(|link| !link.targets.is_empty()) else {
        return Unscreened::Action;
    };
    let remembered = link.targets.iter().find(|target| variables::is_remembered(target.variable));
    match remembered {
        Some(target) => Unscreened::Memory(target.variable),
        None if link.targets.iter().any(|target| target.count) => Unscreened::Number,
        None if link.negated => Unscreened::Negated,
        None => Unscreened::Undecided,
    }
}

impl Required {
    fn of(clause: &Clause) -> Self {
        Self { bytes: clause.bytes.iter().collect(), literals: clause.literals.iter().cloned().collect() }
    }
}

impl Rule {
    /// Whether screening would ask the rule about a value, as transformations leave it.
    #[must_use]
    pub fn may_match(&self, value: &[u8]) -> bool {
        let needs = needs(self);
        let mut builder = ScannerBuilder::default();
        let ids = builder.add_all(&needs.clauses);
        let branches = BranchClauses::new(&needs.branches, &mut builder);
        let scanner = builder.build(|_| true);
        let mut met = vec![0; scanner.words()];
        let seen = scanner.scan(value, scanner.whole(), &mut met);
        value.len() >= needs.bytes_min
            && ids.into_iter().filter_map(|id| scanner.bit(id)).all(|bit| is_met(bit, &met))
            && branches.told_by(&scanner).is_none_or(|branches| branches.may_be_in(&seen, &met))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seclang::{MemoryFiles, Source, load};

    fn screening(rule: &str) -> (Screening, Ruleset) {
        let rules = format!("SecRule {rule} \"id:1,phase:2,deny,t:lowercase\"");
        let ruleset = load(vec![Source::text("x", rules)], &MemoryFiles::default()).ruleset;
        (ruleset.screening(0).unwrap(), ruleset)
    }

    #[test]
    fn says_when_rules_are_asked() {
        let always = |why| Screening::Always(why);
        let literals = |all: &[&str]| {
            let literals = all.iter().map(|it| it.as_bytes().into()).collect();
            Screening::Screened(vec![Required { bytes: Vec::new(), literals }])
        };
        for (rule, expected) in [
            ("ARGS \"@rx union\"", literals(&["union"])),
            ("ARGS \"@pm union select\"", literals(&["select", "union"])),
            ("ARGS \"!@rx union\"", always(Unscreened::Negated)),
            ("&ARGS \"@eq 1\"", always(Unscreened::Number)),
            ("TX:a \"@rx union\"", always(Unscreened::Memory(Variable::Tx))),
            ("ARGS \"@rx ^.*$\"", always(Unscreened::Undecided)),
        ] {
            assert_eq!(screening(rule).0, expected, "{rule}");
        }
    }

    #[test]
    fn asks_about_values_that_hold_it() {
        let (_, ruleset) = screening("ARGS \"@rx union\"");
        assert!(ruleset.rules[0].may_match(b"a union b") && !ruleset.rules[0].may_match(b"a reunio b"));
        let (_, ruleset) = screening("ARGS \"@rx [;|](?:id|pwd).*~|(?:<b|<s).*[(]\"");
        for (value, expected) in
            [("a;id ~", true), ("<S onx (", true), ("id <b ~", false), ("a|pwd (", false), ("<s id ~", false)]
        {
            assert_eq!(ruleset.rules[0].may_match(value.as_bytes()), expected, "{value}");
        }
    }
}
