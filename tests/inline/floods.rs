//! Clients that ask for more than they are due: floods, and those that are slow on purpose. Others are served beside them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use portcullis_tests::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, beginning, frame, head,
};

use super::curl;
use super::origin::{HUGE_BYTES, Origin};
use super::process::{Portcullis, Setup};

fn start(limits: &str) -> (Origin, Portcullis) {
    let origin = Origin::start();
    let listener = format!("{{ address: \"127.0.0.1:0\", h2c: true, limits: {{ {limits} }} }}");
    let proxy = Portcullis::start(&Setup { listener, ..Setup::new(origin.address) });
    (origin, proxy)
}

fn connect(proxy: &Portcullis) -> TcpStream {
    let mut stream = TcpStream::connect(proxy.address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    stream.set_write_timeout(Some(Duration::from_secs(10))).expect("set");
    stream.write_all(&beginning()).expect("sent");
    stream
}

/// Sends frames until the proxy has enough of it; whether it had.
fn flood(mut stream: TcpStream, frames: impl Iterator<Item = Vec<u8>>) -> bool {
    for chunk in frames {
        if stream.write_all(&chunk).is_err() {
            return true;
        }
    }
    // What was sent last may still be on its way.
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn requests_that_are_taken_back_end_the_connection() {
    let (_origin, proxy) = start("");
    let requests = (0..50_000_u32).map(|index| {
        let stream = 2 * index + 1;
        let ask = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head("/slow"));
        [ask, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    assert!(flood(connect(&proxy), requests), "{}", proxy.said());
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
}

#[test]
fn heads_without_an_end_end_the_connection() {
    let (_origin, proxy) = start("");
    let first = frame(HEADERS, END_STREAM, 1, &head("/echo"));
    // A literal header without indexing, again and again.
    let more = frame(CONTINUATION, 0, 1, &b"\0\x03x-a\x03abc".repeat(100));
    assert!(flood(connect(&proxy), std::iter::once(first).chain(std::iter::repeat_n(more, 20_000))));
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
}

#[test]
fn bodies_that_do_not_come_along_end() {
    for limits in ["stall_timeout: 1s", "rate_grace: 1s, rate_min: 10KiB"] {
        let (_origin, proxy) = start(limits);
        let begun = Instant::now();
        let mut slow = TcpStream::connect(proxy.address).expect("connected");
        slow.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
        slow.write_all(b"POST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n")
            .expect("sent");
        let mut slow_h2 = connect(&proxy);
        slow_h2.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
        let post = [&[0x83, 0x86][..], b"\x04\x05/echo\x01\x06a.test"].concat();
        slow_h2.write_all(&frame(HEADERS, END_HEADERS, 1, &post)).expect("sent");
        let (mut is_over, mut is_reset) = (false, false);
        while begun.elapsed() < Duration::from_secs(20) && !(is_over && is_reset) {
            let silent = limits.starts_with("stall");
            is_over = is_over || (!silent && slow.write_all(b"x").is_err()) || has_ended(&mut slow);
            if !silent && !is_reset {
                let _ = slow_h2.write_all(&frame(DATA, 0, 1, b"x"));
            }
            is_reset = is_reset || has_reset(&mut slow_h2);
        }
        assert!(is_over, "HTTP/1.1, {limits}: {}", proxy.said());
        assert!(is_reset, "HTTP/2, {limits}: {}", proxy.said());
        assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
    }
}

#[test]
fn answers_that_nobody_takes_end() {
    let (_origin, proxy) = start("stall_timeout: 1s");
    let mut slow = TcpStream::connect(proxy.address).expect("connected");
    slow.write_all(b"GET /huge HTTP/1.1\r\nHost: a.test\r\n\r\n").expect("sent");
    // Over HTTP/2 the window of 64 KiB is what it takes of an answer.
    let mut slow_h2 = connect(&proxy);
    slow_h2.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &head("/huge"))).expect("sent");
    std::thread::sleep(Duration::from_secs(4));
    for (mut stream, version) in [(slow, "HTTP/1.1"), (slow_h2, "HTTP/2")] {
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        let mut taken = Vec::new();
        let ended = match stream.read_to_end(&mut taken) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        let is_reset = version == "HTTP/2" && frames_of(&taken).any(|kind| kind == RST_STREAM);
        assert!((ended || is_reset) && taken.len() < HUGE_BYTES, "{version}: {}", taken.len());
    }
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
}

/// The kinds of the frames in what was read.
fn frames_of(mut rest: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let kind = *rest.get(3)?;
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        rest = rest.get(9 + length..).unwrap_or_default();
        Some(kind)
    })
}

/// Whether the other end closed the connection, perhaps after an answer.
fn has_ended(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 4_096];
    loop {
        match stream.read(&mut answer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
            }
        }
    }
}

/// Whether a RST_STREAM, or an answer (408), came for the first request.
fn has_reset(stream: &mut TcpStream) -> bool {
    let mut answer = vec![0; 4_096];
    match stream.read(&mut answer) {
        Ok(0) => true,
        Ok(read) => frames_of(&answer[..read]).any(|kind| kind == RST_STREAM || kind == HEADERS),
        Err(_) => false,
    }
}

#[test]
fn idle_connections_cost_little() {
    let (_origin, proxy) = start("");
    let resident = || proxy.resident_kib();
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
    let before = resident();
    let idle: Vec<_> = (0..800)
        .map(|_| {
            let mut stream = TcpStream::connect(proxy.address).expect("connected");
            stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a.test\r\n\r\n").expect("sent");
            let mut answer = [0; 15];
            stream.read_exact(&mut answer).expect("an answer");
            stream
        })
        .collect();
    let each = (resident() - before) / 800;
    assert!(each < 40, "{each} KiB for each idle connection");
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
    drop(idle);
}
