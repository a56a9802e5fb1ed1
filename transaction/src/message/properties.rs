//! What holds for every input; tests and fuzz targets ask the same.

use super::{end_of_head, request_head, response_head};
use crate::Fields;

/// However a message comes in pieces, its head ends in the same place; what is read of it is in it, and is the same whatever its body is.
pub fn check_message(input: &[u8]) {
    let whole = end_of_head(input, 0);
    let step = input.first().map_or(1, |byte| usize::from(*byte % 7) + 1);
    let (mut read, mut looked, mut pieces) = (0, 0, None);
    while pieces.is_none() && read < input.len() {
        read = (read + step).min(input.len());
        pieces = end_of_head(&input[..read], looked);
        looked = read.saturating_sub(2);
    }
    assert_eq!(pieces, whole);
    let head = &input[..whole.unwrap_or(input.len())];
    let request = request_head(head, None);
    check_fields(&request.headers, head);
    for part in [&request.method, &request.target, &request.protocol] {
        assert!(is_within(part, head));
    }
    // An empty line in front is none of a head's lines.
    if whole.is_some() && !input.first().is_some_and(u8::is_ascii_whitespace) {
        assert_eq!(request_head(input, None), request);
        assert_eq!(response_head(input), response_head(head));
    }
    let Some(response) = response_head(head) else { return };
    assert!((100..=999).contains(&response.status));
    check_fields(&response.headers, head);
}

fn check_fields(headers: &Fields, head: &[u8]) {
    let lines = head.split(|byte| *byte == b'\n').count();
    assert!(headers.iter().count() <= lines);
    for field in headers.iter() {
        assert!(is_within(field.name, head) && is_within(field.value, head));
        assert!(!field.name.contains(&b'\n') && !field.value.contains(&b'\n'));
    }
}

fn is_within(part: &[u8], whole: &[u8]) -> bool {
    part.is_empty() || memchr::memmem::find(whole, part).is_some()
}
