//! Text with macros: `Host %{request_headers.host} is %{tx.score}`.

use std::fmt;

use crate::Variable;

/// Text with macros, parsed once at load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<[u8]>),
    Macro { variable: Variable, key: Option<Box<[u8]>> },
}

/// Gives macros their values while rules run.
pub trait Resolve {
    /// Appends the value of `%{variable}` or `%{variable.key}`; appends nothing when there is none.
    fn resolve(&self, variable: Variable, key: Option<&[u8]>, out: &mut Vec<u8>);

    /// The same value where it lies, if it lies somewhere.
    fn borrowed(&self, _variable: Variable, _key: Option<&[u8]>) -> Option<&[u8]> {
        None
    }
}

impl Text {
    /// Text without macros.
    #[must_use]
    pub fn literal(text: impl Into<Box<[u8]>>) -> Self {
        Self { parts: vec![Part::Literal(text.into())] }
    }

    /// Splits text at its macros.
    ///
    /// # Errors
    /// The name inside `%{...}` that is not a variable.
    pub fn parse(text: &str) -> Result<Self, &str> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("%{") {
            let Some(length) = rest[start..].find('}') else { break };
            let name = &rest[start + 2..start + length];
            if start > 0 {
                parts.push(Part::Literal(rest.as_bytes()[..start].into()));
            }
            let (variable, key) = match name.find(['.', ':']) {
                Some(at) => (&name[..at], Some(name.as_bytes()[at + 1..].into())),
                None => (name, None),
            };
            parts.push(Part::Macro { variable: Variable::parse(variable).ok_or(name)?, key });
            rest = &rest[start + length + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.as_bytes().into()));
        }
        Ok(Self { parts })
    }

    /// The text, when it has no macro.
    #[must_use]
    pub fn as_literal(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(b""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// What it begins with before its first macro.
    pub(crate) fn prefix(&self) -> &[u8] {
        match self.parts.first() {
            Some(Part::Literal(text)) => text,
            _ => b"",
        }
    }

    /// What it ends with behind its last macro.
    pub(crate) fn suffix(&self) -> &[u8] {
        match self.parts.last() {
            Some(Part::Literal(text)) => text,
            _ => b"",
        }
    }

    /// The macros, in order.
    pub(crate) fn macros(&self) -> impl Iterator<Item = (Variable, Option<&[u8]>)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Macro { variable, key } => Some((*variable, key.as_deref())),
        })
    }

    /// The text with its macros replaced, where it need not be put together.
    pub(crate) fn borrowed<'x>(&'x self, resolve: &'x dyn Resolve) -> Option<&'x [u8]> {
        match self.parts.as_slice() {
            [Part::Macro { variable, key }] => resolve.borrowed(*variable, key.as_deref()),
            _ => self.as_literal(),
        }
    }

    /// Calls `then` with the text, macros replaced; it is put together only where it has to be.
    pub(crate) fn with<T>(&self, resolve: &dyn Resolve, then: impl FnOnce(&[u8]) -> T) -> T {
        match self.borrowed(resolve) {
            Some(text) => then(text),
            None => {
                let mut text = Vec::new();
                self.expand(resolve, &mut text);
                then(&text)
            }
        }
    }

    /// Appends the text with its macros replaced.
    pub fn expand(&self, resolve: &dyn Resolve, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Macro { variable, key } => resolve.resolve(*variable, key.as_deref(), out),
            }
        }
    }
}

/// As rules write it; macros in lower case.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Literal(text) => f.write_str(&String::from_utf8_lossy(text))?,
                Part::Macro { variable, key: None } => write!(f, "%{{{}}}", variable.name().to_lowercase())?,
                Part::Macro { variable, key: Some(key) } => {
                    let name = variable.name().to_lowercase();
                    write!(f, "%{{{name}.{}}}", String::from_utf8_lossy(key))?;
                }
            }
        }
        Ok(())
    }
}

/// The integer at the front of `bytes`, as C's `atoi` reads it; saturates.
pub(crate) fn leading_number(bytes: &[u8]) -> i64 {
    let bytes = bytes.trim_ascii_start();
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let number =
        digits.fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -number } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_it_was_read() {
        for text in
            ["", "plain", "%{tx.score} of %{request_headers.host}", "%{REMOTE_ADDR}: %{", "a%{tx.a}%{tx.b}"]
        {
            let shown = Text::parse(text).map(|it| it.to_string());
            assert_eq!(shown.as_deref(), Ok(text.replace("REMOTE_ADDR", "remote_addr").as_str()));
        }
    }

    #[test]
    fn reads_numbers_as_c_does() {
        for (text, number) in
            [("5", 5), (" -7x", -7), ("+3", 3), ("", 0), ("x", 0), ("99999999999999999999", i64::MAX)]
        {
            assert_eq!(leading_number(text.as_bytes()), number, "{text}");
        }
    }
}
