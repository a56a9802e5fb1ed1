//! All that a value must hold.

use super::Clause;

/// What every value that an operator matches holds: all of the clauses, in at least so many bytes. Nothing
/// needed means that any value may match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The rarest first.
    pub(crate) clauses: Vec<Clause>,
    /// The length of the shortest value (bytes).
    pub(crate) bytes_min: usize,
    /// The branches of which a match is one, and what each holds: all of its clauses. Told apart, they say more than
    /// clauses that all of them meet. None when that is not known, or no more.
    pub(crate) branches: Vec<Vec<Clause>>,
}

impl Needs {
    /// All of these clauses.
    pub(crate) fn all(clauses: impl IntoIterator<Item = Clause>, bytes_min: usize) -> Self {
        let mut clauses: Vec<_> =
            clauses.into_iter().filter(|clause| clause.literals.len() <= LITERALS_MAX).collect();
        clauses.sort_by(|a, b| a.frequency().total_cmp(&b.frequency()));
        clauses.dedup();
        let first = clauses.first().map_or(1.0, Clause::frequency);
        clauses.retain(|clause| is_worth_a_look(clause, first));
        clauses.truncate(CLAUSES_MAX);
        Self { clauses, bytes_min, branches: Vec::new() }
    }

    /// The same, where every match is one of several, of which each meets all of these.
    pub(crate) fn with_branches(self, branches: Vec<Vec<Clause>>) -> Self {
        let branches: Vec<_> = branches.into_iter().map(told_by).collect();
        let says_more = branches.iter().all(|clauses| !clauses.is_empty())
            && branches.iter().any(|clauses| clauses.len() > 1);
        Self { branches: if says_more { branches } else { Vec::new() }, ..self }
    }

    /// This literal.
    pub(crate) fn literal(literal: &[u8]) -> Self {
        Self::all(Clause::literals([literal]), literal.len())
    }
}

/// The clauses that tell whether a value has a branch. To ask for bytes costs nothing, as a scan says which a value has;
/// literals have to be looked for.
fn told_by(mut clauses: Vec<Clause>) -> Vec<Clause> {
    clauses.sort_by(|a, b| a.frequency().total_cmp(&b.frequency()));
    clauses.dedup();
    let mut with_literals = 0;
    clauses.retain(|clause| {
        with_literals += usize::from(!clause.literals.is_empty());
        clause.frequency() < FIRST_FREQUENCY_MAX
            && clause.literals.len() <= LITERALS_MAX
            && (clause.literals.is_empty() || with_literals <= BRANCH_LITERAL_CLAUSES_MAX)
    });
    clauses.truncate(CLAUSES_MAX);
    clauses
}

/// Whether a clause tells more than the rarest of its list does, for what it costs to look for it.
fn is_worth_a_look(clause: &Clause, rarest: f64) -> bool {
    match clause.frequency() {
        frequency if frequency <= rarest => frequency < FIRST_FREQUENCY_MAX,
        frequency => {
            frequency < OTHER_FREQUENCY_MAX && (clause.literals.is_empty() || rarest > RARE_FREQUENCY)
        }
    }
}

/// What more bytes of a value meet (per byte) is met by nearly every value.
const FIRST_FREQUENCY_MAX: f64 = 0.3;
/// Beside a rarer clause only what is rare itself is worth a look.
const OTHER_FREQUENCY_MAX: f64 = 0.03;
/// Beside a clause as rare as this no literals are looked for.
const RARE_FREQUENCY: f64 = 0.000_2;
/// More clauses do not help.
const CLAUSES_MAX: usize = 6;
/// Clauses of a branch that have literals.
const BRANCH_LITERAL_CLAUSES_MAX: usize = 2;
/// Literals of one clause: as many as the longest word lists of CRS have, and more.
const LITERALS_MAX: usize = 8_192;
