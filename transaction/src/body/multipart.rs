//! `multipart/form-data` (RFC 7578, RFC 2046), with the flags and errors of ModSecurity v3.
//!
//! Text parts are arguments, whose values are not percent-decoded. A part with a file name that is not
//! empty is a file: its content is counted and sampled. An error does not end the parsing, so that what
//! another parser might make of the body is seen too. What is in no part that can be named is an argument
//! without a name: text before the first boundary, after the last, of one part too many, of part headers
//! that are none.

mod boundary;

use boundary::Boundary;

use super::part_header::{Disposition, PartHeaders};
use super::reader::{Parse, Step};
use super::segment::{Bounds, Place, Sink};
use super::{FilePart, MultipartFlags};
use crate::{Limits, Shortfall};

/// Beyond the boundary itself, bytes of a line that may still be one: dashes, quotes, padding, line end.
const LINE_SLACK: usize = 16;

/// A multipart body, between two bytes.
#[derive(Debug)]
pub(super) struct Multipart {
    boundary: Boundary,
    /// What the Content-Type said, until there is a body to say it of.
    announced: Option<MultipartFlags>,
    section: Section,
    /// The line that may be a boundary, or the header line, so far.
    line: Vec<u8>,
    /// Whether the current line cannot be a boundary any more.
    in_line: bool,
    /// A line end that belongs to the value unless a boundary follows.
    held: &'static [u8],
    /// What turned out to be content but is not stored yet.
    content: Vec<u8>,
    headers: PartHeaders,
    header_bytes: usize,
    /// Header lines that are none, until they are stored.
    broken: Vec<u8>,
    disposition: Disposition,
    boundaries: u64,
    /// Whether the argument is open that takes what is in no part.
    outside_open: bool,
    parts: usize,
    parts_max: usize,
    crlf_line: bool,
}

/// What the current line is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Preamble,
    Headers,
    /// Between headers and content; so many header lines were stored.
    Opening(usize),
    Argument,
    File,
    /// After the final boundary.
    Epilogue,
    /// After too many parts, or without a boundary.
    Ignored,
}

impl Multipart {
    pub(super) fn new(content_type: &[u8], limits: &Limits) -> Self {
        let mut flags = MultipartFlags::default();
        let boundary = Boundary::parse(content_type, &mut flags)
            .at_most(Bounds::new(limits).name_bytes.saturating_sub(LINE_SLACK));
        let section = if boundary.text.is_empty() { Section::Ignored } else { Section::Preamble };
        Self {
            boundary,
            announced: Some(flags),
            section,
            line: Vec::new(),
            in_line: false,
            held: b"",
            content: Vec::new(),
            headers: PartHeaders::default(),
            header_bytes: 0,
            broken: Vec::new(),
            disposition: Disposition::default(),
            boundaries: 0,
            outside_open: false,
            parts: 0,
            parts_max: limits.multipart_parts_max,
            crlf_line: false,
        }
    }
}

impl Parse for Multipart {
    fn step(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        self.announce(sink);
        if let Some(step) = self.settle(sink) {
            return step;
        }
        match self.section {
            Section::Ignored => self.outside(rest, sink),
            Section::Epilogue => {
                sink.body.multipart.data_after = true;
                self.outside(rest, sink)
            }
            Section::Headers => self.header_bytes(rest, sink),
            _ if self.in_line => self.content_bytes(rest, sink),
            _ => self.line_start(rest, sink),
        }
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> bool {
        self.announce(sink);
        while let Some(step) = self.settle(sink) {
            if let Step::Full = step {
                return false;
            }
        }
        if self.line.is_empty() && self.held.is_empty() {
            return self.end(sink);
        }
        self.last_line(sink);
        self.finish(sink)
    }
}

impl Multipart {
    /// Says what the Content-Type said.
    fn announce(&mut self, sink: &mut Sink<'_>) {
        if let Some(flags) = self.announced.take() {
            sink.body.multipart = flags;
            if let Some(error) = self.boundary.error {
                sink.malformed(error);
            }
        }
    }

