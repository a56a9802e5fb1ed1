use transaction::spop;

use super::*;

/// A payload with a message of these arguments.
fn message(arguments: &[(&str, Value<'_>)]) -> Whole {
    let payload = spop::properties::payload(b"request", arguments);
    Whole { stream: 1, id: 1, payload: Some(payload.into()) }
}

fn hdrs(headers: &[(&str, &str)]) -> Vec<u8> {
    spop::properties::packed_headers(headers)
}

/// A request as HAProxy tells of it; more arguments in the place of, or beside, usual ones.
fn ask(version: &str, headers: &[(&str, &str)], more: &[(&str, Value<'_>)]) -> Result<Question, Unreadable> {
    let headers = hdrs(headers);
    let usual = [
        ("method", Value::Bytes(b"POST")),
        ("target", Value::Bytes(b"/x?q=\xff")),
        ("version", Value::Bytes(version.as_bytes())),
        ("headers", Value::Bytes(&headers)),
        ("src", Value::Address([192, 0, 2, 1].into())),
        ("src_port", Value::Number(4711)),
    ];
    let usual = usual.into_iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    let arguments: Vec<_> = usual.chain(more.iter().copied()).collect();
    read(&message(&arguments), &Clients::default(), BUFFER)
}

const BUFFER: usize = 16_380;

#[test]
fn a_request_is_what_was_sent() {
    let question = ask("1.1", &[("host", "a.test"), ("x", "\u{e9}"), ("x", "")], &[]).expect("understood");
    let head = &question.told.head;
    assert_eq!(head.method, b"POST");
    assert_eq!(head.target, b"/x?q=\xff");
    assert_eq!(head.protocol, b"HTTP/1.1");
    assert_eq!(format!("{:?}", head.headers), "[host=a.test, x=\\xc3\\xa9, x=]");
    assert_eq!(question.told.connection.client_address.to_string(), "192.0.2.1");
    assert_eq!(question.told.connection.client_port, 4711);
}

#[test]
fn http2_has_no_absolute_targets() {
    for (version, target, expected) in [
        ("2.0", "https://a.test/x?y=http://z/", "/x?y=http://z/"),
        ("2.0", "https://a.test", "/"),
        ("2.0", "https://a.test?x", "?x"),
        ("2.0", "/x?y=http://z/", "/x?y=http://z/"),
        ("2.0", "*", "*"),
        // Over HTTP/1 somebody wrote it like that.
        ("1.1", "http://a.test/x", "http://a.test/x"),
    ] {
        let more = [("target", Value::Bytes(target.as_bytes()))];
        let question = ask(version, &[("host", "a.test")], &more).expect("understood");
        assert_eq!(question.told.head.target, expected.as_bytes(), "{version} {target}");
    }
}

#[test]
fn what_is_no_request_is_not_taken_for_one() {
    let twice = [("method", Value::Bytes(b"GET")), ("method", Value::Bytes(b"POST"))];
    assert_eq!(ask("1.1", &[], &twice).err(), Some(Unreadable::Twice));
    for (name, value) in [
        ("method", Value::Null),
        ("target", Value::Bytes(b"")),
        ("version", Value::Number(1)),
        ("headers", Value::Bytes(b"host: a.test\r\n\r\n")),
        ("headers", Value::Null),
    ] {
        let error = ask("1.1", &[], &[(name, value)]).err();
        assert_eq!(error, Some(Unreadable::Missing(name)), "{name} {value:?}");
    }
    let clients = Clients::default();
    let none = Whole { stream: 1, id: 1, payload: Some(Bytes::new()) };
    assert_eq!(read(&none, &clients, BUFFER).err(), Some(Unreadable::Malformed));
    let too_long = Whole { stream: 1, id: 1, payload: None };
    assert_eq!(read(&too_long, &clients, BUFFER).err(), Some(Unreadable::TooLarge));
}

/// Of so many bytes of a body that are shown: what is said of the rest.
#[track_caller]
fn check_body(
    version: &str,
    headers: &[(&str, &str)],
    waited: bool,
    shown: usize,
    size: u64,
    expected: &str,
) {
    let body = vec![b'x'; shown];
    let more =
        [("waited", Value::Bool(waited)), ("body", Value::Bytes(&body)), ("body_size", Value::Number(size))];
    let more = if waited { &more[..] } else { &more[1..] };
    let question = ask(version, headers, more).expect("understood");
    assert_eq!(question.body.len(), if expected.starts_with("kept") { 0 } else { shown });
    let found = match (question.told.body, question.cut) {
        (Body::Comes, None) => "whole".to_owned(),
        (Body::Comes, Some(bytes)) => format!("cut {bytes:?}"),
        (Body::Kept(bytes), None) => format!("kept {bytes:?}"),
        both => panic!("{both:?}"),
    };
    assert_eq!(found, expected, "{version} {headers:?} {waited} {shown} {size}");
}

#[test]
fn a_body_is_whole_only_where_that_is_certain() {
    const CODED: &[(&str, &str)] = &[("transfer-encoding", "chunked")];
    let long = [("content-length", "500000")];
    for (version, headers, waited, shown, size, expected) in [
        // With a length.
        ("1.1", &[("content-length", "7")][..], true, 7, 7, "whole"),
        ("1.1", &long, true, 15_200, 500_000, "cut Some(484800)"),
        ("2.0", &long, true, 15_200, 0, "cut Some(484800)"),
        ("1.1", &[("content-length", "nonsense")], true, 5, 5, "cut None"),
        // Without a length: as long as the buffer has room.
        ("1.1", CODED, true, 7, 7, "whole"),
        ("1.1", CODED, true, 15_200, 15_200, "cut None"),
        ("1.1", CODED, true, 15_200, 16_000, "cut Some(800)"),
        ("2.0", &[], true, 7, 7, "whole"),
        ("2.0", &[], true, 15_158, 15_158, "cut None"),
        ("2.0", &[], true, 0, 0, "whole"),
        // HTTP/1 has no body without either.
        ("1.1", &[], true, 0, 0, "whole"),
        ("1.1", &[], false, 0, 0, "whole"),
        // Nobody waited for it.
        ("1.1", CODED, false, 0, 0, "kept None"),
        ("1.1", CODED, false, 7, 7, "kept Some(7)"),
        ("1.1", &[("content-length", "7")], false, 0, 7, "kept Some(7)"),
        ("1.1", &[("content-length", "0")], false, 0, 0, "whole"),
        ("2.0", &[], false, 0, 0, "kept None"),
    ] {
        check_body(version, headers, waited, shown, size, expected);
    }
    // A head leaves less of the buffer.
    let value = "y".repeat(10_000);
    let headers = [("x", &*value), CODED[0]];
    check_body("1.1", &headers, true, 3_000, 3_000, "whole");
    check_body("1.1", &headers, true, 5_000, 5_000, "cut None");
}

#[test]
fn what_was_missed_is_said_while_there_is_something_to_say() {
    let said = |total, told| {
        let by = Value::Bytes(b"run");
        let more =
            [("missed", Value::Number(total)), ("missed_told", Value::Number(told)), ("missed_by", by)];
        ask("1.1", &[], &more).expect("understood").missed
    };
    assert_eq!(said(5, 2), Some(Said { by: b"run".to_vec(), total: 5, told: 2 }));
    assert_eq!(said(5, 5), None);
    assert_eq!(ask("1.1", &[], &[]).expect("understood").missed, None);
}
