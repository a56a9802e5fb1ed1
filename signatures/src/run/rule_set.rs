//! A set of rules, by index.

/// A set of rules by their index in [`crate::Ruleset::rules`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RuleSet {
    /// As many as the highest rule needs, so that equal sets have equal words.
    words: Vec<u64>,
}

impl RuleSet {
    /// The first `count` rules.
    pub(super) fn first(count: usize) -> Self {
        let mut first = Self::default();
        (0..count as u32).for_each(|rule| first.insert(rule));
        first
    }

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

    /// The rules that are not in `other`.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = self.clone();
        left.words.iter_mut().zip(&other.words).for_each(|(word, less)| *word &= !less);
        while left.words.last() == Some(&0) {
            left.words.pop();
        }
        left
    }

    /// The rules that both have.
    pub(super) fn both(&self, other: &Self) -> Self {
        self.without(&self.without(other))
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
        assert_eq!(set.without(&other).without(&set.without(&other)), RuleSet::default());
        assert_eq!((set.contains(700), set.without(&other).contains(700)), (true, false));
        let mut three = RuleSet::default();
        three.insert(3);
        assert_eq!(RuleSet::first(4).without(&RuleSet::first(3)), three);
    }
}
