//! Variables of the request body, and those that join query and body.

use transaction::{Body, FilePart, MultipartFlags, Processor, Transaction};

use super::super::value::Value;
use super::request::{has_invalid_escape, list};
use super::{Scene, flag};
use crate::{Phase, Variable, XPath};

/// Appends the values of `variable` if it depends on the request body.
pub(super) fn collect<'t>(variable: Variable, scene: Scene<'t>, out: &mut Vec<Value<'t>>) -> bool {
    // In phase 1 there is no body yet, even if the caller already has it.
    let body = (scene.phase != Phase::RequestHeaders).then_some(&scene.transaction.body);
    parts(variable, body, out)
        || match scalar(variable, scene, body) {
            Some(value) => {
                out.push(value);
                true
            }
            None => false,
        }
}

/// Multipart and XML. Temporary files do not exist: nothing is written to disk.
fn parts<'t>(variable: Variable, body: Option<&'t Body>, out: &mut Vec<Value<'t>>) -> bool {
    let value: fn(Variable, &'t FilePart) -> Value<'t> = match variable {
        Variable::Files | Variable::MultipartFilename => {
            |variable, file| Value::named(variable, file.name.as_slice(), file.file_name.as_slice())
        }
        Variable::FilesNames | Variable::MultipartName => {
            |variable, file| Value::named(variable, file.name.as_slice(), file.name.as_slice())
        }
        Variable::FilesSizes => {
            |variable, file| Value::named(variable, file.name.as_slice(), file.bytes_total.to_string())
        }
        Variable::FilesTmpContent => {
            |variable, file| Value::named(variable, file.name.as_slice(), file.sample.as_slice())
        }
        Variable::MultipartPartHeaders => {
            body.into_iter().for_each(|body| list(variable, &body.part_headers, out));
            return true;
        }
        Variable::Xml => {
            body.into_iter().for_each(|body| xml(body, out));
            return true;
        }
        _ => return false,
    };
    out.extend(body.into_iter().flat_map(|body| &body.files).map(|file| value(variable, file)));
    true
}

/// As with libxml2, `/*` is one value, the character data of the whole document, and `//@*` one value
/// for each attribute.
fn xml<'t>(body: &'t Body, out: &mut Vec<Value<'t>>) {
    if body.processor == Processor::Xml {
        let text = body.xml_text.iter().map(|field| field.value).collect::<Vec<_>>().concat();
        out.push(Value::named(Variable::Xml, b"/*".as_slice(), text));
        for attribute in body.xml_attributes.iter() {
            out.push(Value::named(Variable::Xml, b"//@*".as_slice(), attribute.value));
        }
    }
}

/// The text nodes and attribute values of a path.
pub(in crate::run) fn at_path<'t>(path: &XPath, scene: Scene<'t>, out: &mut Vec<Value<'t>>) {
    let body = &scene.transaction.body;
    if scene.phase == Phase::RequestHeaders || body.processor != Processor::Xml {
        return;
    }
    let all = body.xml_text.iter().chain(body.xml_attributes.iter());
    let meant = all.filter(|field| path.selects(field.name));
    out.extend(meant.map(|field| Value::named(Variable::Xml, field.name, field.value)));
}

fn scalar<'t>(variable: Variable, scene: Scene<'t>, body: Option<&'t Body>) -> Option<Value<'t>> {
    Some(match variable {
        Variable::ArgsCombinedSize => Value::scalar(variable, arguments_size(scene.transaction, body)),
        Variable::FilesCombinedSize => {
            let files = body.into_iter().flat_map(|body| &body.files);
            Value::scalar(variable, files.map(|file| file.bytes_total).sum::<u64>().to_string())
        }
        Variable::FullRequest => Value::scalar(variable, full_request(scene.transaction, body)),
        Variable::FullRequestLength => {
            Value::scalar(variable, full_request(scene.transaction, body).len().to_string())
        }
        Variable::ReqbodyProcessor => Value::scalar(variable, processor(scene).seclang_name().as_bytes()),
        Variable::RequestBody => Value::scalar(variable, request_body(scene, body)),
        Variable::RequestBodyLength => {
            Value::scalar(variable, body.map_or(0, |body| body.bytes_total).to_string())
        }
        Variable::ReqbodyError | Variable::ReqbodyProcessorError => {
            Value::scalar(variable, flag(body.is_some_and(|body| body.error.is_some())))
        }
        Variable::ReqbodyErrorMsg | Variable::ReqbodyProcessorErrorMsg => {
            let error = body.and_then(|body| body.error.as_ref());
            Value::scalar(variable, error.map_or(b"".as_slice(), |error| error.message.as_bytes()))
        }
        Variable::UrlencodedError => Value::scalar(variable, flag(urlencoded_error(scene, body))),
        _ => {
            let mut flags = body.map(|body| body.multipart).unwrap_or_default();
            flags.file_limit_exceeded |= has_too_many_files(scene, body);
            let fails = body.is_some_and(Body::multipart_strict_error);
            let is_set = multipart_flag(variable, flags)?;
            Value::scalar(variable, flag(is_set || variable == Variable::MultipartStrictError && fails))
        }
    })
}

