//! XML: text nodes and attribute values, named by their paths.
//!
//! A text node is one field of `xml_text`, together with the CDATA sections in it and over the comments
//! in it; white space before it is left out. Comments and processing instructions are fields of
//! `xml_attributes` named `path/!--` and `path/?`, and the document type with its internal subset is
//! a field `!DOCTYPE` of `xml_text`: nothing is ever expanded, and rules can see what an attacker would
//! like to be.
//!
//! What is not well-formed sets the error, and the parsing goes on where a lenient parser would; names that
//! are no names, or never end, are values of `xml_attributes` too. What is not parsed at all is text.

mod doctype;
mod elements;
mod entity;

use doctype::Doctype;
use elements::Elements;
use entity::Reference;

use super::reader::{Parse, Step};
use super::segment::{Place, Sink};
use crate::{Limits, Shortfall};

/// An XML document, between two bytes.
#[derive(Debug)]
pub(super) struct Xml {
    state: State,
    elements: Elements,
    /// The name of an element or attribute, or what follows `<!`, so far.
    name: Vec<u8>,
    reference: Reference,
    /// Whether a text node is open.
    in_text: bool,
    depth_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Comment,
    Data,
    Instruction,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// At the start of the document, within a byte order mark.
    Mark(u8),
    Text,
    /// After `&` in a text, or in a value with this quote.
    Reference(Option<u8>),
    /// After `<`.
    Tag,
    ElementName,
    /// In a start tag, between attributes.
    InTag,
    /// After `/` in a start tag.
    EmptyTag,
    AttributeName,
    /// After the name of an attribute.
    Equals,
    /// After `=`.
    ValueStart,
    /// In a value with this quote; without one the quote is a space.
    Value(u8),
    CloseName,
    /// After `<!`.
    Declaration,
    Doctype(Doctype),
    /// In a comment, a CDATA section or an instruction, of whose end so many bytes came.
    Section(Ends, usize),
    /// Nothing more is parsed: what comes is text, whose node still has to be opened.
    Failing,
    /// What comes is text.
    Failed,
    /// All is said.
    Ended,
}

const TOOK: Step = Step::Took(1);
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

impl Xml {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            state: State::Mark(0),
            elements: Elements::default(),
            name: Vec::new(),
            reference: Reference::default(),
            in_text: false,
            depth_max: limits.xml_depth_max,
        }
    }
}

impl Parse for Xml {
    fn step(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        let byte = rest[0];
        if !sink.has_room() {
            return Step::Full;
        }
        match self.state {
            State::Mark(seen) => self.mark(seen, byte, sink),
            State::Text => self.text(byte, rest, sink),
            State::Reference(quote) => self.reference(quote, byte, sink),
            State::Tag => self.tag(byte, sink),
            State::ElementName => self.element_name(byte, sink),
            State::InTag => self.in_tag(byte, sink),
            State::EmptyTag => self.empty_tag(byte, sink),
            State::AttributeName => self.attribute_name(byte, sink),
            State::Equals => self.equals(byte, sink),
            State::ValueStart => self.value_start(byte, sink),
            State::Value(quote) => self.value(quote, byte, rest, sink),
            State::CloseName => self.close_name(byte, sink),
            State::Declaration => self.declaration(byte, sink),
            State::Doctype(doctype) => self.doctype(doctype, byte, sink),
            State::Section(ends, seen) => self.section(ends, seen, byte, sink),
            State::Failing if sink.open(Place::XmlText, self.elements.path()) => self.again(State::Failed),
            State::Failing => Step::Full,
            State::Failed => Step::Took(sink.extend(Place::XmlText, rest)),
            State::Ended => Step::Took(rest.len()),
        }
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> bool {
        if !sink.has_room() {
            return false;
        }
        if let State::Reference(quote) = self.state {
            return matches!(self.end_reference(quote, false, sink), Step::Again) && self.finish(sink);
        }
        let unended = matches!(self.state, State::ElementName | State::AttributeName | State::CloseName);
        if unended && !self.odd_name(sink) {
            return false;
        }
        let failed = matches!(self.state, State::Failing | State::Failed);
        let complete = failed || (self.elements.depth() == 0 && matches!(self.state, State::Text));
        if sink.offset > 0 && !complete {
            sink.malformed("the XML document ends too early");
        } else if sink.offset > 0 && !self.elements.rooted {
            sink.malformed("an XML document without a root element");
        }
        [Place::XmlText, Place::XmlAttribute].into_iter().for_each(|place| sink.close(place));
        self.state = State::Ended;
        true
    }
}

impl Xml {
    fn go(&mut self, state: State) -> Step {
        self.state = state;
        TOOK
    }

