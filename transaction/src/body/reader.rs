//! The incremental body reader.

use super::content::Content;
use super::json::Json;
use super::multipart::Multipart;
use super::segment::{Bounds, Segment, Sink};
use super::urlencoded::UrlEncoded;
use super::xml::Xml;
use super::{Body, Processor};
use crate::{Inspection, Limits, RequestHead, Shortfall};

/// Reads a request body chunk by chunk into segments.
///
/// Content-Encodings are undone first, so everything behind them counts decoded bytes. What the body
/// means to its parser never depends on how it was chunked.
#[derive(Debug)]
pub struct BodyReader {
    content: Content,
    decoded: Decoded,
}

/// What a call to [`BodyReader::push`] or [`BodyReader::finish`] left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All input was taken.
    Drained,
    /// The segment is full: evaluate it, call [`BodyReader::next_segment`], then push (or finish) again
    /// with what is left.
    SegmentFull,
}

/// The reader behind the Content-Encodings.
#[derive(Debug)]
struct Decoded {
    processor: Processor,
    parser: Parser,
    bounds: Bounds,
    body_bytes_max: u64,
    without_files_bytes_max: u64,
    segment: Segment,
}

/// A parser that takes bytes from the front of its input and stops where the segment is full.
pub(super) trait Parse {
    /// Takes some of `rest`, which is not empty. What one call takes must be what several calls with
    /// pieces of `rest` would.
    fn step(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step;

    /// Ends the body; `false` asks to be called again with an empty segment.
    fn finish(&mut self, sink: &mut Sink<'_>) -> bool;

    /// Takes what fits; says how many bytes that was.
    fn push(&mut self, input: &[u8], sink: &mut Sink<'_>) -> usize {
        let mut index = 0;
        while index < input.len() {
            sink.at(index);
            match self.step(&input[index..], sink) {
                Step::Took(count) => index += count,
                Step::Again => {}
                Step::Full => break,
            }
        }
        index
    }
}

/// What became of the bytes at hand.
pub(super) enum Step {
    /// So many were taken, at least one.
    Took(usize),
    /// None was, but the state changed: look again.
    Again,
    /// There is no room for what the next byte yields.
    Full,
}

#[derive(Debug)]
enum Parser {
    Json(Json),
    Multipart(Multipart),
    /// The raw window says it all.
    Raw,
    UrlEncoded(UrlEncoded),
    Xml(Xml),
}

impl BodyReader {
    /// A reader for the body that `head` announces; `processor` as chosen by Content-Type or by
    /// `ctl:requestBodyProcessor`.
    #[must_use]
    pub fn new(processor: Processor, head: &RequestHead, limits: &Limits) -> Self {
        let decoded = Decoded {
            processor,
            parser: Parser::new(processor, head, limits),
            bounds: Bounds::new(limits),
            body_bytes_max: limits.body_bytes_max,
            without_files_bytes_max: limits.body_without_files_bytes_max,
            segment: Segment::default(),
        };
        Self { content: Content::new(&head.headers, limits), decoded }
    }

    /// Takes bytes from the front of `input` until it is empty or the segment is full.
    pub fn push(&mut self, input: &mut &[u8], body: &mut Body, inspection: &mut Inspection) -> Progress {
        body.processor = self.decoded.processor;
        let Self { content, decoded } = self;
        content.push(input, inspection, |decoded_input, inspection| {
            decoded.push(decoded_input, body, inspection)
        })
    }

    /// Ends the body: closes what is open and notes what is missing. May fill segments, as `push` does.
    pub fn finish(&mut self, body: &mut Body, inspection: &mut Inspection) -> Progress {
        body.processor = self.decoded.processor;
        let Self { content, decoded } = self;
        let progress = content
            .finish(inspection, |decoded_input, inspection| decoded.push(decoded_input, body, inspection));
        match progress {
            Progress::Drained => decoded.finish(body, inspection),
            Progress::SegmentFull => Progress::SegmentFull,
        }
    }

    /// Turns a full segment into the beginning of the next: counts what was in it and keeps the overlap.
    pub fn next_segment(&mut self, body: &mut Body) {
        self.decoded.segment.advance(body, &self.decoded.bounds);
    }
}

impl Decoded {
    fn push(&mut self, input: &mut &[u8], body: &mut Body, inspection: &mut Inspection) -> Progress {
        while !input.is_empty() {
            let inspectable = self.body_bytes_max.saturating_sub(body.bytes_total);
            if inspectable == 0 {
                inspection.note(Shortfall::BodyTooLarge);
                body.bytes_total += input.len() as u64;
                *input = &[];
                break;
            }
            let room = self.bounds.segment_bytes.saturating_sub(body.raw.len());
            let inspectable = usize::try_from(inspectable).unwrap_or(usize::MAX);
            let window = &input[..input.len().min(room).min(inspectable)];
            let taken = self.parse(window, body, inspection);
            body.raw.extend_from_slice(&window[..taken]);
            body.bytes_total += taken as u64;
            self.count_without_files(body, inspection);
            *input = &input[taken..];
            if taken < window.len() || window.is_empty() {
                return Progress::SegmentFull;
            }
        }
        Progress::Drained
    }

    /// Notes that there is too much beside files. It is inspected all the same.
    fn count_without_files(&self, body: &Body, inspection: &mut Inspection) {
        if body.bytes_total <= self.without_files_bytes_max {
            return;
        }
        let files: u64 = body.files.iter().map(|file| file.bytes_total).sum();
        let files = files + body.earlier_file_bytes;
        if body.bytes_total.saturating_sub(files) > self.without_files_bytes_max {
            inspection.note(Shortfall::BodyTooLarge);
        }
    }

    fn parse(&mut self, window: &[u8], body: &mut Body, inspection: &mut Inspection) -> usize {
        let Self { parser, bounds, segment, .. } = self;
        let start = body.bytes_total;
        let taken =
            parser.push(window, &mut Sink { body, inspection, bounds, segment, start, offset: start });
        taken.min(window.len())
    }

    fn finish(&mut self, body: &mut Body, inspection: &mut Inspection) -> Progress {
        let Self { parser, bounds, segment, .. } = self;
        let start = body.bytes_total;
        if parser.finish(&mut Sink { body, inspection, bounds, segment, start, offset: start }) {
            Progress::Drained
        } else {
            Progress::SegmentFull
        }
    }
}

impl Parser {
    fn new(processor: Processor, head: &RequestHead, limits: &Limits) -> Self {
        let content_type = head.headers.first(b"content-type").unwrap_or_default();
        match processor {
            Processor::Json => Self::Json(Json::new(limits)),
            Processor::Multipart => Self::Multipart(Multipart::new(content_type, limits)),
            Processor::NdJson => Self::Json(Json::lines(limits)),
            Processor::UrlEncoded => Self::UrlEncoded(UrlEncoded::default()),
            Processor::Xml => Self::Xml(Xml::new(limits)),
            Processor::Binary | Processor::None | Processor::Text => Self::Raw,
        }
    }
}

/// Each parser runs its own loop, so that the choice between them is made once for each input.
impl Parser {
    fn push(&mut self, input: &[u8], sink: &mut Sink<'_>) -> usize {
        match self {
            Self::Json(parser) => parser.push(input, sink),
            Self::Multipart(parser) => parser.push(input, sink),
            Self::Raw => input.len(),
            Self::UrlEncoded(parser) => parser.push(input, sink),
            Self::Xml(parser) => parser.push(input, sink),
        }
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> bool {
        match self {
            Self::Json(parser) => parser.finish(sink),
            Self::Multipart(parser) => parser.finish(sink),
            Self::Raw => true,
            Self::UrlEncoded(parser) => parser.finish(sink),
            Self::Xml(parser) => parser.finish(sink),
        }
    }
}
