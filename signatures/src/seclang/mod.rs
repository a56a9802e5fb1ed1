//! SecLang text to a [`crate::Ruleset`]: lexer, parser, lowering.
