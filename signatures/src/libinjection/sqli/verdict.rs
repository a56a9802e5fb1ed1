//! Decides whether a fingerprint is an attack's, and not that of text which looks alike.

use super::fold::Folded;
use super::token::{Kind, Token};
use super::{Fingerprint, TOKENS_MAX, fingerprints};

/// The fingerprint of a value, if it is an attack.
pub(super) fn fingerprint_of_attack(folded: &Folded<'_>, input: &[u8]) -> Option<Fingerprint> {
    let fingerprint = fingerprint(folded.tokens());
    let is_attack = fingerprints::is_known(fingerprint) && !is_excused(fingerprint, folded, input);
    is_attack.then_some(fingerprint)
}

fn fingerprint(tokens: &[Token<'_>]) -> Fingerprint {
    let mut letters = [0; TOKENS_MAX];
    for (letter, token) in letters.iter_mut().zip(tokens) {
        *letter = token.kind as u8;
    }
    if let [_, _, .., last] = tokens
        && tokens.len() > 2
        && is_back_quote_comment(last)
    {
        letters[tokens.len() - 1] = Kind::Comment as u8;
    }
    // What cannot be read with certainty is not compared further.
    if letters.contains(&(Kind::Evil as u8)) {
        return Fingerprint { letters: [Kind::Evil as u8, 0, 0, 0, 0], len: 1 };
    }
    Fingerprint { letters, len: tokens.len() as u8 }
}

/// A back quote at the very end: MySQL before 5.7 took it for the start of a comment.
fn is_back_quote_comment(last: &Token<'_>) -> bool {
    last.kind == Kind::Bareword
        && last.text.is_empty()
        && last.opened_by == Some(b'`')
        && last.closed_by.is_none()
}

fn is_excused(fingerprint: Fingerprint, folded: &Folded<'_>, input: &[u8]) -> bool {
    let letters = fingerprint.as_ref();
    // SQL Server leaves statements with this word out of its audit log.
    if letters.len() > 1 && letters.ends_with(b"c") && contains(input, b"sp_password") {
        return false;
    }
    match (letters, folded.tokens()) {
        ([_, b'U'], _) => folded.count == 2,
        ([_, _], [a, b]) => is_excused_pair(a, b, folded.count, input),
        ([_, _, _], [a, b, c]) => is_excused_triple(letters, [a, b, c], folded.count),
        _ => false,
    }
}

/// Very short attacks are hard to tell from text: `1--` is one, `1234-ABC--` and `a -- b` are not.
fn is_excused_pair(a: &Token<'_>, b: &Token<'_>, count: usize, input: &[u8]) -> bool {
    let mark = b.text.first();
    if mark == Some(&b'#') {
        return true;
    }
    match (a.kind, b.kind) {
        (Kind::Bareword, Kind::Comment) if mark != Some(&b'/') => true,
        (Kind::Number, Kind::Comment) if mark == Some(&b'/') || count > 2 => false,
        (Kind::Number, Kind::Comment) => !is_number_ended(input.get(a.text.len()..).unwrap_or_default()),
        _ => b.text.len() > 2 && mark == Some(&b'-'),
    }
}

/// Whether the number was one, judged by what follows as many bytes as it has.
///
/// Signed bytes make C take everything above ASCII for white space.
fn is_number_ended(rest: &[u8]) -> bool {
    match rest {
        [] | [..=b' ' | 0x80.., ..] => true,
        _ => rest.starts_with(b"/*") || rest.starts_with(b"--"),
    }
}

fn is_excused_triple(letters: &[u8], [a, b, c]: [&Token<'_>; 3], count: usize) -> bool {
    match letters {
        // foo' + 'bar: an attack only if it begins and ends inside a quote of the query.
        b"sos" | b"s&s" => !(a.opened_by.is_none() && c.closed_by.is_none() && a.closed_by == c.opened_by),
        // "sexy" and 17, but not "sexy" and 17 < 18.
        b"s&n" | b"n&1" | b"1&1" | b"1&v" | b"1&s" => count == 3,
        // INTO OUTFILE and INTO DUMPFILE.
        _ => b.kind == Kind::Keyword && (b.text.len() < 5 || !b.starts_with("INTO")),
    }
}

fn contains(input: &[u8], word: &[u8]) -> bool {
    input.windows(word.len()).any(|window| window == word)
}