/// Whether there are more files than `SecUploadFileLimit` says; all of them are inspected.
fn has_too_many_files(scene: Scene<'_>, body: Option<&Body>) -> bool {
    let count = body.map_or(0, |body| body.earlier_files + body.files.len());
    scene.files_max.is_some_and(|most| count > most)
}

fn multipart_flag(variable: Variable, flags: MultipartFlags) -> Option<bool> {
    Some(match variable {
        Variable::MultipartBoundaryQuoted => flags.boundary_quoted,
        Variable::MultipartBoundaryWhitespace => flags.boundary_whitespace,
        Variable::MultipartCrlfLfLines => flags.crlf_lf_lines,
        Variable::MultipartDataAfter => flags.data_after,
        Variable::MultipartDataBefore => flags.data_before,
        Variable::MultipartFileLimitExceeded => flags.file_limit_exceeded,
        Variable::MultipartHeaderFolding => flags.header_folding,
        Variable::MultipartInvalidHeaderFolding => flags.invalid_header_folding,
        Variable::MultipartInvalidPart => flags.invalid_part,
        Variable::MultipartInvalidQuoting => flags.invalid_quoting,
        Variable::MultipartLfLine => flags.lf_line,
        Variable::MultipartMissingSemicolon => flags.missing_semicolon,
        Variable::MultipartStrictError => flags.strict_error(),
        Variable::MultipartUnmatchedBoundary => flags.unmatched_boundary,
        _ => return None,
    })
}

/// The parser in charge: what a `ctl` chose, what read the body, or what its Content-Type calls for.
fn processor(scene: Scene<'_>) -> Processor {
    let transaction = scene.transaction;
    let by_type = || match transaction.request.headers.first(b"content-type") {
        Some(content_type) => Processor::for_content_type(content_type),
        None => Processor::None,
    };
    scene.body_processor.unwrap_or_else(by_type)
}

fn request_body<'t>(scene: Scene<'t>, body: Option<&'t Body>) -> &'t [u8] {
    let is_filled = scene.force_request_body || processor(scene) == Processor::UrlEncoded;
    body.filter(|_| is_filled).map_or(b"", |body| &body.raw)
}

fn arguments_size(transaction: &Transaction, body: Option<&Body>) -> String {
    let posted = body.map_or(0, |body| body.arguments.bytes_total() as u64 + body.earlier_argument_bytes);
    (transaction.query.bytes_total() as u64 + posted).to_string()
}

fn urlencoded_error(scene: Scene<'_>, body: Option<&Body>) -> bool {
    let form = body.filter(|body| body.processor == Processor::UrlEncoded);
    has_invalid_escape(scene.transaction.query_string())
        || form.is_some_and(|body| has_invalid_escape(&body.raw))
}

fn full_request(transaction: &Transaction, body: Option<&Body>) -> Vec<u8> {
    let request = &transaction.request;
    let mut all = [request.method.as_slice(), &request.target, &request.protocol].join(&b' ');
    for header in request.headers.iter() {
        all.push(b'\n');
        all.extend_from_slice(header.name);
        all.extend_from_slice(b": ");
        all.extend_from_slice(header.value);
    }
    all.extend_from_slice(b"\n\n");
    all.extend_from_slice(body.map_or(b"", |body| &body.raw));
    all
}

/// Values of earlier segments of the body, which `&ARGS` counts too.
pub(in crate::run) fn earlier_values(variable: Variable, scene: Scene<'_>) -> usize {
    match variable {
        Variable::Args | Variable::ArgsNames | Variable::ArgsPost | Variable::ArgsPostNames
            if scene.phase != Phase::RequestHeaders =>
        {
            scene.transaction.body.earlier_arguments
        }
        _ => 0,
    }
}
