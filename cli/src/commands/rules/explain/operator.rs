//! Operators in words.

use signatures::Link;
use signatures::operator::{ByteRange, Comparison, Number, Operator, Pm, Scheme};

/// What the value has to be: `is GET`, `is not within ...`.
pub(super) fn words(link: &Link) -> String {
    let (is, is_not) = phrase(&link.operator);
    if link.negated { is_not } else { is }
}

/// What a value is that the operator matches, and what one is that it does not.
fn phrase(operator: &Operator) -> (String, String) {
    let verbs = |is: &str, is_not: &str, what: &str| (format!("{is} {what}"), format!("{is_not} {what}"));
    match operator {
        Operator::BeginsWith(text) => verbs("begins with", "does not begin with", &quoted(text)),
        Operator::Compare(comparison, number) => compare(*comparison, number),
        Operator::Contains(text) => verbs("contains", "does not contain", &quoted(text)),
        Operator::ContainsWord(text) => {
            verbs("contains the word", "does not contain the word", &quoted(text))
        }
        Operator::DetectSqli => verbs("is", "is not", "SQL injection, says libinjection"),
        Operator::DetectXss => verbs("is", "is not", "cross-site scripting, says libinjection"),
        Operator::EndsWith(text) => verbs("ends with", "does not end with", &quoted(text)),
        Operator::GeoLookup(_) => verbs("is", "is not", "an address in the database of places"),
        Operator::IpMatch(_) => verbs("is", "is not", "an address of these networks"),
        Operator::NoMatch => ("never matches".to_owned(), "is anything".to_owned()),
        Operator::Pm(phrases) => verbs("contains", "does not contain", &listed(phrases)),
        Operator::Rbl(zone) => verbs("is", "is not", &format!("an address on the list {}", zone.name())),
        Operator::Rx(rx) => verbs("matches", "does not match", &shown(rx.pattern())),
        Operator::RxGlobal(rx) => {
            verbs("matches (all matches are captured)", "does not match", &shown(rx.pattern()))
        }
        Operator::Streq(text) => verbs("is", "is not", &quoted(text)),
        Operator::UnconditionalMatch => ("is anything".to_owned(), "never matches".to_owned()),
        Operator::ValidateByteRange(allowed) => {
            verbs("has a byte other than", "has no byte other than", &ranges(allowed))
        }
        Operator::ValidateUrlEncoding => {
            verbs("has", "does not have", "a `%` that two hexadecimal digits do not follow")
        }
        Operator::ValidateUtf8Encoding => verbs("is not", "is", "UTF-8"),
        Operator::Verify(verify) => verbs("has", "does not have", scheme(verify.scheme())),
        Operator::Within(list) => verbs("is a part of", "is not a part of", &quoted(list)),
    }
}

fn compare(comparison: Comparison, number: &Number) -> (String, String) {
    let (is, is_not) = match comparison {
        Comparison::Eq => ("is", "is not"),
        Comparison::Ge => ("is at least", "is less than"),
        Comparison::Gt => ("is greater than", "is at most"),
        Comparison::Le => ("is at most", "is greater than"),
        Comparison::Lt => ("is less than", "is at least"),
    };
    let number = match number {
        Number::Fixed(number) => number.to_string(),
        Number::Macro(text) => quoted(text),
    };
    (format!("{is} {number}"), format!("{is_not} {number}"))
}

fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::CreditCard => "a credit card number with right check digits",
        Scheme::Cpf => "a Brazilian CPF with right check digits",
        Scheme::Ssn => "a US social security number",
        Scheme::Svnr => "an Austrian social insurance number with right check digits",
    }
}

/// A few phrases, and how many more there are.
fn listed(phrases: &Pm) -> String {
    let all: Vec<_> = phrases.phrases().collect();
    let first: Vec<_> =
        all.iter().take(PHRASES_SHOWN).map(|it| shown(&String::from_utf8_lossy(it))).collect();
    match all.len().saturating_sub(PHRASES_SHOWN) {
        0 => format!("one of {} (in any case)", first.join(", ")),
        more => format!("one of {} and {more} more phrases (in any case)", first.join(", ")),
    }
}

fn ranges(allowed: &ByteRange) -> String {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for byte in (0..=u8::MAX).filter(|byte| allowed.allows(*byte)) {
        match ranges.last_mut().filter(|(_, last)| last.checked_add(1) == Some(byte)) {
            Some((_, last)) => *last = byte,
            None => ranges.push((byte, byte)),
        }
    }
    let range = |(first, last): &(u8, u8)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}

fn quoted(text: &impl std::fmt::Display) -> String {
    shown(&text.to_string())
}

/// On one line, and no more than fits there.
pub(super) fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(CHARACTERS_SHOWN).flat_map(printable).collect();
    if let Some(more) = text.chars().count().checked_sub(CHARACTERS_SHOWN).filter(|more| *more > 0) {
        line += &format!("` ({more} more characters)");
        return format!("`{line}");
    }
    format!("`{line}`")
}

fn printable(letter: char) -> Vec<char> {
    if letter.is_control() { letter.escape_default().collect() } else { vec![letter] }
}

const PHRASES_SHOWN: usize = 5;
const CHARACTERS_SHOWN: usize = 160;
