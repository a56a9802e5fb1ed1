//! What is to be written: upstreams, assets, policies with their rules.

use std::collections::BTreeMap;

use signatures::seclang::{self, FileReader, Source};
use signatures::{Diagnostic, Severity};

use super::directives::{Unit, units};
use super::origin::Origin;
use super::settings::{Carried, Settings};

/// A configuration to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Servers by name.
    pub(super) upstreams: BTreeMap<String, String>,
    pub(super) assets: Vec<Asset>,
    /// Policies by name.
    pub(super) policies: BTreeMap<String, Policy>,
    /// `to` and `only` of `reports.decisions`.
    pub(super) records: (Option<String>, Option<&'static str>),
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// An asset to be written.
#[derive(Clone, Debug)]
pub(super) struct Asset {
    pub(super) name: String,
    pub(super) host: String,
    pub(super) paths: Vec<String>,
    pub(super) upstream: String,
    pub(super) policy: String,
}

/// A policy to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) settings: Settings,
    /// Rules before the Core Rule Set, those after it.
    pub(super) before: Rules,
    pub(super) after: Rules,
    /// Whether the Core Rule Set is wanted.
    pub(super) crs: bool,
}

/// Rule files by name, with their text, in order.
pub(super) type Rules = Vec<(String, String)>;

impl Policy {
    /// Adds text of a file of that name; of the same name, to what is there.
    fn add(rules: &mut Rules, name: &str, text: &str) {
        match rules.last_mut().filter(|(last, _)| last == name) {
            Some((_, all)) => all.push_str(text),
            None => rules.push((name.to_owned(), text.to_owned())),
        }
    }
}

/// Reads SecLang text into a policy.
pub(super) struct Reading<'a> {
    pub(super) policy: &'a mut Policy,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    pub(super) reader: &'a dyn FileReader,
    /// The name of the rule file to write.
    pub(super) name: &'a str,
    /// The path of the text, beside which its data files are.
    pub(super) path: &'a str,
    pub(super) origin: &'a Origin,
    /// Whether what stands after the Core Rule Set's files is to be read after them.
    pub(super) is_ordered: bool,
}

impl Reading<'_> {
    /// Reads all directives; `include` is asked about each `Include`.
    pub(super) fn text(&mut self, text: &str, include: &mut dyn FnMut(&mut Self, &Unit) -> Option<String>) {
        let (units, end) = units(text);
        for unit in &units {
            let written = &text[unit.span.clone()];
            if unit.name.to_ascii_lowercase().starts_with("include") {
                if let Some(why) = include(self, unit) {
                    self.put(unit, &commented(written, &why));
                }
                continue;
            }
            self.unit(unit, text);
        }
        let rest = &text[end..];
        if !rest.trim().is_empty() && !self.policy.before.is_empty() {
            Policy::add(&mut self.policy.before, self.name, rest);
        }
    }

    fn unit(&mut self, unit: &Unit, text: &str) {
        let written = &text[unit.span.clone()];
        match self.policy.settings.take(unit) {
            Carried::No => {}
            Carried::To(key) if self.policy.settings.limits.contains_key(key) => {
                return self
                    .put(unit, &commented(written, &format!("now `limits.{key}` of portcullis.yaml")));
            }
            Carried::To(key) => {
                return self.put(unit, &commented(written, &format!("now `{key}` of portcullis.yaml")));
            }
            Carried::AsItIs(why) => return self.put(unit, &commented(written, why)),
            Carried::Lost(why) => {
                self.say(unit, "not-carried-over", format!("`{}` is not carried over", unit.name), why);
                return self.put(unit, &commented(written, &format!("not carried over: {why}")));
            }
        }
        match self.fault(unit, text) {
            Some(why) => self.put(unit, &commented(written, &why)),
            None => self.put(unit, written),
        }
    }

    /// Why a directive is left out: it would not load, or has no effect.
    fn fault(&mut self, unit: &Unit, text: &str) -> Option<String> {
        let directive = &text[unit.begin..unit.span.end];
        let loaded = seclang::load(vec![Source::text(self.path, directive)], self.reader);
        let is_wrong = |found: &&Diagnostic| found.severity == Severity::Error || found.code == "no-effect";
        let first = loaded.diagnostics.iter().find(is_wrong)?;
        let place = match &first.location {
            Some(place) => unit.begin + place.span.start..unit.begin + place.span.end,
            None => unit.begin..unit.begin + unit.name.len(),
        };
        let says_nothing = matches!(first.label.as_str(), "" | "here" | "in this pattern");
        let label = if says_nothing { "left out".to_owned() } else { first.label.clone() };
        let mut found = Diagnostic::warning("not-carried-over", first.title.clone())
            .at(self.origin.locate(place), label)
            .help(first.help.clone());
        if first.severity != Severity::Error {
            // Nothing is lost.
            found.severity = Severity::Note;
        }
        self.diagnostics.push(found);
        Some(match says_nothing {
            true => format!("left out: {}", first.title),
            false => format!("left out: {}: {}", first.title, first.label),
        })
    }

    /// Writes a directive; what removes and changes rules stands after those that it is about.
    fn put(&mut self, unit: &Unit, text: &str) {
        let name = unit.name.to_ascii_lowercase();
        let is_about_rules = name.starts_with("secruleremove") || name.starts_with("secruleupdate");
        let is_after = is_about_rules || self.is_ordered && self.policy.crs;
        let rules = if is_after { &mut self.policy.after } else { &mut self.policy.before };
        let end = if text.ends_with('\n') { "" } else { "\n" };
        Policy::add(rules, self.name, &format!("{}{end}", with_full_names(self.path, text)));
    }

    /// Says what is not carried over.
    pub(super) fn say(&mut self, unit: &Unit, code: &'static str, title: String, why: &str) {
        let place = self.origin.locate(unit.begin..unit.begin + unit.name.len());
        self.diagnostics.push(Diagnostic::warning(code, title).at(place, why));
    }
}

