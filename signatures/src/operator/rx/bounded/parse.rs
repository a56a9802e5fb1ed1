//! Reads a pattern into a tree, item by item as the rewriter reads it.

use super::node::{Body, Node, Place, Repeat};
use crate::operator::OperatorError;
use crate::operator::rx::rewrite::{Escape, Rewriter, invalid, unknown_escape, unsupported};
use crate::operator::rx::set::Set;

/// A pattern as a tree.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) node: Node,
    /// Groups that capture, without the whole match.
    pub(super) groups: u16,
}

pub(super) fn parse(pattern: &str) -> Result<Parsed, OperatorError> {
    let mut parser = Parser {
        reader: Rewriter::new(pattern),
        flags: Flags { dot_newline: true, ..Flags::default() },
        groups: 0,
        names: Vec::new(),
        references: Vec::new(),
        depth: 0,
        quantifiers: 0,
    };
    let node = parser.choice()?;
    if parser.reader.peek().is_some() {
        return Err(invalid(parser.reader.at..parser.reader.at + 1, "unopened group"));
    }
    match parser.references.iter().find(|(group, _)| *group == 0 || *group > parser.groups) {
        Some((_, at)) => Err(invalid(*at..*at + 2, "there is no such group")),
        None => Ok(Parsed { node, groups: parser.groups }),
    }
}

/// `(?imsxU)`.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Flags {
    pub(super) fold: bool,
    lines: bool,
    dot_newline: bool,
    extended: bool,
    lazy: bool,
}

impl Flags {
    /// These with those of `letters` set and, after `-`, unset.
    pub(super) fn changed(mut self, letters: &str) -> Self {
        let mut on = true;
        for letter in letters.bytes() {
            match letter {
                b'i' => self.fold = on,
                b'm' => self.lines = on,
                b's' => self.dot_newline = on,
                b'x' => self.extended = on,
                b'U' => self.lazy = on,
                _ => on = false,
            }
        }
        self
    }
}

pub(super) struct Parser<'p> {
    pub(super) reader: Rewriter<'p>,
    pub(super) flags: Flags,
    pub(super) groups: u16,
    pub(super) names: Vec<(&'p str, u16)>,
    /// The groups that are referred to, and where.
    references: Vec<(u16, usize)>,
    depth: usize,
    /// Quantifiers in a row.
    quantifiers: usize,
}

impl<'p> Parser<'p> {
    /// What stands in a group, up to its end.
    pub(super) fn choice(&mut self) -> Result<Node, OperatorError> {
        if self.depth >= DEPTH_MAX {
            return Err(self.reader.refuse(1, "groups are nested too deep").help("at most 100 deep"));
        }
        self.depth += 1;
        let mut branches = vec![self.sequence()?];
        while self.reader.eat("|") {
            branches.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if branches.len() == 1 { branches.swap_remove(0) } else { Node::Choice(branches) })
    }

    fn sequence(&mut self) -> Result<Node, OperatorError> {
        let mut items = Vec::new();
        let mut repeatable = false;
        loop {
            self.skip_ignored();
            match self.reader.peek() {
                None | Some('|' | ')') => return Ok(Node::Sequence(items)),
                Some('*' | '+' | '?') => self.repeat(1, repeatable.then_some(&mut items))?,
                Some('{') if self.reader.counted().is_some() => {
                    let length = self.reader.counted().unwrap_or(1);
                    self.repeat(length, repeatable.then_some(&mut items))?;
                }
                Some(next) => {
                    let before = items.len();
                    self.quantifiers = 0;
                    let is_comment = self.reader.rest().starts_with("(?#");
                    self.item(next, &mut items)?;
                    repeatable = items.len() > before || (repeatable && is_comment);
                }
            }
        }
    }

    /// Spaces and comments under `(?x)`.
    fn skip_ignored(&mut self) {
        while self.flags.extended {
            let rest = self.reader.rest();
            match rest.bytes().next() {
                Some(b'#') => self.reader.at += rest.find('\n').map_or(rest.len(), |end| end + 1),
                Some(byte) if byte.is_ascii_whitespace() || byte == 0x0b => self.reader.at += 1,
                _ => break,
            }
        }
    }

