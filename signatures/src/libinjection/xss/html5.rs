//! Cuts a value into the tags, attributes and comments that a browser would see.
//!
//! The states are those of the HTML standard (13.2.5, "Tokenization") as far as they matter, and more
//! tolerant where old browsers are: NUL is white space except in a tag's name, back quotes quote, and
//! `<%` begins a comment.

use crate::libinjection::scan;

/// Where in a page a value may have been put.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Between tags.
    Text,
    /// Inside a tag, outside quotes.
    Tag,
    /// Inside an attribute's value in these quotes.
    Quotes(u8),
}

impl Place {
    pub(super) const ALL: [Self; 5] =
        [Self::Text, Self::Tag, Self::Quotes(b'\''), Self::Quotes(b'"'), Self::Quotes(b'`')];
}

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    AttributeName,
    AttributeValue,
    Comment,
    Doctype,
    /// The name of a start tag.
    TagName,
}

/// A piece of markup. Text, the ends of tags and CDATA sections are no tokens: nothing depends on them.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a [u8],
}

/// The tokens of a value, in order.
pub(super) struct Html<'a> {
    rest: &'a [u8],
    state: State,
    /// Whether the tag is an end tag.
    is_end_tag: bool,
}

/// What is expected at the start of the rest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// A tag or comment after its `<`.
    Markup,
    /// An attribute, or the end of the tag.
    Tag,
    /// The `=` of an attribute, or what may stand instead of it.
    AfterName,
    Value,
}

impl<'a> Html<'a> {
    /// Reads a value in a place; nothing if the value holds no markup there.
    pub(super) fn read(input: &'a [u8], place: Place) -> Option<Self> {
        let (rest, state) = match place {
            Place::Text => (input, State::Text),
            Place::Tag => (input, State::Tag),
            Place::Quotes(quote) => (&input[find(input, quote)? + 1..], State::Tag),
        };
        // Without a tag or an attribute with a value there is nothing to find.
        let is_tag = state == State::Tag;
        scan::position(rest, |byte| byte == b'<' || (is_tag && byte == b'='))?;
        Some(Self { rest, state, is_end_tag: false })
    }

