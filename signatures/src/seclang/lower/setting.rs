//! Directives that set something.

use std::str::FromStr;

use super::super::lexer::Directive;
use super::super::mapped::Mapped;
use super::{did_you_mean, words};
use crate::{Diagnostic, EngineMode, Settings};

type Out = Vec<Diagnostic>;

pub(super) fn argument_separator(_: &mut Settings, directive: &Directive, out: &mut Out) {
    let Some([word]) = words(directive, out) else { return };
    if word.as_str() != "&" {
        out.push(
            Diagnostic::error("unsupported-argument", "arguments end at `&`")
                .at(word.location(), "only `&` is supported")
                .help("no browser sends another separator (URL standard, section 5.1)".to_owned()),
        );
    }
}

pub(super) fn component_signature(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    if let Some([word]) = words(directive, out) {
        settings.components.push(word.as_str().into());
    }
}

pub(super) fn content_injection(_: &mut Settings, directive: &Directive, out: &mut Out) {
    only_off(directive, "responses are not rewritten", out);
}

pub(super) fn cookie_format(_: &mut Settings, directive: &Directive, out: &mut Out) {
    let Some([word]) = words(directive, out) else { return };
    if word.as_str() != "0" {
        out.push(
            Diagnostic::error(
                "unsupported-argument",
                format!("cookies of version `{}` are not supported", word.as_str()),
            )
            .at(word.location(), "only `0` is supported")
            .help("version 1 cookies are obsolete (RFC 6265): no browser sends them".to_owned()),
        );
    }
}

pub(super) fn hash_engine(_: &mut Settings, directive: &Directive, out: &mut Out) {
    only_off(directive, "links are not signed", out);
}

pub(super) fn parse_xml_into_args(_: &mut Settings, directive: &Directive, out: &mut Out) {
    only_off(directive, "XML is looked at as `XML:/*` and `XML://@*`", out);
}

pub(super) fn request_body_access(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    settings.request_body_access = on_off(directive, out).or(settings.request_body_access);
}

pub(super) fn response_body_access(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    settings.response_body_access = on_off(directive, out).or(settings.response_body_access);
}

/// Types add up over directives, until `SecResponseBodyMimeTypesClear`.
pub(super) fn response_body_mime_type(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    if directive.words.is_empty() {
        return super::report_count(directive, 1, out);
    }
    let types = settings.response_body_mime_types.get_or_insert_default();
    let added = directive.words.iter().flat_map(|word| word.as_str().split_whitespace());
    types.extend(added.map(|added| added.to_ascii_lowercase().into_boxed_str()));
}

pub(super) fn response_body_mime_types_clear(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    if words::<0>(directive, out).is_some() {
        settings.response_body_mime_types = Some(Vec::new());
    }
}

pub(super) fn rule_engine(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    settings.engine = one_of(directive, &ENGINE_MODES, out).or(settings.engine);
}

pub(super) fn web_app_id(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    if let Some([word]) = words(directive, out) {
        settings.web_app_id = Some(word.as_str().into());
    }
}

pub(super) fn xml_external_entity(_: &mut Settings, directive: &Directive, out: &mut Out) {
    only_off(directive, "external entities are never fetched", out);
}

/// `SecRuleEngine` and `ctl:ruleEngine`.
pub(super) const ENGINE_MODES: [(&str, EngineMode); 3] =
    [("On", EngineMode::On), ("Off", EngineMode::Off), ("DetectionOnly", EngineMode::DetectionOnly)];

/// What cannot be turned on: off is accepted in silence.
fn only_off(directive: &Directive, why: &'static str, out: &mut Out) {
    if on_off(directive, out) == Some(true) {
        let name = directive.name.as_str();
        let place = directive.words.first().unwrap_or(&directive.name).location();
        out.push(Diagnostic::error("unsupported-argument", format!("`{name}` cannot be on")).at(place, why));
    }
}

fn on_off(directive: &Directive, out: &mut Out) -> Option<bool> {
    one_of(directive, &[("On", true), ("Off", false)], out)
}

fn one_of<T: Copy>(directive: &Directive, values: &[(&str, T)], out: &mut Out) -> Option<T> {
    let [word] = words(directive, out)?;
    value_of(word, values, out)
}

/// One of several words, compared without case.
pub(super) fn value_of<T: Copy>(word: &Mapped, values: &[(&str, T)], out: &mut Out) -> Option<T> {
    let found = values.iter().find(|(name, _)| name.eq_ignore_ascii_case(word.as_str()));
    if found.is_none() {
        let names: Vec<String> = values.iter().map(|(name, _)| format!("`{name}`")).collect();
        let help = did_you_mean(word.as_str(), values.iter().map(|(name, _)| *name));
        out.push(
            Diagnostic::error("invalid-argument", format!("unknown value `{}`", word.as_str()))
                .at(word.location(), format!("expected {}", names.join(", ")))
                .help(help),
        );
    }
    found.map(|(_, value)| *value)
}

/// A number that is not negative.
pub(super) fn number_of<T: FromStr>(word: &Mapped, out: &mut Out) -> Option<T> {
    let number = word.as_str().trim().parse().ok();
    if number.is_none() {
        out.push(
            Diagnostic::error("invalid-number", format!("`{}` is not a number", word.as_str()))
                .at(word.location(), "expected a whole number within range"),
        );
    }
    number
}