    fn item(&mut self, next: char, items: &mut Vec<Node>) -> Result<(), OperatorError> {
        match next {
            '\\' => return self.escape(items),
            '[' => {
                let (set, negated) = self.reader.class_set()?;
                let set = if self.flags.fold { set.folded() } else { set };
                items.push(Node::Set(if negated { set.negated() } else { set }));
                return Ok(());
            }
            '(' => {
                items.extend(self.group()?);
                return Ok(());
            }
            '.' if self.flags.dot_newline => items.push(Node::Set(Set::new().negated())),
            '.' => items.push(Node::Set(Set::of(|byte| byte != b'\n'))),
            '^' if self.flags.lines => items.push(Node::Place(Place::LineStart)),
            '^' => items.push(Node::Place(Place::Start)),
            '$' if self.flags.lines => items.push(Node::Place(Place::LineEnd)),
            '$' => items.push(Node::Place(Place::End)),
            literal => self.literal(literal, items),
        }
        self.reader.at += next.len_utf8();
        Ok(())
    }

    /// A character as its bytes; a quantifier repeats the last of them.
    fn literal(&self, literal: char, items: &mut Vec<Node>) {
        items.extend(literal.encode_utf8(&mut [0; 4]).bytes().map(|byte| self.byte(byte)));
    }

    fn byte(&self, byte: u8) -> Node {
        let set = Set::of(|other| other == byte);
        Node::Set(if self.flags.fold { set.folded() } else { set })
    }

    fn escape(&mut self, items: &mut Vec<Node>) -> Result<(), OperatorError> {
        if let Some(reference) = self.reference()? {
            items.push(reference);
            return Ok(());
        }
        let start = self.reader.at;
        match self.reader.escape(false)? {
            Escape::Byte(byte) => items.push(self.byte(byte)),
            Escape::Set(set) => items.push(Node::Set(set)),
            Escape::Quote => self.reader.quoted().chars().for_each(|literal| self.literal(literal, items)),
            Escape::Nothing => {}
            Escape::Letter('C') => items.push(Node::Set(Set::new().negated())),
            Escape::Letter('R') => items.push(newline()),
            Escape::Letter(letter) => match place(letter) {
                Some(place) => items.push(Node::Place(place)),
                None => return Err(unknown_escape(start..self.reader.at, letter)),
            },
        }
        Ok(())
    }

    /// `\1`, `\g1`, `\g{1}`, `\g{-1}`, `\g{name}`, `\k<name>`, `\k'name'`, `\k{name}`.
    fn reference(&mut self) -> Result<Option<Node>, OperatorError> {
        let rest = self.reader.rest();
        let (inside, length) = if let Some(length) = self.numbered() {
            (&rest[1..length], length)
        } else if let Some(after) = rest.strip_prefix(r"\g") {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            match between(after, '{', '}') {
                Some(inside) => (inside, inside.len() + 4),
                None if digits > 0 => (&after[..digits], digits + 2),
                None => return Ok(None),
            }
        } else if let Some(after) = rest.strip_prefix(r"\k") {
            let pairs = [('<', '>'), ('\'', '\''), ('{', '}')];
            match pairs.iter().find_map(|(open, close)| between(after, *open, *close)) {
                Some(inside) => (inside, inside.len() + 4),
                None => return Ok(None),
            }
        } else {
            return Ok(None);
        };
        let node = self.refer(inside)?;
        self.reader.at += length;
        Ok(Some(node))
    }

    /// A reference to the group of that number, relative number or name.
    pub(super) fn refer(&mut self, to: &str) -> Result<Node, OperatorError> {
        let at = self.reader.at;
        let group = match to.strip_prefix('-') {
            Some(back) => back.parse().ok().and_then(|back: u16| (self.groups + 1).checked_sub(back)),
            None => to
                .parse()
                .ok()
                .or_else(|| self.names.iter().find(|(name, _)| *name == to).map(|(_, group)| *group)),
        };
        let group = group.ok_or_else(|| invalid(at..at + 2, "there is no such group before this"))?;
        self.references.push((group, at));
        Ok(Node::Reference { group, fold: self.flags.fold })
    }

