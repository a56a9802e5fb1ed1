//! One test of a chain in words: targets, transformations, operator.

use serde::Serialize;
use signatures::{Link, Rule, Selector, Target};

use super::operator::words;

/// One test of a chain.
#[derive(Serialize)]
pub(super) struct Test {
    /// What is looked at; nothing for `SecAction`.
    pub(super) targets: Vec<Looked>,
    /// What is left out.
    pub(super) exclusions: Vec<String>,
    pub(super) transformations: Vec<Done>,
    /// Whether the operator is asked after each transformation.
    pub(super) multi_match: bool,
    /// When it matches: `is GET`.
    pub(super) condition: String,
}

/// Something that is looked at.
#[derive(Serialize)]
pub(super) struct Looked {
    /// As rules write it.
    pub(super) target: String,
    pub(super) what: String,
}

/// A transformation.
#[derive(Serialize)]
pub(super) struct Done {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
}

impl Test {
    pub(super) fn new(link: &Link) -> Self {
        Self {
            targets: link.targets.iter().map(Looked::new).collect(),
            exclusions: link.exclusions.iter().map(ToString::to_string).collect(),
            transformations: link
                .transformations
                .iter()
                .map(|step| Done { name: step.name(), what: step.about().trim_end_matches('.') })
                .collect(),
            multi_match: link.multi_match,
            condition: words(link),
        }
    }
}

impl Looked {
    fn new(target: &Target) -> Self {
        let what = lower_first(target.variable.about().trim_end_matches('.'));
        let part = match &target.selector {
            Selector::All => what,
            Selector::Matching(_) => format!("{what}, of matching names"),
            Selector::Named(_) => format!("{what}, of that name"),
            Selector::XmlText => "all text of an XML body".to_owned(),
            Selector::XPath(path) => format!("what an XML body has at `{path}`"),
            Selector::XmlAttributes => "all attribute values of an XML body".to_owned(),
        };
        let what = if target.count { format!("how many there are: {part}") } else { part };
        Self { target: target.to_string(), what }
    }
}

/// A sentence as a part of one; names such as URI stay.
fn lower_first(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(sentence.chars().skip(1)).collect()
        }
        _ => sentence.to_owned(),
    }
}

/// When a rule matches, in one sentence.
pub(super) fn condition(rule: &Rule) -> String {
    let tests = rule.links.iter().map(|link| match link.targets.as_slice() {
        [] => "always".to_owned(),
        targets => {
            let names: Vec<_> = targets.iter().map(ToString::to_string).collect();
            format!("{} {}", listed(&names), words(link))
        }
    });
    tests.collect::<Vec<_>>().join(", and then ")
}

/// `A`, `A or B`, `A, B or 5 more`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first, second] => format!("{first} or {second}"),
        [first, second, third] => format!("{first}, {second} or {third}"),
        [first, second, rest @ ..] => format!("{first}, {second} or {} more", rest.len()),
    }
}
