//! Bounds of parsing, checked.

use transaction::Limits;

use super::spec::{LimitsSpec, SizeSpec};
use crate::config::{At, size};

/// The limits, and `hold_bytes_max`.
pub(super) fn check(spec: &LimitsSpec, at: &At<'_>) -> (Limits, usize) {
    let standard = Limits::default();
    let bytes = |value: &Option<SizeSpec>, default: usize, key: &str| {
        usize::try_from(crate::config::size_at(value.as_ref(), default as u64, 1, &at.key(key)))
            .unwrap_or(default)
    };
    let count = |value: Option<u64>, default: usize, key: &str| {
        usize::try_from(count_at(value, default as u64, &at.key(key))).unwrap_or(default)
    };
    let limits = Limits {
        headers_max: count(spec.headers_max, standard.headers_max, "headers_max"),
        query_arguments_max: count(
            spec.query_arguments_max,
            standard.query_arguments_max,
            "query_arguments_max",
        ),
        cookies_max: count(spec.cookies_max, standard.cookies_max, "cookies_max"),
        segment_bytes_max: bytes(&spec.segment_bytes_max, standard.segment_bytes_max, "segment_bytes_max"),
        segment_overlap_bytes: overlap(spec, &standard, at),
        segment_arguments_max: count(
            spec.segment_arguments_max,
            standard.segment_arguments_max,
            "segment_arguments_max",
        ),
        name_bytes_max: bytes(&spec.name_bytes_max, standard.name_bytes_max, "name_bytes_max"),
        file_sample_bytes_max: bytes(
            &spec.file_sample_bytes_max,
            standard.file_sample_bytes_max,
            "file_sample_bytes_max",
        ),
        body_bytes_max: crate::config::size_at(
            spec.body_bytes_max.as_ref(),
            standard.body_bytes_max,
            1,
            &at.key("body_bytes_max"),
        ),
        body_without_files_bytes_max: crate::config::size_at(
            spec.body_without_files_bytes_max.as_ref(),
            standard.body_without_files_bytes_max,
            1,
            &at.key("body_without_files_bytes_max"),
        ),
        multipart_parts_max: count(
            spec.multipart_parts_max,
            standard.multipart_parts_max,
            "multipart_parts_max",
        ),
        json_depth_max: count(spec.json_depth_max, standard.json_depth_max, "json_depth_max"),
        json_values_max: count(spec.json_values_max, standard.json_values_max, "json_values_max"),
        xml_depth_max: count(spec.xml_depth_max, standard.xml_depth_max, "xml_depth_max"),
        decompression_ratio_max: count_at(
            spec.decompression_ratio_max,
            standard.decompression_ratio_max,
            &at.key("decompression_ratio_max"),
        ),
        content_encodings_max: count(
            spec.content_encodings_max,
            standard.content_encodings_max,
            "content_encodings_max",
        ),
        content_window_bytes_max: bytes(
            &spec.content_window_bytes_max,
            standard.content_window_bytes_max,
            "content_window_bytes_max",
        ),
        response_body_bytes_max: bytes(
            &spec.response_body_bytes_max,
            standard.response_body_bytes_max,
            "response_body_bytes_max",
        ),
    };
    contradictions(&limits, at);
    (limits, hold(spec, at))
}

/// 0 is meant here: nothing is withheld.
fn hold(spec: &LimitsSpec, at: &At<'_>) -> usize {
    let bytes = crate::config::size_at(spec.hold_bytes_max.as_ref(), 1 << 20, 0, &at.key("hold_bytes_max"));
    let most = spec.body_bytes_max.as_ref().and_then(size);
    if let Some(most) = most.filter(|most| spec.hold_bytes_max.is_some() && bytes > *most) {
        at.key("hold_bytes_max")
            .error("contradiction", format!("{bytes} bytes are withheld, but only {most} are inspected"))
            .label("more than `body_bytes_max`")
            .report();
    }
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn overlap(spec: &LimitsSpec, standard: &Limits, at: &At<'_>) -> usize {
    let at = at.key("segment_overlap_bytes");
    let default = standard.segment_overlap_bytes as u64;
    let bytes = crate::config::size_at(spec.segment_overlap_bytes.as_ref(), default, 0, &at);
    usize::try_from(bytes).unwrap_or(standard.segment_overlap_bytes)
}

fn contradictions(limits: &Limits, at: &At<'_>) {
    let (segment, overlap) = (limits.segment_bytes_max, limits.segment_overlap_bytes);
    if overlap.saturating_mul(2) > segment {
        at.key(if at.key("segment_overlap_bytes").node().is_some() {
            "segment_overlap_bytes"
        } else {
            "segment_bytes_max"
        })
        .error("contradiction", format!("segments of {segment} bytes overlap by {overlap}"))
        .label("the overlap must be at most half a segment")
        .report();
    }
}

fn count_at(value: Option<u64>, default: u64, at: &At<'_>) -> u64 {
    match value {
        Some(0) => {
            at.error("out-of-range", "expected at least 1, found 0").label("too small").report();
            default
        }
        value => value.unwrap_or(default),
    }
}