    /// The length of `\n..`, unless it is octal (pcrepattern, "Non-printing characters").
    fn numbered(&self) -> Option<usize> {
        let digits = self.reader.rest().strip_prefix('\\')?;
        let digits = &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()];
        let refers = !digits.starts_with('0')
            && (digits.len() == 1
                || digits.parse().is_ok_and(|number: usize| number <= self.reader.groups()));
        (refers && !digits.is_empty()).then_some(digits.len() + 1)
    }

    fn repeat(&mut self, length: usize, items: Option<&mut Vec<Node>>) -> Result<(), OperatorError> {
        let start = self.reader.at;
        let text = &self.reader.rest()[..length];
        self.quantifiers += 1;
        if self.quantifiers > QUANTIFIERS_MAX {
            return Err(unsupported(start..start + length, "too many quantifiers follow each other"));
        }
        let Some((items, item)) = items.and_then(|items| items.pop().map(|item| (items, item))) else {
            let span = start..start + length;
            return Err(invalid(span, "there is nothing before the quantifier to repeat"));
        };
        let (least, most) = match text {
            "*" => (0, None),
            "+" => (1, None),
            "?" => (0, Some(1)),
            _ => counts(text).ok_or_else(|| invalid(start..start + length, "a count is too large"))?,
        };
        if most.is_some_and(|most| most < least) {
            return Err(invalid(start..start + length, "the counts are out of order"));
        }
        self.reader.at += length;
        let possessive = self.reader.eat("+");
        let lazy = self.flags.lazy ^ (!possessive && self.reader.eat("?"));
        let repeat = Repeat { least, most, lazy: lazy && !possessive };
        let node = Node::Repeat(Box::new(item), repeat);
        items.push(if possessive { Node::Body(Body::Atomic, Box::new(node)) } else { node });
        let end = self.reader.at;
        self.skip_ignored();
        if end < self.reader.at && matches!(self.reader.peek(), Some('+' | '?')) {
            return Err(unsupported(start..self.reader.at + 1, "spaces stand within a quantifier"));
        }
        Ok(())
    }
}

/// `\R`.
fn newline() -> Node {
    let one = |byte: u8| Node::Set(Set::of(|other| other == byte));
    let other = Set::of(|byte| matches!(byte, 0x0a..=0x0d | 0x85));
    let pair = Node::Sequence(vec![one(b'\r'), one(b'\n')]);
    Node::Body(Body::Atomic, Box::new(Node::Choice(vec![pair, Node::Set(other)])))
}

fn place(letter: char) -> Option<Place> {
    Some(match letter {
        'A' => Place::Start,
        'z' => Place::End,
        'Z' => Place::EndOrNewline,
        'b' => Place::WordEdge,
        'B' => Place::NoWordEdge,
        _ => return None,
    })
}

fn between(text: &str, open: char, close: char) -> Option<&str> {
    text.strip_prefix(open)?.split_once(close).map(|(inside, _)| inside)
}

/// `{n}`, `{n,}`, `{n,m}`.
fn counts(text: &str) -> Option<(u32, Option<u32>)> {
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    let number = |digits: &str| digits.parse().ok().filter(|number| *number <= COUNT_MAX);
    match inside.split_once(',') {
        None => number(inside).map(|count| (count, Some(count))),
        Some((least, "")) => Some((number(least)?, None)),
        Some((least, most)) => Some((number(least)?, Some(number(most)?))),
    }
}

/// Groups within groups.
const DEPTH_MAX: usize = 100;
/// Quantifiers of one item, each repeating the one before.
const QUANTIFIERS_MAX: usize = 8;
/// As in PCRE.
const COUNT_MAX: u32 = 65_535;