    /// Stores what needs no more input; `None` when there is nothing of the kind.
    fn settle(&mut self, sink: &mut Sink<'_>) -> Option<Step> {
        if let Section::Opening(stored) = self.section {
            return Some(self.open_part(stored, sink));
        }
        if self.content.is_empty() {
            return None;
        }
        let mut content = std::mem::take(&mut self.content);
        let stored = self.store(&content, sink);
        content.drain(..stored);
        self.content = content;
        Some(if stored > 0 { Step::Again } else { Step::Full })
    }

    /// Stores content where it belongs; says how much there was room for.
    fn store(&mut self, content: &[u8], sink: &mut Sink<'_>) -> usize {
        match self.section {
            Section::Argument => return sink.extend(Place::Argument, content),
            Section::File => sink.file_content(content),
            Section::Preamble => {
                sink.body.multipart.data_before = true;
                return match self.outside(content, sink) {
                    Step::Took(stored) => stored,
                    _ => 0,
                };
            }
            _ => {}
        }
        content.len()
    }

    /// Stores what is in no part, from its first byte that is not white space.
    fn outside(&mut self, content: &[u8], sink: &mut Sink<'_>) -> Step {
        if !self.outside_open {
            let blank = content.len() - content.trim_ascii_start().len();
            if blank > 0 {
                return Step::Took(blank);
            }
            if !sink.open(Place::Argument, b"") {
                return Step::Full;
            }
            self.outside_open = true;
        }
        match sink.extend(Place::Argument, content) {
            0 => Step::Full,
            stored => Step::Took(stored),
        }
    }

    /// Collects a line as long as it may be a boundary.
    fn line_start(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        let dashes = 2 - self.line.len().min(2);
        if dashes > 0 && rest[0] != b'-' {
            self.not_a_boundary();
            return Step::Again;
        }
        self.line.push(rest[0]);
        if rest[0] == b'\n' {
            if !self.boundary_line(sink) {
                self.not_a_boundary();
            }
        } else if self.line.len() > self.boundary.text.len() + LINE_SLACK {
            self.unlike_boundary(sink);
            self.not_a_boundary();
        }
        Step::Took(1)
    }

    /// The line is content, and so is the line end before it; its own may be the next boundary's.
    fn not_a_boundary(&mut self) {
        self.content.extend_from_slice(self.held);
        self.held = b"";
        self.in_line = true;
        let end = [b"\r\n".as_slice(), b"\n", b"\r"].into_iter().find(|end| self.line.ends_with(end));
        if let Some(end) = end {
            self.held = end;
            self.in_line = end == b"\r";
            self.line.truncate(self.line.len() - end.len());
        }
        self.content.append(&mut self.line);
    }

    /// Takes content up to a line end, which is held back.
    fn content_bytes(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        if !self.held.is_empty() {
            if rest[0] == b'\n' {
                (self.held, self.in_line) = (b"\r\n", false);
                return Step::Took(1);
            }
            self.content.extend_from_slice(self.held);
            self.held = b"";
            return Step::Again;
        }
        match rest[0] {
            b'\r' => self.held = b"\r",
            b'\n' => (self.held, self.in_line) = (b"\n", false),
            _ => {
                let run = rest.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(rest.len());
                let stored = self.store(&rest[..run], sink);
                return if stored == 0 { Step::Full } else { Step::Took(stored) };
            }
        }
        Step::Took(1)
    }

    /// Acts on a line that starts with two dashes if it is a boundary; flags it if it is nearly one.
    fn boundary_line(&mut self, sink: &mut Sink<'_>) -> bool {
        let Some(after) = self.after_boundary() else {
            self.unlike_boundary(sink);
            return false;
        };
        let last = after.starts_with(b"--");
        let padding = if last { &after[2..] } else { after };
        if !padding.trim_ascii().is_empty() {
            sink.malformed("text after a multipart boundary");
            return false;
        }
        // Padding is allowed (RFC 2046 section 5.1.1), but not every parser knows.
        if padding != b"\r\n" && padding != b"\n" {
            sink.malformed("white space after a multipart boundary");
        }
        self.line_end(sink);
        self.boundary(last, sink);
        true
    }

    fn after_boundary(&self) -> Option<&[u8]> {
        self.line.strip_prefix(b"--")?.strip_prefix(self.boundary.text.as_slice())
    }

