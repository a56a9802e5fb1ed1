//! JSON, flattened to arguments: `{"a":[{"b":1}]}` is `json.a.0.b=1`.
//!
//! Names are those CRS expects. As in ModSecurity v3 `null` is an empty value, numbers and booleans are
//! as written, duplicate keys are kept. One thing is added: an empty container under a key becomes an
//! empty argument, because otherwise no rule would see the key. A top-level scalar is `json`.
//!
//! Grammar is RFC 8259. What breaks it but leaves no doubt about the meaning (control characters in a
//! string, unknown escapes) sets the error and is read on; anything else ends the parsing, and the
//! rest is the value of one more argument, as written: another parser might go on. Bytes of strings are passed on even when they are not UTF-8.

mod number;
mod path;
mod string;

use number::Number;
use path::{Frame, Path};
use string::Unescape;

use super::reader::{Parse, Step};
use super::segment::{Place, Sink};
use crate::{Limits, Shortfall};

/// A JSON text (or lines of them), between two bytes.
#[derive(Debug)]
pub(super) struct Json {
    state: State,
    path: Path,
    /// Whether each line is a value of its own.
    lines: bool,
    line: u64,
    values: usize,
    depth_max: usize,
    values_max: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// At the start of the text, within a byte order mark.
    Mark(u8),
    /// Before a value.
    Value,
    /// After `[`.
    ValueOrEnd,
    /// After `{`.
    KeyOrEnd,
    /// After `,` in an object.
    Key,
    InKey(Unescape),
    Colon,
    InString(Unescape),
    InNumber(Number),
    /// In `true`, `false` or `null`, of which so many bytes came.
    InLiteral(&'static [u8], usize),
    /// After a value.
    CommaOrEnd,
    /// Nothing more is parsed, or not before the next line: the rest is an argument, which still has to be
    /// opened.
    Failing,
    /// What comes is the value of that argument. The last byte of it was a backslash, or not.
    Failed(bool),
}

const TOOK: Step = Step::Took(1);
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

impl Json {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            state: State::Mark(0),
            path: Path::default(),
            lines: false,
            line: 0,
            values: 0,
            depth_max: limits.json_depth_max,
            values_max: limits.json_values_max,
        }
    }

    pub(super) fn lines(limits: &Limits) -> Self {
        Self { lines: true, ..Self::new(limits) }
    }
}

impl Parse for Json {
    fn step(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        let byte = rest[0];
        if self.lines && byte == b'\n' {
            return self.next_line(sink);
        }
        match self.state {
            State::Mark(seen) => self.mark(seen, byte, sink),
            State::Failing => {
                if self.open_rest(sink) {
                    Step::Again
                } else {
                    Step::Full
                }
            }
            State::Failed(escaped) => self.rest(escaped, rest, sink),
            State::InString(unescape) => self.string(unescape, byte, rest, sink),
            State::InKey(unescape) => self.key(unescape, byte, sink),
            State::InNumber(number) => self.number(number, byte, sink),
            State::InLiteral(text, seen) => self.literal(text, seen, byte, sink),
            _ if b" \t\r\n".contains(&byte) => TOOK,
            State::Value => self.value(byte, sink),
            State::ValueOrEnd if byte == b']' => self.end(sink, true),
            State::ValueOrEnd => self.value(byte, sink),
            State::KeyOrEnd if byte == b'}' => self.end(sink, true),
            State::KeyOrEnd | State::Key => self.begin_key(byte, sink),
            State::Colon if byte == b':' => self.go(State::Value),
            State::Colon => self.fail(sink, "expected `:` after a JSON key"),
            State::CommaOrEnd => self.after_value(byte, sink),
        }
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> bool {
        self.end_line(sink)
    }
}

impl Json {
    fn go(&mut self, state: State) -> Step {
        self.state = state;
        TOOK
    }

    fn fail(&mut self, sink: &mut Sink<'_>, message: &str) -> Step {
        self.give_up(sink, Shortfall::BodyMalformed, message)
    }

    fn give_up(&mut self, sink: &mut Sink<'_>, shortfall: Shortfall, message: &str) -> Step {
        sink.fail(shortfall, message);
        sink.close(Place::Argument);
        // The key that is being read, or whose value is awaited, is the name of the rest.
        if matches!(self.state, State::KeyOrEnd | State::Key | State::ValueOrEnd | State::CommaOrEnd) {
            self.path.surround(self.lines.then_some(self.line), sink);
        } else {
            self.path.locate(self.lines.then_some(self.line), sink);
        }
        self.state = State::Failing;
        Step::Again
    }

