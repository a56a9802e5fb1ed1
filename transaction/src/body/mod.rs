//! Request bodies, parsed incrementally into segments of bounded size.
//!
//! A body of any length is inspected with bounded memory: the reader fills one [`Body`] until
//! `segment_bytes_max` parsed bytes (or `segment_arguments_max` arguments) are in it, the caller
//! evaluates it, and the next segment begins with the last `segment_overlap_bytes` of the value that
//! was cut. A body shorter than a segment is one segment, and is then exactly what SecLang calls
//! `ARGS_POST`, `REQUEST_BODY`, `FILES` and so on. Where segments end depends on the bytes alone,
//! never on how they were chunked.

mod content;
mod error;
mod json;
mod multipart;
mod part_header;
mod reader;
mod segment;
mod urlencoded;
mod xml;

#[doc(hidden)]
pub mod properties;

pub(crate) use content::Content;
pub use error::BodyError;
pub use reader::{BodyReader, Progress};

use crate::Fields;

/// Which parser reads a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Processor {
    /// Anything else: not parsed, but its raw window is kept.
    Binary,
    /// `application/json` and `+json`.
    Json,
    /// `multipart/form-data`.
    Multipart,
    /// JSON values one a line: `application/x-ndjson`, `application/jsonl`.
    NdJson,
    /// There is no body, or nobody asked for it.
    #[default]
    None,
    /// `text/*` that is nothing else.
    Text,
    /// `application/x-www-form-urlencoded`.
    UrlEncoded,
    /// `application/xml`, `text/xml` and `+xml`.
    Xml,
}

/// A request body, or one segment of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The parser that read it.
    pub processor: Processor,
    /// Arguments (`ARGS_POST`): form fields, multipart text parts, flattened JSON (`json.a.b.0`).
    pub arguments: Fields,
    /// Decoded raw bytes of this segment, up to `segment_bytes_max`; a rule reads them as
    /// `REQUEST_BODY` where SecLang fills it.
    pub raw: Vec<u8>,
    /// File parts: their form names, file names, sizes and a sample of their content.
    pub files: Vec<FilePart>,
    /// Header lines of multipart parts, keyed by the part's name (`MULTIPART_PART_HEADERS`).
    pub part_headers: Fields,
    /// XML character data, one field for each text node, named by its path (`/note/to`).
    pub xml_text: Fields,
    /// XML attribute values, named `path/@name`.
    pub xml_attributes: Fields,
    /// What multipart parsing found ambiguous.
    pub multipart: MultipartFlags,
    /// The first parse error (`REQBODY_ERROR`).
    pub error: Option<BodyError>,
    /// Decoded bytes read so far, over all segments.
    pub bytes_total: u64,
    /// Arguments of earlier segments (count), so that `&ARGS` stays true.
    pub earlier_arguments: usize,
    /// Bytes of names and values of earlier segments, so that `ARGS_COMBINED_SIZE` stays true.
    pub earlier_argument_bytes: u64,
    /// File parts of earlier segments (count).
    pub earlier_files: usize,
    /// Bytes of content of those, so that `FILES_COMBINED_SIZE` stays true.
    pub earlier_file_bytes: u64,
    /// Which segment this is, from 0.
    pub segment: u64,
}

/// A file part of a multipart body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePart {
    /// The form field's name (`FILES_NAMES`).
    pub name: Vec<u8>,
    /// The client's file name (`FILES`).
    pub file_name: Vec<u8>,
    /// The part's own Content-Type, empty when absent.
    pub content_type: Vec<u8>,
    /// Bytes of content (`FILES_SIZES`).
    pub bytes_total: u64,
    /// The first `file_sample_bytes_max` bytes of content.
    pub sample: Vec<u8>,
}

/// What a strict multipart parser found, as SecLang's `MULTIPART_*` variables name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a SecLang variable of its own")]
pub struct MultipartFlags {
    /// `MULTIPART_BOUNDARY_QUOTED`.
    pub boundary_quoted: bool,
    /// `MULTIPART_BOUNDARY_WHITESPACE`.
    pub boundary_whitespace: bool,
    /// `MULTIPART_CRLF_LF_LINES`: line ends are mixed.
    pub crlf_lf_lines: bool,
    /// `MULTIPART_DATA_AFTER`.
    pub data_after: bool,
    /// `MULTIPART_DATA_BEFORE`.
    pub data_before: bool,
    /// `MULTIPART_FILE_LIMIT_EXCEEDED`.
    pub file_limit_exceeded: bool,
    /// `MULTIPART_HEADER_FOLDING`.
    pub header_folding: bool,
    /// `MULTIPART_INVALID_HEADER_FOLDING`.
    pub invalid_header_folding: bool,
    /// `MULTIPART_INVALID_PART`.
    pub invalid_part: bool,
    /// `MULTIPART_INVALID_QUOTING`.
    pub invalid_quoting: bool,
    /// `MULTIPART_LF_LINE`.
    pub lf_line: bool,
    /// `MULTIPART_MISSING_SEMICOLON`.
    pub missing_semicolon: bool,
    /// `MULTIPART_UNMATCHED_BOUNDARY`.
    pub unmatched_boundary: bool,
}

impl MultipartFlags {
    /// Whether a flag is set that makes two parsers read the body differently. What is left out is
    /// reported by variables of its own (ModSecurity v3 reference, `MULTIPART_STRICT_ERROR`).
    #[must_use]
    pub fn strict_error(self) -> bool {
        Self { crlf_lf_lines: false, unmatched_boundary: false, ..self } != Self::default()
    }
}

impl Body {
    /// `MULTIPART_STRICT_ERROR`: a multipart body that does not parse, or not in one way only.
    #[must_use]
    pub fn multipart_strict_error(&self) -> bool {
        self.multipart.strict_error() || (self.processor == Processor::Multipart && self.error.is_some())
    }
}

impl Processor {
    /// The parser that a Content-Type value calls for (RFC 9110 section 8.3). Where a semicolon is missing, a
    /// space or a comma ends the type, as it does for PHP: `multipart/form-data boundary=x` is a form.
    #[must_use]
    pub fn for_content_type(content_type: &[u8]) -> Self {
        let ends = |byte: &u8| matches!(byte, b';' | b',') || byte.is_ascii_whitespace();
        let essence = content_type.trim_ascii_start().split(ends).next().unwrap_or_default();
        let essence = essence.to_ascii_lowercase();
        match essence.as_slice() {
            b"application/x-www-form-urlencoded" => Self::UrlEncoded,
            b"multipart/form-data" => Self::Multipart,
            b"application/x-ndjson" | b"application/ndjson" | b"application/jsonl" => Self::NdJson,
            b"application/json" | b"text/json" => Self::Json,
            b"application/xml" | b"text/xml" => Self::Xml,
            other if other.ends_with(b"+json") => Self::Json,
            other if other.ends_with(b"+xml") => Self::Xml,
            other if other.starts_with(b"text/") => Self::Text,
            _ => Self::Binary,
        }
    }

    /// The parser's name in SecLang's `REQBODY_PROCESSOR` and `ctl:requestBodyProcessor`; empty for
    /// those SecLang does not know.
    #[must_use]
    pub fn seclang_name(self) -> &'static str {
        match self {
            Self::Json | Self::NdJson => "JSON",
            Self::Multipart => "MULTIPART",
            Self::UrlEncoded => "URLENCODED",
            Self::Xml => "XML",
            Self::Binary | Self::None | Self::Text => "",
        }
    }
}
