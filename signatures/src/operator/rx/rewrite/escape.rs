//! Escapes of a pattern, in classes and outside.

use std::ops::Range;

use super::{Last, Rewriter, invalid, unsupported};
use crate::operator::OperatorError;
use crate::operator::rx::set::Set;

/// What an escape means inside and outside of classes.
pub(in crate::operator::rx) enum Escape {
    Byte(u8),
    Set(Set),
    /// `\Q`: literal up to `\E`.
    Quote,
    /// `\E` without `\Q`.
    Nothing,
    /// Depends on where it is.
    Letter(char),
}

impl<'p> Rewriter<'p> {
    pub(super) fn escape_outside(&mut self) -> Result<(), OperatorError> {
        let start = self.at;
        match self.escape(false)? {
            Escape::Byte(byte) => self.byte(byte),
            Escape::Set(set) => match &self.text[start..self.at] {
                same @ (r"\d" | r"\D" | r"\w" | r"\W" | r"\s" | r"\S") => {
                    self.out.pattern.push_str(same);
                    self.last = Last::Item;
                }
                _ => self.set(&set, false),
            },
            Escape::Quote => self.quoted().chars().for_each(|literal| self.literal(literal)),
            Escape::Nothing => {}
            Escape::Letter(letter) => self.assertion(letter, start)?,
        }
        Ok(())
    }

    /// Reads an escape that means the same everywhere.
    pub(in crate::operator::rx) fn escape(&mut self, in_class: bool) -> Result<Escape, OperatorError> {
        let start = self.at;
        self.at += 1;
        let Some(letter) = self.peek() else {
            return Err(invalid(start..start + 1, "the pattern ends with `\\`"));
        };
        self.at += letter.len_utf8();
        Ok(match letter {
            'x' => Escape::Byte(self.hexadecimal(start)?),
            'o' if self.rest().starts_with('{') => Escape::Byte(self.braced(start, 8)?),
            '0' => Escape::Byte(self.octal(start, 2)?),
            '1'..='9' => Escape::Byte(self.number(start, in_class)?),
            'a' => Escape::Byte(0x07),
            'e' => Escape::Byte(0x1b),
            'f' => Escape::Byte(0x0c),
            'n' => Escape::Byte(b'\n'),
            'r' => Escape::Byte(b'\r'),
            't' => Escape::Byte(b'\t'),
            'b' if in_class => Escape::Byte(0x08),
            'c' => Escape::Byte(self.control(start)?),
            'E' => Escape::Nothing,
            'Q' => Escape::Quote,
            'N' if in_class || self.rest().starts_with('{') => Escape::Letter('N'),
            _ if letter.is_ascii_alphabetic() => {
                Set::escape(letter).map_or(Escape::Letter(letter), Escape::Set)
            }
            _ if letter.is_ascii() => Escape::Byte(letter as u8),
            _ => {
                // The backslash of a character outside of ASCII says nothing: read it without.
                self.at -= letter.len_utf8();
                Escape::Nothing
            }
        })
    }

    /// `\b` and the like: they match places, not bytes.
    fn assertion(&mut self, letter: char, start: usize) -> Result<(), OperatorError> {
        let span = start..self.at;
        match letter {
            'A' | 'B' | 'b' | 'z' => {
                self.out.pattern.push('\\');
                self.out.pattern.push(letter);
                self.last = Last::Item;
                Ok(())
            }
            'C' => {
                self.out.pattern.push_str("(?s:.)");
                self.last = Last::Item;
                Ok(())
            }
            // At the end it may as well take the newline it looks at.
            'Z' if self.is_tail() => {
                self.out.pattern.push_str("\\n?\\z");
                self.last = Last::Quantifier;
                Ok(())
            }
            'Z' => Err(unsupported(span, "`\\Z` is only supported at the end").help("write `\\z` or `$`")),
            'R' => {
                Err(unsupported(span, "`\\R` needs backtracking").help("write `(?:\\r\\n|[\\n\\v\\f\\r])`"))
            }
            _ => Err(unknown_escape(span, letter)),
        }
    }

