//! The part of XPath that `XML:` takes: where in a document a value stands.
//!
//! ```text
//! SecRule XML:/employees/employee/name/text() "@rx Fred" "id:1000,phase:2,deny"
//! SecRule XML://user/@role "@streq admin" "id:1001,phase:2,deny"
//! ```
//! Steps to children (`/`) and descendants (`//`) by name or `*`, `*[local-name()='x']`, and `text()`, `@name` or `@*` at the end.
//! A name with a prefix means that name in any namespace. An element means all text below it: each text node is a value.

use std::fmt;

/// A path into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XPath {
    text: Box<str>,
    steps: Vec<Step>,
    end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// Whether any number of elements may stand before it (`//`).
    deep: bool,
    name: Name,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Any,
    /// In any namespace.
    Local(Box<[u8]>),
    /// As written, without a prefix.
    Plain(Box<[u8]>),
}

/// What is meant where the steps lead.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Attribute(Step),
    /// The text of an element, and of all elements in it.
    Element,
    Text {
        deep: bool,
    },
}

impl XPath {
    /// Reads a path; `None` for what is beyond this part of XPath.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut steps, mut rest) = (Vec::new(), text);
        let mut end = End::Element;
        while !rest.is_empty() {
            if end != End::Element || steps.len() >= STEPS_MAX {
                return None;
            }
            let deep = rest.starts_with("//");
            rest = rest.strip_prefix("//").or_else(|| rest.strip_prefix('/'))?;
            let (step, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            rest = after;
            match step.strip_prefix('@') {
                Some(name) => end = End::Attribute(Step { deep, name: Name::parse(name)? }),
                None if step == "text()" => end = End::Text { deep },
                None => steps.push(Step { deep, name: Name::parse(step)? }),
            }
        }
        let is_path = !steps.is_empty() || end != End::Element;
        is_path.then(|| Self { text: text.into(), steps, end })
    }

    /// Whether the value of that path is meant: `/a/b` of a text node, `/a/b/@c` of an attribute.
    #[must_use]
    pub fn selects(&self, path: &[u8]) -> bool {
        let Some(path) = path.strip_prefix(b"/") else { return false };
        let mut segments: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let attribute = match segments.last() {
            Some([b'@', name @ ..]) => Some(name),
            // Comments and instructions.
            Some([b'!' | b'?', ..]) => return false,
            _ => None,
        };
        if attribute.is_some() {
            segments.pop();
        }
        let reached = self.reached(&segments);
        let all = *reached.last().unwrap_or(&false);
        let any = reached.contains(&true);
        match (&self.end, attribute) {
            (End::Attribute(step), Some(name)) => step.name.means(name) && if step.deep { any } else { all },
            (End::Text { deep: false }, None) => all,
            (End::Element | End::Text { deep: true }, None) => any,
            _ => false,
        }
    }

    /// After how many elements the steps may end.
    fn reached(&self, segments: &[&[u8]]) -> Vec<bool> {
        let mut reached = vec![false; segments.len() + 1];
        reached[0] = true;
        for step in &self.steps {
            let mut next = vec![false; segments.len() + 1];
            let mut above = false;
            for (at, segment) in segments.iter().enumerate() {
                above |= reached[at];
                let from = if step.deep { above } else { reached[at] };
                next[at + 1] = from && step.name.means(segment);
            }
            reached = next;
        }
        reached
    }
}

impl fmt::Display for XPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let quoted = |quote: &str| {
            text.strip_prefix("*[local-name()=")?.strip_prefix(quote)?.strip_suffix(']')?.strip_suffix(quote)
        };
        let local =
            quoted("'").or_else(|| quoted("\"")).or_else(|| text.split_once(':').map(|(_, local)| local));
        let name = local.unwrap_or(text);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte) || byte >= 0x80;
        if name == "*" && local.is_some() {
            return Some(Self::Any);
        }
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        let bytes = name.as_bytes().into();
        Some(if local.is_some() { Self::Local(bytes) } else { Self::Plain(bytes) })
    }

    fn means(&self, name: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Local(wanted) => name.rsplit(|byte| *byte == b':').next() == Some(wanted),
            Self::Plain(wanted) => name == &**wanted,
        }
    }
}

/// Steps of one path (count).
const STEPS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_by_path() {
        let paths = ["/a", "/a/b", "/a/b/c", "/a/p:b", "/a/@x", "/a/b/@x", "/a/b/@q:y", "/a/!--", "!DOCTYPE"];
        for (xpath, expected) in [
            ("/a", "/a /a/b /a/b/c /a/p:b"),
            ("/a/b", "/a/b /a/b/c"),
            ("/a/b/text()", "/a/b"),
            ("//b", "/a/b /a/b/c"),
            ("//b/text()", "/a/b"),
            ("/a//text()", "/a /a/b /a/b/c /a/p:b"),
            ("/*/b", "/a/b /a/b/c"),
            ("/a/q:b", "/a/b /a/b/c /a/p:b"),
            ("//*[local-name()='b']", "/a/b /a/b/c /a/p:b"),
            ("/a/@x", "/a/@x"),
            ("//@x", "/a/@x /a/b/@x"),
            ("/a//@x", "/a/@x /a/b/@x"),
            ("//b/@*", "/a/b/@x /a/b/@q:y"),
            ("//@z:y", "/a/b/@q:y"),
            ("/b", ""),
        ] {
            let xpath = XPath::parse(xpath).expect(xpath);
            let found: Vec<_> = paths.into_iter().filter(|path| xpath.selects(path.as_bytes())).collect();
            assert_eq!(found.join(" "), expected, "{xpath}");
        }
    }

    #[test]
    fn says_what_is_beyond_it() {
        for text in [
            "",
            "/",
            "a",
            "/a/",
            "//",
            "/a[1]",
            "/a[@x='1']",
            "/@x/a",
            "/text()/a",
            "/a/id()",
            "/a|/b",
            "/a b",
        ] {
            assert_eq!(XPath::parse(text), None, "{text}");
        }
        assert_eq!(XPath::parse(&"/a".repeat(STEPS_MAX + 1)), None);
    }
}
