//! Every bound of parsing, in one place.

/// Bounds on what is parsed and kept. What happens at a bound is a [`crate::Shortfall`], never a cut
/// that nobody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Headers parsed of one message (count). Default 256.
    pub headers_max: usize,
    /// Query arguments parsed (count). Default 1,000, as `SecArgumentsLimit`.
    pub query_arguments_max: usize,
    /// Cookies parsed (count). Default 256.
    pub cookies_max: usize,
    /// Parsed bytes of a body kept for one evaluation (bytes). A longer body is inspected as it
    /// streams, segment by segment. Default 128 KiB, as `SecRequestBodyNoFilesLimit`.
    pub segment_bytes_max: usize,
    /// Bytes of a value repeated at the start of the next segment, so that nothing hides on a
    /// boundary (bytes). Default 4 KiB.
    pub segment_overlap_bytes: usize,
    /// Body arguments kept in one segment (count). Default 1,000.
    pub segment_arguments_max: usize,
    /// Bytes of a name, file name or part header line that are kept (bytes). Default 8 KiB.
    pub name_bytes_max: usize,
    /// Bytes of a file part that are kept as its sample (bytes). Default 4 KiB.
    pub file_sample_bytes_max: usize,
    /// Decoded bytes inspected of one body (bytes). Default 1 TiB: a stream is inspected to its end.
    pub body_bytes_max: u64,
    /// Decoded bytes inspected of one body, the contents of files left out (bytes). Default 1 TiB.
    pub body_without_files_bytes_max: u64,
    /// Parts of a multipart body (count). Default 1,000.
    pub multipart_parts_max: usize,
    /// Nesting of JSON arrays and objects (levels). Default 128.
    pub json_depth_max: usize,
    /// JSON values in a body (count). Default 100,000.
    pub json_values_max: usize,
    /// Nesting of XML elements (levels). Default 128.
    pub xml_depth_max: usize,
    /// Decoded bytes for each encoded byte (ratio), asked once 1 MiB came out. Default 200.
    pub decompression_ratio_max: u64,
    /// Content-Encodings applied one upon the other (count). Default 3.
    pub content_encodings_max: usize,
    /// The window that a Content-Encoding may need, which is memory held for as long as its body comes
    /// (bytes). Default 8 MiB, as RFC 9659 asks for.
    pub content_window_bytes_max: usize,
    /// Decoded bytes of a response body inspected (bytes). Default 512 KiB, as `SecResponseBodyLimit`.
    pub response_body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers_max: 256,
            query_arguments_max: 1_000,
            cookies_max: 256,
            segment_bytes_max: 128 << 10,
            segment_overlap_bytes: 4 << 10,
            segment_arguments_max: 1_000,
            name_bytes_max: 8 << 10,
            file_sample_bytes_max: 4 << 10,
            body_bytes_max: 1 << 40,
            body_without_files_bytes_max: 1 << 40,
            multipart_parts_max: 1_000,
            json_depth_max: 128,
            json_values_max: 100_000,
            xml_depth_max: 128,
            decompression_ratio_max: 200,
            content_encodings_max: 3,
            content_window_bytes_max: 8 << 20,
            response_body_bytes_max: 512 << 10,
        }
    }
}