    fn again(&mut self, state: State) -> Step {
        self.state = state;
        Step::Again
    }

    fn give_up(&mut self, shortfall: Shortfall, message: &str, sink: &mut Sink<'_>) -> Step {
        sink.fail(shortfall, message);
        [Place::XmlText, Place::XmlAttribute].into_iter().for_each(|place| sink.close(place));
        self.again(State::Failing)
    }

    /// Shows what stands where a name should as a value, because rules read no names of elements.
    fn odd_name(&mut self, sink: &mut Sink<'_>) -> bool {
        sink.field(Place::XmlAttribute, b"/?", &self.name)
    }

    fn mark(&mut self, seen: u8, byte: u8, sink: &mut Sink<'_>) -> Step {
        if BYTE_ORDER_MARK.get(usize::from(seen)) == Some(&byte) {
            return self.go(State::Mark(seen + 1));
        }
        if matches!(byte, 0 | 0xfe | 0xff) {
            return self.give_up(Shortfall::BodyEncoding, "XML in UTF-16 or UTF-32", sink);
        }
        self.again(State::Text)
    }

    fn text(&mut self, byte: u8, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        match byte {
            b'<' => self.go(State::Tag),
            b'&' => self.go(State::Reference(None)),
            _ if !self.in_text && is_space(byte) => TOOK,
            _ if !self.open_text(sink) => Step::Full,
            _ => {
                let run = rest.iter().position(|byte| b"<&".contains(byte)).unwrap_or(rest.len());
                Step::Took(sink.extend(Place::XmlText, &rest[..run]))
            }
        }
    }

    /// Opens a text node unless one is open.
    fn open_text(&mut self, sink: &mut Sink<'_>) -> bool {
        if !self.in_text {
            if self.elements.depth() == 0 {
                sink.malformed("text outside the root element");
            }
            self.in_text = sink.open(Place::XmlText, self.elements.path());
        }
        self.in_text
    }

    fn close_text(&mut self, sink: &mut Sink<'_>) {
        self.in_text = false;
        sink.close(Place::XmlText);
    }

    /// Takes bytes as text that are no markup after all.
    fn literal(&mut self, text: &[u8], sink: &mut Sink<'_>) -> bool {
        let open = self.open_text(sink);
        if open {
            sink.append(Place::XmlText, text);
        }
        open
    }

    fn reference(&mut self, quote: Option<u8>, byte: u8, sink: &mut Sink<'_>) -> Step {
        if self.reference.push(byte) {
            return TOOK;
        }
        match self.end_reference(quote, byte == b';', sink) {
            Step::Again if byte == b';' => TOOK,
            step => step,
        }
    }

    fn end_reference(&mut self, quote: Option<u8>, complete: bool, sink: &mut Sink<'_>) -> Step {
        if quote.is_none() && !self.open_text(sink) {
            return Step::Full;
        }
        if !complete {
            sink.malformed("an XML reference without `;`");
        }
        let text = if complete { self.reference.resolve() } else { self.reference.written() };
        sink.append(if quote.is_some() { Place::XmlAttribute } else { Place::XmlText }, &text);
        self.again(quote.map_or(State::Text, State::Value))
    }

    fn tag(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        self.name.clear();
        match byte {
            b'/' => self.go(State::CloseName),
            b'!' => self.go(State::Declaration),
            b'?' => self.begin_section(Ends::Instruction, sink),
            0 => self.give_up(Shortfall::BodyEncoding, "a nul byte in an XML tag", sink),
            _ if is_name_start(byte) => self.again(State::ElementName),
            _ if self.literal(b"<", sink) => {
                sink.malformed("expected an XML tag after `<`");
                self.again(State::Text)
            }
            _ => Step::Full,
        }
    }

    fn element_name(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        if !is_space(byte) && !b"/>".contains(&byte) {
            sink.grow_name(&mut self.name, &[byte]);
            return TOOK;
        }
        if self.elements.depth() >= self.depth_max {
            let message = format!("XML nested deeper than {} levels", self.depth_max);
            return self.give_up(Shortfall::XmlDepth, &message, sink);
        }
        if self.elements.depth() == 0 && self.elements.rooted {
            sink.malformed("a second XML root element");
        }
        self.close_text(sink);
        self.elements.enter(&self.name, sink);
        self.again(State::InTag)
    }

    fn in_tag(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        match byte {
            b'>' => self.go(State::Text),
            b'/' => self.go(State::EmptyTag),
            _ if is_space(byte) => TOOK,
            _ => {
                if !is_name_start(byte) {
                    sink.malformed("expected an attribute in an XML tag");
                }
                self.name.clear();
                sink.grow_name(&mut self.name, &[byte]);
                self.go(State::AttributeName)
            }
        }
    }

