//! The places in a query where a value may have been put.

use super::Fingerprint;
use super::fold::Folded;
use super::tokenizer::Dialect;
use super::verdict;
use crate::libinjection::scan;

/// What stands before the value in the query, and who reads the query.
#[derive(Clone, Copy)]
pub(super) struct Context {
    quote: Option<u8>,
    dialect: Dialect,
}

impl Context {
    /// The readings in the order they are tried.
    pub(super) fn all() -> [Self; 3] {
        [(None, Dialect::Ansi), (Some(b'\''), Dialect::Ansi), (Some(b'"'), Dialect::MySql)]
            .map(|(quote, dialect)| Self { quote, dialect })
    }

    /// Whether the value could end the quote that this context opens.
    pub(super) fn applies(self, input: &[u8]) -> bool {
        self.quote.is_none_or(|quote| scan::position(input, |byte| byte == quote).is_some())
    }

    /// Reads the value in this context, once more as MySQL if a comment means something else there.
    pub(super) fn judge(self, input: &[u8]) -> Option<Fingerprint> {
        let folded = Folded::read(input, self.quote, self.dialect);
        let found = verdict::fingerprint_of_attack(&folded, input);
        if found.is_some() || !folded.is_ambiguous {
            return found;
        }
        match self.dialect {
            Dialect::Ansi => Self { dialect: Dialect::MySql, ..self }.judge(input),
            Dialect::MySql => None,
        }
    }
}