    /// Looks at a line that starts with two dashes and is no boundary of ours.
    fn unlike_boundary(&mut self, sink: &mut Sink<'_>) {
        let text = &self.line[2..];
        let unquoted = text.strip_prefix(b"\"").unwrap_or_default();
        if text.starts_with(&self.boundary.text) {
            sink.malformed("text after a multipart boundary");
        } else if text.trim_ascii_start().starts_with(&self.boundary.text) {
            sink.malformed("white space before a multipart boundary");
        } else if unquoted.starts_with(&self.boundary.text) {
            sink.malformed("quotes around a multipart boundary");
        } else if self.line.len() > 3 {
            sink.body.multipart.unmatched_boundary = true;
        }
    }

    /// Notes how the current line, which is structure and not content, ends.
    fn line_end(&mut self, sink: &mut Sink<'_>) {
        let crlf = self.line.ends_with(b"\r\n");
        self.crlf_line |= crlf;
        sink.body.multipart.lf_line |= !crlf;
        sink.body.multipart.crlf_lf_lines = self.crlf_line && sink.body.multipart.lf_line;
    }

    fn boundary(&mut self, last: bool, sink: &mut Sink<'_>) {
        if self.section == Section::Headers {
            sink.body.multipart.invalid_part = true;
        }
        // ModSecurity counts even an empty line.
        sink.body.multipart.data_before |= self.section == Section::Preamble && !self.held.is_empty();
        if self.boundaries > 0 {
            // A body whose boundaries match in the end was not cut wrongly (ModSecurity v3.0.9).
            sink.body.multipart.unmatched_boundary = false;
        }
        self.boundaries += 1;
        self.close_part(sink);
        self.section = if last { Section::Epilogue } else { Section::Headers };
        self.parts += usize::from(!last);
        if self.parts > self.parts_max {
            let message = format!("more than {} multipart parts", self.parts_max);
            sink.fail(Shortfall::MultipartParts, &message);
            self.section = Section::Ignored;
        }
    }

    fn close_part(&mut self, sink: &mut Sink<'_>) {
        match self.section {
            Section::Argument | Section::Preamble => sink.close(Place::Argument),
            Section::File => sink.close_file(),
            _ => {}
        }
        self.outside_open = false;
        self.line.clear();
        self.headers.clear();
        (self.held, self.in_line, self.header_bytes) = (b"", false, 0);
    }

    /// Collects a header line, up to `name_bytes_max`.
    fn header_bytes(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        let text = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let room = sink.bounds.name_bytes.saturating_sub(self.line.len() + 1);
        if text == 0 {
            self.line.push(b'\n');
            self.header_line(sink);
            return Step::Took(1);
        }
        if room == 0 {
            Self::header_too_long(sink);
            return Step::Took(text);
        }
        self.line.extend_from_slice(&rest[..text.min(room)]);
        Step::Took(text.min(room))
    }

    fn header_too_long(sink: &mut Sink<'_>) {
        sink.note(Shortfall::NameTooLong);
        sink.malformed("part headers that are too long");
    }

    fn header_line(&mut self, sink: &mut Sink<'_>) {
        if self.line.starts_with(b"--") && self.line.len() > 3 && self.boundary_line(sink) {
            return;
        }
        self.line_end(sink);
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.end_headers(sink);
        } else if self.header_bytes + line.len() > sink.bounds.name_bytes {
            Self::header_too_long(sink);
        } else {
            self.header_bytes += line.len();
            if let Err(error) = self.headers.push(line, &mut sink.body.multipart) {
                sink.malformed(error);
                self.broken.extend_from_slice(line);
                self.broken.push(b'\n');
                // The headers of one part are bounded, but not those of parts that never open.
                self.broken.truncate(sink.bounds.name_bytes);
            }
        }
        self.line.clear();
    }

    fn end_headers(&mut self, sink: &mut Sink<'_>) {
        let (disposition, error) = self.headers.disposition(&mut sink.body.multipart);
        if let Some(error) = error {
            sink.malformed(error);
        }
        sink.body.multipart.invalid_part |= disposition.name.is_empty();
        self.disposition = disposition;
        self.section = Section::Opening(0);
    }

