//! Variables that are lists of fields, as the transaction holds them.

use transaction::Fields;

use super::Scene;
use crate::{Phase, Variable};

/// Fields that a variable lists, by their values or by their names.
#[derive(Clone, Copy)]
pub(in crate::run) struct Listed<'t> {
    fields: [Option<&'t Fields>; 2],
    by_name: bool,
}

impl<'t> Listed<'t> {
    /// Each name, with what is looked at: the value, or the name again.
    pub(in crate::run) fn iter(self) -> impl Iterator<Item = (&'t [u8], &'t [u8])> {
        let fields = self.fields.into_iter().flatten().flat_map(Fields::iter);
        fields.map(move |field| (field.name, if self.by_name { field.name } else { field.value }))
    }

    /// Calls `with` with each; when a name is given, with those of that name, compared without ASCII case.
    pub(in crate::run) fn each(self, name: Option<&[u8]>, mut with: impl FnMut((&'t [u8], &'t [u8]))) {
        let Some(name) = name else { return self.iter().for_each(with) };
        for field in self.fields.into_iter().flatten().flat_map(|fields| fields.named(name)) {
            with((field.name, if self.by_name { field.name } else { field.value }));
        }
    }

    /// The same, of the one at `index`.
    pub(in crate::run) fn get(self, index: usize) -> Option<(&'t [u8], &'t [u8])> {
        let [first, second] = self.fields;
        let count = first.map_or(0, Fields::len);
        let field = if index < count { first?.get(index)? } else { second?.get(index - count)? };
        Some((field.name, if self.by_name { field.name } else { field.value }))
    }

    pub(in crate::run) fn len(self) -> usize {
        self.fields.into_iter().flatten().map(Fields::len).sum()
    }
}

/// The fields of a variable that is nothing but a list of some. Of the body nothing is seen before its phase.
pub(in crate::run) fn listed<'t>(variable: Variable, scene: Scene<'t>) -> Option<Listed<'t>> {
    let transaction = scene.transaction;
    let body = (scene.phase != Phase::RequestHeaders).then_some(&transaction.body.arguments);
    let (query, request) = (Some(&transaction.query), &transaction.request);
    let (fields, by_name) = match variable {
        Variable::Args => ([query, body], false),
        Variable::ArgsGet => ([query, None], false),
        Variable::ArgsGetNames => ([query, None], true),
        Variable::ArgsNames => ([query, body], true),
        Variable::ArgsPost => ([body, None], false),
        Variable::ArgsPostNames => ([body, None], true),
        Variable::RequestCookies => ([Some(&transaction.cookies), None], false),
        Variable::RequestCookiesNames => ([Some(&transaction.cookies), None], true),
        Variable::RequestHeaders => ([Some(&request.headers), None], false),
        Variable::RequestHeadersNames => ([Some(&request.headers), None], true),
        _ => return None,
    };
    Some(Listed { fields, by_name })
}
