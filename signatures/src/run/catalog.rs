//! The values of a transaction by variable, listed once in a phase.

use std::rc::Rc;

use super::value::Value;
use super::variables::{self, Scene};
use crate::Variable;

/// The values of a transaction by variable, each listed when a rule first asks for it.
///
/// Nothing listed is dropped before the phase ends, so that [`super::cache::Cache`] may know values
/// by their address.
#[derive(Default)]
pub(super) struct Catalog<'t> {
    /// A few: looked through one after the other.
    lists: Vec<(Variable, List<'t>)>,
    forgotten: Vec<List<'t>>,
}

type List<'t> = Rc<Vec<Value<'t>>>;

impl<'t> Catalog<'t> {
    /// All values of `variable`, which must be one that `transaction` alone determines.
    pub(super) fn values(&mut self, variable: Variable, scene: Scene<'t>) -> List<'t> {
        if let Some((_, list)) = self.lists.iter().find(|(listed, _)| *listed == variable) {
            return Rc::clone(list);
        }
        let mut values = Vec::new();
        variables::collect(variable, scene, &mut values);
        let list = Rc::new(values);
        self.lists.push((variable, Rc::clone(&list)));
        list
    }

    /// Lists `variable` anew when it is next asked for, because a `ctl` changed what it is.
    pub(super) fn forget(&mut self, variable: Variable) {
        if let Some(at) = self.lists.iter().position(|(listed, _)| *listed == variable) {
            self.forgotten.push(self.lists.swap_remove(at).1);
        }
    }
}
