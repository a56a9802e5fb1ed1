//! values.yaml with its comments, which no YAML reader keeps.

use serde_json::Value;

/// A key, with what its comment says.
pub(super) struct Key {
    pub(super) path: Vec<String>,
    pub(super) kind: Kind,
    /// Whether it may be left empty.
    pub(super) is_optional: bool,
    pub(super) text: String,
    pub(super) default: Value,
    /// The heading it is under.
    pub(super) section: String,
    pub(super) children: Vec<Key>,
}

/// What a value may be.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    Any,
    /// What somebody else says is right there.
    Object,
    /// Known keys.
    Keys,
    String,
    Boolean,
    Number,
    Integer(Option<(i64, i64)>),
    OneOf(Vec<String>),
    Pattern(String),
    List(Box<Kind>),
    Map(Box<Kind>),
}

/// All keys of the text, in its order.
pub(super) fn keys(text: &str) -> Result<Vec<Key>, String> {
    let values: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let mut reader =
        Reader { values, section: String::new(), comment: Vec::new(), open: Vec::new(), top: Vec::new() };
    for line in text.lines() {
        reader.line(line)?;
    }
    reader.close(0);
    Ok(reader.top)
}

struct Reader {
    values: Value,
    section: String,
    comment: Vec<String>,
    /// Keys whose children are read, each deeper than the one before.
    open: Vec<(usize, Key)>,
    top: Vec<Key>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if let Some(heading) = content.strip_prefix("# ---- ") {
            heading.trim_end_matches(['-', ' ']).clone_into(&mut self.section);
        } else if let Some(comment) = content.strip_prefix('#') {
            self.comment.push(comment.trim().to_owned());
        } else if content.is_empty() {
            self.comment.clear();
        } else if let Some(name) = name(content) {
            let comment = std::mem::take(&mut self.comment).join(" ");
            self.key(indent, name, &comment)?;
        } else {
            self.comment.clear();
        }
        Ok(())
    }

    fn key(&mut self, indent: usize, name: &str, comment: &str) -> Result<(), String> {
        self.close(indent);
        // What is below a value of which only its kind is known is part of that value.
        if self.open.last().is_some_and(|(_, parent)| parent.kind != Kind::Keys) {
            return Ok(());
        }
        let mut path = self.open.last().map(|(_, parent)| parent.path.clone()).unwrap_or_default();
        path.push(name.to_owned());
        let default = path.iter().fold(&self.values, |value, key| &value[key]).clone();
        let (said, text) = annotation(comment);
        let is_optional = said.is_some_and(|said| said.ends_with('?'));
        let kind = match said {
            Some(said) => kind(said.trim_end_matches('?')),
            None => usual(&default),
        };
        let kind = kind.map_err(|wrong| format!("{}: {wrong}", path.join(".")))?;
        let section = self.section.clone();
        let key =
            Key { path, kind, is_optional, text: text.to_owned(), default, section, children: Vec::new() };
        self.open.push((indent, key));
        Ok(())
    }

    /// Closes what is as deep as this, or deeper.
    fn close(&mut self, indent: usize) {
        while self.open.last().is_some_and(|(depth, _)| *depth >= indent) {
            let Some((_, key)) = self.open.pop() else { return };
            match self.open.last_mut() {
                Some((_, parent)) => parent.children.push(key),
                None => self.top.push(key),
            }
        }
    }
}

/// The name of a key that a line begins with. An item of a list, and what is in it, has none.
fn name(content: &str) -> Option<&str> {
    let (name, rest) = content.split_once(':')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte));
    (is_name && !name.starts_with('-') && (rest.is_empty() || rest.starts_with(' '))).then_some(name)
}

/// `[what it may be]` at the beginning of a comment, and the rest.
fn annotation(comment: &str) -> (Option<&str>, &str) {
    let Some(rest) = comment.strip_prefix('[') else { return (None, comment) };
    // A pattern may have brackets of its own.
    let end = if rest.starts_with('/') { rest.find("/]").map(|at| at + 1) } else { rest.find(']') };
    match end {
        Some(end) => (Some(&rest[..end]), rest[end + 1..].trim_start()),
        None => (None, comment),
    }
}

