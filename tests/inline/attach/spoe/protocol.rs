//! What is not HAProxy, and what HAProxy would not do.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use transaction::spop::Value;
use transaction::spop::properties::{packed_headers, payload};

use super::super::super::process::Portcullis;
use super::super::says_seldom;
use super::Agent;

const MORE: u8 = 0;
const HELLO: u8 = 1;
const DISCONNECT: u8 = 2;
const NOTIFY: u8 = 3;

/// A frame with its length; the last of its payload.
fn frame(kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    frame_of(kind, 1, stream, payload)
}

fn frame_of(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let frame = [&[kind, 0, 0, 0, flags, stream, 1][..], payload].concat();
    [&u32::try_from(frame.len()).expect("short").to_be_bytes()[..], &frame].concat()
}

/// What HAProxy says of itself.
fn hello(frame_bytes_max: u64, capabilities: &str) -> Vec<u8> {
    let pairs = [
        ("supported-versions", Value::Bytes(b"2.0")),
        ("max-frame-size", Value::Number(frame_bytes_max)),
        ("capabilities", Value::Bytes(capabilities.as_bytes())),
    ];
    // A list of pairs is a message without its name and count.
    frame(HELLO, 0, &payload(b"", &pairs)[2..])
}

/// A request for this path.
fn request(stream: u8, path: &str) -> Vec<u8> {
    let headers = packed_headers(&[("host", "a.test")]);
    let arguments = [
        ("method", Value::Bytes(b"GET")),
        ("target", Value::Bytes(path.as_bytes())),
        ("version", Value::Bytes(b"1.1")),
        ("headers", Value::Bytes(&headers)),
        ("waited", Value::Bool(true)),
    ];
    frame(NOTIFY, stream, &payload(b"request", &arguments))
}

/// More than any agent answers: what is read until it closes.
const ALL: usize = usize::MAX;

/// Sends all of it to an agent; so many frames of it, or those that come until it closes. How long it
/// takes is not looked at: a machine may be busy.
fn ask(agent: &Portcullis, bytes: &[u8], frames: usize) -> Vec<Vec<u8>> {
    let (answers, is_silent) = ask_within(agent, bytes, frames, Duration::from_secs(20));
    assert!(!is_silent, "silent after {answers:?}");
    answers
}

/// The same, or those that come until nothing more does for some time; and whether that ended it.
fn ask_within(agent: &Portcullis, bytes: &[u8], frames: usize, patience: Duration) -> (Vec<Vec<u8>>, bool) {
    let mut stream = UnixStream::connect(agent.file("spoe.sock")).expect("connected");
    stream.set_read_timeout(Some(patience)).expect("set");
    let _ = stream.write_all(bytes);
    let mut answers = Vec::new();
    while answers.len() < frames {
        let mut length = [0; 4];
        if let Err(error) = stream.read_exact(&mut length) {
            return (answers, error.kind() == ErrorKind::WouldBlock);
        }
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut frame).expect("the rest of a frame");
        answers.push(frame);
    }
    (answers, false)
}

fn text(frame: &[u8]) -> String {
    String::from_utf8_lossy(frame).into_owned()
}

#[test]
fn what_is_wrong_is_said_and_ends_the_connection() {
    let (agent, begun) = (Agent::default().start(), Instant::now());
    let greeting = hello(16_380, "pipelining");
    let long = frame_of(NOTIFY, 0, 5, b"\x01m\x00");
    for (bytes, expected) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), ""),
        (hello(255, ""), "max-frame-size too big or too small"),
        (frame(HELLO, 0, b""), "version value not found"),
        (frame(HELLO, 0, b"\x01"), "invalid frame received"),
        (request(5, "/"), "invalid frame received"),
        ([&*greeting, &20_000_u32.to_be_bytes()].concat(), "frame is too big"),
        ([&*greeting, &greeting].concat(), "invalid frame received"),
        ([&*greeting, &frame(MORE, 5, b"x")].concat(), "invalid frame received"),
        ([&*greeting, &long, &request(6, "/")].concat(), "invalid interlaced frames"),
        ([&*greeting, &frame(DISCONNECT, 0, b"")].concat(), "normal"),
    ] {
        let answers = ask(&agent, &bytes, ALL);
        let last = answers.last().map(|frame| text(frame)).unwrap_or_default();
        assert!(
            last.contains(expected) && answers.is_empty() == expected.is_empty(),
            "{bytes:?}: {answers:?}"
        );
    }
    says_seldom(&agent, begun, "connections that do not speak spop");
    // What is no request is answered, and not as if it had been looked at.
    let nothing = frame(NOTIFY, 5, &payload(b"request", &[("method", Value::Bytes(b"GET"))]));
    let answers = ask(&agent, &[&*greeting, &nothing, &request(6, "/")].concat(), 3);
    let all: String = answers.iter().map(|frame| text(frame)).collect();
    assert!(all.contains("deny") && all.contains("allow") && answers.len() == 3, "{all:?}");
    let unreadable = "portcullis_attach_requests_total{answer=\"unreadable\",attachment=\"spoe\"}";
    assert!((agent.metric(unreadable) - 1.0).abs() < 0.1);
}

#[test]
fn requests_one_behind_the_other_are_answered_each() {
    let agent = Agent::default().start();
    let mut bytes = hello(16_380, "pipelining,async");
    for stream in 1..=60 {
        bytes.extend(request(stream, if stream % 2 == 0 { "/hostileword" } else { "/" }));
    }
    let answers = ask(&agent, &bytes, 61);
    assert!(text(&answers[0]).contains("pipelining,fragmentation"), "{:?}", text(&answers[0]));
    let mut seen: Vec<(u8, bool)> =
        answers[1..].iter().map(|frame| (frame[5], text(frame).contains("deny"))).collect();
    seen.sort_unstable();
    let expected: Vec<_> = (1..=60).map(|stream| (stream, stream % 2 == 0)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn too_many_at_once_are_shed_and_counted() {
    for limits in ["limits: { requests_max: 1 }", "limits: { streams_max: 1 }"] {
        let agent = Agent { endpoint: limits, ..Agent::default() }.start();
        let mut bytes = hello(16_380, "pipelining");
        (1..=50).for_each(|stream| bytes.extend(request(stream, "/")));
        // Of those that are shed the last get no answer, where there is no room for more.
        let (answers, _) = ask_within(&agent, &bytes, 51, Duration::from_secs(3));
        let shed = answers.iter().filter(|frame| text(frame).contains("shed")).count();
        let allowed = answers.iter().filter(|frame| text(frame).contains("allow")).count();
        assert!(shed > 0 && allowed > 0, "{limits}: {shed} and {allowed}");
        let counted = agent.metric("portcullis_attach_requests_total{answer=\"shed\",attachment=\"spoe\"}");
        assert!(counted > shed as f64 - 0.1 && counted + allowed as f64 > 49.9, "{counted} {shed} {allowed}");
        // Those that are done make room.
        let later = ask(&agent, &[hello(16_380, ""), request(1, "/hostileword")].concat(), 2);
        assert!(text(&later[1]).contains("deny"), "{:?}", text(&later[1]));
    }
}

#[test]
fn only_gateways_may_ask() {
    let agent = Agent { endpoint: "gateways: [192.0.2.1]", ..Agent::default() }.start();
    assert!(ask(&agent, &[hello(16_380, ""), request(1, "/")].concat(), ALL).is_empty());
    let unauthorized = "portcullis_attach_requests_total{answer=\"unauthorized\",attachment=\"spoe\"}";
    assert!((agent.metric(unauthorized) - 1.0).abs() < 0.1);
}
