//! SecLang operators, one concept a file.

mod argument;
mod begins_with;
mod byte_range;
mod captures;
mod compare;
mod contains;
mod contains_word;
mod detect_sqli;
mod detect_xss;
mod ends_with;
mod error;
pub(crate) mod geo_lookup;
mod ip_match;
mod needs;
mod pm;
mod rbl;
mod refused;
mod rx;
mod streq;
mod table;
mod url_encoding;
mod utf8_encoding;
mod verify;
mod within;

use std::ops::Range;
use std::sync::Arc;

use crate::Resolve;

pub use argument::Argument;
pub use byte_range::ByteRange;
pub use captures::Captures;
pub use compare::{Comparison, Number};
pub use error::OperatorError;
pub use geo_lookup::{GeoDatabase, GeoFields};
pub use ip_match::IpMatch;
pub use pm::Pm;
pub use rbl::{Zone, listing_of};
pub use rx::{Budget, Rewritten, Rx, rewrite};
pub use verify::{Scheme, Verify};
pub(crate) use within::Pairs;

/// A compiled operator with its argument. `!` is not here but in [`crate::Link::negated`].
#[derive(Debug)]
pub enum Operator {
    /// `@beginsWith`: the value begins with the argument.
    BeginsWith(Argument),
    /// `@eq`, `@ge`, `@gt`, `@le`, `@lt`: the value, as a number, against the argument.
    Compare(Comparison, Number),
    /// `@contains`, `@strmatch`: the argument is somewhere in the value.
    Contains(Argument),
    /// `@containsWord`: the argument is in the value, between what is not a letter.
    ContainsWord(Argument),
    /// `@detectSQLi`: libinjection finds SQL injection.
    DetectSqli,
    /// `@detectXSS`: libinjection finds cross-site scripting.
    DetectXss,
    /// `@endsWith`: the value ends with the argument.
    EndsWith(Argument),
    /// `@geoLookup`: the database knows where the address is; evaluation writes what it knows to `GEO`.
    GeoLookup(Arc<GeoDatabase>),
    /// `@ipMatch`, `@ipMatchFromFile`: the value is an address in one of the networks.
    IpMatch(IpMatch),
    /// `@noMatch`: never matches.
    NoMatch,
    /// `@pm`, `@pmFromFile`: one of many phrases is in the value.
    Pm(Pm),
    /// `@rbl`: the value is the client's address, and a list in the DNS has it; evaluation knows what lists say.
    Rbl(Zone),
    /// `@rx`: a regular expression matches.
    Rx(Rx),
    /// `@rxGlobal`: a regular expression matches, and the groups of all matches are captured.
    RxGlobal(Rx),
    /// `@streq`: the value is equal to the argument.
    Streq(Argument),
    /// `@unconditionalMatch`, and what `SecAction` tests.
    UnconditionalMatch,
    /// `@validateByteRange`: a byte is outside the ranges.
    ValidateByteRange(ByteRange),
    /// `@validateUrlEncoding`: a `%` is not followed by two hexadecimal digits.
    ValidateUrlEncoding,
    /// `@validateUtf8Encoding`: a byte sequence is not UTF-8.
    ValidateUtf8Encoding,
    /// `@verifyCC`, `@verifyCPF`, `@verifySSN`, `@verifySVNR`: a number with right check digits.
    Verify(Verify),
    /// `@within`: the value is somewhere in the argument.
    Within(Argument),
}

/// What an operator needs from the transaction to compile: data files beside the rules.
pub trait DataFiles {
    /// The text of the file that `@pmFromFile`, `@ipMatchFromFile` name, relative to the rule file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, name: &str) -> Result<Vec<u8>, String>;

    /// What diagnostics call that file.
    fn path(&self, name: &str) -> String {
        name.to_owned()
    }
}

impl Operator {
    /// Compiles `@name argument`; the name is compared without case.
    ///
    /// # Errors
    /// Unknown names (`unknown-operator`, with a suggestion), operators we refuse
    /// (`unsupported-operator`, with the reason) and arguments that do not compile.
    pub fn compile(name: &str, argument: &str, files: &dyn DataFiles) -> Result<Self, OperatorError> {
        table::compile(name, argument, files)
    }

    /// Every operator name that compiles, as the reference spells it.
    pub fn names() -> impl Iterator<Item = &'static str> {
        table::names()
    }

    /// Every operator of the reference that is not done here: its name, why, and whether it is accepted and never
    /// matches.
    pub fn refused() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        refused::all()
    }

    /// Where `value` matches, or `None`; operators that compare the whole value return its whole range.
    /// Groups are written to `captures` when the rule asks for them; without a match they stay.
    pub fn find(
        &self,
        value: &[u8],
        resolve: &dyn Resolve,
        captures: Option<&mut Captures>,
    ) -> Option<Range<usize>> {
        self.find_within(value, resolve, &mut Budget::default(), captures)
    }

    /// The same, with the budget of the transaction; `None` also when that did not last, which it then
    /// counts.
    pub fn find_within(
        &self,
        value: &[u8],
        resolve: &dyn Resolve,
        budget: &mut Budget,
        captures: Option<&mut Captures>,
    ) -> Option<Range<usize>> {
        let whole = |matches: bool| matches.then_some(0..value.len());
        match self {
            Self::BeginsWith(argument) => argument.with(resolve, |text| begins_with::find(value, text)),
            Self::Compare(comparison, number) => whole(comparison.holds(value, number.get(resolve))),
            Self::Contains(argument) => argument.with(resolve, |text| contains::find(value, text)),
            Self::ContainsWord(argument) => argument.with(resolve, |text| contains_word::find(value, text)),
            Self::DetectSqli => whole(detect_sqli::matches(value, captures)),
            Self::DetectXss => whole(detect_xss::matches(value, captures)),
            Self::EndsWith(argument) => argument.with(resolve, |text| ends_with::find(value, text)),
            Self::GeoLookup(database) => whole(database.locate(value).is_some()),
            Self::IpMatch(networks) => whole(networks.contains(value)),
            // What lists say belongs to the transaction: the evaluation asks for it itself.
            Self::NoMatch | Self::Rbl(_) => None,
            Self::Pm(phrases) => phrases.find(value, captures),
            Self::Rx(regex) => regex.find(value, resolve, budget, captures),
            Self::RxGlobal(regex) => regex.find_all(value, resolve, budget, captures),
            Self::Streq(argument) => whole(argument.with(resolve, |text| streq::matches(value, text))),
            Self::UnconditionalMatch => whole(true),
            Self::ValidateByteRange(allowed) => allowed.find_outside(value),
            Self::ValidateUrlEncoding => url_encoding::find_invalid(value),
            Self::ValidateUtf8Encoding => utf8_encoding::find_invalid(value),
            Self::Verify(verify) => verify.find(value, resolve, budget, captures),
            Self::Within(argument) => whole(argument.with(resolve, |text| within::matches(value, text))),
        }
    }
}

#[cfg(test)]
mod check;
