//! What is sent: requests of nine kinds, most of them made up by seed, one drawn from recorded browsing.

use std::path::Path;

use anyhow::Result;
use portcullis_benches::http::wire_form;
use portcullis_benches::records;
use portcullis_tests::random::Random;
use transaction::Record;

use portcullis_benches::text;

/// One request as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    pub(crate) method: Vec<u8>,
    /// The length of its body.
    pub(crate) body_bytes: u64,
}

/// Requests of one kind.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What it is, for readers.
    pub(crate) title: &'static str,
    /// Requests that differ only in their words; or parts, each of which is sent whole and measured by itself.
    pub(crate) parts: Vec<Vec<Request>>,
    /// Whether a part counts only when all of it was sent, because its requests cost differently.
    pub(crate) whole: bool,
    /// Connections at a time.
    pub(crate) connections: usize,
    /// Requests a second when latency is measured; 0 where it is not.
    pub(crate) rate: f64,
}

/// Every scenario that `only` names, all when it is empty.
///
/// # Errors
/// When recorded requests cannot be read.
pub(crate) fn scenarios(only: &[String], parts: usize) -> Result<Vec<Scenario>> {
    let mut all: Vec<Scenario> = MADE.iter().map(Made::scenario).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|it| it == name);
    if wanted(MIX) {
        all.push(mix(parts)?);
    }
    all.retain(|scenario| wanted(scenario.name));
    Ok(all)
}

/// Every name there is.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MADE.iter().map(|made| made.name).chain([MIX])
}

/// The name of the scenario that is drawn.
pub(crate) const MIX: &str = "mix";

/// A scenario whose requests are made up.
struct Made {
    name: &'static str,
    title: &'static str,
    variants: usize,
    connections: usize,
    rate: f64,
    make: fn(&mut Random) -> Request,
}

impl Made {
    fn scenario(&self) -> Scenario {
        let mut random = Random::new(SEED);
        let requests = (0..self.variants).map(|_| (self.make)(&mut random)).collect();
        let Self { name, title, connections, rate, .. } = *self;
        Scenario { name, title, parts: vec![requests], whole: false, connections, rate }
    }
}

const MADE: [Made; 8] = [
    made("small", "GET small", 64, 4, 50.0, |random| get(&format!("/small/{}", text::name(random)), SMALL)),
    made("browser", "GET browser", 64, 4, 25.0, |random| {
        let target = format!(
            "/small/{0}?q={1}&sort=price&page={2}",
            text::name(random),
            words(random),
            random.below(50)
        );
        get(&target, &browser("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", random))
    }),
    made("html", "GET, 11 KB HTML answer", 64, 4, 0.0, |random| {
        let headers = browser("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", random);
        get(&format!("/page/{}", text::name(random)), &headers)
    }),
    made("json", "GET, 1.3 KB JSON answer", 64, 4, 0.0, |random| {
        get(&format!("/data/{}", text::name(random)), &browser("application/json", random))
    }),
    made("post-json", "POST JSON 2.2 KB (73 values)", 32, 4, 8.0, |random| {
        post("application/json", &text::json(random, 73, 2252), random)
    }),
    made("form", "POST form 8 KB (40 fields)", 32, 4, 0.0, |random| {
        post("application/x-www-form-urlencoded", &text::form(random, 40, 8 << 10), random)
    }),
    made("form-127k", "POST form 127 KB (621 fields)", 4, 1, 0.0, |random| {
        post("application/x-www-form-urlencoded", &text::form(random, 621, 127 << 10), random)
    }),
    made("json-125k", "POST JSON 125 KB (470 values)", 4, 1, 0.0, |random| {
        post("application/json", &text::json(random, 470, 125 << 10), random)
    }),
];

const fn made(
    name: &'static str,
    title: &'static str,
    variants: usize,
    connections: usize,
    rate: f64,
    make: fn(&mut Random) -> Request,
) -> Made {
    Made { name, title, variants, connections, rate, make }
}

/// What every draw starts from.
pub(crate) const SEED: u64 = 5;

const SMALL: &str =
    "User-Agent: Mozilla/5.0 (compatible; probe/1.0)\r\nAccept: */*\r\nAccept-Language: en\r\n";

fn words(random: &mut Random) -> String {
    text::prose(random, 16).replace(' ', "+")
}

/// Headers as a browser sends them.
fn browser(accept: &str, random: &mut Random) -> String {
    format!(
        "Connection: keep-alive\r\n\
         User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\
         Accept: {accept}\r\nAccept-Language: en-GB,en;q=0.7\r\n\
         Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\
         Referer: http://shop.example.test/{}\r\n\
         Cookie: session={:016x}{:016x}; theme=light; seen={}\r\n",
        text::name(random),
        random.next_u64(),
        random.next_u64(),
        random.below(1000)
    )
}

fn get(target: &str, headers: &str) -> Request {
    let head = format!("GET {target} HTTP/1.1\r\nHost: shop.example.test\r\n{headers}\r\n");
    Request { bytes: head.into_bytes(), method: b"GET".to_vec(), body_bytes: 0 }
}

fn post(kind: &str, body: &str, random: &mut Random) -> Request {
    let headers = browser("application/json", random);
    let bytes = format!(
        "POST /small/{} HTTP/1.1\r\nHost: shop.example.test\r\n{headers}\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        text::name(random),
        body.len()
    );
    Request { bytes: bytes.into_bytes(), method: b"POST".to_vec(), body_bytes: body.len() as u64 }
}

/// Recorded browsing where there is any, or the ordinary requests of this repository.
fn mix(parts: usize) -> Result<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let recorded = root.join("../shared/data/wcp-legit-dev.jsonl.zst");
    let (path, title) = if recorded.exists() {
        (recorded, "browsing mix (WCP legitimate)")
    } else {
        (root.join("tests/corpus/ordinary.jsonl"), "browsing mix (this repository's ordinary requests)")
    };
    let all = records(&path)?.collect::<Result<Vec<Record>>>()?;
    let mut random = Random::new(SEED);
    let part = |_| (0..PART).map(|_| recorded_request(random.pick(&all))).collect();
    let parts = (0..parts.max(1)).map(part).collect();
    Ok(Scenario { name: MIX, title, parts, whole: true, connections: 4, rate: 15.0 })
}

/// Requests of a part of the mix.
const PART: usize = 100;

fn recorded_request(record: &Record) -> Request {
    Request {
        bytes: wire_form(record),
        method: record.request.method.clone(),
        body_bytes: record.body.len() as u64,
    }
}
