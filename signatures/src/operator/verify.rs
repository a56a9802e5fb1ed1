//! `@verifyCC`, `@verifyCPF`, `@verifySSN`, `@verifySVNR`: the value holds a number with right check digits.
//!
//! The argument is a regular expression; each part of the value that it matches is checked, and the
//! operator matches at the first that is a credit card number (Luhn, ISO/IEC 7812-1), a Brazilian CPF, a US
//! social security number or an Austrian social insurance number. What is not a digit is left out. With
//! `capture`, `TX:0` becomes the number as written.
//!
//! ```text
//! SecRule RESPONSE_BODY "@verifyCC \d{13,16}" "id:1000,phase:4,capture,deny"
//! SecRule ARGS "@verifySSN \d{3}-?\d{2}-?\d{4}" "id:1001,phase:2,deny"
//! ```
//! ModSecurity reference v3, "Operators", `verifyCC`, `verifyCPF`, `verifySSN`, `verifySVNR`.

use std::ops::Range;

use super::{Budget, Captures, OperatorError, Rx};
use crate::Resolve;
use crate::prefilter::Needs;

/// A regular expression, and the check that what it matches must pass.
#[derive(Debug)]
pub struct Verify {
    candidates: Rx,
    scheme: Scheme,
}

/// A kind of number with check digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `@verifyCC`.
    CreditCard,
    /// `@verifyCPF`.
    Cpf,
    /// `@verifySSN`.
    Ssn,
    /// `@verifySVNR`.
    Svnr,
}

impl Verify {
    pub(super) fn compile(scheme: Scheme, argument: &str) -> Result<Self, OperatorError> {
        Ok(Self { candidates: Rx::compile(argument)?, scheme })
    }

    /// What kind of number is verified.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What numbers look like.
    pub(super) fn candidates(&self) -> &Rx {
        &self.candidates
    }

    /// What every value holds that has such a number.
    pub(super) fn needs(&self) -> Needs {
        self.candidates.needs()
    }

    pub(super) fn find(
        &self,
        value: &[u8],
        resolve: &dyn Resolve,
        budget: &mut Budget,
        captures: Option<&mut Captures>,
    ) -> Option<Range<usize>> {
        let mut from = 0;
        for _ in 0..CANDIDATES_MAX {
            let found = self.candidates.find_at(value, from, resolve, budget)?;
            if self.scheme.verifies(&value[found.clone()]) {
                if let Some(captures) = captures {
                    captures.set(&value[found.clone()]);
                }
                return Some(found);
            }
            // A number may begin inside a longer run of digits, so the search goes on one byte later, as
            // in ModSecurity; not inside what no number can be as long as, which keeps it linear.
            let next = if found.len() <= CANDIDATE_BYTES_MAX { found.start } else { found.end };
            from = next + 1;
        }
        None
    }
}

/// More candidates in one value are not checked.
const CANDIDATES_MAX: usize = 4096;
/// A longer match is not searched for numbers that begin inside it.
const CANDIDATE_BYTES_MAX: usize = 64;

impl Scheme {
    /// Whether the digits are such a number.
    #[must_use]
    pub fn verifies(self, candidate: &[u8]) -> bool {
        let digits =
            candidate.iter().filter(|byte| byte.is_ascii_digit()).map(|digit| u32::from(digit - b'0'));
        if self == Self::CreditCard {
            return is_luhn(digits);
        }
        // One more than any of them has, so that longer numbers are told apart.
        let digits: Vec<u32> = digits.take(12).collect();
        match self {
            Self::Cpf => digits.try_into().is_ok_and(is_cpf),
            Self::Ssn => digits.try_into().is_ok_and(is_ssn),
            Self::Svnr => digits.try_into().is_ok_and(is_svnr),
            Self::CreditCard => false,
        }
    }
}

