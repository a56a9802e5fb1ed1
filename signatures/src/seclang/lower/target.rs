//! Targets: names to variables, selectors to what they select.

use super::super::mapped::Mapped;
use super::super::parser::{self, SelectorNode, TargetNode};
use super::{did_you_mean, pattern};
use crate::{Diagnostic, Selector, Target, Variable, XPath};

/// Targets and what is left out of them.
#[derive(Default)]
pub(super) struct Targets {
    pub(super) included: Vec<Target>,
    pub(super) excluded: Vec<Target>,
}

/// Reads targets; those that are wrong are reported and left out.
pub(super) fn targets(text: &Mapped, out: &mut Vec<Diagnostic>) -> Targets {
    let mut targets = Targets::default();
    for node in parser::targets(text, out) {
        match lower(&node, out) {
            Some(target) if node.excluded => targets.excluded.push(target),
            Some(target) => targets.included.push(target),
            None => {}
        }
    }
    targets
}

fn lower(node: &TargetNode, out: &mut Vec<Diagnostic>) -> Option<Target> {
    let variable = variable(&node.name, out)?;
    let selector = match &node.selector {
        None => Selector::All,
        Some(selector) => lower_selector(variable, &node.name, selector, out)?,
    };
    Some(Target { variable, selector, count: node.count })
}

/// The variable of that name.
fn variable(name: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Variable> {
    let found = Variable::parse(name.as_str());
    if found.is_none() {
        out.push(unknown(name));
    }
    found
}

fn unknown(name: &Mapped) -> Diagnostic {
    let refused = UNSUPPORTED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_str()));
    if let Some((known, why)) = refused {
        return Diagnostic::error("unsupported-variable", format!("variable `{known}` is not supported"))
            .at(name.location(), *why);
    }
    let help = did_you_mean(name.as_str(), Variable::ALL.iter().map(|variable| variable.name()));
    Diagnostic::error("unknown-variable", format!("unknown variable `{}`", name.as_str()))
        .at(name.location(), "not a variable")
        .help(help)
}

fn lower_selector(
    variable: Variable,
    name: &Mapped,
    selector: &SelectorNode,
    out: &mut Vec<Diagnostic>,
) -> Option<Selector> {
    let (SelectorNode::Name(text) | SelectorNode::Regex(text) | SelectorNode::XPath(text)) = selector;
    if !variable.is_collection() {
        out.push(
            Diagnostic::error("selector-on-scalar", format!("`{}` has no parts to select", name.as_str()))
                .at(text.location(), "a selector needs a collection such as `ARGS`")
                .help(format!("write `{}` alone", name.as_str())),
        );
        return None;
    }
    match selector {
        SelectorNode::Name(name) if name.is_empty() => {
            out.push(
                Diagnostic::error(
                    "empty-selector",
                    format!("nothing follows the colon of `{}:`", variable.name()),
                )
                .at(name.location(), "expected a name or `/pattern/`"),
            );
            None
        }
        SelectorNode::Name(name) => {
            let by_name = || Selector::Named(name.as_str().as_bytes().into());
            Some(json_item(variable, name.as_str()).unwrap_or_else(by_name))
        }
        SelectorNode::Regex(regex) => pattern::compile(regex, true, out).map(Selector::Matching),
        SelectorNode::XPath(path) => xpath(path, out),
    }
}

/// ModSecurity v3 calls the items of JSON's arrays `json.a.array_0`, others `json.a.0`: both names mean the same.
fn json_item(variable: Variable, name: &str) -> Option<Selector> {
    use Variable as V;
    let is_argument = matches!(variable, V::Args | V::ArgsNames | V::ArgsPost | V::ArgsPostNames);
    let is_json = name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("json."));
    let item = |part: &str| -> Option<String> {
        let (word, number) = part.split_at_checked(ITEM.len())?;
        let is_item = word.eq_ignore_ascii_case(ITEM)
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit());
        is_item.then(|| format!("(?:{ITEM})?{number}"))
    };
    if !is_argument || !is_json || !name.split('.').any(|part| item(part).is_some()) {
        return None;
    }
    let parts: Vec<_> =
        name.split('.').map(|part| item(part).unwrap_or_else(|| regex_syntax::escape(part))).collect();
    regex::bytes::Regex::new(&format!("(?i-u)^{}$", parts.join(r"\."))).ok().map(Selector::Matching)
}

/// What ModSecurity v3 writes before the number of an item.
const ITEM: &str = "array_";

fn xpath(path: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Selector> {
    match path.as_str() {
        "/*" | "//*" => Some(Selector::XmlText),
        "//@*" => Some(Selector::XmlAttributes),
        other => {
            let found = XPath::parse(other);
            if found.is_none() {
                out.push(
                    Diagnostic::error("unsupported-xpath", format!("XPath `{other}` is not supported"))
                        .at(path.location(), "expected steps by name, and `text()` or `@name` at the end")
                        .help(
                            "write a path such as `/a/b/text()`, `//b`, `//*[local-name()='b']` or `//b/@c`"
                                .to_owned(),
                        ),
                );
            }
            found.map(Selector::XPath)
        }
    }
}

/// Every variable of the reference that is refused, with the reason.
pub(in crate::seclang) fn unsupported_variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    UNSUPPORTED.iter().copied()
}

/// Variables of ModSecurity that mean nothing here, and why.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("PERF_ALL", "`portcullis_` metrics tell durations"),
    ("PERF_COMBINED", "`portcullis_` metrics tell durations"),
    ("REMOTE_HOSTNAME", "names of clients are not looked up"),
    ("SCRIPT_BASENAME", "files of the application are not known to a proxy"),
    ("SCRIPT_FILENAME", "files of the application are not known to a proxy"),
    ("SCRIPT_GID", "files of the application are not known to a proxy"),
    ("SCRIPT_GROUPNAME", "files of the application are not known to a proxy"),
    ("SCRIPT_MODE", "files of the application are not known to a proxy"),
    ("SCRIPT_UID", "files of the application are not known to a proxy"),
    ("SCRIPT_USERNAME", "files of the application are not known to a proxy"),
    ("SDBM_DELETE_ERROR", "collections are held in memory"),
    ("STREAM_INPUT_BODY", "bodies are not rewritten: use `REQUEST_BODY`"),
    ("STREAM_OUTPUT_BODY", "bodies are not rewritten: use `RESPONSE_BODY`"),
    ("USERAGENT_IP", "use `REMOTE_ADDR`: the listener says which proxies to believe"),
    ("WEBSERVER_ERROR_LOG", "there is no log of a web server"),
];