    fn empty_tag(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        if byte == b'>' {
            self.elements.leave();
            return self.go(State::Text);
        }
        sink.malformed("expected `>` after `/` in an XML tag");
        self.again(State::InTag)
    }

    fn attribute_name(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        if is_space(byte) || b"=/>".contains(&byte) {
            return self.again(State::Equals);
        }
        sink.grow_name(&mut self.name, &[byte]);
        TOOK
    }

    fn equals(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        match byte {
            b'=' => self.go(State::ValueStart),
            _ if is_space(byte) => TOOK,
            _ => {
                // As in HTML: an attribute without a value.
                if !self.odd_name(sink) {
                    return Step::Full;
                }
                sink.malformed("an XML attribute without a value");
                self.again(State::InTag)
            }
        }
    }

    fn value_start(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        if is_space(byte) {
            return TOOK;
        }
        if !self.open_attribute(sink) {
            return Step::Full;
        }
        if byte == b'"' || byte == b'\'' {
            return self.go(State::Value(byte));
        }
        sink.malformed("an XML attribute value without quotes");
        self.again(State::Value(b' '))
    }

    fn open_attribute(&mut self, sink: &mut Sink<'_>) -> bool {
        let mut name = self.elements.path().to_vec();
        sink.grow_name(&mut name, b"/@");
        sink.grow_name(&mut name, &self.name);
        sink.open(Place::XmlAttribute, &name)
    }

    fn value(&mut self, quote: u8, byte: u8, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        let ends = |byte: u8| if quote == b' ' { is_space(byte) || byte == b'>' } else { byte == quote };
        if ends(byte) {
            sink.close(Place::XmlAttribute);
            self.state = State::InTag;
            return if byte == b'>' { Step::Again } else { TOOK };
        }
        if byte == b'&' {
            return self.go(State::Reference(Some(quote)));
        }
        let run = rest.iter().position(|byte| ends(*byte) || *byte == b'&').unwrap_or(rest.len());
        Step::Took(sink.extend(Place::XmlAttribute, &rest[..run]))
    }

    fn close_name(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        if byte != b'>' {
            sink.grow_name(&mut self.name, &[byte]);
            return TOOK;
        }
        if !self.elements.innermost_is(self.name.trim_ascii_end(), sink) {
            if !self.odd_name(sink) {
                return Step::Full;
            }
            sink.malformed("an XML end tag that does not match");
        }
        self.close_text(sink);
        self.elements.leave();
        self.go(State::Text)
    }

    fn declaration(&mut self, byte: u8, sink: &mut Sink<'_>) -> Step {
        // Ten bytes at most: the longest of these and one that differs.
        let known: [&[u8]; 3] = [b"--", b"[CDATA[", b"DOCTYPE"];
        let length = self.name.len();
        if !known.iter().any(|word| word.starts_with(&self.name) && word.get(length) == Some(&byte)) {
            let text = [b"<!".as_slice(), &self.name].concat();
            if !self.literal(&text, sink) {
                return Step::Full;
            }
            sink.malformed("an unknown XML declaration");
            return self.again(State::Text);
        }
        let begun = match (length, byte) {
            (1, b'-') => self.begin_section(Ends::Comment, sink),
            (6, b'[') if !self.open_text(sink) => Step::Full,
            (6, b'[') => self.go(State::Section(Ends::Data, 0)),
            (6, b'E') => self.begin_doctype(sink),
            _ => TOOK,
        };
        if let Step::Took(_) = begun {
            self.name.push(byte);
        }
        begun
    }

    fn begin_doctype(&mut self, sink: &mut Sink<'_>) -> Step {
        self.close_text(sink);
        if !sink.open(Place::XmlText, b"!DOCTYPE") {
            return Step::Full;
        }
        self.go(State::Doctype(Doctype::default()))
    }

    fn doctype(&mut self, mut doctype: Doctype, byte: u8, sink: &mut Sink<'_>) -> Step {
        if doctype.push(byte) {
            sink.close(Place::XmlText);
            return self.go(State::Text);
        }
        sink.append(Place::XmlText, &[byte]);
        self.go(State::Doctype(doctype))
    }

    /// Begins a comment or an instruction. The text node around it stays open.
    fn begin_section(&mut self, ends: Ends, sink: &mut Sink<'_>) -> Step {
        let mut name = self.elements.path().to_vec();
        sink.grow_name(&mut name, if ends == Ends::Comment { b"/!--" } else { b"/?" });
        if !sink.open(Place::XmlAttribute, &name) {
            return Step::Full;
        }
        self.go(State::Section(ends, 0))
    }

