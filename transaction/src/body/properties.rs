//! What must hold for every body and record, as functions that property tests and fuzz targets call.

use super::{Body, BodyReader, Processor, Progress};
use crate::{Fields, Inspection, Limits, Record, RequestHead, Shortfall};

/// Limits so small that short bodies fill segments.
#[must_use]
pub fn small_limits() -> Limits {
    Limits {
        segment_bytes_max: 4 << 10,
        segment_overlap_bytes: 512,
        segment_arguments_max: 8,
        name_bytes_max: 64,
        file_sample_bytes_max: 32,
        multipart_parts_max: 16,
        json_depth_max: 16,
        json_values_max: 200,
        xml_depth_max: 8,
        ..Limits::default()
    }
}

/// A body that is one segment under default limits.
///
/// # Panics
/// When it is not.
#[must_use]
pub fn read_whole(processor: Processor, content_type: &str, bytes: &[u8]) -> (Body, Inspection) {
    let (mut segments, inspection) =
        read(processor, &[("Content-Type", content_type)], bytes, &[], &Limits::default());
    assert_eq!(segments.len(), 1, "one segment");
    (segments.remove(0), inspection)
}

/// All segments of a body that arrives in chunks of the given lengths, over and over.
///
/// # Panics
/// When the reader makes no progress or outgrows its bounds.
#[must_use]
pub fn read(
    processor: Processor,
    headers: &[(&str, &str)],
    bytes: &[u8],
    chunks: &[u8],
    limits: &Limits,
) -> (Vec<Body>, Inspection) {
    let headers: Fields = headers.iter().copied().collect();
    let head = RequestHead { headers, ..RequestHead::default() };
    let mut reader = BodyReader::new(processor, &head, limits);
    let (mut body, mut inspection, mut segments) = (Body::default(), Inspection::default(), Vec::new());
    for chunk in split(bytes, chunks) {
        let mut rest = chunk;
        while reader.push(&mut rest, &mut body, &mut inspection) == Progress::SegmentFull {
            next(&mut reader, &mut body, &mut segments, limits);
        }
        assert!(rest.is_empty(), "drained means that all was taken");
    }
    while reader.finish(&mut body, &mut inspection) == Progress::SegmentFull {
        next(&mut reader, &mut body, &mut segments, limits);
    }
    check_size(&body, limits);
    segments.push(body);
    (segments, inspection)
}

fn next(reader: &mut BodyReader, body: &mut Body, segments: &mut Vec<Body>, limits: &Limits) {
    check_size(body, limits);
    segments.push(body.clone());
    reader.next_segment(body);
    assert!(segments.len() < 1_000_000, "no progress");
}

fn split<'b>(mut bytes: &'b [u8], chunks: &[u8]) -> Vec<&'b [u8]> {
    let mut lengths = chunks.iter().map(|length| usize::from(*length).max(1)).cycle();
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (chunk, rest) = bytes.split_at(lengths.next().unwrap_or(usize::MAX).min(bytes.len()));
        parts.push(chunk);
        bytes = rest;
    }
    parts
}

/// No list outgrows a segment.
fn check_size(body: &Body, limits: &Limits) {
    let files: usize =
        body.files.iter().map(|file| file.name.len() + file.file_name.len() + file.sample.len()).sum();
    let parsed = body.arguments.bytes_total()
        + body.part_headers.bytes_total()
        + body.xml_text.bytes_total()
        + body.xml_attributes.bytes_total()
        + files;
    let (segment, arguments) = (limits.segment_bytes_max.max(1 << 10), limits.segment_arguments_max.max(2));
    assert!(body.raw.len() <= segment, "raw window {} > {segment}", body.raw.len());
    assert!(parsed <= segment, "parsed fields {parsed} > {segment}");
    for fields in [&body.arguments, &body.part_headers, &body.xml_text, &body.xml_attributes] {
        assert!(fields.len() <= arguments, "fields {} > {arguments}", fields.len());
    }
}