    /// Stores the header lines, then opens the argument or the file.
    fn open_part(&mut self, stored: usize, sink: &mut Sink<'_>) -> Step {
        if !self.store_broken(sink) {
            return Step::Full;
        }
        let name = self.disposition.name.as_slice();
        if let Some(line) = self.headers.line(stored) {
            if !sink.field(Place::PartHeader, name, line) {
                return Step::Full;
            }
            self.section = Section::Opening(stored + 1);
            return Step::Again;
        }
        let file = self.disposition.is_file();
        let opened = if file { self.open_file(sink) } else { sink.open(Place::Argument, name) };
        if !opened {
            return Step::Full;
        }
        self.section = if file { Section::File } else { Section::Argument };
        Step::Again
    }

    fn store_broken(&mut self, sink: &mut Sink<'_>) -> bool {
        let stored = self.broken.is_empty() || sink.field(Place::Argument, b"", &self.broken);
        if stored {
            self.broken.clear();
        }
        stored
    }

    /// Opens a file. Servers choose between `filename` and `filename*`, so both are listed.
    fn open_file(&mut self, sink: &mut Sink<'_>) -> bool {
        let Disposition { name, file_name, file_name_extended } = &mut self.disposition;
        let listed = |file_name: &[u8]| FilePart {
            name: name.clone(),
            file_name: file_name.to_vec(),
            content_type: self.headers.value(b"content-type").unwrap_or_default().to_vec(),
            ..FilePart::default()
        };
        if file_name.is_empty() {
            return sink.open_file(listed(file_name_extended));
        }
        if !file_name_extended.is_empty() && file_name_extended != file_name {
            if !sink.open_file(listed(file_name_extended)) {
                return false;
            }
            sink.close_file();
            file_name_extended.clear();
        }
        sink.open_file(listed(file_name))
    }

    /// Takes the line that no line end ended.
    fn last_line(&mut self, sink: &mut Sink<'_>) {
        if self.after_boundary() == Some(b"--") {
            self.boundary(true, sink);
        } else if self.section == Section::Headers {
            self.broken.append(&mut self.line);
            self.broken.truncate(sink.bounds.name_bytes);
        } else {
            self.content.extend_from_slice(self.held);
            self.held = b"";
            self.content.append(&mut self.line);
        }
    }

    /// Says what is missing at the end of the body; `false` when that needs an empty segment.
    fn end(&mut self, sink: &mut Sink<'_>) -> bool {
        if !self.store_broken(sink) {
            return false;
        }
        if sink.offset == 0 || matches!(self.section, Section::Epilogue | Section::Ignored) {
            return true;
        }
        if self.boundaries == 0 {
            sink.malformed("no multipart boundary in the body");
        } else {
            sink.malformed("the final multipart boundary is missing");
        }
        self.close_part(sink);
        true
    }
}

impl Disposition {
    fn is_file(&self) -> bool {
        !self.file_name.is_empty() || !self.file_name_extended.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use crate::body::properties::read_whole;
    use crate::{Body, Inspection, Processor};

    const TYPE: &str = "multipart/form-data; boundary=B";

    fn read(body: &str) -> (Body, Inspection) {
        read_whole(Processor::Multipart, TYPE, body.as_bytes())
    }

    fn part(headers: &str, content: &str) -> String {
        format!("--B\r\nContent-Disposition: form-data; {headers}\r\n\r\n{content}\r\n")
    }

    #[test]
    fn reads_arguments_and_files() {
        let text = part("name=a", "1%41\r\n--\r\n2\n") + &part("name=\"e\"; filename=\"\"", "");
        let file = part("name=f; filename=x.php\r\nContent-Type: text/plain", "<?\r\n?>");
        let both = part("name=g; filename=x; filename*=utf-8''y%20", "z");
        let (body, inspection) = read(&format!("{text}{file}{both}--B--\r\n"));
        assert!(inspection.is_complete() && body.error.is_none(), "{:?}", body.error);
        assert_eq!(format!("{:?}", body.arguments), r"[a=1%41\r\n--\r\n2\n, e=]");
        let files = body.files.iter().map(|file| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            (text(&file.name) + ":" + &text(&file.file_name), file.bytes_total, text(&file.sample))
        });
        let expected = [("f:x.php", 6, "<?\r\n?>"), ("g:y ", 0, ""), ("g:x", 1, "z")];
        assert_eq!(
            files.collect::<Vec<_>>(),
            expected.map(|(name, size, sample)| (name.to_owned(), size, sample.to_owned()))
        );
        assert_eq!(body.files[0].content_type, b"text/plain");
        assert_eq!(body.part_headers.len(), 5);
        assert_eq!(body.part_headers.get(3).unwrap().value, b"Content-Type: text/plain");
        assert!(!body.multipart_strict_error() && !body.multipart.unmatched_boundary);
    }

