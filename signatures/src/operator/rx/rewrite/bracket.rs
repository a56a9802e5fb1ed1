//! Classes of a pattern.

use std::ops::Range;

use super::escape::{Escape, unknown_escape};
use super::{Rewriter, invalid, unsupported};
use crate::operator::OperatorError;
use crate::operator::rx::set::Set;

/// What an item of a class is.
enum ClassItem {
    Byte(u8),
    Set(Set),
    Bytes(Vec<u8>),
}

impl<'p> Rewriter<'p> {
    pub(super) fn class(&mut self) -> Result<(), OperatorError> {
        let (set, negated) = self.class_set()?;
        self.set(&set, negated);
        Ok(())
    }

    /// Reads a class: what it lists, and whether it means everything else.
    pub(in crate::operator::rx) fn class_set(&mut self) -> Result<(Set, bool), OperatorError> {
        let start = self.at;
        if let Some((name, length)) = self.posix() {
            let error = unsupported(start..start + length, "a POSIX class only stands in a class");
            return Err(error.help(format!("write `[[:{name}:]]`")));
        }
        self.at += 1;
        let negated = self.eat("^");
        let mut set = Set::new();
        if self.eat("]") {
            self.class_from(b']', &mut set)?;
        }
        loop {
            match self.peek() {
                None => return Err(invalid(start..self.text.len(), "the class is not closed with `]`")),
                Some(']') => break,
                Some(next) => match self.class_item(next)? {
                    ClassItem::Byte(byte) => self.class_from(byte, &mut set)?,
                    ClassItem::Set(other) => set.insert_all(&other),
                    ClassItem::Bytes(bytes) if !bytes.is_empty() && self.ranges() => {
                        return Err(character_range(self.at..self.at + 1));
                    }
                    ClassItem::Bytes(bytes) => bytes.into_iter().for_each(|byte| set.insert(byte)),
                },
            }
        }
        self.at += 1;
        Ok((set, negated))
    }

    /// A byte in a class, and up to where it ranges.
    fn class_from(&mut self, from: u8, set: &mut Set) -> Result<(), OperatorError> {
        let start = self.at;
        set.insert(from);
        let Some(next) = self.rest().strip_prefix('-').and_then(|rest| rest.chars().next()) else {
            return Ok(());
        };
        if next == ']' {
            return Ok(());
        }
        self.at += 1;
        match self.class_item(next)? {
            ClassItem::Byte(to) if from <= to => set.insert_range(from, to),
            ClassItem::Byte(_) => return Err(invalid(start..self.at, "the range is out of order")),
            ClassItem::Bytes(bytes) if bytes.is_empty() => {
                return Err(unsupported(start..self.at, "expected the end of the range"));
            }
            ClassItem::Bytes(_) => return Err(character_range(start..self.at)),
            // `[a-\d]`: a hyphen beside a set is literal.
            ClassItem::Set(other) => {
                set.insert(b'-');
                set.insert_all(&other);
            }
        }
        Ok(())
    }

    /// Whether a hyphen follows that makes a range.
    fn ranges(&self) -> bool {
        self.rest().starts_with('-') && !self.rest().starts_with("-]")
    }

    fn class_item(&mut self, next: char) -> Result<ClassItem, OperatorError> {
        let start = self.at;
        if next == '[' {
            return self.class_bracket();
        }
        if next != '\\' {
            self.at += next.len_utf8();
            return Ok(class_char(next));
        }
        Ok(match self.escape(true)? {
            Escape::Byte(byte) => ClassItem::Byte(byte),
            Escape::Set(set) => ClassItem::Set(set),
            Escape::Quote => ClassItem::Bytes(self.quoted().bytes().collect()),
            Escape::Nothing => ClassItem::Bytes(Vec::new()),
            Escape::Letter(letter) => return Err(unknown_escape(start..self.at, letter)),
        })
    }

    /// `[:alpha:]`, or a literal bracket.
    fn class_bracket(&mut self) -> Result<ClassItem, OperatorError> {
        let start = self.at;
        if let Some((name, length)) = self.posix() {
            self.at += length;
            let unknown = || invalid(start..start + length, "there is no POSIX class of that name");
            return Set::posix(name).map(ClassItem::Set).ok_or_else(unknown);
        }
        if self.is_collating() {
            return Err(self.refuse(2, "POSIX collating elements are not supported").help("escape the `[`"));
        }
        self.at += 1;
        Ok(ClassItem::Byte(b'['))
    }

    /// Whether this is `[.x.]` or `[=x=]`, which PCRE refuses too.
    fn is_collating(&self) -> bool {
        ["[.", "[="].iter().any(|open| {
            let inside = self.rest().strip_prefix(open).and_then(|rest| rest.split_once(']'));
            inside.is_some_and(|(inside, _)| inside.ends_with(&open[1..]))
        })
    }

    /// The name in `[:name:]` and the length of the whole.
    fn posix(&self) -> Option<(&'p str, usize)> {
        let (name, _) = self.rest().strip_prefix("[:")?.split_once(":]")?;
        let letters = name.strip_prefix('^').unwrap_or(name);
        let is_name = !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_lowercase());
        is_name.then_some((name, name.len() + 4))
    }
}

/// A character of a class that is not escaped; outside of ASCII it is any of its bytes.
fn class_char(character: char) -> ClassItem {
    match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() => ClassItem::Byte(byte),
        _ => ClassItem::Bytes(character.to_string().into_bytes()),
    }
}

fn character_range(span: Range<usize>) -> OperatorError {
    unsupported(span, "values are bytes, which a range of characters cannot be")
        .help("write the bytes of the characters, as in `\\xc3[\\xa0-\\xb6]` for `[à-ö]`")
}
