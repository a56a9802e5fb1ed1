//! Tokens as the C library's driver writes them: a line each, the kind's letter, the text with its quotes.

use super::fold::Folded;
use super::token::{Kind, Token};
use super::tokenizer::{Dialect, Tokenizer};

pub(in crate::libinjection) fn tokens(value: &[u8]) -> Vec<u8> {
    lines(value, Tokenizer::new(value, None, Dialect::Ansi))
}

pub(in crate::libinjection) fn tokens_of_mysql(value: &[u8]) -> Vec<u8> {
    lines(value, Tokenizer::new(value, None, Dialect::MySql))
}

pub(in crate::libinjection) fn folded(value: &[u8]) -> Vec<u8> {
    lines(value, Folded::read(value, None, Dialect::Ansi).tokens().iter().copied())
}

fn lines<'v>(value: &[u8], tokens: impl Iterator<Item = Token<'v>>) -> Vec<u8> {
    let lines: Vec<Vec<u8>> = tokens.map(|token| line(value, &token)).collect();
    lines.join(&b'\n').trim_ascii().to_vec()
}

fn line(value: &[u8], token: &Token<'_>) -> Vec<u8> {
    let mut line = vec![token.kind as u8, b' '];
    if token.kind == Kind::Variable {
        line.extend(std::iter::repeat_n(b'@', marks_before(value, token)));
    }
    if matches!(token.kind, Kind::String | Kind::Variable) {
        line.extend(token.opened_by);
        line.extend(token.text);
        line.extend(token.closed_by);
    } else {
        line.extend(token.text);
    }
    line
}

/// How many `@` stand before a variable's name: they do not belong to the token's text.
fn marks_before(value: &[u8], token: &Token<'_>) -> usize {
    let start = token.text.as_ptr().addr() - value.as_ptr().addr() - usize::from(token.opened_by.is_some());
    value[..start].iter().rev().take(2).take_while(|byte| **byte == b'@').count()
}
