//! Values of a body.

use transaction::{Body, Processor};

use super::{Extractor, Visit, json};
use crate::{Location, class};

/// The shortest run of printable bytes in a binary body that is looked at (bytes).
const PRINTABLE_RUN_MIN: usize = 12;
/// Bytes of an XML document's prolog that are scored.
const PROLOG_BYTES_MAX: usize = 512;
/// The longest declaration that is believed to be one (bytes).
const DECLARATION_BYTES_MAX: usize = 100;
/// The longest body without a type that is read as a form too (bytes).
const FORM_BYTES_MAX: usize = 8 << 10;

pub(super) fn walk(extractor: &mut Extractor, body: &Body, visit: &mut (impl Visit + ?Sized)) {
    match body.processor {
        Processor::None => {}
        Processor::Text => text(extractor, &body.raw, visit),
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
        if !is_declaration(field.value) {
            extractor.decoded(Location::Xml, field.name, field.value, visit);
        }
    }
    if body.processor == Processor::Xml {
        prolog(extractor, &body.raw, visit);
    }
}

/// `<?xml version="1.0" encoding="utf-8"?>`, which most documents begin with, without its brackets.
fn is_declaration(text: &[u8]) -> bool {
    let expected = |byte: &u8| byte.is_ascii_alphanumeric() || b" =\"'.-_?".contains(byte);
    text.starts_with(b"xml ") && text.len() <= DECLARATION_BYTES_MAX && text.iter().all(expected)
}

fn text(extractor: &mut Extractor, body: &[u8], visit: &mut (impl Visit + ?Sized)) {
    raw(extractor, body, visit);
    form(extractor, body, visit);
}

/// The values of a form that is sent as text or without a type, as an application that guesses decodes them.
/// They are shown beside the whole, which it may take as well.
fn form(extractor: &mut Extractor, raw: &[u8], visit: &mut (impl Visit + ?Sized)) {
    if raw.len() > FORM_BYTES_MAX || memchr::memchr2(b'+', b'%', raw).is_none() {
        return;
    }
    let mut spaced = Vec::new();
    for part in raw.split(|byte| *byte == b'&').take(super::PARTS_MAX) {
        let Some(end) = memchr::memchr(b'=', part) else { continue };
        if super::is_name(&part[..end]) {
            spaced.clear();
            spaced.extend(part[end + 1..].iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }));
            extractor.encoded(Location::Body, &part[..end], &spaced, visit);
        }
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
    if class::all(bytes, class::PRINTABLE) {
        return text(extractor, bytes, visit);
    }
    class::runs(bytes, class::PRINTABLE, PRINTABLE_RUN_MIN).for_each(|run| raw(extractor, run, visit));
}
