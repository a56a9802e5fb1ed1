//! Which values never reach a record: passwords, tokens, cookies, credentials, card numbers.
//!
//! A value is sensitive by its place (a cookie, an `Authorization` header, an argument whose name says
//! password), or by its form (a card number, a JSON Web Token). What stands at a sensitive place is left
//! out whole; where text quotes it (`logdata`, `msg`), the quotation is left out too.

use std::borrow::Cow;

use transaction::{Fields, Transaction};

use crate::Evaluation;

/// Stands for what was left out.
pub const MASK: &str = "[masked]";

/// Values shorter than this are not looked for in other texts (bytes): `1` is in every text.
const QUOTED_BYTES_MIN: usize = 4;

/// Sensitive values that are looked for in other texts (count); requests have more only by intent, and
/// their values are still left out where they stand.
const QUOTED_MAX: usize = 256;

/// Parts of argument names that say the value is a secret; lower case.
const SECRET_NAMES: &[&str] = &[
    "accesskey",
    "access_key",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "cardnumber",
    "card_number",
    "card-number",
    "ccnum",
    "credential",
    "csrf",
    "cvc",
    "cvv",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "privatekey",
    "pwd",
    "secret",
    "session",
    "ssn",
    "token",
];

/// What those begin with.
const SECRET_FIRST: &[u8] = b"acpst";

/// Digits of a card number, at least.
const CARD_DIGITS_MIN: usize = 13;

/// What a JSON Web Token begins with.
const TOKEN_START: &str = "eyJ";

/// Whole argument names that say the value is a secret; lower case.
const SECRET_WORDS: &[&str] = &["auth", "card", "cc", "jwt", "otp", "pass", "pin", "pw", "sid"];

/// Header names whose value is a secret; lower case.
const SECRET_HEADERS: &[&str] =
    &["authorization", "cookie", "proxy-authorization", "set-cookie", "x-auth-token", "x-csrf-token"];

/// Knows one transaction's sensitive values.
#[derive(Debug, Default)]
pub struct Mask {
    values: Vec<Vec<u8>>,
    /// What rules want hidden (`sanitiseArg`), as SecLang names it, upper case.
    hidden: Vec<String>,
}

impl Mask {
    /// Collects the sensitive values of a transaction.
    #[must_use]
    pub fn new(transaction: &Transaction) -> Self {
        let mut mask = Self::default();
        for field in transaction.cookies.iter() {
            mask.add(field.value);
        }
        for field in transaction.query.iter().chain(transaction.body.arguments.iter()) {
            if is_secret_name(field.name) {
                mask.add(field.value);
            }
        }
        for field in transaction.request.headers.iter() {
            if is_secret_header(field.name) {
                mask.add(field.value);
                // `Basic dXNlcjpwYXNz`: the part that is quoted is the second word.
                mask.add(field.value.rsplit(|byte| *byte == b' ').next().unwrap_or_default());
            }
        }
        mask.sort();
        mask
    }

    /// Collects the sensitive values of an evaluation's transaction, and those that its rules want hidden.
    #[must_use]
    pub(crate) fn of(evaluation: &Evaluation) -> Self {
        let mut mask = Self::new(evaluation.transaction());
        for name in evaluation.running().iter().flat_map(|running| &running.state.sanitised) {
            mask.hide(evaluation.transaction(), name);
        }
        mask.sort();
        mask
    }

    fn hide(&mut self, transaction: &Transaction, name: &str) {
        let (variable, key) = name.split_once(':').unwrap_or((name, ""));
        let response = transaction.response.as_ref().map(|response| &response.head.headers);
        let fields = match variable {
            "ARGS" | "ARGS_GET" | "ARGS_POST" => {
                [Some(&transaction.query), Some(&transaction.body.arguments)]
            }
            "REQUEST_HEADERS" => [Some(&transaction.request.headers), None],
            "REQUEST_COOKIES" => [Some(&transaction.cookies), None],
            "RESPONSE_HEADERS" => [response, None],
            _ => [None, None],
        };
        let named = |fields: &Fields| {
            fields
                .iter()
                .filter(|field| field.name.eq_ignore_ascii_case(key.as_bytes()))
                .map(|it| it.value.to_vec())
                .collect::<Vec<_>>()
        };
        let values: Vec<_> = fields.into_iter().flatten().flat_map(named).collect();
        values.iter().for_each(|value| self.add(value));
        self.hidden.push(normal(name));
    }

