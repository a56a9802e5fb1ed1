//! Every SecLang variable, as ModSecurity v3 fills it.
//!
//! Where v3 differs from what CRS was written for (ModSecurity v2), CRS decides: `REQUEST_BODY` is
//! filled for form bodies and by `ctl:forceRequestBodyVariable` only, and `REQUEST_URI` stays as
//! sent. As in v3, `REQUEST_FILENAME`, `REQUEST_BASENAME` and `PATH_INFO` are percent-decoded once,
//! after the path was split off.
//!
//! A scalar always has one value, empty when there is nothing to say; a collection may be empty.
//! Nothing of a body is seen before its phase, whatever the caller already read.

mod body;
mod listed;
mod request;
mod response;
mod time;

use std::rc::Rc;

use transaction::Transaction;

pub(super) use body::{at_path, earlier_values};
pub(super) use listed::{Listed, listed};

use super::memory::Memory;
use super::name_pattern::NamePattern;
use super::value::Value;
use crate::collections::PersistentCollection;
use crate::{Phase, Variable};

/// What the variables of a transaction depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'t> {
    pub(super) transaction: &'t Transaction,
    pub(super) phase: Phase,
    /// The time of the evaluation (microseconds since the Unix epoch).
    pub(super) now_us: i64,
    /// `ctl:forceRequestBodyVariable`.
    pub(super) force_request_body: bool,
    /// `ctl:requestBodyProcessor`.
    pub(super) body_processor: Option<transaction::Processor>,
    /// `SecUploadFileLimit` (count).
    pub(super) files_max: Option<usize>,
}

/// Appends all values of a variable that the transaction alone determines.
pub(super) fn collect<'t>(variable: Variable, scene: Scene<'t>, out: &mut Vec<Value<'t>>) {
    if let Some(listed) = listed(variable, scene) {
        out.extend(listed.iter().map(|(name, bytes)| Value::named(variable, name, bytes)));
        return;
    }
    let found = request::collect(variable, scene, out)
        || body::collect(variable, scene, out)
        || response::collect(variable, scene, out)
        || time::collect(variable, scene, out);
    if !found && !variable.is_collection() {
        out.push(Value::scalar(variable, constant(variable)));
    }
}

/// What the variables say that never change.
fn constant(variable: Variable) -> &'static [u8] {
    match variable {
        Variable::ModsecBuild => b"030014000",
        _ => b"",
    }
}

/// How the values of a variable change from phase 1 to later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// They are those of the request's head, and stay.
    None,
    /// The head's stay, and others follow them.
    Appended,
    /// They may be others altogether.
    Any,
}

/// How the values of a variable change from phase 1 to later ones, whatever a `ctl` does.
pub(super) fn growth(variable: Variable) -> Growth {
    match variable {
        Variable::ArgsGet
        | Variable::ArgsGetNames
        | Variable::QueryString
        | Variable::RequestBasename
        | Variable::RequestCookies
        | Variable::RequestCookiesNames
        | Variable::RequestFilename
        | Variable::RequestHeaders
        | Variable::RequestHeadersNames
        | Variable::RequestLine
        | Variable::RequestMethod
        | Variable::RequestProtocol
        | Variable::RequestUri
        | Variable::RequestUriRaw => Growth::None,
        Variable::Args | Variable::ArgsNames => Growth::Appended,
        _ => Growth::Any,
    }
}

/// Whether rules change the variable as they run, so that it may not be listed once for all.
pub(crate) fn is_remembered(variable: Variable) -> bool {
    matches!(
        variable,
        Variable::Env
            | Variable::Geo
            | Variable::Global
            | Variable::HighestSeverity
            | Variable::Ip
            | Variable::MatchedVar
            | Variable::MatchedVarName
            | Variable::MatchedVars
            | Variable::MatchedVarsNames
            | Variable::MscPcreError
            | Variable::MscPcreLimitsExceeded
            | Variable::Resource
            | Variable::Rule
            | Variable::Session
            | Variable::SessionId
            | Variable::Tx
            | Variable::User
            | Variable::UserId
            | Variable::WebAppId
    )
}

