//! The strings of a JSON text within a value.

/// Nesting that is followed (levels).
const DEPTH_MAX: u32 = 64;

/// The strings and names of a JSON array or object, raw between their quotes, unless the value is anything
/// else. Numbers and words between them cannot be an attack when the whole is valid.
pub(super) fn strings(value: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    is_valid(value).then_some(Strings { rest: value })
}

struct Strings<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = memchr::memchr(b'"', self.rest)? + 1;
        let length = string_length(&self.rest[start..])?;
        let text = &self.rest[start..start + length];
        self.rest = &self.rest[start + length + 1..];
        Some(text)
    }
}

/// The bytes before the closing quote.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Whether a JSON reader takes the value: RFC 8259 without its finer points about numbers.
fn is_valid(value: &[u8]) -> bool {
    let mut reader = Reader { value, at: 0 };
    reader.element(0).is_some() && reader.peek().is_none()
}

struct Reader<'a> {
    value: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while self.value.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.value.get(self.at).copied()
    }

    fn take(&mut self, expected: u8) -> Option<()> {
        (self.peek()? == expected).then(|| self.at += 1)
    }

    fn element(&mut self, depth: u32) -> Option<()> {
        match self.peek()? {
            _ if depth > DEPTH_MAX => None,
            b'{' => self.list(depth, b'}', |reader, depth| {
                reader.string()?;
                reader.take(b':')?;
                reader.element(depth)
            }),
            b'[' => self.list(depth, b']', Self::element),
            b'"' => self.string(),
            _ => self.word(),
        }
    }

    fn list(&mut self, depth: u32, close: u8, item: fn(&mut Self, u32) -> Option<()>) -> Option<()> {
        self.at += 1;
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            item(self, depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                byte => return (byte == close).then(|| self.at += 1),
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        self.at += string_length(&self.value[self.at..])? + 1;
        Some(())
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<()> {
        let rest = &self.value[self.at..];
        let length =
            rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
        let word = &rest[..length];
        let number = word.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
            && word.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte));
        self.at += length;
        (number || matches!(word, b"true" | b"false" | b"null")).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn finds_strings() {
        for (value, expected) in [
            (r#"{"a":"b\"c","d":[1,-2.5e3,true,null,"e"],"f":{}}"#, Some(r#"a|b\"c|d|e|f"#)),
            ("[]", Some("")),
            (r#" ["x" , "y"] "#, Some("x|y")),
            (r#"{"a":1} or 1=1"#, None),
            (r#"{"a":1"#, None),
            (r#"{a:1}"#, None),
            (r#"["a" or "b"]"#, None),
            ("[1;2]", None),
            (r#"["\"]"#, None),
        ] {
            let found = super::strings(value.as_bytes()).map(|strings| {
                strings.map(|text| String::from_utf8_lossy(text).into_owned()).collect::<Vec<_>>().join("|")
            });
            assert_eq!(found.as_deref(), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn takes_what_a_json_reader_takes(value in r#"[\[\]{}",:a1 \\-]{0,12}"#) {
            let read = serde_json::from_str::<serde_json::Value>(&value);
            if read.is_ok() {
                prop_assert!(super::is_valid(value.as_bytes()), "{}", value);
            }
        }

        #[test]
        fn never_panics(value in any::<Vec<u8>>()) {
            super::strings(&value).into_iter().flatten().for_each(drop);
        }
    }
}
