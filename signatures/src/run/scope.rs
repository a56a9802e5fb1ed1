//! What macros see: `%{tx.score}`, `%{request_headers.host}`, `%{rule.id}`.

use std::rc::Rc;

use super::memory::Memory;
use super::value::Value;
use super::variables::{self, Scene};
use crate::{Resolve, Rule, Variable};

/// What macros see at one moment of an evaluation.
pub(super) struct Scope<'a, 't> {
    pub(super) scene: Scene<'t>,
    pub(super) memory: &'a Memory,
    pub(super) rule: &'a Rule,
    /// What the current link matched so far; `MATCHED_VAR` is the last of it.
    pub(super) matched: &'a Rc<Vec<Value<'t>>>,
}

impl Resolve for Scope<'_, '_> {
    fn resolve(&self, variable: Variable, key: Option<&[u8]>, out: &mut Vec<u8>) {
        match (variable, key) {
            (Variable::Tx, Some(name)) => {
                out.extend_from_slice(self.memory.tx_bytes(name).unwrap_or_default());
            }
            (_, Some(name)) if variables::persistent(variable).is_some() => {
                let value = variables::persistent_value(variable, name, self.memory, self.scene.now_us);
                out.extend(value.iter().flat_map(|value| &*value.bytes));
            }
            (Variable::MatchedVar, _) => {
                out.extend_from_slice(self.last_match().map(|value| &*value.bytes).unwrap_or_default());
            }
            (Variable::MatchedVarName, _) => {
                self.last_match().iter().for_each(|value| value.write_name(out));
            }
            (Variable::RequestHeaders, Some(name)) => {
                out.extend_from_slice(self.scene.transaction.request.headers.first(name).unwrap_or_default());
            }
            (Variable::Rule, Some(name)) => rule_field(self.rule, name, self, out),
            _ => self.resolve_first(variable, key, out),
        }
    }

    fn borrowed(&self, variable: Variable, key: Option<&[u8]>) -> Option<&[u8]> {
        match (variable, key) {
            (Variable::Tx, Some(name)) => Some(self.memory.tx_bytes(name).unwrap_or_default()),
            (Variable::MatchedVar, _) => Some(self.last_match().map(|it| &*it.bytes).unwrap_or_default()),
            _ => None,
        }
    }
}

impl<'t> Scope<'_, 't> {
    fn last_match(&self) -> Option<&Value<'t>> {
        variables::last_match(self.memory, self.matched)
    }

    /// The first value of that name, or of any name when none is given.
    fn resolve_first(&self, variable: Variable, key: Option<&[u8]>, out: &mut Vec<u8>) {
        let mut values = Vec::new();
        if variables::is_remembered(variable) {
            variables::recall(variable, self.memory, self.matched, self.scene.now_us, &mut values);
        } else {
            variables::collect(variable, self.scene, &mut values);
        }
        let is_wanted = |value: &&Value<'_>| key.is_none_or(|key| value.key().eq_ignore_ascii_case(key));
        out.extend(values.iter().find(is_wanted).iter().flat_map(|value| &*value.bytes));
    }
}

/// What `RULE:name` says of a rule; appends nothing when it says nothing.
pub(super) fn rule_field(rule: &Rule, name: &[u8], resolve: &dyn Resolve, out: &mut Vec<u8>) {
    let meta = &rule.meta;
    match name.to_ascii_lowercase().as_slice() {
        b"id" => out.extend_from_slice(rule.id.to_string().as_bytes()),
        b"rev" => out.extend(meta.revision.iter().flat_map(|text| text.bytes())),
        b"ver" => out.extend(meta.version.iter().flat_map(|text| text.bytes())),
        b"severity" => {
            let number = meta.severity.map(|severity| (severity as u32).to_string());
            out.extend(number.iter().flat_map(|number| number.bytes()));
        }
        b"msg" => meta.msg.iter().for_each(|text| text.expand(resolve, out)),
        b"logdata" => meta.logdata.iter().for_each(|text| text.expand(resolve, out)),
        _ => {}
    }
}

/// The names that `RULE` has.
pub(super) const RULE_FIELDS: [&str; 6] = ["id", "logdata", "msg", "rev", "severity", "ver"];
