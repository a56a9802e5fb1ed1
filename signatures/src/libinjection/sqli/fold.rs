//! Folds the tokens of a value to the few that tell what it is.
//!
//! Two or three tokens from `left` on are looked at; where they say no more than one would
//! (`1 + 1`, `a, b`, `((`), tokens are dropped and the look begins again further left.

use super::token::{Kind, Token};
use super::tokenizer::{Dialect, Tokenizer};
use super::{TOKENS_MAX, keywords};

/// A value as at most [`TOKENS_MAX`] tokens.
pub(super) struct Folded<'a> {
    tokens: [Token<'a>; TOKENS_MAX],
    len: usize,
    /// How many tokens there were before folding.
    pub(super) count: usize,
    /// Whether another dialect would have read other tokens.
    pub(super) is_ambiguous: bool,
}

impl<'a> Folded<'a> {
    pub(super) fn read(input: &'a [u8], quote: Option<u8>, dialect: Dialect) -> Self {
        let mut folder = Folder::new(Tokenizer::new(input, quote, dialect));
        let len = folder.run();
        let [a, b, c, d, e, ..] = folder.tokens;
        let Tokenizer { count, is_ambiguous, .. } = folder.tokenizer;
        Self { tokens: [a, b, c, d, e], len, count, is_ambiguous }
    }

    pub(super) fn tokens(&self) -> &[Token<'a>] {
        &self.tokens[..self.len]
    }
}

/// What to do after a look.
enum Step {
    /// Something was folded: look again.
    Again,
    /// Nothing more to fold here: look at more tokens.
    Onward,
    /// The value is an attack, whatever else it holds.
    Stop,
}

struct Folder<'a> {
    tokenizer: Tokenizer<'a>,
    /// One more than take part, because the sixth may help to fold the fifth.
    tokens: [Token<'a>; TOKENS_MAX + 1],
    /// How many of `tokens` are filled.
    filled: usize,
    /// Where the look begins: what is before cannot be folded further. `left <= filled`.
    left: usize,
    /// Whether the tokenizer may have more.
    more: bool,
    /// The comment after the last token, if nothing followed it.
    last_comment: Option<Token<'a>>,
}

impl<'a> Folder<'a> {
    fn new(tokenizer: Tokenizer<'a>) -> Self {
        let nothing = Token::new(Kind::Unknown, &[]);
        Self {
            tokenizer,
            tokens: [nothing; TOKENS_MAX + 1],
            filled: 0,
            left: 0,
            more: true,
            last_comment: None,
        }
    }

    /// Returns how many tokens are left.
    fn run(&mut self) -> usize {
        let Some(first) = self.tokenizer.find(|token| !is_noise_at_start(token)) else {
            return 0;
        };
        self.tokens[0] = first;
        self.filled = 1;
        loop {
            self.fold_all();
            if !self.more || self.left >= TOKENS_MAX {
                return self.finish();
            }
            match self.look() {
                Step::Again => {}
                Step::Onward => self.left += 1,
                Step::Stop => {
                    self.tokens[0].kind = Kind::Evil;
                    return 1;
                }
            }
        }
    }

    fn finish(&mut self) -> usize {
        let len = self.filled;
        match self.last_comment {
            Some(comment) if len < TOKENS_MAX => {
                self.tokens[len] = comment;
                len + 1
            }
            _ => len.min(TOKENS_MAX),
        }
    }

    fn look(&mut self) -> Step {
        if !self.fill(2) {
            self.left = self.filled;
            return Step::Again;
        }
        match self.fold_two() {
            Step::Onward => {}
            decided => return decided,
        }
        if !self.fill(3) {
            self.left = self.filled;
            return Step::Again;
        }
        self.fold_three()
    }

    /// Reads until there are `wanted` tokens from `left` on; says whether there are.
    fn fill(&mut self, wanted: usize) -> bool {
        while self.more && self.filled <= TOKENS_MAX && self.filled - self.left < wanted {
            match self.tokenizer.next() {
                Some(comment) if comment.kind == Kind::Comment => self.last_comment = Some(comment),
                Some(token) => {
                    self.last_comment = None;
                    self.tokens[self.filled] = token;
                    self.filled += 1;
                }
                None => self.more = false,
            }
        }
        self.filled - self.left >= wanted
    }

