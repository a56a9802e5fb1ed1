//! A set of rules, by index.

/// A set of rules by their index in [`crate::Ruleset::rules`].
#[derive(Clone, Debug, Default)]
pub(super) struct RuleSet {
    words: Vec<u64>,
}

impl RuleSet {
    pub(super) fn insert(&mut self, rule: u32) {
        let word = rule as usize / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (rule % 64);
    }

    pub(super) fn contains(&self, rule: u32) -> bool {
        self.words.get(rule as usize / 64).is_some_and(|word| word & (1 << (rule % 64)) != 0)
    }

    /// Whether both have a rule.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(one, other)| one & other != 0)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.words.resize(self.words.len().max(other.words.len()), 0);
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    pub(super) fn clear(&mut self) {
        self.words.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in() {
        let mut set = RuleSet::default();
        set.insert(3);
        set.insert(64);
        let mut other = RuleSet::default();
        other.insert(700);
        assert!(!set.meets(&other));
        set.merge(&other);
        let held: Vec<u32> = (0..1_000).filter(|rule| set.contains(*rule)).collect();
        assert_eq!(held, [3, 64, 700]);
        assert!(set.meets(&other));
    }
}
