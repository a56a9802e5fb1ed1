//! The three little languages inside a `SecRule`: targets, operator, actions.

use super::lexer::{curly, is_curly, unquote};
use super::mapped::Mapped;
use crate::Diagnostic;

/// `!&VARIABLE:selector`.
#[derive(Debug)]
pub(super) struct TargetNode {
    pub(super) excluded: bool,
    pub(super) count: bool,
    pub(super) name: Mapped,
    pub(super) selector: Option<SelectorNode>,
}

/// What follows the colon of a target.
#[derive(Debug)]
pub(super) enum SelectorNode {
    Name(Mapped),
    Regex(Mapped),
    XPath(Mapped),
}

/// `!@name argument`.
#[derive(Clone, Debug)]
pub(super) struct OperatorNode {
    pub(super) negated: bool,
    /// `None` when it is left out, which means `@rx`.
    pub(super) name: Option<Mapped>,
    pub(super) argument: Mapped,
}

/// `name:value`.
#[derive(Clone, Debug)]
pub(super) struct ActionNode {
    pub(super) name: Mapped,
    pub(super) value: Option<Mapped>,
}

/// Reads `A|!B:name|&C|D:/regex/|XML:/*`.
pub(super) fn targets(text: &Mapped, out: &mut Vec<Diagnostic>) -> Vec<TargetNode> {
    let mut cursor = Cursor { text, at: 0 };
    let mut nodes = Vec::new();
    loop {
        cursor.skip(|c| c.is_whitespace() || c == '|' || c == ',');
        if cursor.rest().is_empty() {
            return nodes;
        }
        let Some(node) = target(&mut cursor, out) else { return nodes };
        nodes.push(node);
    }
}

fn target(cursor: &mut Cursor<'_>, out: &mut Vec<Diagnostic>) -> Option<TargetNode> {
    let prefix = cursor.take(|c| matches!(c, '!' | '&' | ' '));
    let name = cursor.take(|c| !matches!(c, ':' | '|' | ',') && !c.is_whitespace());
    let mut node = TargetNode {
        excluded: prefix.as_str().contains('!'),
        count: prefix.as_str().contains('&'),
        name,
        selector: None,
    };
    if cursor.eat(':') {
        node.selector = Some(selector(cursor, &node.name, out)?);
    }
    Some(node)
}

fn selector(cursor: &mut Cursor<'_>, variable: &Mapped, out: &mut Vec<Diagnostic>) -> Option<SelectorNode> {
    let ends = |c: char| matches!(c, '|' | ',') || c.is_whitespace();
    if variable.as_str().eq_ignore_ascii_case("XML") {
        return Some(SelectorNode::XPath(cursor.take(|c| !ends(c))));
    }
    match cursor.rest().chars().next() {
        Some('\'') => {
            let quoted = cursor.quoted(&['\''], out)?;
            let inner = quoted.as_str().strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
            Some(match inner.map(|inner| quoted.slice(quoted.range_of(inner))) {
                Some(regex) => SelectorNode::Regex(regex),
                None => SelectorNode::Name(quoted),
            })
        }
        Some('/') => regex(cursor, out).map(SelectorNode::Regex),
        _ => Some(SelectorNode::Name(cursor.take(|c| !ends(c)))),
    }
}

/// A pattern between slashes: to the first slash without a backslash that a separator or the end follows.
fn regex(cursor: &mut Cursor<'_>, out: &mut Vec<Diagnostic>) -> Option<Mapped> {
    let rest = cursor.rest();
    let mut escaped = true; // The opening slash.
    for (at, c) in rest.char_indices() {
        let closes =
            c == '/' && !escaped && matches!(rest[at + 1..].chars().next(), None | Some('|' | ',' | ' '));
        if closes {
            let pattern = cursor.text.slice(cursor.at + 1..cursor.at + at);
            cursor.at += at + 1;
            return Some(pattern);
        }
        escaped = c == '\\' && !escaped;
    }
    out.push(
        Diagnostic::error("unterminated-regex", "a pattern that selects names does not end")
            .at(cursor.text.location_of(cursor.at..cursor.at + 1), "begins here")
            .help("close it with `/`".to_owned()),
    );
    None
}

