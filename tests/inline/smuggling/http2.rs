//! Requests of HTTP/2, byte by byte: no library would send them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::origins::Application;
use super::{Honest, SMUGGLED, Seen, bytes, taken};
use crate::process::{Portcullis, Setup};
use portcullis_tests::frames::{
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, beginning, frame,
};

/// A case of `http2.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    technique: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default = "http")]
    scheme: String,
    path: Option<String>,
    #[serde(default = "shop")]
    authority: String,
    #[serde(default)]
    more: Vec<(String, String)>,
    #[serde(default)]
    data: Vec<String>,
    #[serde(default)]
    trailers: Vec<(String, String)>,
    #[serde(default)]
    refused: bool,
    /// Whether the application may have seen it without its body before it was refused.
    #[serde(default)]
    or_empty: bool,
    seen: Option<Seen>,
}

fn post() -> String {
    "POST".to_owned()
}

fn http() -> String {
    "http".to_owned()
}

fn shop() -> String {
    "shop.example.com".to_owned()
}

impl Case {
    fn full(&self, text: &str) -> Vec<u8> {
        bytes(&text.replace("{p}", &format!("/{}", self.name)).replace("{s}", SMUGGLED))
    }

    /// All that is sent.
    fn frames(&self) -> Vec<u8> {
        let mut block = Vec::new();
        let path = self.path.as_deref().unwrap_or("{p}");
        for (name, value) in [
            (":method", self.method.as_str()),
            (":scheme", &self.scheme),
            (":authority", &self.authority),
            (":path", path),
        ] {
            self.literal(&mut block, name, value);
        }
        self.more.iter().for_each(|(name, value)| self.literal(&mut block, name, value));
        let mut frames = beginning();
        let ends = self.data.is_empty() && self.trailers.is_empty();
        frames.extend(frame(HEADERS, END_HEADERS | u8::from(ends), 1, &block));
        for (index, data) in self.data.iter().enumerate() {
            let ends = index + 1 == self.data.len() && self.trailers.is_empty();
            frames.extend(frame(DATA, u8::from(ends), 1, &self.full(data)));
        }
        if !self.trailers.is_empty() {
            let mut block = Vec::new();
            self.trailers.iter().for_each(|(name, value)| self.literal(&mut block, name, value));
            frames.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
        }
        frames
    }

    /// A literal header field without indexing (RFC 7541, section 6.2.2).
    fn literal(&self, block: &mut Vec<u8>, name: &str, value: &str) {
        block.push(0);
        for text in [self.full(name), self.full(value)] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("a short text"));
            block.extend(text);
        }
    }
}

/// What came of a stream.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Answered,
    /// Another status, a reset stream, a closed connection.
    Refused,
}

fn outcome(stream: &mut TcpStream) -> Outcome {
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return Outcome::Refused;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if stream.read_exact(&mut payload).is_err() {
            return Outcome::Refused;
        }
        match head[3] {
            // `:status: 200` of the static table (RFC 7541, appendix A), and a literal one that begins with 1.
            HEADERS if payload.first() == Some(&0x88) => return Outcome::Answered,
            HEADERS
                if payload.windows(3).any(|bytes| bytes == b"100")
                    || payload.starts_with(&[0x48, 0x82, 0x08]) => {}
            HEADERS | RST_STREAM | GOAWAY => return Outcome::Refused,
            _ => {}
        }
    }
}

#[test]
fn an_application_that_keeps_every_byte() {
    run(Some(Application::strict()));
}

#[test]
fn nginx() {
    run(Application::nginx());
}

#[test]
fn node() {
    run(Application::node());
}

#[test]
fn python() {
    run(Application::python());
}

/// All cases, in both modes.
fn run(application: Option<Application>) {
    let Some(application) = application else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("smuggling/http2.yaml");
    let text = std::fs::read_to_string(path).expect("the corpus");
    let cases: Vec<Case> = serde_saphyr::from_str(&text).expect("cases");
    assert!(cases.len() >= 80);
    for mode in ["detect", "prevent"] {
        let proxy = Portcullis::start(&Setup { mode, ..Setup::new(application.address) });
        let before = application.taken().len();
        let mut honest = Honest { address: proxy.address, stream: None, count: 0 };
        for case in &cases {
            let expected = if case.refused { Outcome::Refused } else { Outcome::Answered };
            let outcome = send(proxy.address, case);
            assert!(case.or_empty || outcome == expected, "{} {mode} {}", application.name, case.name);
            honest.ask(&format!("behind {} ({}, {mode})", case.name, case.technique));
        }
        let taken = taken(&application, before, honest.count);
        let place = format!("{} {mode}", application.name);
        assert!(!taken.iter().any(|taken| taken.target.contains("smuggled")), "{place}: {taken:?}");
        assert!(taken.iter().all(|taken| taken.error.is_none()), "{place}: {taken:?}");
        for case in &cases {
            let here: Vec<_> =
                taken.iter().filter(|taken| taken.target.ends_with(&format!("/{}", case.name))).collect();
            if case.or_empty {
                let is_empty = |body: &String| body.is_empty();
                assert!(
                    here.iter().all(|taken| taken.body.as_ref().is_none_or(is_empty)),
                    "{place}: {here:?}"
                );
                continue;
            }
            assert_eq!(here.len(), usize::from(case.seen.is_some()), "{place} {}: {here:?}", case.name);
            let Some((seen, taken)) = case.seen.as_ref().zip(here.first()) else { continue };
            assert_eq!(taken.method, seen.method, "{place} {}", case.name);
            let same = taken.body.as_ref().is_none_or(|body| bytes(body) == case.full(&seen.body));
            assert!(same, "{place} {}: {taken:?}", case.name);
            let mut headers = taken.headers.chunks(2);
            let kept = |header: &[String]| {
                seen.without.as_ref().is_some_and(|without| header[0].eq_ignore_ascii_case(without))
                    && !header[1].is_empty()
            };
            assert!(!headers.any(kept), "{place} {}: {taken:?}", case.name);
        }
    }
}

fn send(address: SocketAddr, case: &Case) -> Outcome {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let _ = stream.write_all(&case.frames());
    outcome(&mut stream)
}