    /// What stands between `\Q` and `\E`.
    pub(in crate::operator::rx) fn quoted(&mut self) -> &'p str {
        let rest = self.rest();
        let quoted = rest.split_once("\\E").map_or(rest, |(quoted, _)| quoted);
        self.at += quoted.len();
        self.eat("\\E");
        quoted
    }

    /// `\xHH` with up to two digits, `\x{...}`.
    fn hexadecimal(&mut self, start: usize) -> Result<u8, OperatorError> {
        if self.rest().starts_with('{') {
            return self.braced(start, 16);
        }
        let digits = self.rest().bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
        let (digits, _) = self.rest().split_at(digits);
        self.at += digits.len();
        Ok(u8::from_str_radix(digits, 16).unwrap_or(0))
    }

    fn braced(&mut self, start: usize, radix: u32) -> Result<u8, OperatorError> {
        let digits =
            self.rest().strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
        let span = start..self.at + digits.map_or(1, |digits| digits.len() + 2);
        let number = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let number = number.and_then(|digits| u32::from_str_radix(digits, radix).ok());
        self.at = span.end;
        match number.map(u8::try_from) {
            Some(Ok(byte)) => Ok(byte),
            Some(Err(_)) => Err(unsupported(span, "values are bytes, and no byte is greater than ff")
                .help("write the bytes of its UTF-8 encoding, as in `\\xe2\\x80\\x99` for U+2019")),
            None => Err(invalid(span, "expected digits between `{` and `}`")),
        }
    }

    fn octal(&mut self, start: usize, digits_max: usize) -> Result<u8, OperatorError> {
        let digits =
            self.rest().bytes().take(digits_max).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
        let (digits, _) = self.rest().split_at(digits);
        self.at += digits.len();
        let number = if digits.is_empty() { Ok(0) } else { u32::from_str_radix(digits, 8) };
        let byte = number.ok().and_then(|number| u8::try_from(number).ok());
        byte.ok_or_else(|| unsupported(start..self.at, "values are bytes, and no byte is greater than 377"))
    }

    /// `\n..`: in classes octal; outside a backreference when so many groups there are or it has one digit,
    /// and octal otherwise (pcrepattern, "Non-printing characters").
    fn number(&mut self, start: usize, in_class: bool) -> Result<u8, OperatorError> {
        self.at = start + 1;
        let length = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let (digits, _) = self.rest().split_at(length);
        let refers =
            !in_class && (length == 1 || digits.parse().is_ok_and(|number: usize| number <= self.groups()));
        if refers || digits.starts_with(['8', '9']) {
            return Err(unsupported(start..self.at + length, "a backreference needs backtracking")
                .help("capture with one rule, and compare in a chained rule with `@streq %{tx.1}`"));
        }
        self.octal(start, 3)
    }

    /// At least as many groups as the pattern has.
    pub(in crate::operator::rx) fn groups(&self) -> usize {
        self.text.matches('(').count()
    }

    /// `\cX`: the control character.
    fn control(&mut self, start: usize) -> Result<u8, OperatorError> {
        match self.peek() {
            Some(letter) if letter == ' ' || letter.is_ascii_graphic() => {
                self.at += 1;
                Ok((letter as u8).to_ascii_uppercase() ^ 0x40)
            }
            _ => Err(invalid(start..self.at, "expected a letter after `\\c`")),
        }
    }
}

pub(in crate::operator::rx) fn unknown_escape(span: Range<usize>, letter: char) -> OperatorError {
    let error = unsupported(span, &format!("`\\{letter}` is not supported"));
    match letter {
        'p' | 'P' | 'X' => error.help("values are bytes: write the bytes, as in `[\\x80-\\xff]`"),
        'g' | 'k' => error.help("capture with one rule, and compare in a chained rule with `@streq %{tx.1}`"),
        'G' | 'K' => error.help("leave it out; what matched before it is part of the match"),
        _ => error.help(format!("if the letter is meant, write `{letter}`")),
    }
}