/// ISO/IEC 7812-1 annex B: every second digit from the right doubled, the sum a multiple of ten.
fn is_luhn(digits: impl DoubleEndedIterator<Item = u32>) -> bool {
    let (mut sum, mut count) = (0_u32, 0_u32);
    for digit in digits.rev() {
        let weighted = if count % 2 == 1 { digit * 2 } else { digit };
        sum = (sum + weighted / 10 + weighted % 10) % 10;
        count = count.wrapping_add(1);
    }
    count > 0 && sum == 0
}

/// Two check digits modulo eleven; numbers of one repeated digit pass them but are never given out.
fn is_cpf(digits: [u32; 11]) -> bool {
    let check = |length: usize| {
        let weights = (2..=u32::try_from(length).unwrap_or(0) + 1).rev();
        let rest = digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
        if rest < 2 { 0 } else { 11 - rest }
    };
    digits.windows(2).any(|pair| pair[0] != pair[1]) && digits[9] == check(9) && digits[10] == check(10)
}

/// No check digit: areas, groups and serials that are never given out.
fn is_ssn(digits: [u32; 9]) -> bool {
    let number = |digits: &[u32]| digits.iter().fold(0, |number, digit| number * 10 + digit);
    let (area, group, serial) = (number(&digits[..3]), number(&digits[3..5]), number(&digits[5..]));
    let repeated = digits.windows(2).all(|pair| pair[0] == pair[1]);
    let sequential = digits.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    !(repeated || sequential || area == 0 || area == 666 || area >= 740 || group == 0 || serial == 0)
}

/// The fourth digit is the weighted sum of the others modulo eleven.
fn is_svnr(digits: [u32; 10]) -> bool {
    const WEIGHTS: [u32; 10] = [3, 7, 9, 0, 5, 8, 4, 2, 1, 6];
    let rest = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
    digits.windows(2).any(|pair| pair[0] != pair[1]) && digits[3] == rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::check::{Macros, captured, check, refusal};
    use super::*;

    #[test]
    fn matches() {
        let card = r"\d{13,16}";
        check(
            "verifyCC",
            &[
                (card, "pay 4111111111111111 now", Some("4111111111111111")),
                (r"\d{16}", "4111111111111112", None),
                (card, "4111111111111112", Some("1111111111112")),
                (card, "9994111111111111111", Some("4111111111111111")),
                (r"(?:\d{4}-?){4}", "5500-0000-0000-0004", Some("5500-0000-0000-0004")),
                (r"x*", "yy", None),
            ],
        );
        let cpf = r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}";
        check(
            "verifyCPF",
            &[
                (cpf, "529.982.247-25", Some("529.982.247-25")),
                (cpf, "52998224724", None),
                (cpf, "11111111111", None),
            ],
        );
        let ssn = r"\d{3}-?\d{2}-?\d{4}";
        check(
            "verifySSN",
            &[
                (ssn, "a 123-45-6780 b", Some("123-45-6780")),
                (ssn, "666-12-3456", None),
                (ssn, "000-12-3456", None),
                (ssn, "123-00-3456", None),
                (ssn, "123-45-0000", None),
                (ssn, "123-45-6789", None),
                (ssn, "111-11-1111", None),
            ],
        );
        check(
            "verifySVNR",
            &[(r"\d{10}", "1237010180", Some("1237010180")), (r"\d{10}", "1238010180", None)],
        );
        assert_eq!(captured("verifyCC", card, "x4111111111111111"), [Some("4111111111111111".to_owned())]);
        assert_eq!(refusal("verifyCC", "(").code, "invalid-regex");
    }

    proptest! {
        #[test]
        fn no_panic_on_any_bytes(value in prop::collection::vec(any::<u8>(), 0..60)) {
            for scheme in [Scheme::CreditCard, Scheme::Cpf, Scheme::Ssn, Scheme::Svnr] {
                let _ = scheme.verifies(&value);
                let _ = Verify::compile(scheme, r"\d*").unwrap().find(&value, &Macros, &mut Budget::default(), None);
            }
        }
    }
}