    /// Takes what is expected; at times that is no token.
    fn step(&mut self) -> Option<Token<'a>> {
        match self.state {
            State::Text => {
                self.skip_to(find(self.rest, b'<'), 1, State::Markup);
                None
            }
            State::Markup => self.markup(),
            State::Tag => self.tag(),
            State::AfterName => self.after_name(),
            State::Value => self.value(),
        }
    }

    /// Leaves out what is before `at` and `length` bytes more; everything if there is no such place.
    fn skip_to(&mut self, at: Option<usize>, length: usize, next: State) {
        self.rest = at.and_then(|at| self.rest.get(at + length..)).unwrap_or_default();
        self.state = next;
    }

    /// Takes a token up to `end` and leaves out `length` bytes after it.
    fn take(&mut self, kind: Kind, end: Option<usize>, length: usize, next: State) -> Option<Token<'a>> {
        let text = &self.rest[..end.unwrap_or(self.rest.len())];
        self.skip_to(end, length, next);
        Some(Token { kind, text })
    }

    fn markup(&mut self) -> Option<Token<'a>> {
        match self.rest {
            [b'!', ..] => self.declaration(),
            [b'/', ..] => self.end_tag(),
            [b'?', ..] => self.comment_to_angle(),
            [b'%', ..] => {
                self.rest = &self.rest[1..];
                self.take(Kind::Comment, find_word(self.rest, b"%>"), 2, State::Text)
            }
            [b'a'..=b'z' | b'A'..=b'Z' | 0, ..] => self.tag_name(),
            _ => {
                self.state = State::Text;
                None
            }
        }
    }

    fn end_tag(&mut self) -> Option<Token<'a>> {
        self.is_end_tag = true;
        match self.rest.get(1) {
            Some(b'>') => {
                self.skip_to(Some(1), 0, State::Text);
                None
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.rest = &self.rest[1..];
                self.tag_name()
            }
            _ => {
                self.is_end_tag = false;
                self.comment_to_angle()
            }
        }
    }

    fn tag_name(&mut self) -> Option<Token<'a>> {
        let end =
            self.rest.iter().position(|&byte| byte != 0 && (is_space(byte) || matches!(byte, b'/' | b'>')));
        match end.map(|end| self.rest[end]) {
            Some(b'>') if self.is_end_tag => {
                self.leave_tag(end);
                None
            }
            Some(b'>') => self.take_last(Kind::TagName, end),
            _ => self.take(Kind::TagName, end, 1, State::Tag),
        }
    }

    /// Takes the last token of a tag, which ends at `end`.
    fn take_last(&mut self, kind: Kind, end: Option<usize>) -> Option<Token<'a>> {
        self.is_end_tag = false;
        self.take(kind, end, 1, State::Text)
    }

    fn leave_tag(&mut self, end: Option<usize>) {
        self.is_end_tag = false;
        self.skip_to(end, 1, State::Text);
    }

    fn tag(&mut self) -> Option<Token<'a>> {
        self.skip_while(|byte| is_space(byte) || byte == b'/');
        match self.rest.first()? {
            b'>' => {
                self.skip_to(Some(0), 1, State::Text);
                None
            }
            _ => self.attribute_name(),
        }
    }

    fn after_name(&mut self) -> Option<Token<'a>> {
        self.skip_while(is_space);
        match self.rest.first()? {
            b'/' => self.skip_to(Some(0), 1, State::Tag),
            b'=' => self.skip_to(Some(0), 1, State::Value),
            b'>' => self.leave_tag(Some(0)),
            _ => return self.attribute_name(),
        }
        None
    }

    /// The first byte belongs to the name whatever it is.
    fn attribute_name(&mut self) -> Option<Token<'a>> {
        let ends_name = |&byte: &u8| is_space(byte) || matches!(byte, b'/' | b'=' | b'>');
        let end = self.rest.iter().skip(1).position(ends_name).map(|end| end + 1);
        match end.map(|end| self.rest[end]) {
            Some(b'/') => self.take(Kind::AttributeName, end, 1, State::Tag),
            Some(b'=') => self.take(Kind::AttributeName, end, 1, State::Value),
            Some(b'>') => self.take_last(Kind::AttributeName, end),
            _ => self.take(Kind::AttributeName, end, 1, State::AfterName),
        }
    }

    fn value(&mut self) -> Option<Token<'a>> {
        self.skip_while(is_space);
        if let Some(quote @ (b'"' | b'\'' | b'`')) = self.rest.first().copied() {
            self.rest = &self.rest[1..];
            return self.take(Kind::AttributeValue, find(self.rest, quote), 1, State::Tag);
        }
        self.rest.first()?;
        let end = self.rest.iter().position(|&byte| is_space(byte) || byte == b'>');
        match end.map(|end| self.rest[end]) {
            Some(b'>') => self.take_last(Kind::AttributeValue, end),
            _ => self.take(Kind::AttributeValue, end, 1, State::Tag),
        }
    }

    /// What begins with `<!`.
    fn declaration(&mut self) -> Option<Token<'a>> {
        let inside = &self.rest[1..];
        if inside.get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"DOCTYPE")) {
            self.rest = inside;
            return self.take(Kind::Doctype, find(inside, b'>'), 1, State::Text);
        }
        if let Some(data) = inside.strip_prefix(b"[CDATA[") {
            self.rest = data;
            self.skip_to(find_word(data, b"]]>"), 3, State::Text);
            return None;
        }
        if let Some(comment) = inside.strip_prefix(b"--") {
            self.rest = comment;
            let (end, length) = comment_end(comment).unzip();
            return self.take(Kind::Comment, end, length.unwrap_or_default(), State::Text);
        }
        self.comment_to_angle()
    }

    /// Takes what is no comment but is treated as one, without its first byte.
    fn comment_to_angle(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.take(Kind::Comment, find(self.rest, b'>'), 1, State::Text)
    }

    fn skip_while(&mut self, skipped: impl Fn(u8) -> bool) {
        let length = self.rest.iter().position(|&byte| !skipped(byte)).unwrap_or(self.rest.len());
        self.rest = &self.rest[length..];
    }
}

impl<'a> Iterator for Html<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        while !self.rest.is_empty() {
            let token = self.step();
            if token.is_some() {
                return token;
            }
        }
        None
    }
}

/// The end of a comment and its length: `-->`, `--!>`, with NUL after the first dash.
fn comment_end(comment: &[u8]) -> Option<(usize, usize)> {
    let dashes = comment.iter().enumerate().filter(|&(_, &byte)| byte == b'-');
    dashes.map(|(at, _)| at).find_map(|at| {
        let nuls = comment[at + 1..].iter().take_while(|&&byte| byte == 0).count();
        let is_end = matches!(comment[at + 1 + nuls..], [b'-' | b'!', b'>', ..]);
        is_end.then_some((at, nuls + 3))
    })
}

/// White space, and what old browsers take for it.
fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t'..=b'\r' | b' ')
}

fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    scan::position(bytes, |byte| byte == wanted)
}

fn find_word(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window == word)
}