/// Reads `!@name argument`.
pub(super) fn operator(text: &Mapped) -> OperatorNode {
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip(char::is_whitespace);
    let negated = cursor.eat('!');
    if negated {
        cursor.skip(char::is_whitespace);
    }
    let name = cursor.eat('@').then(|| {
        let name = cursor.take(|c| !c.is_whitespace());
        cursor.skip(char::is_whitespace);
        name
    });
    OperatorNode { negated, name, argument: text.slice(cursor.at..text.as_str().len()) }
}

/// Reads `name,name:value,name:'quoted value'`.
pub(super) fn actions(text: &Mapped, out: &mut Vec<Diagnostic>) -> Vec<ActionNode> {
    let mut cursor = Cursor { text, at: 0 };
    let mut nodes = Vec::new();
    loop {
        cursor.skip(|c| c.is_whitespace() || c == ',');
        if cursor.rest().is_empty() {
            return nodes;
        }
        let Some(node) = action(&mut cursor, out) else { return nodes };
        nodes.push(node);
    }
}

fn action(cursor: &mut Cursor<'_>, out: &mut Vec<Diagnostic>) -> Option<ActionNode> {
    let name = cursor.take(|c| !matches!(c, ':' | ',')).trim();
    if !cursor.eat(':') {
        return Some(ActionNode { name, value: None });
    }
    cursor.skip(char::is_whitespace);
    if let Some(quote) = cursor.rest().chars().next().filter(|next| is_curly(*next)) {
        out.push(curly(cursor.text.location_of(cursor.at..cursor.at + quote.len_utf8()), quote));
    }
    if !cursor.rest().starts_with('\'') {
        let value = cursor.take(|c| c != ',').trim();
        return Some(ActionNode { name, value: Some(value) });
    }
    let value = cursor.quoted(&['\'', '\\'], out)?;
    cursor.skip(char::is_whitespace);
    let after = cursor.take(|c| c != ',').trim();
    if !after.is_empty() {
        out.push(
            Diagnostic::error("text-after-quote", "text follows a closing quote")
                .at(after.location(), "expected a comma")
                .help("put a comma before it, or write `\\'` for a quote within quotes".to_owned()),
        );
    }
    Some(ActionNode { name, value: Some(value) })
}

