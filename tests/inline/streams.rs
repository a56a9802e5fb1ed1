//! What never ends: events and upgraded connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::origin::Origin;
use super::process::{Portcullis, Setup};

pub(crate) fn connect(proxy: &Portcullis, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(proxy.address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    stream.write_all(request.as_bytes()).expect("sent");
    stream
}

/// Reads until `part` came.
pub(crate) fn read_until(stream: &mut TcpStream, part: &str) -> String {
    let (mut text, mut bytes) = (String::new(), [0; 1024]);
    while !text.contains(part) {
        let read = stream.read(&mut bytes).expect("more");
        assert!(read > 0, "ended before {part:?}: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    text
}

#[test]
fn the_first_event_arrives_at_once() {
    let origin = Origin::start();
    for mode in ["prevent", "detect"] {
        let proxy = Portcullis::start(&Setup { mode, ..Setup::new(origin.address) });
        let begun = Instant::now();
        let mut stream = connect(&proxy, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
        read_until(&mut stream, "data: 1");
        assert!(begun.elapsed() < Duration::from_secs(2), "{mode}: {:?}", begun.elapsed());
        read_until(&mut stream, "data: 2");
    }
}

#[test]
fn upgraded_connections_pass_and_are_counted() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    let mut stream = connect(
        &proxy,
        "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let head = read_until(&mut stream, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    for message in ["first", "second, hostileword"] {
        stream.write_all(message.as_bytes()).expect("sent");
        assert_eq!(read_until(&mut stream, message), message);
    }
    drop(stream);
    let counted = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        proxy.metric("portcullis_uninspected_total{reason=\"upgraded\"}") == 1.0
    });
    assert!(counted, "{}", proxy.admin("/metrics"));
}