/// Text as a comment, with the reason before it; comments stay as they are.
fn commented(text: &str, why: &str) -> String {
    let mut out = String::new();
    let mut said = false;
    for line in text.lines() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            out += line;
        } else {
            if !std::mem::replace(&mut said, true) {
                out += &format!("# {}\n", why.replace('\n', " "));
            }
            // A comment that ends in a backslash would go on.
            out += &format!("# {}", line.trim_end().trim_end_matches('\\').trim_end());
        }
        out.push('\n');
    }
    out
}

/// Text with data files named in full, as rules move to another directory.
fn with_full_names(path: &str, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if let Some(at) = argument_of_directive(line) {
            let name =
                line[at..].split(|it: char| it.is_whitespace() || it == '"').next().unwrap_or_default();
            out += &format!("{}{}{}", &line[..at], beside(path, name), &line[at + name.len()..]);
            continue;
        }
        let find = |name: &&str| line.find(*name).map(|at| at + name.len());
        match FILE_OPERATORS.iter().find_map(find).filter(|_| !line.trim_start().starts_with('#')) {
            Some(at) => {
                let end = line[at..].find('"').map_or(line.len(), |end| at + end);
                let names: Vec<_> = line[at..end].split_whitespace().map(|name| beside(path, name)).collect();
                out += &format!("{}{}{}", &line[..at], names.join(" "), &line[end..]);
            }
            None => out += line,
        }
    }
    out
}

/// Where the argument of a directive that names a file begins.
fn argument_of_directive(line: &str) -> Option<usize> {
    let text = line.trim_start();
    let end = text.find(char::is_whitespace)?;
    FILE_DIRECTIVES.iter().find(|name| name.eq_ignore_ascii_case(&text[..end]))?;
    let argument = text[end..].trim_start_matches([' ', '\t', '"']);
    Some(line.len() - argument.len())
}

/// Directives whose first argument names a file.
const FILE_DIRECTIVES: &[&str] = &["SecGeoLookupDB", "SecUnicodeMapFile"];

/// Operators whose argument names files.
const FILE_OPERATORS: &[&str] = &["@pmFromFile ", "@pmf ", "@ipMatchFromFile ", "@ipMatchF "];

/// The path of `name` as written in the file `from`.
pub(super) fn beside(from: &str, name: &str) -> String {
    match from.rfind('/') {
        Some(at) if !name.starts_with('/') => format!("{}{name}", &from[..=at]),
        _ => name.to_owned(),
    }
}

/// A name for a file, an asset or a policy: letters, digits, `.`, `-` and `_`.
pub(super) fn name_of(text: &str) -> String {
    let kept: String = text
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' })
        .collect();
    let kept = kept.trim_matches(['-', '.']).to_owned();
    if kept.is_empty() { "unnamed".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_files_are_named_in_full() {
        for (line, expected) in [
            ("SecUnicodeMapFile unicode.mapping 20127\n", "SecUnicodeMapFile /etc/w/unicode.mapping 20127\n"),
            (" secgeolookupdb \"geo.mmdb\"", " secgeolookupdb \"/etc/w/geo.mmdb\""),
            ("SecGeoLookupDB /x.mmdb", "SecGeoLookupDB /x.mmdb"),
            ("SecGeoLookupDB", "SecGeoLookupDB"),
            ("# SecGeoLookupDB x", "# SecGeoLookupDB x"),
            ("SecRule ARGS \"@pmf a b\" \"id:1\"", "SecRule ARGS \"@pmf /etc/w/a /etc/w/b\" \"id:1\""),
        ] {
            assert_eq!(with_full_names("/etc/w/m.conf", line), expected);
        }
    }
}
