//! What policies and assets refer to by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::asset::known;
use crate::config::{AddressList, At};
use crate::limit::RateLimit;

/// What policies and assets refer to by name.
pub(crate) struct Named<'a> {
    pub(crate) rate_limits: &'a [Arc<RateLimit>],
    pub(crate) address_lists: &'a BTreeMap<String, AddressList>,
    /// Whether there are attachments, so that an asset needs to name no upstream.
    pub(crate) is_attached: bool,
}

impl Named<'_> {
    /// The same names, each that of a list of addresses.
    pub(super) fn address_lists(&self, names: &[String], at: &At<'_>) -> Vec<String> {
        for (index, name) in names.iter().enumerate() {
            known("address list", name, self.address_lists.keys().map(String::as_str), &at.item(index));
        }
        names.to_vec()
    }

    /// The limits of these names.
    pub(super) fn rate_limits(&self, names: &[String], at: &At<'_>) -> Vec<Arc<RateLimit>> {
        let find = |(index, name): (usize, &String)| {
            known("rate limit", name, self.rate_limits.iter().map(|limit| &*limit.name), &at.item(index));
            self.rate_limits.iter().find(|limit| *limit.name == **name).cloned()
        };
        names.iter().enumerate().filter_map(find).collect()
    }
}
