//! Values of a body.

use transaction::{Body, Processor};

use super::{Extractor, Visit, json};
use crate::Location;

/// The shortest run of printable bytes in a binary body that is looked at (bytes).
const PRINTABLE_RUN_MIN: usize = 12;
/// Bytes of an XML document's prolog that are scored.
const PROLOG_BYTES_MAX: usize = 512;

pub(super) fn walk(extractor: &mut Extractor, body: &Body, visit: &mut (impl Visit + ?Sized)) {
    match body.processor {
        Processor::None => {}
        Processor::Text => raw(extractor, &body.raw, visit),
        Processor::Binary => binary(extractor, &body.raw, visit),
        Processor::UrlEncoded if json::strings(&body.raw).is_some() => raw(extractor, &body.raw, visit),
        Processor::UrlEncoded
        | Processor::Json
        | Processor::NdJson
        | Processor::Multipart
        | Processor::Xml => {
            parsed(extractor, body, visit);
        }
    }
    // What the parser did not get to is in the raw bytes only.
    if body.error.is_some() {
        raw(extractor, &body.raw, visit);
    }
}

fn parsed(extractor: &mut Extractor, body: &Body, visit: &mut (impl Visit + ?Sized)) {
    for field in body.arguments.iter() {
        extractor.decoded(Location::BodyName, b"", field.name, visit);
        extractor.decoded(Location::Body, field.name, field.value, visit);
    }
    for file in &body.files {
        extractor.decoded(Location::BodyName, b"", &file.name, visit);
        extractor.decoded(Location::Body, &file.name, &file.file_name, visit);
    }
    for field in body.xml_text.iter().chain(body.xml_attributes.iter()) {
        extractor.decoded(Location::Xml, field.name, field.value, visit);
    }
    if body.processor == Processor::Xml {
        prolog(extractor, &body.raw, visit);
    }
}

/// `<!DOCTYPE` and `<!ENTITY` declarations.
fn prolog(extractor: &mut Extractor, raw: &[u8], visit: &mut (impl Visit + ?Sized)) {
    let declarations = raw.windows(3).position(|bytes| matches!(bytes, b"<!D" | b"<!d" | b"<!E" | b"<!e"));
    if let Some(start) = declarations {
        let end = raw.len().min(start + PROLOG_BYTES_MAX);
        extractor.decoded(Location::Xml, b"", &raw[start..end], visit);
    }
}

fn raw(extractor: &mut Extractor, raw: &[u8], visit: &mut (impl Visit + ?Sized)) {
    extractor.decoded(Location::Raw, b"", raw, visit);
}

fn binary(extractor: &mut Extractor, bytes: &[u8], visit: &mut (impl Visit + ?Sized)) {
    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    if bytes.iter().all(printable) {
        return raw(extractor, bytes, visit);
    }
    for run in bytes.split(|byte| !printable(byte)).filter(|run| run.len() >= PRINTABLE_RUN_MIN) {
        raw(extractor, run, visit);
    }
}
