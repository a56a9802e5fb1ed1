//! What holds for every input; tests and fuzz targets ask the same.

use super::value::{Rest, Value, push_number, push_string, push_value};
use super::{Actions, Frame, Hello, Messages, agent_disconnect, agent_hello, disconnected, headers};

/// Whatever a frame has in it, it is read without a panic, no further than its end, and to nothing that is not in it; what
/// was understood is understood again when it is written anew.
pub fn check_frame(input: &[u8]) {
    let Ok(frame) = Frame::read(input) else { return };
    assert!(is_within(frame.payload, input));
    let _ = disconnected(frame.payload);
    if let Ok(hello) = Hello::read(frame.payload) {
        assert!(hello.frame_bytes_max >= 256);
        check_answer(&agent_hello(&hello, FRAME_BYTES), 101, FRAME_BYTES);
    }
    let mut answer = Actions::about(frame.stream, frame.id, FRAME_BYTES);
    for message in Messages::of(frame.payload) {
        let Ok(message) = message else { break };
        assert!(is_within(message.name, input));
        let mut count = 0;
        for (name, value) in message.arguments() {
            count += 1;
            assert!(is_within(name, input) && value.bytes().is_none_or(|bytes| is_within(bytes, input)));
            check_written(value);
            answer.set("v", value);
        }
        assert!(count <= 255);
    }
    check_answer(&answer.into_frame(), 103, FRAME_BYTES);
    check_answer(&agent_disconnect(None), 102, FRAME_BYTES);
}

/// Headers are as many and as long as what says them at most, and are read the same when they are written anew.
pub fn check_headers(input: &[u8]) {
    let Ok(fields) = headers(input) else { return };
    assert!(fields.bytes_total() + 2 * fields.len() < input.len());
    let mut written = Vec::new();
    for field in fields.iter() {
        push_string(&mut written, field.name);
        push_string(&mut written, field.value);
    }
    written.extend_from_slice(&[0, 0]);
    assert!(written.len() <= input.len());
    assert_eq!(headers(&written), Ok(fields));
}

/// A payload with one message, as HAProxy writes it.
#[must_use]
pub fn payload(name: &[u8], arguments: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut payload = Vec::new();
    push_string(&mut payload, name);
    payload.push(u8::try_from(arguments.len()).unwrap_or(u8::MAX));
    for (name, value) in arguments.iter().take(255) {
        push_string(&mut payload, name.as_bytes());
        push_value(&mut payload, *value);
    }
    payload
}

/// Headers, as HAProxy's `req.hdrs_bin` writes them.
#[must_use]
pub fn packed_headers(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut packed = Vec::new();
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        push_string(&mut packed, text.as_bytes());
    }
    packed.extend_from_slice(&[0, 0]);
    packed
}

fn check_written(value: Value<'_>) {
    let mut written = Vec::new();
    push_value(&mut written, value);
    let mut rest = Rest(&written);
    assert_eq!(rest.value(), Ok(value));
    assert!(rest.is_empty());
    if let Value::Number(number) = value {
        let mut written = Vec::new();
        push_number(&mut written, number);
        assert_eq!(Rest(&written).number(), Ok(number));
    }
}

/// What is answered is a frame of that kind and no longer than it may be.
fn check_answer(answer: &[u8], kind: u8, most: usize) {
    let (length, frame) = answer.split_at(4);
    assert_eq!(length, u32::try_from(frame.len()).expect("short").to_be_bytes());
    assert!(frame.len() <= most);
    assert_eq!(frame[0], kind);
    assert!(Frame::read(frame).is_ok_and(|frame| frame.is_last && !frame.is_aborted));
}

fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.start >= whole.start && part.end <= whole.end
}

const FRAME_BYTES: usize = 300;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn notify(arguments: &[(String, Vec<u8>)]) -> Vec<u8> {
        let values: Vec<_> = arguments.iter().map(|(name, value)| (&**name, Value::Bytes(value))).collect();
        [&[3, 0, 0, 0, 1, 5, 1][..], &payload(b"request", &values)].concat()
    }

    proptest! {
        #[test]
        fn any_bytes(input in prop::collection::vec(any::<u8>(), 0..300)) {
            check_frame(&input);
            check_headers(&input);
        }

        #[test]
        fn any_bytes_behind_a_head(kind in 0_u8..5, input in prop::collection::vec(any::<u8>(), 0..300)) {
            check_frame(&[&[kind, 0, 0, 0, 1, 1, 1][..], &input].concat());
        }

        #[test]
        fn what_is_told_is_what_is_read(
            arguments in prop::collection::vec(("[a-z_]{0,8}", prop::collection::vec(any::<u8>(), 0..300)), 0..9),
        ) {
            let written = notify(&arguments);
            check_frame(&written);
            let frame = Frame::read(&written).expect("a frame");
            let message = Messages::of(frame.payload).next().expect("a message").expect("well formed");
            let read: Vec<_> = message
                .arguments()
                .map(|(name, value)| {
                    (String::from_utf8_lossy(name).into_owned(), value.bytes().expect("bytes").to_vec())
                })
                .collect();
            prop_assert_eq!(read, arguments);
            // Less of it is nothing else.
            for end in 0..written.len() {
                check_frame(&written[..end]);
            }
        }

        #[test]
        fn headers_are_what_they_were(
            fields in prop::collection::vec(("[a-z-]{1,9}", prop::collection::vec(any::<u8>(), 0..300)), 0..9),
        ) {
            let mut written = Vec::new();
            for (name, value) in &fields {
                push_string(&mut written, name.as_bytes());
                push_string(&mut written, value);
            }
            written.extend_from_slice(&[0, 0]);
            check_headers(&written);
            prop_assert_eq!(headers(&written), Ok(fields.into_iter().collect()));
        }
    }
}