fn kind(said: &str) -> Result<Kind, String> {
    if let Some(pattern) = said.strip_prefix('/') {
        return Ok(Kind::Pattern(pattern.trim_end_matches('/').to_owned()));
    }
    if let Some(of) = said.strip_prefix("list of ") {
        return Ok(Kind::List(Box::new(kind(of)?)));
    }
    if let Some(of) = said.strip_prefix("map of ") {
        return Ok(Kind::Map(Box::new(kind(of)?)));
    }
    if said.contains('|') {
        return Ok(Kind::OneOf(said.split('|').map(|it| it.trim().trim_matches('"').to_owned()).collect()));
    }
    if let Some((least, most)) = said.split_once("..") {
        let bound = |text: &str| text.parse().map_err(|_| format!("`{said}` is no range"));
        return Ok(Kind::Integer(Some((bound(least)?, bound(most)?))));
    }
    Ok(match said {
        "any" => Kind::Any,
        "object" => Kind::Object,
        "string" => Kind::String,
        "boolean" => Kind::Boolean,
        "number" => Kind::Number,
        "integer" => Kind::Integer(None),
        "duration" => Kind::Pattern("^[0-9]+(ms|s|m|h)$".to_owned()),
        _ => return Err(format!("`{said}` is no kind of value")),
    })
}

/// What a default shows.
fn usual(default: &Value) -> Result<Kind, String> {
    match default {
        Value::String(_) => Ok(Kind::String),
        Value::Bool(_) => Ok(Kind::Boolean),
        Value::Number(number) if number.is_f64() => Ok(Kind::Number),
        Value::Number(_) => Ok(Kind::Integer(None)),
        Value::Object(map) if !map.is_empty() => Ok(Kind::Keys),
        _ => Err(format!(
            "its comment must say what may be there: `[list of string]`, `[object]` (found {default})"
        )),
    }
}

#[test]
fn comments_say_what_may_be_there() {
    let pattern = |text: &str| Kind::Pattern(text.to_owned());
    for (comment, expected, text) in [
        ("[string] Its name.", Kind::String, "Its name."),
        ("[a | b | \"\"] One.", Kind::OneOf(["a", "b", ""].map(str::to_owned).into()), "One."),
        ("[1..65535]", Kind::Integer(Some((1, 65535))), ""),
        ("[/^[a-z]+$/] Letters [of ours].", pattern("^[a-z]+$"), "Letters [of ours]."),
        ("[list of map of string] All.", Kind::List(Box::new(Kind::Map(Box::new(Kind::String)))), "All."),
    ] {
        let (said, rest) = annotation(comment);
        assert_eq!((kind(said.expect(comment)), rest), (Ok(expected), text), "{comment}");
    }
    assert_eq!(annotation("`[::]` is all."), (None, "`[::]` is all."));
}

#[test]
fn keys_are_read_with_their_comments() {
    let text = "# Not of a key.\n\n# ---- Pods: templates/ ----\n\n# One.\na:\n  # [object] Two,\n  # on two lines.\n  b:\n    c: 1\n    d: [1]\n  e: x\n";
    let found = keys(text).expect("keys");
    assert_eq!(found.len(), 1);
    let [b, e] = &found[0].children[..] else { panic!("two children") };
    assert_eq!(
        (b.path.join("."), b.text.as_str(), &b.kind),
        ("a.b".to_owned(), "Two, on two lines.", &Kind::Object)
    );
    assert_eq!(
        (e.path.join("."), &e.kind, e.section.as_str()),
        ("a.e".to_owned(), &Kind::String, "Pods: templates/")
    );
    assert!(b.children.is_empty());
    assert!(keys("a: []\n").is_err(), "a list of what?");
}