    /// Opens the argument that what is not parsed becomes.
    fn open_rest(&mut self, sink: &mut Sink<'_>) -> bool {
        let opened = sink.open(Place::Argument, self.path.name());
        if opened {
            self.state = State::Failed(false);
        }
        opened
    }

    /// Takes what is not parsed as it is. Where it is escaped, or not in UTF-8, rules cannot read it.
    fn rest(&mut self, mut escaped: bool, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        let line_end = if self.lines { rest.iter().position(|byte| *byte == b'\n') } else { None };
        let taken = sink.extend(Place::Argument, &rest[..line_end.unwrap_or(rest.len())]);
        if taken == 0 {
            return Step::Full;
        }
        for byte in &rest[..taken] {
            if *byte == 0 || (escaped && b"ux".contains(byte)) {
                sink.note(Shortfall::BodyEncoding);
            }
            escaped = *byte == b'\\' && !escaped;
        }
        self.state = State::Failed(escaped);
        Step::Took(taken)
    }

    /// Passes over a byte order mark (RFC 8259 section 8.1 allows to).
    fn mark(&mut self, seen: u8, byte: u8, sink: &mut Sink<'_>) -> Step {
        if BYTE_ORDER_MARK.get(usize::from(seen)) == Some(&byte) {
            return self.go(State::Mark(seen + 1));
        }
        self.state = State::Value;
        if matches!(byte, 0xfe | 0xff) {
            return self.give_up(sink, Shortfall::BodyEncoding, "JSON in UTF-16 or UTF-32");
        }
        Step::Again
    }

    fn value(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        if self.values >= self.values_max {
            let message = format!("more than {} JSON values", self.values_max);
            return self.give_up(sink, Shortfall::JsonValues, &message);
        }
        match byte {
            b'{' => self.begin(Frame::Object { base: 0 }, State::KeyOrEnd, sink),
            b'[' => self.begin(Frame::Array { base: 0, index: 0 }, State::ValueOrEnd, sink),
            b'"' if self.open(sink) => self.go(State::InString(Unescape::default())),
            b'-' | b'0'..=b'9' if self.open(sink) => {
                self.state = State::InNumber(Number::Start);
                Step::Again
            }
            b'"' | b'-' | b'0'..=b'9' => Step::Full,
            b't' => self.go(State::InLiteral(b"true", 1)),
            b'f' => self.go(State::InLiteral(b"false", 1)),
            b'n' => self.go(State::InLiteral(b"null", 1)),
            _ => self.fail(sink, "expected a JSON value"),
        }
    }

    /// Opens the argument of the value that begins here.
    fn open(&mut self, sink: &mut Sink<'_>) -> bool {
        self.path.locate(self.lines.then_some(self.line), sink);
        sink.open(Place::Argument, self.path.name())
    }

    fn begin(&mut self, frame: Frame, state: State, sink: &mut Sink<'_>) -> Step {
        if self.path.depth() >= self.depth_max {
            let message = format!("JSON nested deeper than {} levels", self.depth_max);
            return self.give_up(sink, Shortfall::JsonDepth, &message);
        }
        self.values += 1;
        self.path.locate(self.lines.then_some(self.line), sink);
        self.path.enter(frame);
        self.go(state)
    }

    /// Leaves a container, which is `empty` or not.
    fn end(&mut self, sink: &mut Sink<'_>, empty: bool) -> Step {
        if empty && self.path.container_has_key() {
            if !sink.open(Place::Argument, self.path.container_name()) {
                return Step::Full;
            }
            sink.close(Place::Argument);
        }
        self.path.leave();
        self.go(State::CommaOrEnd)
    }

    fn begin_key(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        if byte != b'"' {
            return self.fail(sink, "expected a JSON key");
        }
        self.path.begin_key(sink);
        self.go(State::InKey(Unescape::default()))
    }

    fn key(&mut self, mut unescape: Unescape, byte: u8, sink: &mut Sink<'_>) -> Step {
        let mut decoded = string::Decoded::default();
        let ended = unescape.push(byte, &mut decoded, sink);
        self.path.grow_key(decoded.bytes(), sink);
        self.go(if ended { State::Colon } else { State::InKey(unescape) })
    }

    fn string(&mut self, mut unescape: Unescape, byte: u8, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        if unescape.is_idle() {
            let plain = rest.iter().position(|byte| *byte < b' ' || b"\"\\".contains(byte));
            let plain = plain.unwrap_or(rest.len());
            if plain > 0 {
                let accepted = sink.extend(Place::Argument, &rest[..plain]);
                return if accepted == 0 { Step::Full } else { Step::Took(accepted) };
            }
        }
        if !sink.has_room() {
            return Step::Full;
        }
        let mut decoded = string::Decoded::default();
        let ended = unescape.push(byte, &mut decoded, sink);
        sink.append(Place::Argument, decoded.bytes());
        self.state = State::InString(unescape);
        if ended {
            self.end_scalar(sink);
        }
        TOOK
    }

