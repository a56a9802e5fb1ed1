//! Directives that set something.

use std::str::FromStr;
use std::sync::Arc;

use super::super::lexer::Directive;
use super::super::mapped::Mapped;
use super::{did_you_mean, words};
use crate::operator::{DataFiles, GeoDatabase};
use crate::{Diagnostic, EngineMode, LimitAction, Settings};

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

pub(super) fn collection_timeout(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    if let Some([word]) = words(directive, out) {
        settings.collection_timeout_s = number_of(word, out).or(settings.collection_timeout_s);
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

pub(super) fn geo_lookup_db(
    settings: &mut Settings,
    directive: &Directive,
    files: &dyn DataFiles,
    out: &mut Out,
) {
    let Some([word]) = words(directive, out) else { return };
    match files.read(word.as_str()).and_then(GeoDatabase::read) {
        Ok(database) => settings.geo = Some(Arc::new(database)),
        Err(reason) => out.push(
            Diagnostic::error(
                "unreadable-database",
                format!("cannot read the database `{}`: {reason}", word.as_str()),
            )
            .at(word.location(), "no MaxMind database there")
            .help("name a file in the MaxMind DB format (`.mmdb`), as GeoLite2 has it".to_owned()),
        ),
    }
}

pub(super) fn http_bl_key(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    let Some([word]) = words(directive, out) else { return };
    let key = word.as_str();
    if key.len() == HTTP_BL_KEY_BYTES && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        settings.http_bl_key = Some(key.to_ascii_lowercase().into());
    } else {
        out.push(
            Diagnostic::error("invalid-key", format!("`{key}` is not a key of http:BL"))
                .at(word.location(), format!("expected {HTTP_BL_KEY_BYTES} letters and digits")),
        );
    }
}

pub(super) fn arguments_limit(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    settings.limits.arguments_max = limit(directive, out).or(settings.limits.arguments_max);
}

pub(super) fn request_body_json_depth_limit(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    settings.limits.json_depth_max = limit(directive, out).or(settings.limits.json_depth_max);
}

pub(super) fn request_body_limit(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    settings.limits.body_bytes_max = limit(directive, out).or(settings.limits.body_bytes_max);
}

pub(super) fn request_body_limit_action(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    settings.limits.on_body_limit = one_of(directive, &LIMIT_ACTIONS, out).or(settings.limits.on_body_limit);
}

pub(super) fn request_body_no_files_limit(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    let bytes = limit(directive, out);
    settings.limits.body_without_files_bytes_max = bytes.or(settings.limits.body_without_files_bytes_max);
}

pub(super) fn response_body_limit(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    let bytes = limit(directive, out);
    settings.limits.response_body_bytes_max = bytes.or(settings.limits.response_body_bytes_max);
}

pub(super) fn response_body_limit_action(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    let action = one_of(directive, &LIMIT_ACTIONS, out);
    settings.limits.on_response_body_limit = action.or(settings.limits.on_response_body_limit);
}

pub(super) fn upload_file_limit(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    settings.limits.files_max = limit(directive, out).or(settings.limits.files_max);
}

/// A limit of at least 1.
fn limit<T: FromStr + From<u8> + PartialOrd>(directive: &Directive, out: &mut Out) -> Option<T> {
    let [word] = words(directive, out)?;
    limit_of(word, out)
}

/// The same of a word.
pub(super) fn limit_of<T: FromStr + From<u8> + PartialOrd>(word: &Mapped, out: &mut Out) -> Option<T> {
    let number = number_of::<T>(word, out)?;
    if number < T::from(1) {
        out.push(
            Diagnostic::error("invalid-number", "a limit of 0 lets nothing through")
                .at(word.location(), "expected at least 1"),
        );
        return None;
    }
    Some(number)
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

/// Letters of a key, as Project Honey Pot gives them out.
const HTTP_BL_KEY_BYTES: usize = 12;

/// `SecRequestBodyLimitAction` and `SecResponseBodyLimitAction`.
const LIMIT_ACTIONS: [(&str, LimitAction); 2] =
    [("Reject", LimitAction::Reject), ("ProcessPartial", LimitAction::ProcessPartial)];

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

pub(super) fn one_of<T: Copy>(directive: &Directive, values: &[(&str, T)], out: &mut Out) -> Option<T> {
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