/// Appends the values of a variable that rules themselves made. `matched` are the matches that
/// `MATCHED_VARS` means: of the previous link of the chain.
pub(super) fn recall<'t>(
    variable: Variable,
    memory: &Memory,
    matched: &Rc<Vec<Value<'t>>>,
    now_us: i64,
    out: &mut Vec<Value<'t>>,
) {
    match variable {
        Variable::Tx => recall_tx(memory, out),
        Variable::Env => recall_collection(variable, &memory.env, out),
        Variable::Geo => recall_collection(variable, &memory.geo, out),
        Variable::MatchedVars => out.extend(matched.iter().cloned()),
        Variable::MatchedVarsNames => {
            out.extend(
                matched.iter().map(|value| Value::named(variable, full_name(value), full_name(value))),
            );
        }
        Variable::MatchedVar => {
            let last = last_match(memory, matched).cloned();
            out.push(last.unwrap_or_else(|| Value::scalar(variable, b"".as_slice())));
        }
        Variable::MatchedVarName => {
            out.push(Value::scalar(variable, last_match(memory, matched).map(full_name).unwrap_or_default()));
        }
        Variable::HighestSeverity => {
            // 255 is what ModSecurity says as long as nothing matched.
            let number = memory.highest_severity.map_or(255, |severity| severity as u32);
            out.push(Value::scalar(variable, number.to_string()));
        }
        Variable::MscPcreError | Variable::MscPcreLimitsExceeded => {
            out.push(Value::scalar(variable, flag(memory.regex_limits_exceeded)));
        }
        Variable::SessionId => out.push(Value::scalar(variable, memory.session_id.clone())),
        Variable::UserId => out.push(Value::scalar(variable, memory.user_id.clone())),
        Variable::WebAppId => {
            let id = memory.web_app_id.as_deref().unwrap_or("default");
            out.push(Value::scalar(variable, id.to_owned()));
        }
        _ => {
            if let Some(collection) = persistent(variable) {
                out.extend(memory.persistent(collection).values(variable, now_us));
            }
        }
    }
}

/// What `MATCHED_VAR` means: the last match of the chain, or of a rule before it.
pub(super) fn last_match<'a, 't>(memory: &'a Memory, matched: &'a [Value<'t>]) -> Option<&'a Value<'t>> {
    matched.last().or(memory.last_match.as_ref())
}

fn full_name(value: &Value<'_>) -> Vec<u8> {
    let mut name = Vec::new();
    value.write_name(&mut name);
    name
}

/// The persistent collection that a variable is.
pub(super) fn persistent(variable: Variable) -> Option<PersistentCollection> {
    Some(match variable {
        Variable::Global => PersistentCollection::Global,
        Variable::Ip => PersistentCollection::Ip,
        Variable::Resource => PersistentCollection::Resource,
        Variable::Session => PersistentCollection::Session,
        Variable::User => PersistentCollection::User,
        _ => return None,
    })
}

/// `TX:/pattern/`.
pub(super) fn tx_matching(pattern: &regex::bytes::Regex, memory: &Memory, out: &mut Vec<Value<'_>>) {
    let found = memory.tx.matching(NamePattern::of(pattern));
    out.extend(found.map(|entry| entry_value(Variable::Tx, entry)));
    let captures = |index: &usize| pattern.is_match(index.to_string().as_bytes());
    recall_captures(memory, (0..memory.captures.len()).filter(captures), out);
}

fn recall_tx(memory: &Memory, out: &mut Vec<Value<'_>>) {
    recall_collection(Variable::Tx, &memory.tx, out);
    recall_captures(memory, 0..memory.captures.len(), out);
}

fn recall_captures(memory: &Memory, wanted: impl Iterator<Item = usize>, out: &mut Vec<Value<'_>>) {
    for index in wanted {
        if let Some(group) = memory.captures.get(index) {
            out.push(Value::named(Variable::Tx, index.to_string(), group.to_vec()));
        }
    }
}

/// `TX:name`, captures before variables.
pub(super) fn tx_value<'t>(name: &[u8], memory: &Memory) -> Option<Value<'t>> {
    match memory.capture(name) {
        Some(group) => Some(Value::named(Variable::Tx, name.to_vec(), group.to_vec())),
        None => memory.tx.get(name).map(|entry| entry_value(Variable::Tx, entry)),
    }
}

/// `IP:name` and its like.
pub(super) fn persistent_value<'t>(
    variable: Variable,
    name: &[u8],
    memory: &Memory,
    now_us: i64,
) -> Option<Value<'t>> {
    memory.persistent(persistent(variable)?).value(variable, name, now_us)
}

fn recall_collection(
    variable: Variable,
    collection: &super::collection::Collection,
    out: &mut Vec<Value<'_>>,
) {
    out.extend(collection.iter().map(|entry| entry_value(variable, entry)));
}

fn entry_value<'t>(variable: Variable, entry: &super::collection::Entry) -> Value<'t> {
    use super::bytes::Bytes;
    Value::named(variable, Bytes::Shared(entry.name.clone()), Bytes::Shared(entry.value.clone()))
}

fn flag(is_set: bool) -> &'static [u8] {
    if is_set { b"1" } else { b"0" }
}
