//! Where parsers write: one segment of a body, and the rules for when it is full.

use super::{Body, BodyError, FilePart};
use crate::{Fields, Inspection, Limits, Shortfall};

/// The most bytes that one input byte may add to a segment (a held-back entity or escape).
const BYTE_YIELD_MAX: usize = 64;
const SEGMENT_BYTES_MIN: usize = 1 << 10;
/// Names may repeat (a JSON path stands before each of its values): bytes of names a body may have
/// before they are compared with its length, and how often its length they may then be.
const NAME_BYTES_FREE: u64 = 256 << 10;
const NAME_BYTES_RATIO: u64 = 16;
/// What is kept of a name after that.
const SHORT_NAME_BYTES: usize = 64;

/// [`Limits`] as segments need them: any values make progress. Two open names with their overlaps
/// are at most half a segment, so an empty segment always takes the byte that did not fit before.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) segment_bytes: usize,
    pub(super) overlap_bytes: usize,
    pub(super) arguments: usize,
    pub(super) name_bytes: usize,
    pub(super) sample_bytes: usize,
}

impl Bounds {
    pub(super) fn new(limits: &Limits) -> Self {
        let segment_bytes = limits.segment_bytes_max.max(SEGMENT_BYTES_MIN);
        let share = segment_bytes / 8;
        Self {
            segment_bytes,
            overlap_bytes: limits.segment_overlap_bytes.min(share),
            arguments: limits.segment_arguments_max.max(2),
            name_bytes: limits.name_bytes_max.min(share),
            sample_bytes: limits.file_sample_bytes_max.min(share),
        }
    }
}

/// Which list of [`Body`] a field goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Argument,
    PartHeader,
    XmlAttribute,
    XmlText,
}

impl Place {
    pub(super) fn of(self, body: &Body) -> &Fields {
        match self {
            Self::Argument => &body.arguments,
            Self::PartHeader => &body.part_headers,
            Self::XmlAttribute => &body.xml_attributes,
            Self::XmlText => &body.xml_text,
        }
    }

    fn of_mut(self, body: &mut Body) -> &mut Fields {
        match self {
            Self::Argument => &mut body.arguments,
            Self::PartHeader => &mut body.part_headers,
            Self::XmlAttribute => &mut body.xml_attributes,
            Self::XmlText => &mut body.xml_text,
        }
    }
}

/// What a segment must remember between two bytes, beside what is in its [`Body`].
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// Fields that are still growing. An XML comment can open inside a text node, so there are two.
    open: [Option<Place>; 2],
    /// Whether the last of `Body::files` is still growing.
    file_open: bool,
    /// Names, file names and samples in `Body::files`.
    file_bytes: usize,
    /// Names opened so far, over all segments.
    name_bytes_total: u64,
}

impl Segment {
    /// Turns a full segment into the beginning of the next.
    pub(super) fn advance(&mut self, body: &mut Body, bounds: &Bounds) {
        body.segment += 1;
        body.earlier_arguments += body.arguments.len();
        body.earlier_argument_bytes += body.arguments.bytes_total() as u64;
        for place in [Place::Argument, Place::PartHeader, Place::XmlAttribute, Place::XmlText] {
            let carry = self.open.contains(&Some(place));
            restart(place.of_mut(body), carry, bounds.overlap_bytes);
        }
        body.earlier_arguments -= body.arguments.len();
        body.earlier_argument_bytes -= body.arguments.bytes_total() as u64;
        self.advance_files(body);
        let cut = body.raw.len() - body.raw.len().min(bounds.overlap_bytes);
        body.raw.drain(..cut);
    }

    /// Keeps the file part that is still growing: its sample is of bounded size and its size is one number.
    fn advance_files(&mut self, body: &mut Body) {
        let open = if self.file_open { body.files.pop() } else { None };
        body.earlier_files += body.files.len();
        body.earlier_file_bytes += body.files.iter().map(|file| file.bytes_total).sum::<u64>();
        body.files.clear();
        self.file_bytes = open.as_ref().map_or(0, kept_bytes);
        body.files.extend(open);
    }
}

/// Empties `fields` except, if it is to be carried over, the last one with the end of its value.
fn restart(fields: &mut Fields, carry: bool, overlap_bytes: usize) {
    let last = if carry { fields.last() } else { None };
    let kept = last.map(|field| {
        let overlap = &field.value[field.value.len() - field.value.len().min(overlap_bytes)..];
        (field.name.to_vec(), overlap.to_vec())
    });
    fields.clear();
    if let Some((name, overlap)) = kept {
        fields.push(&name, &overlap);
    }
}

fn kept_bytes(file: &FilePart) -> usize {
    file.name.len() + file.file_name.len() + file.content_type.len() + file.sample.len()
}

/// A parser's access to the current segment. What returns `false`, or accepts less than it was given,
/// says that the segment is full: the parser then leaves the byte it is at unconsumed and its state
/// such that the byte can be parsed again.
pub(super) struct Sink<'a> {
    pub(super) body: &'a mut Body,
    pub(super) inspection: &'a mut Inspection,
    pub(super) bounds: &'a Bounds,
    pub(super) segment: &'a mut Segment,
    /// Decoded bytes before the input that is being parsed.
    pub(super) start: u64,
    /// Decoded bytes before the byte that is being parsed.
    pub(super) offset: u64,
}