    fn number(&mut self, mut number: Number, byte: u8, sink: &mut Sink<'_>) -> Step {
        if !sink.has_room() {
            return Step::Full;
        }
        if number.push(byte) {
            sink.append(Place::Argument, &[byte]);
            return self.go(State::InNumber(number));
        }
        if !number.is_complete() {
            return self.fail(sink, "expected a digit in a JSON number");
        }
        self.end_scalar(sink);
        Step::Again
    }

    fn literal(&mut self, text: &'static [u8], seen: usize, byte: u8, sink: &mut Sink<'_>) -> Step {
        if text.get(seen) != Some(&byte) {
            return self.fail(sink, "expected `true`, `false` or `null`");
        }
        if seen + 1 < text.len() {
            return self.go(State::InLiteral(text, seen + 1));
        }
        if !self.open(sink) {
            return Step::Full;
        }
        sink.append(Place::Argument, if text == b"null" { b"" } else { text });
        self.end_scalar(sink);
        TOOK
    }

    fn end_scalar(&mut self, sink: &mut Sink<'_>) {
        sink.close(Place::Argument);
        self.values += 1;
        self.path.next();
        self.state = State::CommaOrEnd;
    }

    fn after_value(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        match (self.path.frame(), byte) {
            (None, _) => self.fail(sink, "expected nothing after the JSON value"),
            (Some(Frame::Array { .. }), b',') => self.go(State::Value),
            (Some(Frame::Object { .. }), b',') => self.go(State::Key),
            (Some(Frame::Array { .. }), b']') | (Some(Frame::Object { .. }), b'}') => self.end(sink, false),
            _ => self.fail(sink, "expected `,` or the end of a JSON array or object"),
        }
    }

    /// Ends what is open at the end of a line or of the body; `false` when that needs an empty segment.
    fn end_line(&mut self, sink: &mut Sink<'_>) -> bool {
        if let State::InNumber(number) = self.state
            && number.is_complete()
        {
            self.end_scalar(sink);
        }
        match self.state {
            State::Failing | State::Failed(_) | State::Mark(_) => {}
            // The text of a string is an argument already, and half a word or number says nothing more.
            State::InString(_) | State::InNumber(_) | State::InLiteral(..) => {
                sink.malformed(ENDS_EARLY);
                self.state = State::Failed(false);
            }
            State::CommaOrEnd | State::Value if self.path.depth() == 0 => {}
            _ => {
                self.fail(sink, ENDS_EARLY);
            }
        }
        if matches!(self.state, State::Failing) && !self.open_rest(sink) {
            return false;
        }
        if matches!(self.state, State::Failed(_)) {
            sink.close(Place::Argument);
        }
        true
    }

    fn next_line(&mut self, sink: &mut Sink<'_>) -> Step {
        if !self.end_line(sink) {
            return Step::Full;
        }
        let blank = matches!(self.state, State::Value | State::Mark(_));
        self.line += u64::from(!blank);
        self.path.clear();
        self.go(State::Value)
    }
}

const ENDS_EARLY: &str = "expected more of a JSON value, found the end";

#[cfg(test)]
mod tests {
    use crate::body::properties::read_whole;
    use crate::{Processor, Shortfall};

    #[track_caller]
    fn check(processor: Processor, json: &str, arguments: &str, error: Option<(&str, u64)>) {
        let (body, inspection) = read_whole(processor, "", json.as_bytes());
        assert_eq!(format!("{:?}", body.arguments), arguments, "{json}");
        let found = body.error.as_ref().map(|error| (error.message.as_str(), error.offset));
        assert_eq!(found, error, "{json}");
        assert_eq!(inspection.is_complete(), error.is_none());
        assert_eq!(body.raw, json.as_bytes());
    }

