//! A token and its kind.

/// The most bytes of a token's text that are looked at.
pub(super) const TEXT_BYTES_MAX: usize = 31;

/// What a token is; the value is its letter in a fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Backslash = b'\\',
    Bareword = b'n',
    Collate = b'A',
    Colon = b':',
    Comma = b',',
    Comment = b'c',
    Dot = b'.',
    /// What databases read differently: reason enough to refuse.
    Evil = b'X',
    /// The start of a statement: `SELECT`, `INSERT`...
    Expression = b'E',
    Function = b'f',
    /// `GROUP BY`, `LIMIT`, `HAVING`...
    Group = b'B',
    Keyword = b'k',
    LeftBrace = b'{',
    LeftParenthesis = b'(',
    Logic = b'&',
    Number = b'1',
    Operator = b'o',
    RightBrace = b'}',
    RightParenthesis = b')',
    Semicolon = b';',
    SqlType = b't',
    String = b's',
    /// The start of a Transact-SQL statement.
    Tsql = b'T',
    Union = b'U',
    Unknown = b'?',
    Variable = b'v',
}

impl Kind {
    /// The kinds the keyword table uses.
    const OF_KEYWORDS: [Self; 13] = [
        Self::Bareword,
        Self::Collate,
        Self::Expression,
        Self::Function,
        Self::Group,
        Self::Keyword,
        Self::Logic,
        Self::Number,
        Self::Operator,
        Self::SqlType,
        Self::Tsql,
        Self::Union,
        Self::Variable,
    ];

    /// The kind that a letter of the keyword table stands for.
    pub(super) fn of_keyword(letter: u8) -> Option<Self> {
        Self::OF_KEYWORDS.into_iter().find(|&kind| kind as u8 == letter)
    }

    /// Whether a token of this kind may begin a phrase such as `UNION ALL`.
    pub(super) fn begins_phrase(self) -> bool {
        matches!(
            self,
            Self::Bareword
                | Self::Expression
                | Self::Function
                | Self::Keyword
                | Self::Operator
                | Self::SqlType
                | Self::Tsql
                | Self::Union
        )
    }

    /// Whether a token of this kind may continue a phrase.
    pub(super) fn continues_phrase(self) -> bool {
        self.begins_phrase() || self == Self::Logic
    }
}

/// A piece of the value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// At most [`TEXT_BYTES_MAX`] bytes, without quotes.
    pub(super) text: &'a [u8],
    /// How a string began; absent if the quote stands before the value.
    pub(super) opened_by: Option<u8>,
    /// How a string ended; absent if the value ended first.
    pub(super) closed_by: Option<u8>,
}

impl<'a> Token<'a> {
    pub(super) fn new(kind: Kind, text: &'a [u8]) -> Self {
        let text = &text[..text.len().min(TEXT_BYTES_MAX)];
        Self { kind, text, opened_by: None, closed_by: None }
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    pub(super) fn starts_with(&self, word: &str) -> bool {
        self.text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    }

    pub(super) fn is_arithmetic(&self) -> bool {
        self.kind == Kind::Operator && matches!(self.text, [b'*' | b'/' | b'-' | b'+' | b'%'])
    }

    /// Whether the token may stand before an operand and change nothing of what matters.
    pub(super) fn is_unary(&self) -> bool {
        self.kind == Kind::Operator
            && (matches!(self.text, [b'+' | b'-' | b'!' | b'~'] | [b'!', b'!']) || self.is("NOT"))
    }
}