impl Sink<'_> {
    /// Says which byte of the input is being parsed.
    pub(super) fn at(&mut self, index: usize) {
        self.offset = self.start + index as u64;
    }

    /// Whether whatever one more byte yields has room.
    pub(super) fn has_room(&self) -> bool {
        self.room() >= BYTE_YIELD_MAX
    }

    /// Appends a field with an empty value that grows until it is closed.
    pub(super) fn open(&mut self, place: Place, name: &[u8]) -> bool {
        if place.of(self.body).len() >= self.bounds.arguments
            || self.room() < name.len().min(self.bounds.name_bytes) + BYTE_YIELD_MAX
        {
            return false;
        }
        let name = self.affordable(name);
        place.of_mut(self.body).open(name);
        if let Some(slot) = self.segment.open.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(place);
        }
        true
    }

    /// Grows an open field by as much of `run` as there is room for; says how much that was.
    pub(super) fn extend(&mut self, place: Place, run: &[u8]) -> usize {
        // As byte after byte, each taken if `has_room`.
        let accepted = run.len().min((self.room() + 1).saturating_sub(BYTE_YIELD_MAX));
        place.of_mut(self.body).extend(&run[..accepted]);
        accepted
    }

    /// How many input bytes may come of which each yields at most one, and before them at most two
    /// more, until `has_room` has to be asked again.
    pub(super) fn spare(&self) -> usize {
        self.room().saturating_sub(BYTE_YIELD_MAX + 2)
    }

    /// Grows an open field by what one input byte yields, after `has_room` was asked, or by what
    /// [`Sink::spare`] of them do.
    pub(super) fn append(&mut self, place: Place, yielded: &[u8]) {
        place.of_mut(self.body).extend(yielded);
    }

    pub(super) fn close(&mut self, place: Place) {
        for slot in &mut self.segment.open {
            if *slot == Some(place) {
                *slot = None;
            }
        }
    }

    /// Appends a whole field.
    pub(super) fn field(&mut self, place: Place, name: &[u8], value: &[u8]) -> bool {
        if self.room() < name.len() + value.len() + BYTE_YIELD_MAX || !self.open(place, name) {
            return false;
        }
        place.of_mut(self.body).extend(value);
        self.close(place);
        true
    }

    /// Appends a file part, whose content [`Sink::file_content`] then counts.
    pub(super) fn open_file(&mut self, file: FilePart) -> bool {
        let needed = kept_bytes(&file) + self.bounds.sample_bytes + BYTE_YIELD_MAX;
        if self.body.files.len() >= self.bounds.arguments || self.room() < needed {
            return false;
        }
        self.segment.file_bytes += kept_bytes(&file);
        self.segment.file_open = true;
        self.body.files.push(file);
        true
    }

    pub(super) fn file_content(&mut self, content: &[u8]) {
        if let Some(file) = self.body.files.last_mut() {
            file.bytes_total += content.len() as u64;
            let kept = content.len().min(self.bounds.sample_bytes - file.sample.len());
            file.sample.extend_from_slice(&content[..kept]);
            self.segment.file_bytes += kept;
        }
    }

    pub(super) fn close_file(&mut self) {
        self.segment.file_open = false;
    }

    pub(super) fn note(&mut self, shortfall: Shortfall) {
        self.inspection.note(shortfall);
    }

    /// Says that the body is not what it claims to be. The first to say so is heard.
    pub(super) fn malformed(&mut self, message: &str) {
        self.fail(Shortfall::BodyMalformed, message);
    }

    /// Says that a bound was reached beyond which the body is not parsed.
    pub(super) fn fail(&mut self, shortfall: Shortfall, message: &str) {
        self.note(shortfall);
        let offset = self.offset;
        self.body.error.get_or_insert_with(|| BodyError { message: message.to_owned(), offset });
    }

    /// Appends to a name, up to `name_bytes_max`.
    pub(super) fn grow_name(&mut self, name: &mut Vec<u8>, more: &[u8]) {
        let kept = more.len().min(self.bounds.name_bytes.saturating_sub(name.len()));
        name.extend_from_slice(&more[..kept]);
        if kept < more.len() {
            self.note(Shortfall::NameTooLong);
        }
    }

    fn room(&self) -> usize {
        let body = &*self.body;
        let used = body.arguments.bytes_total()
            + body.part_headers.bytes_total()
            + body.xml_attributes.bytes_total()
            + body.xml_text.bytes_total()
            + self.segment.file_bytes;
        self.bounds.segment_bytes.saturating_sub(used)
    }

    /// The name, or its end once names are out of proportion to the body: otherwise 100 KB of
    /// `{"<8 KiB>":[1,1,1,..` would be 400 MB of names.
    fn affordable<'n>(&mut self, name: &'n [u8]) -> &'n [u8] {
        let total = self.segment.name_bytes_total + name.len() as u64;
        let affordable = NAME_BYTES_FREE + NAME_BYTES_RATIO * self.offset;
        let name = if total > affordable && name.len() > SHORT_NAME_BYTES {
            self.note(Shortfall::NameTooLong);
            &name[name.len() - SHORT_NAME_BYTES..]
        } else {
            name
        };
        self.segment.name_bytes_total += name.len() as u64;
        name
    }
}
