//! What a rule costs, as far as that can be said without traffic.

use serde::Serialize;
use signatures::operator::Operator;
use signatures::run::{Required, Screening, Unscreened};
use signatures::{Link, Rule, Ruleset, Selector, Target, Variable};

use super::operator::shown;
use super::test::listed;

/// What a rule costs.
#[derive(Serialize)]
pub(super) struct Cost {
    /// About how many values of a typical request the first test looks at.
    pub(super) values: usize,
    /// Whether it is asked only about values that hold something.
    pub(super) screened: bool,
    /// About which values it is asked.
    pub(super) asked: String,
    /// How much work one value is.
    pub(super) matching: String,
}

impl Cost {
    pub(super) fn new(ruleset: &Ruleset, index: usize) -> Self {
        let rule = &ruleset.rules[index];
        let screening = ruleset.screening(index).unwrap_or(Screening::Always(Unscreened::Undecided));
        Self {
            values: rule.links.first().map_or(0, |link| link.targets.iter().map(typical).sum()),
            screened: matches!(screening, Screening::Screened(_)),
            asked: asked(&screening),
            matching: matching(rule),
        }
    }
}

fn asked(screening: &Screening) -> String {
    let why = match screening {
        Screening::Screened(required) => {
            let all: Vec<_> = required.iter().map(held).collect();
            return format!("only about values that hold {}", all.join(", and "));
        }
        Screening::Always(Unscreened::Action) => return "always: it looks at no value".to_owned(),
        Screening::Always(Unscreened::Memory(variable)) => {
            return format!("about what rules left in {}", variable.name());
        }
        Screening::Always(Unscreened::Negated) => "it matches what lacks something",
        Screening::Always(Unscreened::Number) => "it looks at how many there are",
        Screening::Always(Unscreened::Undecided) => "its operator needs no byte or word that is rare",
    };
    format!("about every value: {why}")
}

/// What a value must hold.
fn held(required: &Required) -> String {
    let literals = required.literals.iter().map(|it| shown(&String::from_utf8_lossy(it)));
    let bytes = match required.bytes.as_slice() {
        bytes if bytes.len() > BYTES_LISTED => vec![format!("one of {} bytes", bytes.len())],
        bytes => bytes.iter().map(|byte| shown(&byte.escape_ascii().to_string())).collect(),
    };
    listed(&bytes.into_iter().chain(literals).collect::<Vec<_>>())
}

fn matching(rule: &Rule) -> String {
    let bounded =
        |link: &&Link| matches!(&link.operator, Operator::Rx(rx) | Operator::RxGlobal(rx) if !rx.is_linear());
    match rule.links.iter().find(bounded).map(|link| &link.operator) {
        Some(Operator::Rx(rx) | Operator::RxGlobal(rx)) if rx.pattern().contains("%{") => {
            "the pattern is compiled for each value, as it has macros; matched within a budget of steps"
                .to_owned()
        }
        Some(_) => {
            "matched within a budget of steps: the pattern has look-around, back-references or the like"
                .to_owned()
        }
        None => "linear in the length of the value".to_owned(),
    }
}

/// About how many values a typical request (4 arguments, 12 headers, 3 cookies) has for a target.
fn typical(target: &Target) -> usize {
    use Variable as V;
    if target.count || !matches!(target.selector, Selector::All) {
        return 1;
    }
    match target.variable {
        V::Args | V::ArgsNames => 4,
        V::ArgsGet | V::ArgsGetNames | V::ArgsPost | V::ArgsPostNames => 2,
        V::RequestHeaders | V::RequestHeadersNames | V::ResponseHeaders | V::ResponseHeadersNames => 12,
        V::RequestCookies | V::RequestCookiesNames => 3,
        V::Files | V::FilesNames | V::FilesSizes | V::FilesTmpContent => 0,
        V::MultipartFilename | V::MultipartName | V::MultipartPartHeaders | V::Xml => 0,
        _ => 1,
    }
}

/// More bytes are counted, not listed.
const BYTES_LISTED: usize = 12;
