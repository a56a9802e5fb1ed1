//! What is asked, over which protocol and which connections.

use portcullis_benches::text;
use portcullis_tests::random::Random;

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    /// With so many requests at a time on each connection.
    Http2(usize),
}

impl Protocol {
    /// Its name in TLS (ALPN).
    pub(crate) fn name(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2(_) => b"h2",
        }
    }
}

/// Which connections requests are sent over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    Kept,
    /// A new one for each request.
    Full,
    /// A new one for each request, which resumes an earlier session.
    Resumed,
}

/// Requests of one kind over connections of one kind.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What it is, for readers.
    pub(crate) title: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) connections: Connections,
    pub(crate) asked: Asked,
    /// Connections at a time when as much is sent as is answered.
    pub(crate) parallel: usize,
    /// Requests a second when latency is measured; 0 where it is not.
    pub(crate) rate: f64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// An answer of five bytes.
    Small,
    /// 11 KB of HTML.
    Page,
    /// So many bytes of anything.
    Bytes(u64),
    /// The same the other way round; the answer is small.
    Upload(usize),
}

impl Asked {
    /// How many bytes are moved, where that is what is measured.
    pub(crate) fn moved(self) -> Option<u64> {
        match self {
            Self::Bytes(length) => Some(length),
            Self::Upload(length) => Some(length as u64),
            Self::Small | Self::Page => None,
        }
    }

    /// The body of each request.
    pub(crate) fn body(self) -> Vec<u8> {
        match self {
            Self::Upload(length) => {
                let mut body = text::prose(&mut Random::new(SEED), length).into_bytes();
                body.truncate(length);
                body
            }
            _ => Vec::new(),
        }
    }

    /// Request targets that differ in a word.
    pub(crate) fn targets(self) -> Vec<String> {
        let mut random = Random::new(SEED);
        let folder = match self {
            Self::Small | Self::Upload(_) => "small",
            Self::Page => "page",
            Self::Bytes(length) => return vec![format!("/bytes/{length}")],
        };
        (0..VARIANTS).map(|_| format!("/{folder}/{}", text::name(&mut random))).collect()
    }
}

/// What the client says besides, in every request.
pub(crate) const HOST: &str = "shop.example.test";
pub(crate) const HEADERS: [(&str, &str); 3] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.7"),
];

/// Every scenario.
pub(crate) const SCENARIOS: [Scenario; 12] = {
    use Asked::{Bytes, Page, Small, Upload};
    use Connections::{Full, Resumed};
    use Protocol::{Http1, Http2};
    [
        kept("h1-small", "HTTP/1.1, GET small", Http1, Small),
        kept("h1-page", "HTTP/1.1, GET 11 KB", Http1, Page),
        kept("h2-small", "HTTP/2, one stream, GET small", Http2(1), Small),
        kept("h2-page", "HTTP/2, one stream, GET 11 KB", Http2(1), Page),
        Scenario { rate: 0.0, ..kept("h2-small-10", "HTTP/2, ten streams, GET small", Http2(10), Small) },
        Scenario { rate: 0.0, ..kept("h2-page-10", "HTTP/2, ten streams, GET 11 KB", Http2(10), Page) },
        Scenario {
            connections: Full,
            rate: 100.0,
            ..kept("full", "full handshake, GET small", Http1, Small)
        },
        Scenario {
            connections: Resumed,
            rate: 100.0,
            ..kept("resumed", "resumed handshake, GET small", Http1, Small)
        },
        bulk("h1-1m", "HTTP/1.1, 1 MB", Http1, Bytes(1 << 20)),
        bulk("h1-16m", "HTTP/1.1, 16 MB", Http1, Bytes(16 << 20)),
        bulk("h2-16m", "HTTP/2, 16 MB", Http2(1), Bytes(16 << 20)),
        bulk("h1-upload", "HTTP/1.1, POST 1 MB", Http1, Upload(1 << 20)),
    ]
};

const fn kept(name: &'static str, title: &'static str, protocol: Protocol, asked: Asked) -> Scenario {
    Scenario { name, title, protocol, connections: Connections::Kept, asked, parallel: 4, rate: 250.0 }
}

const fn bulk(name: &'static str, title: &'static str, protocol: Protocol, asked: Asked) -> Scenario {
    Scenario { parallel: 2, rate: 0.0, ..kept(name, title, protocol, asked) }
}

const VARIANTS: usize = 64;
const SEED: u64 = 5;
