//! Perl-compatible patterns in the syntax of the `regex` crate.
//!
//! Nothing is copied through: each item is read as PCRE reads it (pcrepattern(3), without UTF mode) and
//! written so that `regex`, with Unicode off, reads the same. What has no equal in linear time is refused.
//! The traps this is for: `\<` is `<` and not a word boundary, `\v` is a set and not one byte, `[a&&b]`,
//! `[[a]b]`, `[a--b]` have no set operations, `a*+` is possessive, `x{,3}` is literal, `\x{e9}` is a byte.

use std::fmt::Write as _;
use std::ops::Range;

use super::class::Set;
use crate::operator::OperatorError;

/// A pattern for `regex`, and where each part of it came from.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// The pattern.
    pub pattern: String,
    /// Offsets of items: in `pattern`, in the original. Ascending.
    marks: Vec<(usize, usize)>,
}

impl Rewritten {
    /// Where in the original that part of the pattern was.
    #[must_use]
    pub fn origin(&self, span: Range<usize>, original: &str) -> Range<usize> {
        let start = self.marks.partition_point(|(written, _)| *written <= span.start);
        let start = start.checked_sub(1).and_then(|at| self.marks.get(at)).map_or(0, |(_, read)| *read);
        let end = self.marks.partition_point(|(written, _)| *written < span.end.max(span.start + 1));
        let end = self.marks.get(end).map_or(original.len(), |(_, read)| *read);
        start..end.max(start)
    }
}

/// Rewrites a Perl-compatible pattern for `regex` with Unicode off.
///
/// # Errors
/// `unsupported-regex`: it cannot be matched in linear time, or PCRE itself would not take it. Patterns
/// with unbalanced groups come through, for `regex` to refuse.
pub fn rewrite(pattern: &str) -> Result<Rewritten, OperatorError> {
    let mut rewriter = Rewriter::new(pattern);
    while let Some(next) = rewriter.peek() {
        rewriter.mark();
        rewriter.item(next)?;
    }
    Ok(rewriter.out)
}

struct Rewriter<'p> {
    text: &'p str,
    at: usize,
    out: Rewritten,
    /// Whether spaces and comments are left out (`(?x)`), here and around each open group.
    extended: bool,
    outer: Vec<bool>,
    last: Last,
}

/// What a quantifier would repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Item,
    Quantifier,
}

/// What an escape means inside and outside of classes.
enum Escape {
    Byte(u8),
    Set(Set),
    /// `\Q`: literal up to `\E`.
    Quote,
    /// `\E` without `\Q`.
    Nothing,
    /// Depends on where it is.
    Letter(char),
}

/// What an item of a class is.
enum ClassItem {
    Byte(u8),
    Set(Set),
    Bytes(Vec<u8>),
}

impl<'p> Rewriter<'p> {
    fn new(text: &'p str) -> Self {
        Self {
            text,
            at: 0,
            out: Rewritten::default(),
            extended: false,
            outer: Vec::new(),
            last: Last::Nothing,
        }
    }

    fn item(&mut self, next: char) -> Result<(), OperatorError> {
        match next {
            '\\' => self.escape_outside(),
            '[' => self.class(),
            '(' => self.open(),
            ')' => {
                self.extended = self.outer.pop().unwrap_or(self.extended);
                self.verbatim(1, Last::Item);
                Ok(())
            }
            '|' => {
                self.verbatim(1, Last::Nothing);
                Ok(())
            }
            '.' | '^' | '$' => {
                self.verbatim(1, Last::Item);
                Ok(())
            }
            '*' | '+' | '?' => self.quantifier(1),
            '{' if self.counted().is_some() => self.quantifier(self.counted().unwrap_or(1)),
            '#' if self.extended => {
                self.at = self.rest().find('\n').map_or(self.text.len(), |end| self.at + end + 1);
                Ok(())
            }
            _ if self.extended && (next.is_ascii_whitespace() || next == '\x0b') => {
                self.at += 1;
                Ok(())
            }
            _ => {
                self.at += next.len_utf8();
                self.literal(next);
                Ok(())
            }
        }
    }

