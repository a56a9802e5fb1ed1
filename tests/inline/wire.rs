//! Requests as they are written on the wire, and what becomes of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::origin::Origin;
use super::process::{Portcullis, Setup};

/// The answers' first lines to raw bytes, until the connection closes or is quiet for a moment.
fn send(address: SocketAddr, requests: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut lines = Vec::new();
    for request in requests {
        if stream.write_all(request.as_bytes()).is_err() {
            break;
        }
        lines.push(answer(&mut stream).lines().next().unwrap_or_default().to_owned());
    }
    lines
}

/// An answer, which may come in pieces.
fn answer(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let mut bytes = [0; 16 << 10];
    loop {
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length =
                head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return answer;
            }
        }
        match stream.read(&mut bytes) {
            Ok(read) if read > 0 => answer.push_str(&String::from_utf8_lossy(&bytes[..read])),
            _ => return answer,
        }
    }
}

const HEAD: &str = "HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: test\r\n";

#[test]
fn rules_see_the_line_as_it_was_sent() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    for (target, sent_on) in [
        ("/echo?a=<b>", "/echo?a=%3Cb%3E"),
        ("/echo?a=\"b\"", "/echo?a=%22b%22"),
        ("/echo?a={b|c}", "/echo?a={b|c}"),
    ] {
        let answers = send(proxy.address, &[&format!("GET {target} {HEAD}\r\n")]);
        assert_eq!(answers, ["HTTP/1.1 200 OK"], "{target}");
        let line = origin.seen().last().expect("a request").lines[0].clone();
        assert_eq!(line.trim_end(), format!("GET {sent_on} HTTP/1.1"), "{target}");
    }
    // The second request on a connection is looked at as the first was, and rules see `<`, not `%3C`.
    let hostile = format!("GET /echo?a=<hostileword> {HEAD}\r\n");
    let ordinary = format!("GET /echo?a=<b> {HEAD}\r\n");
    let answers = send(proxy.address, &[&ordinary, &ordinary, &hostile]);
    assert_eq!(answers, ["HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.1 403 Forbidden"]);
}

#[test]
fn a_line_may_come_in_pieces() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    let mut stream = TcpStream::connect(proxy.address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    for piece in ["\r\n", "GET /echo?a=", "<b", "> HTT", "P/1.1\r", "\nHost: shop", ".example.com\r\n\r\n"] {
        stream.write_all(piece.as_bytes()).expect("written");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert_eq!(origin.seen().last().expect("a request").lines[0].trim_end(), "GET /echo?a=%3Cb%3E HTTP/1.1");
}

#[test]
fn heads_that_no_server_may_go_on_with_are_refused_in_every_mode() {
    for mode in ["detect", "prevent", "off"] {
        let origin = Origin::start();
        let setup = Setup { mode, ..Setup::new(origin.address) };
        let proxy = Portcullis::start(&setup);
        for (request, status) in [
            (format!("GET /echo#a {HEAD}\r\n"), 400),
            (format!("GET /two words {HEAD}\r\n"), 400),
            ("GET /echo HTTP/1.1\r\nHost: a%00\r\n\r\n".to_owned(), 400),
            ("GET /echo HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), 400),
            ("GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400),
            (
                format!(
                    "POST /echo {HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                ),
                400,
            ),
            ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n".to_owned(), 405),
            ("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        ] {
            let answers = send(proxy.address, &[&request]);
            let expected = format!("HTTP/1.1 {status} ");
            assert!(answers[0].starts_with(&expected), "{mode} {request:?}: {answers:?}");
        }
        assert!(origin.seen().is_empty(), "{mode}: {:?}", origin.seen());
    }
}
