//! The values of a transaction by variable, listed once in a phase.

use std::rc::Rc;

use super::value::Value;
use super::variables::{self, Scene};
use crate::Variable;

/// The values of a transaction by variable, each listed when a rule first asks for it.
///
/// Nothing listed is dropped before the phase ends, so that [`super::cache::Cache`] may know values
/// by their address.
pub(super) struct Catalog<'t> {
    lists: Vec<Option<Rc<Vec<Value<'t>>>>>,
    forgotten: Vec<Rc<Vec<Value<'t>>>>,
}

impl<'t> Catalog<'t> {
    pub(super) fn new() -> Self {
        Self { lists: vec![None; Variable::ALL.len()], forgotten: Vec::new() }
    }

    /// All values of `variable`, which must be one that `transaction` alone determines.
    pub(super) fn values(&mut self, variable: Variable, scene: Scene<'t>) -> Rc<Vec<Value<'t>>> {
        let Some(list) = self.lists.get_mut(variable as usize) else { return Rc::default() };
        let list = list.get_or_insert_with(|| {
            let mut values = Vec::new();
            variables::collect(variable, scene, &mut values);
            Rc::new(values)
        });
        Rc::clone(list)
    }

    /// Lists `variable` anew when it is next asked for, because a `ctl` changed what it is.
    pub(super) fn forget(&mut self, variable: Variable) {
        if let Some(list) = self.lists.get_mut(variable as usize).and_then(Option::take) {
            self.forgotten.push(list);
        }
    }
}
