//! What a capturing operator leaves in `TX:0`..`TX:9`.

use std::ops::Range;

/// Groups 0-9 of the last capturing match; what `TX:0`..`TX:9` become.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    /// Where each group is in `text`.
    groups: Vec<Option<Range<usize>>>,
    text: Vec<u8>,
}

impl Captures {
    /// Forgets all groups.
    pub fn clear(&mut self) {
        self.groups.clear();
        self.text.clear();
    }

    /// Sets the next group; more than ten are not kept, as in SecLang.
    pub fn push(&mut self, group: Option<&[u8]>) {
        if self.groups.len() < GROUPS_MAX {
            let begin = self.text.len();
            self.text.extend_from_slice(group.unwrap_or_default());
            self.groups.push(group.map(|_| begin..self.text.len()));
        }
    }

    /// Makes `group` the only group, `TX:0`.
    pub fn set(&mut self, group: &[u8]) {
        self.clear();
        self.push(Some(group));
    }

    /// Group `index`, when it took part in the match.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.text.get(self.groups.get(index)?.clone()?)
    }

    /// How many groups were set, taking part or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// `TX:0` to `TX:9`.
const GROUPS_MAX: usize = 10;