    /// Drops the last tokens and looks again from `left`.
    fn shrink(&mut self, dropped: usize, left: usize) -> Step {
        self.filled -= dropped;
        self.left = left;
        Step::Again
    }

    /// Gives the token at `left` another kind.
    fn retype(&mut self, kind: Kind) -> Step {
        self.tokens[self.left].kind = kind;
        Step::Again
    }

    /// Drops tokens in `a` + `(b)` and the like, which are common in ordinary text.
    fn fold_all(&mut self) {
        use Kind::*;
        if self.filled < TOKENS_MAX {
            return;
        }
        let [a, b, c, d, e, _] = self.tokens.map(|token| token.kind);
        let is_expression = matches!(
            (a, b, c, d, e),
            (Number, Operator | Comma, LeftParenthesis, Number, RightParenthesis)
                | (Bareword, Operator, LeftParenthesis, Bareword | Number, RightParenthesis)
                | (Number, RightParenthesis, Comma, LeftParenthesis, Number)
                | (Bareword, RightParenthesis, Operator, LeftParenthesis, Bareword)
        );
        if !is_expression {
            return;
        }
        self.left = 0;
        if self.filled > TOKENS_MAX {
            self.tokens[1] = self.tokens[TOKENS_MAX];
            self.filled = 2;
        } else {
            self.filled = 1;
        }
    }

    /// The rules for two tokens; the first that applies counts.
    fn fold_two(&mut self) -> Step {
        let (a, b) = (self.tokens[self.left], self.tokens[self.left + 1]);
        self.fold_repetition(&a, &b)
            .or_else(|| self.fold_phrase(&a, &b))
            .or_else(|| self.fold_word(&a, &b))
            .or_else(|| self.fold_mark(&a, &b))
            .unwrap_or(Step::Onward)
    }

    fn fold_repetition(&mut self, a: &Token<'_>, b: &Token<'_>) -> Option<Step> {
        use Kind::*;
        match (a.kind, b.kind) {
            (String, String) | (Semicolon, Semicolon) => Some(self.shrink(1, self.left)),
            (Operator | Logic, SqlType) => Some(self.shrink(1, 0)),
            (Operator | Logic, _) if b.is_unary() => Some(self.shrink(1, 0)),
            (LeftParenthesis, _) if b.is_unary() => Some(self.shrink(1, self.left.saturating_sub(1))),
            _ => None,
        }
    }

    /// Makes one token of `UNION` and `ALL`.
    fn fold_phrase(&mut self, a: &Token<'_>, b: &Token<'_>) -> Option<Step> {
        if !a.kind.begins_phrase() || !b.kind.continues_phrase() {
            return None;
        }
        let phrase = keywords::phrase(a.text, b.text)?;
        let merged = &mut self.tokens[self.left];
        (merged.kind, merged.text) = (phrase.kind, phrase.text);
        Some(self.shrink(1, self.left.saturating_sub(1)))
    }

    /// Decides what words are that can be several things.
    fn fold_word(&mut self, a: &Token<'_>, b: &Token<'_>) -> Option<Step> {
        use Kind::*;
        match (a.kind, b.kind) {
            // A function, but in Transact-SQL `; IF 1=1` begins a statement.
            (Semicolon, Function) if b.starts_with("IF") => {
                self.tokens[self.left + 1].kind = Tsql;
                Some(Step::Again)
            }
            (Bareword | Variable, LeftParenthesis) if is_name_of_function(a) => Some(self.retype(Function)),
            (Keyword, LeftParenthesis) if is_in(a) => Some(self.retype(Operator)),
            (Keyword, _) if is_in(a) => Some(self.retype(Bareword)),
            // `a LIKE b`, but `a = LIKE(b, c)`.
            (Operator, _) if a.is("LIKE") || a.is("NOT LIKE") => {
                if b.kind == LeftParenthesis {
                    self.retype(Function);
                }
                Some(Step::Onward)
            }
            (SqlType, Bareword | Number | SqlType | LeftParenthesis | Function | Variable | String) => {
                Some(self.drop_first())
            }
            // There are too many collations to list them; their names have a `_`.
            (Collate, Bareword) => {
                let name = b.text.split(|&byte| byte == 0).next().unwrap_or_default();
                if name.contains(&b'_') {
                    self.tokens[self.left + 1].kind = SqlType;
                    self.left = 0;
                }
                Some(Step::Onward)
            }
            _ => None,
        }
    }

