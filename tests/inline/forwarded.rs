//! What the application is told about the client: `forwarded`, the same in every mode.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::curl;
use super::nginx::Nginx;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

const MODES: [&str; 3] = ["off", "detect", "prevent"];

#[test]
fn nginx_learns_what_is_configured() {
    let Some(nginx) = Nginx::start() else { return };
    let (claimed, id) = ("-HX-Forwarded-For: 198.51.100.1", "-HX-Request-Id: mine");
    for mode in MODES {
        for (forwarded, sent, expected) in [
            ("append", &[][..], "127.0.0.1|http|shop.example.com|*|shop.example.com"),
            ("append", &[claimed, id], "198.51.100.1, 127.0.0.1|http|shop.example.com|*|shop.example.com"),
            ("append", &["-HX-Forwarded-Proto: https"], "127.0.0.1|http|shop.example.com|*|shop.example.com"),
            ("replace", &[claimed, id], "127.0.0.1|http|shop.example.com|*|shop.example.com"),
            ("off", &[], "||||shop.example.com"),
            ("off", &[claimed, id], "198.51.100.1|||mine|shop.example.com"),
        ] {
            let proxy = Portcullis::start(&Setup { mode, forwarded, ..Setup::new(nginx.address) });
            let told = curl::run(&[&["-HHost: shop.example.com"], sent].concat(), None, &proxy.url("/told"));
            let told: Vec<&str> = told.body.split('|').collect();
            let expected: Vec<&str> = expected.split('|').collect();
            assert_eq!(told.len(), expected.len(), "{told:?}");
            for (told, expected) in told.iter().zip(expected) {
                let same = if expected == "*" { told.len() == 32 } else { *told == expected };
                assert!(same, "{mode} {forwarded} {sent:?}: {told}, not {expected}");
            }
        }
    }
}

#[test]
fn off_leaves_the_head_as_it_came() {
    let origin = Origin::start();
    let body = "x".repeat(100_000);
    let short = "POST /a?b=%41 HTTP/1.1\r\nHost: shop.example.com\r\nX-FORWARDED-for:  198.51.100.1\r\n\
                 x-Odd: a  b\r\nX-odd: c\r\nX-Forwarded-For: 203.0.113.9\r\nContent-Length: 3\r\n\r\nq=1";
    // Longer than Pingora's retry buffer: it goes through a subrequest.
    let long = short.replace("Content-Length: 3\r\n\r\nq=1", "Content-Length: 100000\r\n\r\n") + &body;
    for mode in MODES {
        let proxy = Portcullis::start(&Setup { mode, forwarded: "off", ..Setup::new(origin.address) });
        for request in [short, &long] {
            let before = origin.seen().len();
            let mut stream = TcpStream::connect(proxy.address).expect("connected");
            stream.write_all(request.as_bytes()).expect("sent");
            let _ = stream.read(&mut [0; 1024]).expect("answered");
            let seen = origin.seen().swap_remove(before);
            let mut sent: Vec<&str> = request.split_inclusive('\n').collect();
            sent.pop();
            assert_eq!(sorted(seen.lines.iter().map(String::as_str)), sorted(sent), "{mode}");
        }
    }
}

/// Lines without the white space around values, which means nothing (RFC 9112 section 5), in any order of
/// names.
fn sorted<'l>(lines: impl IntoIterator<Item = &'l str>) -> Vec<String> {
    let mut lines: Vec<_> = lines.into_iter().map(|line| line.replace(":  ", ": ")).collect();
    lines.sort();
    lines
}