    /// The longest first, so that a value is not left with the rest of one that contains it.
    fn sort(&mut self) {
        self.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// Whether what stands at a target, as SecLang names it, is sensitive, or rules want it hidden.
    #[must_use]
    pub fn hides(&self, target: &str) -> bool {
        is_secret_target(target) || (!self.hidden.is_empty() && self.hidden.contains(&normal(target)))
    }

    fn add(&mut self, value: &[u8]) {
        if value.len() >= QUOTED_BYTES_MIN && self.values.len() < QUOTED_MAX {
            self.values.push(value.to_ascii_lowercase());
        }
    }

    /// `text` without quotations of sensitive values, as UTF-8.
    #[must_use]
    pub fn text(&self, text: &[u8]) -> String {
        let mut bytes = Cow::Borrowed(text);
        for value in &self.values {
            if let Some(replaced) = replaced(&bytes, value) {
                bytes = Cow::Owned(replaced);
            }
        }
        by_form(&String::from_utf8_lossy(&bytes))
    }

    /// The value of `target` (`ARGS:password`), left out whole when its place is sensitive.
    #[must_use]
    pub fn value(&self, target: &str, value: &[u8]) -> String {
        if self.hides(target) { MASK.to_owned() } else { self.text(value) }
    }
}

/// Whether what stands at a target, as SecLang names it, is sensitive.
#[must_use]
pub fn is_secret_target(target: &str) -> bool {
    let (variable, name) = target.split_once(':').unwrap_or((target, ""));
    match variable.to_ascii_uppercase().as_str() {
        "REQUEST_COOKIES" => true,
        "ARGS" | "ARGS_GET" | "ARGS_POST" => is_secret_name(name.as_bytes()),
        "REQUEST_HEADERS" | "RESPONSE_HEADERS" => is_secret_header(name.as_bytes()),
        _ => false,
    }
}

/// A target without case, and without where arguments came from.
fn normal(target: &str) -> String {
    let upper = target.to_ascii_uppercase();
    match upper.split_once(':') {
        Some(("ARGS_GET" | "ARGS_POST", name)) => format!("ARGS:{name}"),
        _ => upper,
    }
}

fn is_secret_header(name: &[u8]) -> bool {
    SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes())) || is_secret_name(name)
}

fn is_secret_name(name: &[u8]) -> bool {
    let last = name.rsplit(|byte| b".[]".contains(byte)).find(|part| !part.is_empty()).unwrap_or_default();
    SECRET_WORDS.iter().any(|word| last.eq_ignore_ascii_case(word.as_bytes())) || has_secret_part(name)
}

fn has_secret_part(name: &[u8]) -> bool {
    let may_begin = |byte: &u8| SECRET_FIRST.contains(&byte.to_ascii_lowercase());
    let begins = name.iter().enumerate().filter(|(_, byte)| may_begin(byte));
    begins.map(|(at, _)| &name[at..]).any(|rest| {
        let is_here = |part: &&str| {
            rest.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part.as_bytes()))
        };
        SECRET_NAMES.iter().any(is_here)
    })
}

/// `text` without any occurrence of `value` (lower case), whatever its case in `text`; `None` when there is none.
fn replaced(text: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let folded = text.to_ascii_lowercase();
    let mut at = find(&folded, value)?;
    let (mut kept, mut from) = (Vec::with_capacity(text.len()), 0);
    loop {
        kept.extend_from_slice(&text[from..at]);
        kept.extend_from_slice(MASK.as_bytes());
        from = at + value.len();
        match find(&folded[from..], value) {
            Some(next) => at = from + next,
            None => break,
        }
    }
    kept.extend_from_slice(&text[from..]);
    Some(kept)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    // Most texts lack the value; most places of those that have it begin otherwise.
    let begins = text.iter().enumerate().filter(|(_, byte)| *byte == first);
    begins.map(|(at, _)| at).find(|at| text[*at..].starts_with(wanted))
}

/// `text` without card numbers and JSON Web Tokens.
pub(super) fn by_form(text: &str) -> String {
    if !may_have_form(text) {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let secret = if first.is_ascii_digit() { card_number(rest) } else { web_token(rest) };
        let (length, shown) = match secret {
            Some(length) => (length, MASK),
            // A run of the same class cannot begin with a secret further on: skip it whole.
            None => {
                let same = |letter: char| letter.is_ascii_alphanumeric() == first.is_ascii_alphanumeric();
                let length = rest.find(|letter| !same(letter)).unwrap_or(rest.len());
                (length, &rest[..length])
            }
        };
        kept.push_str(shown);
        rest = &rest[length..];
    }
    kept
}

/// Whether there are as many digits as a card has, or something like a token: seldom, and told at one look.
fn may_have_form(text: &str) -> bool {
    let has_token = text.as_bytes().contains(&b'J') && text.contains(TOKEN_START);
    let has_digits = text.bytes().filter(u8::is_ascii_digit).count() >= CARD_DIGITS_MIN;
    has_token || (has_digits && has_digits_in_a_row(text))
}

/// Whether so many digits follow each other with nothing but what groups them on cards in between.
fn has_digits_in_a_row(text: &str) -> bool {
    let mut row = 0;
    text.bytes().any(|byte| {
        match byte {
            b'0'..=b'9' => row += 1,
            b' ' | b'-' => {}
            _ => row = 0,
        }
        row >= CARD_DIGITS_MIN
    })
}

