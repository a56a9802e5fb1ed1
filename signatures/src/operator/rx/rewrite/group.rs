//! Groups and flags of a pattern.

use std::fmt::Write as _;

use super::{Last, Rewriter, invalid};
use crate::operator::OperatorError;

impl<'p> Rewriter<'p> {
    pub(super) fn open(&mut self) -> Result<(), OperatorError> {
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

    pub(in crate::operator::rx) fn comment(&mut self) -> Result<(), OperatorError> {
        let Some(length) = self.rest().find(')') else {
            return Err(invalid(self.at..self.text.len(), "the comment is not closed"));
        };
        self.at += length + 1;
        Ok(())
    }

    fn named(&mut self, start: usize, end: char) -> Result<(), OperatorError> {
        let name = self.group_name(start, end)?;
        self.enter(&format!("(?P<{name}>"), start + name.len() + 1);
        Ok(())
    }

    /// The name that begins `start` bytes from here and goes to `end`.
    pub(in crate::operator::rx) fn group_name(
        &self,
        start: usize,
        end: char,
    ) -> Result<&'p str, OperatorError> {
        let name = self.rest().get(start..).and_then(|rest| rest.split_once(end)).map(|(name, _)| name);
        let is_name = |name: &str| {
            name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
                && !name.starts_with(|first: char| first.is_ascii_digit())
        };
        name.filter(|name| !name.is_empty() && is_name(name)).ok_or_else(|| {
            invalid(self.at..self.at + start, "the group has no name of letters, digits and `_`")
        })
    }

    /// `(?i-s)`, `(?i:`. `x` is ours: `regex` would leave out spaces in classes too.
    fn flags(&mut self) -> Result<(), OperatorError> {
        let flags = self.rest().get(2..).unwrap_or_default();
        let length = flags.bytes().take_while(|byte| b"imsxU-".contains(byte)).count();
        let (flags, end) = (&flags[..length], flags.as_bytes().get(length));
        if !matches!(end, Some(b':' | b')')) || flags.matches('-').count() > 1 {
            return Err(self.refuse(length + 3, "expected a group or flags out of `imsxU`"));
        }
        self.ungreedy |= flags.contains('U');
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
}

const LOOKAROUND: &str = "use two rules in a chain, the second negated with `!@rx`";