/// However a body is chunked, its segments, error and inspection are the same; totals agree with the
/// segments; and what was kept raw is the body.
///
/// # Panics
/// When that does not hold.
pub fn check_body(processor: Processor, content_type: &str, bytes: &[u8], chunks: &[u8]) {
    let headers = [("Content-Type", content_type)];
    for limits in [Limits::default(), small_limits()] {
        let whole = read(processor, &headers, bytes, &[], &limits);
        for chunks in [chunks, &[1]] {
            let chunked = read(processor, &headers, bytes, chunks, &limits);
            assert!(chunked == whole, "chunks of {chunks:?}: {:#?}", first_difference(&chunked, &whole));
        }
        check_raw(&whole.0, bytes);
    }
}

/// However an encoded body is chunked, it decodes to the same. Of a body that does not decode, only that
/// it does not: where a decoder gives up within a block is its own business.
///
/// # Panics
/// When that does not hold.
pub fn check_content(coding: &str, encoded: &[u8], chunks: &[u8]) {
    let headers = [("Content-Encoding", coding)];
    let limits = small_limits();
    let whole = read(Processor::UrlEncoded, &headers, encoded, &[], &limits);
    for chunks in [chunks, &[1]] {
        let chunked = read(Processor::UrlEncoded, &headers, encoded, chunks, &limits);
        if whole.1.has(Shortfall::ContentDecoding) {
            assert!(chunked.1.has(Shortfall::ContentDecoding), "chunks of {chunks:?} decode");
        } else {
            assert!(chunked == whole, "chunks of {chunks:?}: {:#?}", first_difference(&chunked, &whole));
        }
    }
}

/// [`check_body`] of an input whose first two bytes are the lengths of chunks.
///
/// # Panics
/// When that does not hold.
pub fn check_chunked_body(processor: Processor, content_type: &str, input: &[u8]) {
    if let Some((chunks, bytes)) = input.split_at_checked(2) {
        check_body(processor, content_type, bytes, chunks);
    }
}

/// [`check_content`] of an input whose first byte chooses the coding, and the next two are the lengths
/// of chunks.
///
/// # Panics
/// When that does not hold.
pub fn check_chunked_content(input: &[u8]) {
    let codings = ["gzip", "deflate", "br", "zstd", "gzip, deflate", "zstd, br, gzip", "none", "identity"];
    if let [coding, first, second, encoded @ ..] = input {
        check_content(codings[usize::from(*coding) % codings.len()], encoded, &[*first, *second]);
    }
}

/// What is read as a record is written such that it reads the same.
///
/// # Panics
/// When that does not hold.
pub fn check_record(json: &[u8]) {
    if let Ok(record) = Record::from_json(json) {
        assert_eq!(Record::from_json(record.to_json().as_bytes()), Ok(record));
    }
}

/// The first segments that differ, or else the last two with their inspections.
fn first_difference<'r>(
    left: &'r (Vec<Body>, Inspection),
    right: &'r (Vec<Body>, Inspection),
) -> [(Option<&'r Body>, Inspection); 2] {
    let at = left.0.iter().zip(&right.0).position(|(left, right)| left != right);
    [left, right]
        .map(|(segments, inspection)| (at.map_or(segments.last(), |at| segments.get(at)), *inspection))
}

/// The raw windows, without their overlaps, are the body.
fn check_raw(segments: &[Body], bytes: &[u8]) {
    let mut seen = 0;
    for body in segments {
        let end = usize::try_from(body.bytes_total).unwrap_or(usize::MAX);
        assert!(end >= seen && bytes[..end].ends_with(&body.raw), "a raw window is a part of the body");
        assert!(end - body.raw.len() <= seen, "no byte between two windows");
        seen = end;
    }
    assert_eq!(seen, bytes.len(), "every byte is in a window");
}

/// A value of an argument appears such that any `window` bytes of it are together in one segment.
///
/// # Panics
/// When that does not hold.
pub fn check_overlap(segments: &[Body], value: &[u8], window: usize) {
    for part in value.windows(window.min(value.len()).max(1)).step_by(29) {
        let whole = |body: &Body| {
            let mut fields =
                body.arguments.iter().chain(body.xml_text.iter()).chain(body.xml_attributes.iter());
            fields.any(|field| field.value.windows(part.len()).any(|window| window == part))
        };
        assert!(segments.iter().any(whole), "{} was cut", part.escape_ascii());
    }
}

#[cfg(test)]
mod tests;
