//! What HAProxy tells of a stream: messages with named values, and a request's headers in one of them.

use super::Wrong;
use super::value::{Rest, Value};
use crate::Fields;

/// The messages of one NOTIFY, in order. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Messages<'m>(Rest<'m>);

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// Its name in HAProxy's configuration.
    pub name: &'m [u8],
    arguments: Rest<'m>,
}

impl<'m> Messages<'m> {
    /// Of a whole payload.
    #[must_use]
    pub fn of(payload: &'m [u8]) -> Self {
        Self(Rest(payload))
    }

    fn read(&mut self) -> Result<Message<'m>, Wrong> {
        let name = self.0.string()?;
        let count = self.0.byte()?;
        let all = self.0.0;
        for _ in 0..count {
            self.0.pair()?;
        }
        let arguments = Rest(&all[..all.len() - self.0.0.len()]);
        Ok(Message { name, arguments })
    }
}

impl<'m> Iterator for Messages<'m> {
    type Item = Result<Message<'m>, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.0 = Rest(&[]);
        }
        Some(read)
    }
}

impl<'m> Message<'m> {
    /// Its arguments, in the order of HAProxy's configuration.
    #[must_use]
    pub fn arguments(&self) -> Arguments<'m> {
        Arguments(self.arguments)
    }
}

/// The arguments of a message: names, which may be empty or there twice, and values.
#[derive(Clone, Debug)]
pub struct Arguments<'a>(Rest<'a>);

impl<'a> Iterator for Arguments<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        // They were read once, to know where the message ends.
        (!self.0.is_empty()).then(|| self.0.pair().ok()).flatten()
    }
}

/// The headers that HAProxy's `req.hdrs_bin` gives: names and values, each with its length, and at the end two that are empty.
///
/// # Errors
/// [`Wrong::Invalid`] where they end before their end, or something is behind it.
pub fn headers(bytes: &[u8]) -> Result<Fields, Wrong> {
    let mut rest = Rest(bytes);
    let mut fields = Fields::new();
    fields.reserve(bytes.len(), bytes.len() / USUAL_HEADER_BYTES);
    loop {
        let (name, value) = (rest.string()?, rest.string()?);
        if name.is_empty() && value.is_empty() {
            return if rest.is_empty() { Ok(fields) } else { Err(Wrong::Invalid) };
        }
        fields.push(name, value);
    }
}

/// For the room that is made (bytes): name and value of a usual header.
const USUAL_HEADER_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_headers() {
        let shown = |bytes: &[u8]| headers(bytes).map(|fields| format!("{fields:?}"));
        for (bytes, expected) in [
            (&b"\x00\x00"[..], Ok("[]")),
            (b"\x01a\x02bc\x01a\x00\x00\x00", Ok("[a=bc, a=]")),
            (b"\x00\x01x\x00\x00", Ok("[=x]")),
            (b"\x01a\x02bc", Err(Wrong::Invalid)),
            (b"\x01a\x02bc\x00", Err(Wrong::Invalid)),
            (b"\x00\x00\x00", Err(Wrong::Invalid)),
            (b"\x01a\xf0\xff\xff\x7fbc\x00\x00", Err(Wrong::Invalid)),
            (b"", Err(Wrong::Invalid)),
        ] {
            assert_eq!(shown(bytes), expected.map(str::to_owned), "{bytes:?}");
        }
    }

    #[test]
    fn reads_messages_with_what_is_in_them() {
        let payload = b"\x01m\x02\x01a\x03\x07\x00\x08\x01x\x01n\x00";
        let found: Vec<_> = Messages::of(payload)
            .map(|message| {
                let message = message.expect("well formed");
                (message.name, message.arguments().collect::<Vec<_>>())
            })
            .collect();
        let first = vec![(&b"a"[..], Value::Number(7)), (b"", Value::Bytes(b"x"))];
        assert_eq!(found, [(&b"m"[..], first), (b"n", vec![])]);
        let counts_more = b"\x01m\x03\x01a\x03\x07\x00\x08\x01x";
        assert!(Messages::of(counts_more).eq_by_error());
    }

    impl Messages<'_> {
        /// Whether there is an error and nothing else.
        fn eq_by_error(mut self) -> bool {
            self.next().is_some_and(|it| it.is_err()) && self.next().is_none()
        }
    }
}