    #[test]
    fn flags_and_errors() {
        let good = part("name=a", "1");
        let end = "--B--\r\n";
        for (body, flags, error) in [
            (format!("{good}{end}"), "", ""),
            (format!("{good}--B--"), "", ""),
            (String::new(), "", ""),
            (format!("x\r\n{good}{end}"), "data_before", ""),
            (format!("\r\n{good}{end}"), "data_before", ""),
            (format!("{good}{end}x"), "data_after", ""),
            (good.replace('\r', "") + "--B--\n", "lf_line", ""),
            (good.clone() + "--B--\n", "lf_line crlf_lf_lines", ""),
            (good.clone(), "", "the final multipart boundary is missing"),
            ("x=1".to_owned(), "data_before", "no multipart boundary in the body"),
            (good.clone() + "--BC\r\n", "", "text after a multipart boundary"),
            (format!("{good}--B \r\n{end}"), "invalid_part", "white space after a multipart boundary"),
            (format!("{good}-- B\r\n{end}"), "", "white space before a multipart boundary"),
            (format!("{good}--C\r\n"), "unmatched_boundary", "the final multipart boundary is missing"),
            (format!("{good}--C\r\n{end}"), "", ""),
            (format!("--B\r\nA: b\r\n\r\nc\r\n{end}"), "invalid_part", "a part without Content-Disposition"),
            (
                format!("{}{end}", part("name=a\r\n b", "1")),
                "header_folding",
                "expected `;` between parameters of a Content-Disposition",
            ),
            (format!("--B\r\nA\r\n{end}"), "invalid_part", "a part header without a colon"),
            (
                format!("--B\r\n\u{e}A: b\r\n{end}"),
                "invalid_part",
                "Multipart parsing error: Multipart: Invalid part header (contains invalid character)",
            ),
            (
                format!("--B\r\nA : b\r\n{end}"),
                "invalid_part",
                "Multipart parsing error: Multipart: Invalid part header (contains invalid character)",
            ),
        ] {
            let (found, inspection) = read(&body);
            let debug = format!("{:?}", found.multipart);
            let set: Vec<&str> = debug
                .split(['{', ',', '}'])
                .filter_map(|field| field.trim().strip_suffix(": true"))
                .collect();
            let mut expected: Vec<&str> = flags.split(' ').filter(|flag| !flag.is_empty()).collect();
            expected.sort_unstable();
            assert_eq!(set, expected, "{body:?}");
            assert_eq!(found.error.map(|error| error.message).unwrap_or_default(), error, "{body:?}");
            assert_eq!(inspection.is_complete(), error.is_empty());
        }
    }

    #[test]
    fn sees_what_it_cannot_name() {
        let (good, end) = (part("name=a", "1"), "--B--\r\n");
        for (text, arguments) in [
            ("--B\r\n\r\n<x>\r\n--B--\r\n".to_owned(), "[=<x>]"),
            (format!(" \r\n<x>\r\ny\r\n{good}{end}"), r"[=<x>\r\ny, a=1]"),
            (format!("{good}{end}\r\n<x>"), "[a=1, =<x>]"),
            (format!("{good}{end}\r\n"), "[a=1]"),
            (format!("--B\r\n<x>\r\n{good}{end}"), r"[=<x>\n, a=1]"),
            (format!("{good}--B\r\n<x>"), "[a=1, =<x>]"),
            ("<x>".to_owned(), "[=<x>]"),
        ] {
            let (body, _) = read(&text);
            assert_eq!(format!("{:?}", body.arguments), arguments, "{text:?}");
        }
        let (body, inspection) = read_whole(Processor::Multipart, "multipart/form-data", b"--B\r\n<x>");
        assert_eq!(format!("{:?}", body.arguments), r"[=--B\r\n<x>]");
        assert!(!inspection.is_complete());
    }
}
