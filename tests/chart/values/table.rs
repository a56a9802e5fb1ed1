//! The README's tables of values, one for each heading of values.yaml.

use super::read::{Key, Kind};

/// The tables.
pub(super) fn of(keys: &[Key]) -> String {
    let mut out = String::new();
    let mut section = None;
    for key in keys {
        if section != Some(&key.section) {
            section = Some(&key.section);
            let heading = key.section.split(": ").next().unwrap_or_default();
            let heading = if heading.is_empty() { "Names, and where it stands" } else { heading };
            out += &format!("\n### {heading}\n\n| key | may be | default | |\n|---|---|---|---|\n");
        }
        rows(key, &mut out);
    }
    out + "\n"
}

fn rows(key: &Key, out: &mut String) {
    let name = key.path.join(".");
    let text = key.text.replace('|', "\\|");
    if key.kind == Kind::Keys {
        if !text.is_empty() {
            *out += &format!("| `{name}` | | | {text} |\n");
        }
        key.children.iter().for_each(|child| rows(child, out));
    } else {
        *out += &format!("| `{name}` | {} | {} | {text} |\n", may_be(key), default(key));
    }
}

fn may_be(key: &Key) -> String {
    let kind = words(&key.kind).replace('|', "\\|");
    if key.is_optional { format!("{kind}, or nothing") } else { kind }
}

fn words(kind: &Kind) -> String {
    match kind {
        Kind::Any => "anything".to_owned(),
        Kind::Object | Kind::Keys => "object".to_owned(),
        Kind::String => "text".to_owned(),
        Kind::Boolean => "true, false".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Integer(None) => "integer".to_owned(),
        Kind::Integer(Some((least, most))) => format!("{least} to {most}"),
        Kind::OneOf(all) => {
            let shown = |it: &String| if it.is_empty() { "`\"\"`".to_owned() } else { format!("`{it}`") };
            all.iter().map(shown).collect::<Vec<_>>().join(", ")
        }
        Kind::Pattern(pattern) => format!("`{pattern}`"),
        Kind::List(of) => format!("list of {}", words(of)),
        Kind::Map(of) => format!("map of {}", words(of)),
    }
}

/// The default, in one line; what is longer than a line is to be looked up.
fn default(key: &Key) -> String {
    if key.default.is_null() {
        return String::new();
    }
    let text = key.default.to_string().replace('|', "\\|");
    if text.len() > LENGTH_MAX { "see values.yaml".to_owned() } else { format!("`{text}`") }
}

const LENGTH_MAX: usize = 100;
