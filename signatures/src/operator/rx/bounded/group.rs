//! Groups of a pattern.

use super::node::{Body, Node};
use super::parse::Parser;
use crate::operator::OperatorError;
use crate::operator::rx::rewrite::invalid;

impl<'p> Parser<'p> {
    /// A group; `None` for what only changes flags or says something.
    pub(super) fn group(&mut self) -> Result<Option<Node>, OperatorError> {
        let rest = self.reader.rest();
        if rest.starts_with("(*") {
            return Err(self
                .reader
                .refuse(2, "verbs such as `(*UTF8)` are not supported")
                .help("leave it out"));
        }
        let Some(inside) = rest.strip_prefix("(?") else { return self.capture(1, None).map(Some) };
        match inside.as_bytes() {
            [b'#', ..] => self.reader.comment().map(|()| None),
            [b':', ..] => self.enclosed(3).map(Some),
            [b'>', ..] => self.body(3, Body::Atomic),
            [b'=', ..] => self.body(3, Body::Ahead { negated: false }),
            [b'!', ..] => self.body(3, Body::Ahead { negated: true }),
            [b'<', b'=', ..] => self.body(4, Body::Behind { negated: false }),
            [b'<', b'!', ..] => self.body(4, Body::Behind { negated: true }),
            [b'P', b'<', ..] => self.named(4, '>').map(Some),
            [b'<', ..] => self.named(3, '>').map(Some),
            [b'\'', ..] => self.named(3, '\'').map(Some),
            [b'P', b'=', ..] => self.named_reference().map(Some),
            [b'i' | b'm' | b's' | b'x' | b'U' | b'-' | b')', ..] => self.flags(),
            _ => Err(self
                .reader
                .refuse(3, "recursion, conditions, callouts and other `(?` groups are not supported")),
        }
    }

    /// What a group holds that opens with `length` bytes; flags that change in it hold up to its end.
    fn enclosed(&mut self, length: usize) -> Result<Node, OperatorError> {
        let (start, flags) = (self.reader.at, self.flags);
        self.reader.at += length;
        self.close(start, flags)
    }

    fn close(&mut self, start: usize, outer: super::parse::Flags) -> Result<Node, OperatorError> {
        let node = self.choice()?;
        self.flags = outer;
        if self.reader.eat(")") { Ok(node) } else { Err(invalid(start..start + 1, "unclosed group")) }
    }

    fn body(&mut self, length: usize, body: Body) -> Result<Option<Node>, OperatorError> {
        let node = self.enclosed(length)?;
        Ok(Some(Node::Body(body, Box::new(node))))
    }

    fn capture(&mut self, length: usize, name: Option<&'p str>) -> Result<Node, OperatorError> {
        if self.groups >= GROUPS_MAX {
            return Err(self.reader.refuse(1, "there are too many groups").help("write `(?:`"));
        }
        self.groups += 1;
        let group = self.groups;
        self.names.extend(name.map(|name| (name, group)));
        Ok(Node::Group(group, Box::new(self.enclosed(length)?)))
    }

    fn named(&mut self, start: usize, end: char) -> Result<Node, OperatorError> {
        let name = self.reader.group_name(start, end)?;
        if self.names.iter().any(|(other, _)| *other == name) {
            return Err(self.reader.refuse(start, "two groups have the same name"));
        }
        self.capture(start + name.len() + 1, Some(name))
    }

    /// `(?P=name)`.
    fn named_reference(&mut self) -> Result<Node, OperatorError> {
        let name = self.reader.group_name(4, ')')?;
        let node = self.refer(name)?;
        self.reader.at += name.len() + 5;
        Ok(node)
    }

    /// `(?i-s)`, which holds up to the end of the group around it, and `(?i-s:`.
    fn flags(&mut self) -> Result<Option<Node>, OperatorError> {
        let start = self.reader.at;
        let letters = self.reader.rest().get(2..).unwrap_or_default();
        let length = letters.bytes().take_while(|byte| b"imsxU-".contains(byte)).count();
        let (letters, end) = letters.split_at(length);
        if letters.matches('-').count() > 1 || !end.starts_with([':', ')']) {
            return Err(self.reader.refuse(length + 3, "expected a group or flags out of `imsxU`"));
        }
        let outer = self.flags;
        self.flags = outer.changed(letters);
        self.reader.at += length + 3;
        if end.starts_with(':') { self.close(start, outer).map(Some) } else { Ok(None) }
    }
}

/// Groups that capture (count).
const GROUPS_MAX: u16 = 1_000;