/// The length of the card number `text` begins with: 13 to 19 digits of an issuer of cards (they begin with 2
/// to 6), in one group or grouped as on cards, that pass the Luhn check (ISO/IEC 7812-1).
fn card_number(text: &str) -> Option<usize> {
    let mut digits = Vec::new();
    let mut groups = vec![0_usize];
    let mut end = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits.push(byte - b'0');
                *groups.last_mut()? += 1;
                end = at + 1;
            }
            // One separator between groups.
            b' ' | b'-' if at == end => groups.push(0),
            _ => break,
        }
        if digits.len() > 19 {
            return None;
        }
    }
    groups.retain(|length| *length > 0);
    let follows_word = text[end..].starts_with(|letter: char| letter.is_ascii_alphanumeric());
    let is_issued = matches!(digits.first(), Some(2..=6));
    (digits.len() >= CARD_DIGITS_MIN
        && is_issued
        && is_grouped_as_card(&groups)
        && !follows_word
        && luhn(&digits))
    .then_some(end)
}

/// Fours and a rest, as most; 4-6-5 (American Express) and 4-6-4 (Diners Club). Identifiers and dates are grouped
/// otherwise.
fn is_grouped_as_card(groups: &[usize]) -> bool {
    match groups {
        [_] | [4, 6, 4 | 5] => true,
        [fours @ .., rest] => fours.iter().all(|length| *length == 4) && *rest <= 4,
        [] => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let weighed = digits.iter().rev().enumerate();
    let sum: u32 =
        weighed.map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit })).sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// The length of the JSON Web Token `text` begins with (RFC 7519: the header is a JSON object, so that
/// its base64url begins with `eyJ`).
fn web_token(text: &str) -> Option<usize> {
    if !text.starts_with(TOKEN_START) {
        return None;
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let end = text.bytes().position(|byte| !allowed(byte)).unwrap_or(text.len());
    (text[..end].matches('.').count() == 2).then_some(end)
}

#[cfg(test)]
mod tests {
    use transaction::{Connection, Limits, RequestHead};

    use super::*;

    fn mask() -> Mask {
        let headers = [("Cookie", "id=Ab12cd34; x=1"), ("Authorization", "Basic dXNlcjpwYXNz")];
        let request = RequestHead {
            target: b"/?q=1&user%5Bpassword%5D=hunter2&page=next".to_vec(),
            headers: headers.into_iter().collect(),
            ..RequestHead::default()
        };
        Mask::new(&Transaction::new("0", 0, Connection::default(), request, &Limits::default()))
    }

    #[test]
    fn leaves_out_what_is_sensitive_by_its_place() {
        for (target, expected) in [
            ("ARGS:password", true),
            ("ARGS:user[password]", true),
            ("ARGS:json.login.pass", true),
            ("ARGS:compass", false),
            ("ARGS:q", false),
            ("ARGS_NAMES:password", false),
            ("REQUEST_COOKIES:any", true),
            ("REQUEST_COOKIES_NAMES:any", false),
            ("REQUEST_HEADERS:Authorization", true),
            ("REQUEST_HEADERS:X-Api-Key", true),
            ("REQUEST_HEADERS:User-Agent", false),
        ] {
            assert_eq!(mask().value(target, b"value") == MASK, expected, "{target}");
        }
    }

    #[test]
    fn knows_what_secret_names_begin_with() {
        let firsts: std::collections::BTreeSet<u8> =
            SECRET_NAMES.iter().map(|name| name.as_bytes()[0]).collect();
        assert_eq!(firsts.into_iter().collect::<Vec<_>>(), SECRET_FIRST);
        for name in SECRET_NAMES {
            assert!(is_secret_name(format!("My{}_1", name.to_uppercase()).as_bytes()), "{name}");
        }
    }

    #[test]
    fn leaves_out_quotations() {
        for (text, expected) in [
            ("found within ARGS:a: hunter2", "found within ARGS:a: [masked]"),
            ("HUNTER2hunter2", "[masked][masked]"),
            ("id=ab12CD34; x=1", "[masked]"),
            ("ab12cd34!", "[masked]!"),
            ("token dXNlcjpwYXNz", "token [masked]"),
            ("page=next", "page=next"),
        ] {
            assert_eq!(mask().text(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn leaves_out_card_numbers_and_tokens() {
        for (text, expected) in [
            ("card 4111 1111 1111 1111.", "card [masked]."),
            ("4111-1111-1111-1111", "[masked]"),
            ("3782 822463 10005", "[masked]"),
            ("4111111111111112", "4111111111111112"),
            ("1764365000000008", "1764365000000008"),
            ("942151-24-61800003", "942151-24-61800003"),
            ("0000000000000000", "0000000000000000"),
            ("phone 030 1234567", "phone 030 1234567"),
            ("Bearer eyJhbGciOiJI.eyJzdWIi.c2ln next", "Bearer [masked] next"),
            ("eyJust text", "eyJust text"),
            ("größe 1", "größe 1"),
        ] {
            assert_eq!(Mask::default().text(text.as_bytes()), expected, "{text}");
        }
    }
}
