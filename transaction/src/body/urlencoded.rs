//! `application/x-www-form-urlencoded`, as ModSecurity v3 splits it: pairs at `&`, a name ends at the
//! first `=`, an empty pair is none.

use super::reader::{Parse, Step};
use super::segment::{Place, Sink};
use crate::decode::percent::FormDecoder;

/// Bytes decoded in one go, once one of them needs it (bytes).
const DECODED_AT_ONCE: usize = 256;

/// What one byte decodes to at most, with what was held back (bytes).
const DECODED_BYTES_MAX: usize = 3;

/// A form, between two bytes.
#[derive(Debug, Default)]
pub(super) struct UrlEncoded {
    in_value: bool,
    /// Whether the current pair has any byte.
    begun: bool,
    name: Vec<u8>,
    decoder: FormDecoder,
    /// What one byte decodes to.
    decoded: Vec<u8>,
}

impl Parse for UrlEncoded {
    fn step(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        let byte = rest[0];
        let taken = if self.in_value { self.value(byte, rest, sink) } else { self.name(byte, rest, sink) };
        if taken == 0 { Step::Full } else { Step::Took(taken) }
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> bool {
        sink.has_room() && self.end_pair(sink)
    }
}

impl UrlEncoded {
    fn name(&mut self, byte: u8, rest: &[u8], sink: &mut Sink<'_>) -> usize {
        match byte {
            b'=' => {
                self.flush_name(sink);
                self.in_value = sink.open(Place::Argument, &self.name);
                usize::from(self.in_value)
            }
            b'&' => usize::from(self.end_pair(sink)),
            _ if !self.has_name_room(sink) => 0,
            _ => {
                self.begun = true;
                let count = self.decided(rest, sink);
                self.decoded.clear();
                self.decoder.push_all(&rest[..count], &mut self.decoded);
                sink.grow_name(&mut self.name, &self.decoded);
                count
            }
        }
    }

    /// How many bytes of a name, which has room for one, are taken at once: those that mean one byte each, or one that does
    /// not.
    fn decided(&self, rest: &[u8], sink: &Sink<'_>) -> usize {
        if self.decoder != FormDecoder::Idle {
            return 1;
        }
        let plain = memchr::memchr3(b'&', b'%', b'=', rest).unwrap_or(rest.len());
        let room = (sink.bounds.name_bytes + 1).saturating_sub(self.name.len() + DECODED_BYTES_MAX);
        plain.min(room).max(1)
    }

    /// Makes room for what a byte decodes to. A name that is too long becomes several arguments, each
    /// with the end of the one before: text sent as a form is a name, and seen to its end. Nothing of it
    /// goes uninspected, so that is no [`crate::Shortfall`].
    fn has_name_room(&mut self, sink: &mut Sink<'_>) -> bool {
        if self.name.len() + DECODED_BYTES_MAX <= sink.bounds.name_bytes {
            return true;
        }
        let opened = sink.open(Place::Argument, &self.name);
        if opened {
            sink.close(Place::Argument);
            let overlap = sink.bounds.overlap_bytes.min(self.name.len() / 2);
            self.name.drain(..self.name.len() - overlap);
        }
        opened
    }

    /// Takes a run of plain bytes, or decodes what is not plain.
    fn value(&mut self, byte: u8, rest: &[u8], sink: &mut Sink<'_>) -> usize {
        if self.decoder == FormDecoder::Idle {
            let plain = memchr::memchr3(b'&', b'%', b'+', rest).unwrap_or(rest.len());
            if plain > 0 {
                return sink.extend(Place::Argument, &rest[..plain]);
            }
        }
        if !sink.has_room() {
            return 0;
        }
        if byte == b'&' {
            return usize::from(self.end_pair(sink));
        }
        let most = sink.spare().clamp(1, DECODED_AT_ONCE).min(rest.len());
        let count = memchr::memchr(b'&', &rest[..most]).unwrap_or(most);
        self.decoded.clear();
        self.decoder.push_all(&rest[..count], &mut self.decoded);
        sink.append(Place::Argument, &self.decoded);
        count
    }

    fn end_pair(&mut self, sink: &mut Sink<'_>) -> bool {
        if self.in_value {
            self.decoded.clear();
            self.decoder.flush(&mut self.decoded);
            sink.append(Place::Argument, &self.decoded);
        } else if self.begun {
            self.flush_name(sink);
            if !sink.open(Place::Argument, &self.name) {
                return false;
            }
        }
        sink.close(Place::Argument);
        (self.in_value, self.begun) = (false, false);
        self.name.clear();
        true
    }

    fn flush_name(&mut self, sink: &mut Sink<'_>) {
        self.decoded.clear();
        self.decoder.flush(&mut self.decoded);
        sink.grow_name(&mut self.name, &self.decoded);
    }
}

#[cfg(test)]
mod tests {
    use crate::Processor;
    use crate::body::properties::read_whole;

    #[test]
    fn splits_and_decodes() {
        for (form, arguments) in [
            ("", "[]"),
            ("a=1+2&b%5B%5D=%3Cx%3E&&c&=d&", "[a=1 2, b[]=<x>, c=, =d]"),
            ("a=%4&b=%&%=%zz", "[a=%4, b=%, %=%zz]"),
            ("a=b=c", "[a=b=c]"),
            ("%3d=%26", "[==&]"),
            ("x%", "[x%=]"),
        ] {
            let (body, inspection) = read_whole(Processor::UrlEncoded, "", form.as_bytes());
            assert_eq!(format!("{:?}", body.arguments), arguments, "{form}");
            assert_eq!(body.raw, form.as_bytes());
            assert!(inspection.is_complete());
        }
    }

    #[test]
    fn sees_long_names_to_their_end() {
        let text = format!("{}<script>", "x".repeat(20_000));
        let (body, inspection) = read_whole(Processor::UrlEncoded, "", text.as_bytes());
        assert!(body.arguments.last().unwrap().name.ends_with(b"xx<script>"));
        assert!(inspection.is_complete());
    }
}
