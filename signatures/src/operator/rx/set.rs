//! Sets of bytes: what a character class of a pattern means.

use std::fmt::Write as _;

/// The bytes that a class matches, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Set([u128; 2]);

impl Set {
    pub(super) fn new() -> Self {
        Self([0; 2])
    }

    pub(super) fn of(contains: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::new();
        (0..=u8::MAX).filter(|byte| contains(*byte)).for_each(|byte| set.insert(byte));
        set
    }

    /// `\d`, `\w`, `\s`, `\h`, `\v`, `\N` and, upper case, what they do not match (pcrepattern, "Generic
    /// character types").
    pub(super) fn escape(letter: char) -> Option<Self> {
        let set = match letter.to_ascii_lowercase() {
            'd' => Self::of(|byte| byte.is_ascii_digit()),
            'w' => Self::of(is_word),
            's' => Self::of(is_space),
            'h' => Self::of(|byte| matches!(byte, b'\t' | b' ' | 0xa0)),
            'v' => Self::of(|byte| matches!(byte, 0x0a..=0x0d | 0x85)),
            'n' if letter == 'N' => Self::of(|byte| byte == b'\n'),
            _ => return None,
        };
        Some(if letter.is_ascii_uppercase() { set.negated() } else { set })
    }

    /// `[:name:]` (pcrepattern, "POSIX character classes").
    pub(super) fn posix(name: &str) -> Option<Self> {
        if let Some(name) = name.strip_prefix('^') {
            return Self::posix(name).map(Self::negated);
        }
        Some(match name {
            "alnum" => Self::of(|byte| byte.is_ascii_alphanumeric()),
            "alpha" => Self::of(|byte| byte.is_ascii_alphabetic()),
            "ascii" => Self::of(|byte| byte.is_ascii()),
            "blank" => Self::of(|byte| matches!(byte, b' ' | b'\t')),
            "cntrl" => Self::of(|byte| byte.is_ascii_control()),
            "digit" => Self::of(|byte| byte.is_ascii_digit()),
            "graph" => Self::of(|byte| byte.is_ascii_graphic()),
            "lower" => Self::of(|byte| byte.is_ascii_lowercase()),
            "print" => Self::of(|byte| byte == b' ' || byte.is_ascii_graphic()),
            "punct" => Self::of(|byte| byte.is_ascii_punctuation()),
            "space" => Self::of(is_space),
            "upper" => Self::of(|byte| byte.is_ascii_uppercase()),
            "word" => Self::of(is_word),
            "xdigit" => Self::of(|byte| byte.is_ascii_hexdigit()),
            _ => return None,
        })
    }

    pub(super) fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte / 128)] |= 1 << (byte % 128);
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 128)] >> (byte % 128) & 1 == 1
    }

    pub(super) fn insert_range(&mut self, start: u8, end: u8) {
        (start..=end).for_each(|byte| self.insert(byte));
    }

    pub(super) fn insert_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
    }

    pub(super) fn negated(self) -> Self {
        Self(self.0.map(|bits| !bits))
    }

    /// With every letter in both cases.
    pub(super) fn folded(self) -> Self {
        Self::of(|byte| self.contains(byte.to_ascii_lowercase()) || self.contains(byte.to_ascii_uppercase()))
    }

    /// Writes the class so that nothing in it can be read otherwise. `^` is kept as such, because `(?i)`
    /// folds before it negates.
    pub(super) fn write(&self, negated: bool, out: &mut String) {
        if *self == Self::new() {
            return Self::new().negated().write(!negated, out);
        }
        out.push_str(if negated { "[^" } else { "[" });
        let mut start = None;
        for byte in 0..=u8::MAX {
            if !self.contains(byte) {
                continue;
            }
            let from = *start.get_or_insert(byte);
            if byte == u8::MAX || !self.contains(byte + 1) {
                write_range(from, byte, out);
                start = None;
            }
        }
        out.push(']');
    }
}

fn write_range(start: u8, end: u8, out: &mut String) {
    write_byte(start, out);
    if end > start {
        if end - start > 1 {
            out.push('-');
        }
        write_byte(end, out);
    }
}

fn write_byte(byte: u8, out: &mut String) {
    if is_word(byte) {
        out.push(char::from(byte));
    } else {
        let _ = write!(out, "\\x{byte:02X}");
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn is_space(byte: u8) -> bool {
    byte == 0x0b || byte.is_ascii_whitespace()
}