    fn section(&mut self, ends: Ends, seen: usize, byte: u8, sink: &mut Sink<'_>) -> Step {
        let (end, place): (&[u8], _) = match ends {
            Ends::Comment => (b"-->", Place::XmlAttribute),
            Ends::Data => (b"]]>", Place::XmlText),
            Ends::Instruction => (b"?>", Place::XmlAttribute),
        };
        if end.get(seen) == Some(&byte) {
            if seen + 1 < end.len() {
                return self.go(State::Section(ends, seen + 1));
            }
            if place == Place::XmlAttribute {
                sink.close(place);
            }
            return self.go(State::Text);
        }
        // What looked like the end is content, except that its last byte may still begin one.
        let repeats = seen > 0 && byte == end[0];
        sink.append(place, if repeats { &end[..1] } else { &end[..seen] });
        if !repeats {
            sink.append(place, &[byte]);
        }
        self.go(State::Section(ends, if repeats { seen } else { 0 }))
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b':' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use crate::body::properties::read_whole;
    use crate::{Processor, Shortfall};

    #[track_caller]
    fn check(xml: &str, text: &str, attributes: &str, error: &str) {
        let (body, inspection) = read_whole(Processor::Xml, "", xml.as_bytes());
        assert_eq!(format!("{:?}", body.xml_text), text, "{xml}");
        assert_eq!(format!("{:?}", body.xml_attributes), attributes, "{xml}");
        assert_eq!(body.error.map(|error| error.message).unwrap_or_default(), error, "{xml}");
        assert_eq!(inspection.is_complete(), error.is_empty(), "{xml}");
    }

    #[test]
    fn reads_text_and_attributes() {
        for (xml, text, attributes) in [
            ("", "[]", "[]"),
            ("<a/>", "[]", "[]"),
            ("\u{feff}<a b='1' c = \"2>\"> x<d/>y</a >\n", "[/a=x, /a=y]", "[/a/@b=1, /a/@c=2>]"),
            ("<a><b>&lt;&#x3c;&#60;&amp;&x;</b></a>", "[/a/b=<<<&&x;]", "[]"),
            ("<a>s<!--c-->t<![CDATA[<]]>]]></a>", "[/a=st<]]>]", "[/a/!--=c]"),
            ("<a><!-- -- --></a>", "[]", "[/a/!--= -- ]"),
            ("<a><![CDATA[]]]]]></a>", "[/a=]]]]", "[]"),
            ("<?xml version='1.0'?><a/>", "[]", "[//?=xml version=\\'1.0\\']"),
            (
                "<!DOCTYPE a [<!ENTITY e SYSTEM 'x>'><!-- ' -->]><a>&e;</a>",
                r"[!DOCTYPE= a [<!ENTITY e SYSTEM \'x>\'><!-- \' -->], /a=&e;]",
                "[]",
            ),
        ] {
            check(xml, text, attributes, "");
        }
    }

    #[test]
    fn reads_on_after_errors() {
        for (xml, text, attributes, error) in [
            ("x<a/>", "[/=x]", "[]", "text outside the root element"),
            ("<a>1</b>", "[/a=1]", "[/?=b]", "an XML end tag that does not match"),
            ("<a>1", "[/a=1]", "[]", "the XML document ends too early"),
            ("<a/><b>2</b>", "[/b=2]", "[]", "a second XML root element"),
            ("<a b=<x> c>&y </a>", "[/a=c>&y ]", "[/a/@b=<x]", "an XML attribute value without quotes"),
            ("<a b>< 1</a>", "[/a=< 1]", "[/?=b]", "an XML attribute without a value"),
            ("<a><!ELEMENT></a>", "[/a=<!ELEMENT>]", "[]", "an unknown XML declaration"),
            (" ", "[]", "[]", "an XML document without a root element"),
            ("<\0a\0", r"[/=\x00a\x00]", "[]", "a nul byte in an XML tag"),
            ("<a></a ' or 1", "[]", "[/?=a \\' or 1]", "the XML document ends too early"),
            ("<a 'x'", "[]", "[/?=\\'x\\']", "expected an attribute in an XML tag"),
            ("<a></b'x'>", "[]", "[/?=b\\'x\\']", "an XML end tag that does not match"),
        ] {
            check(xml, text, attributes, error);
        }
    }

    #[test]
    fn stops_at_its_depth() {
        let text = "<a>".repeat(129) + "<script>";
        let (body, inspection) = read_whole(Processor::Xml, "", text.as_bytes());
        assert!(inspection.has(Shortfall::XmlDepth));
        assert_eq!(body.xml_text.last().expect("the rest").value, b"><script>");
    }
}
