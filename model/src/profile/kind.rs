//! What a value looks like: its type, length and classes of characters.

use crate::extract::is_plain;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing.
    Empty,
    /// Digits, perhaps with a sign.
    Integer,
    /// Digits with one point.
    Decimal,
    /// Hexadecimal digits, eight or more.
    Hex,
    /// A UUID.
    Uuid,
    /// Letters.
    Word,
    /// Letters, digits, `_`, `.` and `-`.
    Identifier,
    /// Base64, 16 bytes or more.
    Base64,
    /// `scheme://` or a path.
    Url,
    /// An object or array.
    Json,
    /// Begins with `<`.
    Markup,
    /// Words and spaces with the punctuation of prose.
    Sentence,
    /// Anything else.
    Other,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();
    /// All kinds, in the order of their numbers in files.
    pub const ALL: [Self; 13] = [
        Self::Empty,
        Self::Integer,
        Self::Decimal,
        Self::Hex,
        Self::Uuid,
        Self::Word,
        Self::Identifier,
        Self::Base64,
        Self::Url,
        Self::Json,
        Self::Markup,
        Self::Sentence,
        Self::Other,
    ];

    /// The type of a value.
    #[must_use]
    pub fn of(value: &[u8]) -> Self {
        let all = |test: fn(&u8) -> bool| value.iter().all(test);
        let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
        let signed = value.strip_prefix(b"-").unwrap_or(value);
        match value {
            [] => Self::Empty,
            _ if digits > 0 && digits == signed.len() => Self::Integer,
            _ if digits > 0 && digits + 1 == signed.len() && signed.contains(&b'.') => Self::Decimal,
            _ if value.len() == 36 && all(|byte| byte.is_ascii_hexdigit() || *byte == b'-') => Self::Uuid,
            _ if value.len() >= 8 && digits > 0 && all(u8::is_ascii_hexdigit) => Self::Hex,
            _ if all(u8::is_ascii_alphabetic) => Self::Word,
            _ if is_plain(value) => Self::Identifier,
            [b'{', .., b'}'] | [b'[', .., b']'] => Self::Json,
            [b'<', ..] => Self::Markup,
            _ if value.starts_with(b"/") || value.windows(3).take(16).any(|it| it == b"://") => Self::Url,
            _ if value.len() >= 16 && all(is_base64) => Self::Base64,
            _ if all(is_prose) => Self::Sentence,
            _ => Self::Other,
        }
    }

    /// How it is spelled.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Hex => "hex",
            Self::Uuid => "uuid",
            Self::Word => "word",
            Self::Identifier => "identifier",
            Self::Base64 => "base64",
            Self::Url => "url",
            Self::Json => "json",
            Self::Markup => "markup",
            Self::Sentence => "sentence",
            Self::Other => "other",
        }
    }
}

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte)
}

fn is_prose(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b" .,!?'-:".contains(byte) || !byte.is_ascii()
}

/// What one value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its type.
    pub kind: Kind,
    /// Whether it has letters, digits, `_`, `.` and `-` only.
    pub is_plain: bool,
    /// The number of bits of its length: 0 for empty, 1 for 1, 2 for 2 and 3, 3 for 4 to 7.
    pub length: u8,
    /// A bit for each of [`Look::CLASSES`] that it has.
    pub classes: u16,
}

impl Look {
    /// Lengths that are told apart (count): the last stands for all longer ones.
    pub const LENGTHS: usize = 16;
    /// Classes of characters.
    pub const CLASSES: [&'static str; 12] = [
        "lower", "upper", "digit", "space", "quote", "angle", "bracket", "slash", "shell", "control",
        "foreign", "other",
    ];
    /// Bytes of a value that are looked at.
    const BYTES_MAX: usize = 4_096;

    /// What a value looks like.
    #[must_use]
    pub fn of(value: &[u8]) -> Self {
        let bits = usize::BITS - value.len().leading_zeros();
        let value = &value[..value.len().min(Self::BYTES_MAX)];
        Self {
            kind: Kind::of(value),
            is_plain: is_plain(value),
            length: (bits as usize).min(Self::LENGTHS - 1) as u8,
            classes: value.iter().fold(0, |classes, byte| classes | 1 << class(*byte)),
        }
    }
}

/// The number of a byte's class in [`Look::CLASSES`].
fn class(byte: u8) -> u16 {
    match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        b' ' => 3,
        b'\'' | b'"' => 4,
        b'<' | b'>' => 5,
        b'(' | b')' | b'[' | b']' | b'{' | b'}' => 6,
        b'/' | b'\\' => 7,
        b'`' | b'$' | b'|' | b'&' | b';' => 8,
        0..=0x1f | 0x7f => 9,
        0x80.. => 10,
        _ => 11,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_types_apart() {
        for (value, kind) in [
            ("", "empty"),
            ("-17", "integer"),
            ("17.50", "decimal"),
            ("1.7.5", "identifier"),
            ("0b9f1c3e-2f64-4a53-9a0e-5f6f1f5d9f10", "uuid"),
            ("3fa94c0d", "hex"),
            ("cafe", "word"),
            ("shoe_12", "identifier"),
            ("c2VsZWN0IDEgZnJvbQ==", "base64"),
            ("https://example.com/?a=1", "url"),
            ("/a/b c", "url"),
            ("{\"a\":1}", "json"),
            ("<b>", "markup"),
            ("It's a shoe, isn't it?", "sentence"),
            ("a=1&b=2", "other"),
        ] {
            assert_eq!(Kind::of(value.as_bytes()).as_str(), kind, "{value}");
        }
    }

    #[test]
    fn describes_values() {
        let look = Look::of(b"It's 7 <b>");
        let classes: Vec<_> =
            (0..12).filter(|bit| look.classes & 1 << bit != 0).map(|bit| Look::CLASSES[bit]).collect();
        assert_eq!(classes.join(" "), "lower upper digit space quote angle");
        assert_eq!((look.length, look.is_plain, look.kind), (4, false, Kind::Other));
        assert_eq!(Look::of(&[b'a'; 1 << 20]).length, 15);
    }
}