    #[test]
    fn flattens() {
        for (json, arguments) in [
            ("", "[]"),
            (" \r\n", "[]"),
            // Half a surrogate pair is left out.
            (
                r#"{"a\udc00":"x\ud800y\ud83d\ude00\ud800\u0041\ud800\n\ud83d"}"#,
                r"[json.a=xy\xf0\x9f\x98\x80A\n]",
            ),
            (
                r#"{"a":{"b":["x",{"c":1.5e-3}]},"d":true}"#,
                "[json.a.b.0=x, json.a.b.1.c=1.5e-3, json.d=true]",
            ),
            ("[1,[-2,0],null]", "[json.0=1, json.1.0=-2, json.1.1=0, json.2=]"),
            ("\u{feff}\"x\"", "[json=x]"),
            ("12", "[json=12]"),
            (r#"{"a":1,"a":2}"#, "[json.a=1, json.a=2]"),
            (r#"{"<x>":{},"b":[],"":false}"#, "[json.<x>=, json.b=, json.=false]"),
            ("[[],{}]", "[]"),
            (r#"["\u003cb\/\n\ud83d\ude00\""]"#, r#"[json.0=<b/\n\xf0\x9f\x98\x80\"]"#),
            (r#"{"\u0061":1}"#, "[json.a=1]"),
        ] {
            check(Processor::Json, json, arguments, None);
        }
    }

    #[test]
    fn says_where_it_breaks() {
        for (json, arguments, message, offset) in [
            ("{a:1}", "[json=a:1}]", "expected a JSON key", 1),
            (r#"{"a" 1}"#, "[json.a=1}]", "expected `:` after a JSON key", 5),
            (r#"{"a":"x","b":<s>}"#, "[json.a=x, json.b=<s>}]", "expected a JSON value", 13),
            ("[1 2]", "[json.0=1, json=2]]", "expected `,` or the end of a JSON array or object", 3),
            ("[1]]", "[json.0=1, json=]]", "expected nothing after the JSON value", 3),
            ("[01]", "[json.0=0, json=1]]", "expected `,` or the end of a JSON array or object", 2),
            ("[1.]", "[json.0=1., json.0=]]", "expected a digit in a JSON number", 3),
            ("[tru", "[]", "expected more of a JSON value, found the end", 4),
            (r#""x"#, "[json=x]", "expected more of a JSON value, found the end", 2),
            (r#"{"<x>"#, "[json.<x>=]", "expected more of a JSON value, found the end", 5),
            (r#"{"<x>""#, "[json.<x>=]", "expected more of a JSON value, found the end", 6),
            (r#"[{"a":1},"#, "[json.0.a=1, json.1=]", "expected more of a JSON value, found the end", 9),
            (r#"{"a":{'b':"<x>"}"#, r#"[json.a=\'b\':\"<x>\"}]"#, "expected a JSON key", 6),
            ("truX<x>", "[json=X<x>]", "expected `true`, `false` or `null`", 3),
            ("\"a\tb\"", "[json=a\\tb]", "a control character in a JSON string", 2),
            (r#""\x\ud800y""#, "[json=xy]", "an unknown escape in a JSON string", 2),
        ] {
            check(Processor::Json, json, arguments, Some((message, offset)));
        }
    }

    #[test]
    fn reads_lines() {
        check(Processor::NdJson, "{\"a\":1}\n\n[2]\r\n3", "[json.0.a=1, json.1.0=2, json.2=3]", None);
        let error = Some(("expected more of a JSON value, found the end", 5));
        check(Processor::NdJson, "{\"a\":\n{\"b\":\"x\"}\n", "[json.0.a=, json.1.b=x]", error);
        let error = Some(("expected a JSON value", 5));
        check(Processor::NdJson, "{\"a\":<x>\n2\n", "[json.0.a=<x>, json.1=2]", error);
    }

    #[test]
    fn says_what_rules_cannot_read() {
        for (json, unread) in [
            (r#"{"a":1' or 1=1}"#, false),
            (r#"{"a":\u0027}"#, true),
            (r#"{"a":'\x27 or 1=1'}"#, true),
            (r#"{"a":'c:\\users'}"#, false),
            ("\u{feff}{}", false),
            ("{\0\"\0a\0", true),
            ("\0{\0\"\0a", true),
        ] {
            let (_, inspection) = read_whole(Processor::Json, "", json.as_bytes());
            assert_eq!(inspection.has(Shortfall::BodyEncoding), unread, "{json:?}");
        }
        for mark in [b"\xff\xfe{\0", b"\xfe\xff\0{"] {
            let (body, inspection) = read_whole(Processor::Json, "", mark);
            assert!(inspection.has(Shortfall::BodyEncoding));
            assert_eq!(body.arguments.len(), 1);
        }
    }

    #[test]
    fn stops_at_its_bounds() {
        for (json, shortfall) in [
            ("[".repeat(129) + "<x>", Shortfall::JsonDepth),
            (format!("[{}<x>]", "[],".repeat(100_000)), Shortfall::JsonValues),
        ] {
            let headers = [("Content-Type", "")];
            let limits = crate::Limits { segment_bytes_max: 1 << 20, ..crate::Limits::default() };
            let (segments, inspection) =
                crate::body::properties::read(Processor::Json, &headers, json.as_bytes(), &[], &limits);
            assert!(inspection.has(shortfall));
            assert!(segments[0].error.is_some());
            let rest = segments[0].arguments.last().expect("the rest").value;
            assert!(rest.windows(3).any(|window| window == b"<x>"));
        }
    }
}
