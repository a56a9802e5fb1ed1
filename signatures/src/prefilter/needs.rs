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
        Self { clauses, bytes_min }
    }

    /// This literal.
    pub(crate) fn literal(literal: &[u8]) -> Self {
        Self::all(Clause::literals([literal]), literal.len())
    }
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
/// Literals of one clause: as many as the longest word lists of CRS have, and more.
const LITERALS_MAX: usize = 8_192;
