//! The branches of which a match is one.
//!
//! `a+b|c+d` needs one of `a` and `c`, and one of `b` and `d`: a value with `a` and `d` has them, and cannot match. What each
//! branch needs is asked for by itself, of values that have the rest.

use super::{ByteSet, Clause, ClauseId, Scanner, ScannerBuilder, is_met};

/// What each branch of an operator asks of a value, before there is a scanner.
#[derive(Debug, Default)]
pub(crate) struct BranchClauses(Vec<Vec<Asking>>);

/// One of these bytes, or a clause of literals.
#[derive(Clone, Copy, Debug)]
struct Asking {
    bytes: ByteSet,
    literals: Option<ClauseId>,
}

/// The branches of an operator: a value that has none of them does not match.
#[derive(Debug)]
pub(crate) struct Branches(Box<[Box<[Asked]>]>);

/// One of these bytes, or the bit of a clause of literals.
#[derive(Clone, Copy, Debug)]
struct Asked {
    bytes: ByteSet,
    bit: Option<u16>,
}

impl BranchClauses {
    /// Tells the scanner what literals are asked for, as far as it costs little to look for them. Which bytes a value has
    /// it says anyway.
    pub(crate) fn new(branches: &[Vec<Clause>], builder: &mut ScannerBuilder) -> Self {
        let mut asking = |clause: &Clause| match clause.literals.is_empty() {
            true => Some(Asking { bytes: clause.bytes, literals: None }),
            false => Some(Asking { bytes: clause.bytes, literals: Some(builder.add_literals(clause)?) }),
        };
        Self(branches.iter().map(|branch| branch.iter().filter_map(&mut asking).collect()).collect())
    }

    /// The clauses of literals.
    pub(crate) fn literals(&self) -> impl Iterator<Item = ClauseId> {
        self.0.iter().flatten().filter_map(|asking| asking.literals)
    }

    /// The same with the bits of a scanner; `None` where that says nothing.
    pub(crate) fn told_by(&self, scanner: &Scanner) -> Option<Branches> {
        let asked = |asking: &Asking| {
            let bit = asking.literals.map(|literals| scanner.bit(literals));
            // A clause that the scanner has no bit for may be met.
            (bit != Some(None)).then_some(Asked { bytes: asking.bytes, bit: bit.flatten() })
        };
        let branches = self.0.iter().map(|branch| branch.iter().filter_map(asked).collect());
        let branches: Box<[Box<[Asked]>]> = branches.collect();
        let says_all = !branches.is_empty() && branches.iter().all(|branch| !branch.is_empty());
        says_all.then_some(Branches(branches))
    }
}

impl Branches {
    /// Whether a text with these bytes that meets this may have one of them.
    pub(crate) fn may_be_in(&self, seen: &ByteSet, met: &[u64]) -> bool {
        let has = |asked: &Asked| asked.bytes.meets(seen) || asked.bit.is_some_and(|bit| is_met(bit, met));
        self.0.iter().any(|branch| branch.iter().all(has))
    }

    /// The bits that are asked.
    pub(crate) fn bits(&self) -> impl Iterator<Item = u16> {
        self.0.iter().flatten().filter_map(|asked| asked.bit)
    }
}