    fn rest(&self) -> &'p str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn mark(&mut self) {
        self.out.marks.push((self.out.pattern.len(), self.at));
    }

    /// Writes the next bytes, which are ASCII, as they are.
    fn verbatim(&mut self, length: usize, last: Last) {
        self.out.pattern.push_str(self.rest().get(..length).unwrap_or_default());
        self.at += length;
        self.last = last;
    }

    /// Writes a character as its bytes; a quantifier repeats the last of them.
    fn literal(&mut self, literal: char) {
        literal.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.byte(byte));
    }

    fn byte(&mut self, byte: u8) {
        let literal = char::from(byte);
        if !literal.is_ascii_graphic() && literal != ' ' {
            let _ = write!(self.out.pattern, "\\x{byte:02X}");
        } else {
            if regex_syntax::is_meta_character(literal) {
                self.out.pattern.push('\\');
            }
            self.out.pattern.push(literal);
        }
        self.last = Last::Item;
    }

    fn set(&mut self, set: &Set, negated: bool) {
        set.write(negated, &mut self.out.pattern);
        self.last = Last::Item;
    }

    /// Whether nothing more can be matched in this branch: only groups close before the end of the pattern
    /// or of its outermost alternative.
    fn is_tail(&self) -> bool {
        let after = self.rest().trim_start_matches(')');
        after.is_empty() || (after.starts_with('|') && self.rest().len() - after.len() >= self.outer.len())
    }

    // Quantifiers

    /// The length of `{n}`, `{n,}` or `{n,m}`; every other `{` is literal.
    fn counted(&self) -> Option<usize> {
        let rest = self.rest();
        let inside = rest.strip_prefix('{')?.split_once('}')?.0;
        let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (!least.is_empty() && digits(least) && digits(most)).then_some(inside.len() + 2)
    }

    fn quantifier(&mut self, length: usize) -> Result<(), OperatorError> {
        let span = self.at..self.at + length;
        match self.last {
            Last::Nothing => Err(invalid(span, "there is nothing before the quantifier to repeat")),
            Last::Quantifier => Err(unsupported(span, "a quantifier repeats a quantifier")
                .help("put what is repeated in a group, as in `(?:a{2})+`")),
            Last::Item => {
                self.verbatim(length, Last::Quantifier);
                if self.rest().starts_with('?') {
                    self.verbatim(1, Last::Quantifier);
                } else if self.eat("+") && !self.is_tail() {
                    return Err(unsupported(
                        span.start..span.end + 1,
                        "a possessive quantifier needs backtracking",
                    )
                    .help("leave out the second `+`, and exclude from the item what follows it"));
                }
                Ok(())
            }
        }
    }

    // Groups

    fn open(&mut self) -> Result<(), OperatorError> {
        if self.rest().starts_with("(*") {
            return Err(self.refuse(2, "verbs such as `(*UTF8)` are not supported").help("leave it out"));
        }
        let Some(inside) = self.rest().strip_prefix("(?") else {
            self.enter("(", 1);
            return Ok(());
        };
        match inside.as_bytes() {
            [b'#', ..] => self.comment(),
            [b':', ..] => {
                self.enter("(?:", 3);
                Ok(())
            }
            [b'=' | b'!', ..] | [b'<', b'=' | b'!', ..] => Err(self
                .refuse(3, "lookaround needs backtracking, and matching takes linear time")
                .help(LOOKAROUND)),
            [b'>', ..] => {
                Err(self.refuse(3, "an atomic group needs backtracking").help("write `(?:` instead"))
            }
            [b'|', ..] => Err(self.refuse(3, "groups cannot share numbers").help("write `(?:` instead")),
            [b'P', b'<', ..] => self.named(4, '>'),
            [b'<', ..] => self.named(3, '>'),
            [b'\'', ..] => self.named(3, '\''),
            [b'i' | b'm' | b's' | b'x' | b'U' | b'-' | b')', ..] => self.flags(),
            _ => {
                Err(self.refuse(3, "recursion, conditions, callouts and other `(?` groups are not supported"))
            }
        }
    }

    fn enter(&mut self, written: &str, length: usize) {
        self.out.pattern.push_str(written);
        self.outer.push(self.extended);
        self.at += length;
        self.last = Last::Nothing;
    }

    fn comment(&mut self) -> Result<(), OperatorError> {
        let Some(length) = self.rest().find(')') else {
            return Err(invalid(self.at..self.text.len(), "the comment is not closed"));
        };
        self.at += length + 1;
        Ok(())
    }

    fn named(&mut self, start: usize, end: char) -> Result<(), OperatorError> {
        let name = self.rest().get(start..).and_then(|rest| rest.split_once(end)).map(|(name, _)| name);
        let is_name = |name: &str| {
            name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
                && !name.starts_with(|first: char| first.is_ascii_digit())
        };
        match name.filter(|name| !name.is_empty() && is_name(name)) {
            Some(name) => {
                self.enter(&format!("(?P<{name}>"), start + name.len() + 1);
                Ok(())
            }
            None => {
                Err(invalid(self.at..self.at + start, "the group has no name of letters, digits and `_`"))
            }
        }
    }

    /// `(?i-s)`, `(?i:`. `x` is ours: `regex` would leave out spaces in classes too.
    fn flags(&mut self) -> Result<(), OperatorError> {
        let flags = self.rest().get(2..).unwrap_or_default();
        let length = flags.bytes().take_while(|byte| b"imsxU-".contains(byte)).count();
        let (flags, end) = (&flags[..length], flags.as_bytes().get(length));
        if !matches!(end, Some(b':' | b')')) || flags.matches('-').count() > 1 {
            return Err(self.refuse(length + 3, "expected a group or flags out of `imsxU`"));
        }
        let extended = match (flags.find('x'), flags.find('-')) {
            (None, _) => self.extended,
            (Some(x), minus) => minus.is_none_or(|minus| x < minus),
        };
        let others = flags.replace('x', "");
        let others = others.strip_suffix('-').unwrap_or(&others);
        if end == Some(&b':') {
            self.enter(&format!("(?{others}:"), length + 3);
        } else {
            if !others.is_empty() {
                let _ = write!(self.out.pattern, "(?{others})");
            }
            self.at += length + 3;
            self.last = Last::Nothing;
        }
        self.extended = extended;
        Ok(())
    }

    // Escapes

    fn escape_outside(&mut self) -> Result<(), OperatorError> {
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
    fn escape(&mut self, in_class: bool) -> Result<Escape, OperatorError> {
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
    fn quoted(&mut self) -> &'p str {
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
    fn groups(&self) -> usize {
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

    // Classes

    fn class(&mut self) -> Result<(), OperatorError> {
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
        self.set(&set, negated);
        Ok(())
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

    /// A refusal of the next `length` bytes.
    fn refuse(&self, length: usize, why: &str) -> OperatorError {
        let end = (self.at + length).min(self.text.len());
        let end = (end..=self.text.len()).find(|end| self.text.is_char_boundary(*end)).unwrap_or(end);
        unsupported(self.at..end, why)
    }
}

const LOOKAROUND: &str = "use two rules in a chain, the second negated with `!@rx`";

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

fn unknown_escape(span: Range<usize>, letter: char) -> OperatorError {
    let error = unsupported(span, &format!("`\\{letter}` is not supported"));
    match letter {
        'p' | 'P' | 'X' => error.help("values are bytes: write the bytes, as in `[\\x80-\\xff]`"),
        'g' | 'k' => error.help("capture with one rule, and compare in a chained rule with `@streq %{tx.1}`"),
        'G' | 'K' => error.help("leave it out; what matched before it is part of the match"),
        _ => error.help(format!("if the letter is meant, write `{letter}`")),
    }
}

fn unsupported(span: Range<usize>, why: &str) -> OperatorError {
    OperatorError::new("unsupported-regex", why).at(span)
}

fn invalid(span: Range<usize>, why: &str) -> OperatorError {
    OperatorError::new("invalid-regex", why).at(span)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::RegexBuilder;

    use super::*;

    #[test]
    fn rewrites() {
        for (pattern, rewritten) in [
            (r"(?i)\bselect\s+.*?from$", r"(?i)\bselect\s+.*?from$"),
            (r"\x{e9}\xe9\x4\x", r"\xE9\xE9\x04\x00"),
            ("é+", r"\xC3\xA9+"),
            (r"\é", r"\xC3\xA9"),
            (r"\/\<\>\'\_", "/<>'_"),
            (r"\-\.\#", r"\-\.\#"),
            (r"\a\e\f\n\r\t", r"\x07\x1B\x0C\x0A\x0D\x09"),
            (r"\0\012\07\o{101}\11", r"\x00\x0A\x07A\x09"),
            (r"\cA\cz\c[", r"\x01\x1A\x1B"),
            (r"\h\v\N", r"[\x09\x20\xA0][\x0A-\x0D\x85][\x00-\x09\x0B-\xFF]"),
            (r"\Qa.b\E+\Q*", r"a\.b+\*"),
            (r"a\E", "a"),
            (r"\Cx", "(?s:.)x"),
            (r"(?:a|b\Z)", r"(?:a|b\n?\z)"),
            (r"a\Z|b\Z", r"a\n?\z|b\n?\z"),
            ("a(?#comment)*", "a*"),
            ("(?x) a b # c\n [ d] (?-x) e", r"ab[\x20d] e"),
            ("((?x) a ) b", "(a) b"),
            ("(?x:a b) c", "(?:ab) c"),
            ("(?ix-s)a b", "(?i-s)ab"),
            ("(?<n>a)(?'m'b)(?P<o>c)", "(?P<n>a)(?P<m>b)(?P<o>c)"),
            ("{a{,3}b{1,2}c{2}?d{3,}", r"\{a\{,3\}b{1,2}c{2}?d{3,}"),
            ("a]b}", r"a\]b\}"),
            ("(a++)", "(a+)"),
            ("[]a]", r"[\x5Da]"),
            ("[^]a]", r"[^\x5Da]"),
            ("[[a]b]", r"[\x5Ba]b\]"),
            ("[a&&b]", r"[\x26ab]"),
            ("[+--c~~]", r"[\x2B-\x2Dc\x7E]"),
            (r"[\w-.]", r"[\x2D\x2E0-9A-Z_a-z]"),
            (r"[a-\d]", r"[\x2D0-9a]"),
            (r"[\b\n\-\]]", r"[\x08\x0A\x2D\x5D]"),
            (r"[\x{bc}-\x{be}é]", r"[\xA9\xBC-\xBE\xC3]"),
            (r"[\1\012]", r"[\x01\x0A]"),
            ("[[:digit:][:^ascii:]x]", r"[0-9x\x80-\xFF]"),
            ("[[=<>]=]", r"[\x3C-\x3E\x5B]=\]"),
            ("[[:digit]", r"[\x3A\x5Bdgit]"),
            (r"[\Q]^\E-]", r"[\x2D\x5D\x5E]"),
            (r"[^\s\S]", r"[^\x00-\xFF]"),
            (r"[^\d\D]", r"[^\x00-\xFF]"),
        ] {
            let found = rewrite(pattern).map(|rewritten| rewritten.pattern);
            assert_eq!(found.as_deref(), Ok(rewritten), "{pattern}");
            assert!(compiles(rewritten), "{pattern}");
        }
    }

    #[test]
    fn refuses() {
        for (pattern, code, span) in [
            ("a(?=b)", "unsupported-regex", 1..4),
            ("(?<!b)a", "unsupported-regex", 0..3),
            (r"(a)\1", "unsupported-regex", 3..5),
            (r"(a)\g{1}", "unsupported-regex", 3..5),
            (r"a\k<n>", "unsupported-regex", 1..3),
            ("a*+b", "unsupported-regex", 1..3),
            ("(?:a++|b)", "unsupported-regex", 4..6),
            ("a{2}{3}", "unsupported-regex", 4..7),
            ("a**", "unsupported-regex", 2..3),
            ("(?x)a+ ?", "unsupported-regex", 7..8),
            ("(?>a)", "unsupported-regex", 0..3),
            ("(?|a)", "unsupported-regex", 0..3),
            ("(?R)", "unsupported-regex", 0..3),
            ("(?u)a", "unsupported-regex", 0..3),
            ("(*UTF8)a", "unsupported-regex", 0..2),
            (r"\Za", "unsupported-regex", 0..2),
            (r"a\R", "unsupported-regex", 1..3),
            (r"a\Kb", "unsupported-regex", 1..3),
            (r"\p{L}", "unsupported-regex", 0..2),
            (r"\u{41}", "unsupported-regex", 0..2),
            (r"\x{2019}", "unsupported-regex", 0..8),
            (r"\777", "unsupported-regex", 0..4),
            ("[:alpha:]", "unsupported-regex", 0..9),
            ("[[.a.]]", "unsupported-regex", 1..3),
            ("[à-ö]", "unsupported-regex", 3..4),
            ("[a-ö]", "unsupported-regex", 2..5),
            (r"[\R]", "unsupported-regex", 1..3),
            ("[[:nothing:]]", "invalid-regex", 1..12),
            ("[z-a]", "invalid-regex", 2..4),
            ("[a", "invalid-regex", 0..2),
            ("[]", "invalid-regex", 0..2),
            ("*a", "invalid-regex", 0..1),
            (r"a\", "invalid-regex", 1..2),
            (r"\x{zz}", "invalid-regex", 0..6),
            ("(?#a", "invalid-regex", 0..4),
            ("(?<1>a)", "invalid-regex", 0..3),
        ] {
            let error = rewrite(pattern).expect_err(pattern);
            assert_eq!((error.code, error.span), (code, Some(span)), "{pattern}");
        }
    }

    fn compiles(pattern: &str) -> bool {
        RegexBuilder::new(pattern).unicode(false).build().is_ok()
    }

    proptest! {
        #[test]
        fn no_panic_on_any_pattern(pattern in ".{0,40}") {
            let _ = rewrite(&pattern);
        }

        /// From the pieces that patterns are made of.
        #[test]
        fn what_is_rewritten_compiles(
            pattern in r"(a|é|\\[xdQEZb0-9c]|[|.^$*+?{}\[\]()#: ,3-]|\(\?[ix:<#]|\[\^?|\[:alpha:\]){0,12}",
        ) {
            if let Ok(rewritten) = rewrite(&pattern) {
                let groups = rewritten.pattern.matches(['(', ')']).count();
                prop_assert!(groups > 0 || compiles(&rewritten.pattern), "{} -> {}", pattern, rewritten.pattern);
            }
        }

        #[test]
        fn literals_mean_themselves(text in r"[ -~é]{0,20}") {
            let quoted = rewrite(&format!("^{}$", regex::escape(&text))).unwrap();
            let regex = RegexBuilder::new(&quoted.pattern).unicode(false).build().unwrap();
            prop_assert!(regex.is_match(text.as_bytes()));
        }
    }
}