    fn fold_mark(&mut self, a: &Token<'_>, b: &Token<'_>) -> Option<Step> {
        use Kind::*;
        match (a.kind, b.kind) {
            // Transact-SQL reads `\%1` as `0 % 1`...
            (Backslash, _) if b.is_arithmetic() => {
                self.retype(Number);
                Some(self.shrink(0, 0))
            }
            // ... and `\1` as `1`.
            (Backslash, _) => Some(self.drop_first()),
            (LeftParenthesis, LeftParenthesis) | (RightParenthesis, RightParenthesis) => {
                Some(self.shrink(1, 0))
            }
            // MySQL takes {``.``.id} for a name: too odd to be anything but an attack.
            (LeftBrace, Bareword) if b.text.is_empty() => Some(Step::Stop),
            // ODBC's `{foo expression}`.
            (LeftBrace, Bareword) => Some(self.shrink(2, 0)),
            (_, RightBrace) => Some(self.shrink(1, 0)),
            _ => None,
        }
    }

    /// The rules for three tokens; the first that applies counts.
    fn fold_three(&mut self) -> Step {
        use Kind::*;
        let [a, b, c] = [0, 1, 2].map(|offset| self.tokens[self.left + offset]);
        match (a.kind, b.kind, c.kind) {
            (Number, Operator, Number) | (Logic, _, Logic) => self.shrink(2, 0),
            (Operator, middle, Operator) if middle != LeftParenthesis => self.shrink(2, 0),
            (Variable, Operator, Variable | Number | Bareword)
            | (Bareword | Number, Operator, Number | Bareword) => self.shrink(2, 0),
            (Bareword | Number | Variable | String, Operator, SqlType) if b.text == b"::" => {
                self.shrink(2, 0)
            }
            (Bareword | Number | String | Variable, Comma, Number | Bareword | String | Variable) => {
                self.shrink(2, 0)
            }
            (Expression | Group | Comma, _, LeftParenthesis) if b.is_unary() => self.drop_second(c, 1),
            (Keyword | Expression | Group, _, Number | Bareword | Variable | String | Function)
                if b.is_unary() =>
            {
                self.drop_second(c, 1)
            }
            // `1, -1` is `1`: back up so that the comma is folded as well.
            (Comma, _, Number | Bareword | Variable | String) if b.is_unary() => self.drop_second(c, 3),
            (Comma, _, Function) if b.is_unary() => self.drop_second(c, 1),
            (Bareword, Dot, Bareword) => self.shrink(2, 0),
            (Expression, Dot, Bareword) => self.drop_second(c, 1),
            // USER() takes no argument, so this is not it.
            (Function, LeftParenthesis, inside) if inside != RightParenthesis && a.is("USER") => {
                self.retype(Bareword);
                Step::Onward
            }
            _ => Step::Onward,
        }
    }

    fn drop_first(&mut self) -> Step {
        self.tokens[self.left] = self.tokens[self.left + 1];
        self.shrink(1, 0)
    }

    fn drop_second(&mut self, third: Token<'a>, dropped: usize) -> Step {
        self.tokens[self.left + 1] = third;
        self.shrink(dropped, 0)
    }
}

/// Whether a token says nothing about the value if it comes first.
fn is_noise_at_start(token: &Token<'_>) -> bool {
    matches!(token.kind, Kind::Comment | Kind::LeftParenthesis | Kind::SqlType) || token.is_unary()
}

fn is_in(token: &Token<'_>) -> bool {
    token.is("IN") || token.is("NOT IN")
}

/// Words that are common column names, and functions before a parenthesis.
fn is_name_of_function(token: &Token<'_>) -> bool {
    const NAMES: [&str; 11] = [
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "CURRENT_USER",
        "DATABASE",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "PASSWORD",
        "USER",
        "USER_ID",
        "USER_NAME",
    ];
    NAMES.iter().any(|name| token.is(name))
}
