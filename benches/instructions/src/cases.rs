//! Requests of our own making whose instructions are counted: the same bytes on every machine.

use anyhow::{Context, Result};
use transaction::{Record, RequestHead};

/// Requests that are counted together.
pub struct Case {
    /// What they are.
    pub name: &'static str,
    /// The requests.
    pub records: Vec<Record>,
}

impl Case {
    /// The requests as they are sent to another host.
    #[must_use]
    pub fn sent_to(&self, host: &str) -> Vec<Record> {
        let sent = |record: &Record| {
            let mut record = record.clone();
            let headers = record.request.headers.iter();
            let others = headers.filter(|header| !header.name.eq_ignore_ascii_case(b"host"));
            let host = [(&b"Host"[..], host.as_bytes())];
            record.request.headers = host.into_iter().chain(others.map(|it| (it.name, it.value))).collect();
            record
        };
        self.records.iter().map(sent).collect()
    }
}

/// Every case, in order.
///
/// # Errors
/// When the repository's own corpus cannot be read.
pub fn all() -> Result<Vec<Case>> {
    let one = |name, record| Case { name, records: vec![record] };
    Ok(vec![
        one("get_small", get("/small/river-4711", &[("User-Agent", "probe/1.0"), ("Accept", "*/*")])),
        one("get_browser", get("/shop/list?q=small+yellow+lamp&sort=price&page=3", &BROWSER)),
        one("form_8k", post("application/x-www-form-urlencoded", &form(40, 8 << 10))),
        one("json_2k", post("application/json", &json(9))),
        one("multipart_16k", post("multipart/form-data; boundary=edge", &multipart(6, 2 << 10))),
        one("attack_sqli", get("/shop/list?id=1%27+union+select+name%2Cpassword+from+users--+", &BROWSER)),
        one(
            "attack_xss",
            post("application/x-www-form-urlencoded", "note=%3Cscript%3Ealert(document.cookie)%3C/script%3E"),
        ),
        Case {
            name: "corpus_ordinary",
            records: corpus(include_str!("../../../tests/corpus/ordinary.jsonl"))?,
        },
        Case {
            name: "corpus_hostile",
            records: corpus(include_str!("../../../tests/corpus/hostile.jsonl"))?,
        },
    ])
}

fn corpus(lines: &str) -> Result<Vec<Record>> {
    let records = lines.lines().map(|line| Record::from_json(line.as_bytes()));
    records.collect::<Result<_, _>>().context("the corpus is not of records")
}

/// Headers as a browser sends them.
const BROWSER: [(&str, &str); 7] = [
    (
        "User-Agent",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.7"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Referer", "http://shop.example.test/garden-12"),
    ("Cookie", "session=5c1d9a77e0b34f28a6c5d4e3f2017788; theme=light; seen=42"),
];

fn get(target: &str, headers: &[(&str, &str)]) -> Record {
    let headers = [("Host", "shop.example.test")].iter().chain(headers).copied().collect();
    let request = RequestHead {
        method: b"GET".to_vec(),
        target: target.into(),
        protocol: b"HTTP/1.1".to_vec(),
        headers,
    };
    Record { request, ..Record::default() }
}

fn post(content_type: &str, body: &str) -> Record {
    let length = body.len().to_string();
    let mut record = get("/shop/order", &BROWSER);
    record.request.method = b"POST".to_vec();
    record.request.headers.push(b"Content-Type", content_type.as_bytes());
    record.request.headers.push(b"Content-Length", length.as_bytes());
    record.body = body.into();
    record
}

fn form(fields: usize, bytes: usize) -> String {
    let field =
        |index: usize| format!("field_{index}={}", prose(index, bytes / fields - 12).replace(' ', "+"));
    (0..fields).map(field).collect::<Vec<_>>().join("&")
}

fn json(items: usize) -> String {
    let item = |index: usize| {
        format!(
            r#"{{"title":"{}","amount":{},"colour":"{}","place":null,"note":"{}","gift":{}}}"#,
            prose(index, 20),
            index * 37 % 11,
            prose(index + 7, 6),
            prose(index + 31, 120),
            index.is_multiple_of(2)
        )
    };
    format!(r#"{{"order":{{"items":[{}]}}}}"#, (0..items).map(item).collect::<Vec<_>>().join(","))
}

fn multipart(fields: usize, bytes: usize) -> String {
    let part = |index: usize| {
        let text = prose(index * 5, bytes);
        format!("--edge\r\nContent-Disposition: form-data; name=\"field{index}\"\r\n\r\n{text}\r\n")
    };
    let file = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"notes.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n{}\r\n--edge--\r\n",
        prose(3, bytes)
    );
    (0..fields).map(part).collect::<String>() + &file
}

/// Words, at least so many bytes of them; another number begins elsewhere.
fn prose(from: usize, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut at = from * 7 + 3;
    while text.len() < bytes {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(WORDS[at % WORDS.len()]);
        // Not a multiple of their number, so that all of them come.
        at = at * 5 + 1 + from;
        at %= 100_003;
    }
    text
}

const WORDS: [&str; 32] = [
    "the",
    "garden",
    "morning",
    "window",
    "river",
    "paper",
    "letter",
    "summer",
    "winter",
    "quiet",
    "yellow",
    "kitchen",
    "bread",
    "market",
    "village",
    "bridge",
    "mountain",
    "evening",
    "lamp",
    "table",
    "chair",
    "song",
    "travel",
    "station",
    "harbour",
    "coffee",
    "orange",
    "walked",
    "carried",
    "found.",
    "wrote",
    "children,",
];

#[cfg(test)]
mod tests {
    #[test]
    fn cases_have_their_size() {
        for case in super::all().expect("the corpus is readable") {
            let bytes: usize = case.records.iter().map(|record| record.body.len()).sum();
            let expected = match case.name {
                "form_8k" => 7_500..9_000,
                "json_2k" => 1_800..2_600,
                "multipart_16k" => 14_000..18_000,
                "attack_xss" => 50..100,
                "corpus_ordinary" | "corpus_hostile" => 1..100_000,
                _ => 0..1,
            };
            assert!(expected.contains(&bytes), "{}: {bytes} bytes", case.name);
        }
    }
}
