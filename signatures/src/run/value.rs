//! One value that a rule looks at, with its name.

use super::bytes::Bytes;
use crate::Variable;

/// A value with the name that `MATCHED_VAR_NAME` gives it: `ARGS:q`, `REQUEST_LINE`, `&ARGS`.
#[derive(Clone, Debug)]
pub(super) struct Value<'t> {
    /// The variable it belongs to.
    pub(super) variable: Variable,
    /// Its name in the collection; `None` for scalars.
    pub(super) key: Option<Bytes<'t>>,
    /// The value.
    pub(super) bytes: Bytes<'t>,
    /// Whether it is a number of values (`&ARGS`).
    pub(super) count: bool,
}

impl<'t> Value<'t> {
    /// The value of a variable that has only one.
    pub(super) fn scalar(variable: Variable, bytes: impl Into<Bytes<'t>>) -> Self {
        Self { variable, key: None, bytes: bytes.into(), count: false }
    }

    /// A named value of a collection.
    pub(super) fn named(variable: Variable, key: impl Into<Bytes<'t>>, bytes: impl Into<Bytes<'t>>) -> Self {
        Self { variable, key: Some(key.into()), bytes: bytes.into(), count: false }
    }

    /// The same with memory of its own.
    pub(super) fn to_static(&self) -> Value<'static> {
        let key = self.key.as_deref().map(|key| key.to_vec().into());
        Value { variable: self.variable, key, bytes: self.bytes.to_vec().into(), count: self.count }
    }

    /// The name within the collection; empty for scalars.
    pub(super) fn key(&self) -> &[u8] {
        self.key.as_deref().unwrap_or_default()
    }

    /// Appends the full name.
    pub(super) fn write_name(&self, out: &mut Vec<u8>) {
        if self.count {
            out.push(b'&');
        }
        out.extend_from_slice(self.variable.name().as_bytes());
        if let Some(key) = &self.key {
            out.push(b':');
            out.extend_from_slice(key);
        }
    }

    /// The full name, for people.
    pub(super) fn name(&self) -> String {
        let mut name = Vec::new();
        self.write_name(&mut name);
        String::from_utf8_lossy(&name).into_owned()
    }
}