/// A place in a text.
struct Cursor<'a> {
    text: &'a Mapped,
    at: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &str {
        &self.text.as_str()[self.at..]
    }

    fn skip(&mut self, skips: impl Fn(char) -> bool) {
        self.at += self.rest().len() - self.rest().trim_start_matches(skips).len();
    }

    fn take(&mut self, takes: impl Fn(char) -> bool) -> Mapped {
        let start = self.at;
        self.skip(takes);
        self.text.slice(start..self.at)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let eaten = self.rest().starts_with(wanted);
        self.at += if eaten { wanted.len_utf8() } else { 0 };
        eaten
    }

    /// Text in single quotes, the first of which comes next.
    fn quoted(&mut self, escapable: &[char], out: &mut Vec<Diagnostic>) -> Option<Mapped> {
        let Some((value, length)) = unquote(self.text, self.at + 1, '\'', escapable) else {
            out.push(
                Diagnostic::error("unterminated-quote", "a value in `'` does not end")
                    .at(self.text.location_of(self.at..self.at + 1), "begins here")
                    .help("close it; write `\\'` for a quote within quotes".to_owned()),
            );
            return None;
        };
        self.at += 1 + length;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::SourceFile;

    fn mapped(text: &str) -> Mapped {
        let file = Arc::new(SourceFile { path: "x".to_owned(), text: text.to_owned() });
        Mapped::range(&file, 0..text.len())
    }

    fn shown(node: &TargetNode) -> String {
        let selector = match &node.selector {
            None => String::new(),
            Some(SelectorNode::Name(name)) => format!(" name {}", name.as_str()),
            Some(SelectorNode::Regex(regex)) => format!(" regex {}", regex.as_str()),
            Some(SelectorNode::XPath(path)) => format!(" xpath {}", path.as_str()),
        };
        let sign = |yes, sign| if yes { sign } else { "" };
        format!("{}{}{}{selector}", sign(node.excluded, "!"), sign(node.count, "&"), node.name.as_str())
    }

    #[test]
    fn reads_targets() {
        let rows: &[(&str, &[&str])] = &[
            ("ARGS", &["ARGS"]),
            ("ARGS|!ARGS:x|&REQUEST_HEADERS:Host", &["ARGS", "!ARGS name x", "&REQUEST_HEADERS name Host"]),
            ("ARGS:/^id_/|TX:/a|b/", &["ARGS regex ^id_", "TX regex a|b"]),
            ("ARGS:'/re|with|bars/'|B", &["ARGS regex re|with|bars", "B"]),
            ("XML:/*|XML://@*|ARGS", &["XML xpath /*", "XML xpath //@*", "ARGS"]),
            ("!REQUEST_COOKIES:/__utm/|ARGS", &["!REQUEST_COOKIES regex __utm", "ARGS"]),
            (r"REQUEST_COOKIES:/\x22?\x24Version/", &[r"REQUEST_COOKIES regex \x22?\x24Version"]),
            (r"ARGS:/a\/b/", &[r"ARGS regex a\/b"]),
            ("ARGS:body[0][value]", &["ARGS name body[0][value]"]),
            ("ARGS:'a|b'", &["ARGS name a|b"]),
        ];
        for (text, expected) in rows {
            let mut out = Vec::new();
            let nodes: Vec<_> = targets(&mapped(text), &mut out).iter().map(shown).collect();
            assert_eq!(nodes, *expected, "{text}");
            assert!(out.is_empty(), "{text}: {out:?}");
        }
    }

    #[test]
    fn reads_operators() {
        let rows = [
            ("@rx a b ", false, Some("rx"), "a b "),
            ("!@within %{tx.x}", true, Some("within"), "%{tx.x}"),
            ("! @eq 0", true, Some("eq"), "0"),
            ("^foo", false, None, "^foo"),
            ("!^foo", true, None, "^foo"),
            ("@detectSQLi", false, Some("detectSQLi"), ""),
            ("", false, None, ""),
        ];
        for (text, negated, name, argument) in rows {
            let node = operator(&mapped(text));
            let found = (node.negated, node.name.as_ref().map(Mapped::as_str), node.argument.as_str());
            assert_eq!(found, (negated, name, argument), "{text}");
        }
    }

    #[test]
    fn reads_actions() {
        type Shown<'a> = &'a [(&'a str, Option<&'a str>)];
        let rows: &[(&str, Shown<'_>)] = &[
            ("id:1, phase:2 ,deny", &[("id", Some("1")), ("phase", Some("2")), ("deny", None)]),
            ("msg:'a, b\\'s c',log", &[("msg", Some("a, b's c")), ("log", None)]),
            ("setvar:tx.a=+%{tx.b}", &[("setvar", Some("tx.a=+%{tx.b}"))]),
            ("ctl:ruleRemoveTargetById=1;ARGS:a", &[("ctl", Some("ruleRemoveTargetById=1;ARGS:a"))]),
            ("redirect:https://a/b?c", &[("redirect", Some("https://a/b?c"))]),
            (r"logdata:'C:\\x'", &[("logdata", Some(r"C:\x"))]),
        ];
        for (text, expected) in rows {
            let mut out = Vec::new();
            let nodes = actions(&mapped(text), &mut out);
            let shown: Vec<_> = nodes
                .iter()
                .map(|node| (node.name.as_str(), node.value.as_ref().map(Mapped::as_str)))
                .collect();
            assert_eq!(shown, *expected, "{text}");
            assert!(out.is_empty(), "{text}: {out:?}");
        }
    }
}
