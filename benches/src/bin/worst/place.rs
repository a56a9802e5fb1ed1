//! Where hostile text stands in a request, and how it is written there.

use std::fmt::Write as _;

use portcullis_tests::random::Random;
use signatures::{Selector, Target, Variable};
use transaction::{Fields, Record, RequestHead};

/// A place for values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Query,
    QueryNames,
    Path,
    Header(String),
    Headers,
    HeaderNames,
    Cookies,
    CookieNames,
    Form,
    FormNames,
    Json,
    JsonNames,
    JsonDeep,
    Xml,
    XmlAttributes,
    XmlDeep,
    Multipart,
    MultipartNames,
    MultipartFiles,
    MultipartHeaders,
    Text,
}

/// Places that any draw may give, whatever a rule looks at.
const ANY: [Place; 20] = [
    Place::Query,
    Place::QueryNames,
    Place::Path,
    Place::Headers,
    Place::HeaderNames,
    Place::Cookies,
    Place::CookieNames,
    Place::Form,
    Place::FormNames,
    Place::Json,
    Place::JsonNames,
    Place::JsonDeep,
    Place::Xml,
    Place::XmlAttributes,
    Place::XmlDeep,
    Place::Multipart,
    Place::MultipartNames,
    Place::MultipartFiles,
    Place::MultipartHeaders,
    Place::Text,
];

impl Place {
    /// Any place.
    pub(crate) fn any(random: &mut Random) -> Self {
        random.pick(&ANY).clone()
    }

    /// Where what a rule's target looks at is to be found.
    pub(crate) fn of_target(target: &Target) -> Vec<Self> {
        match target.variable {
            Variable::Args => vec![Self::Query, Self::Form, Self::Json, Self::Multipart],
            Variable::ArgsGet | Variable::QueryString => vec![Self::Query],
            Variable::ArgsPost => vec![Self::Form, Self::Json],
            Variable::ArgsNames => vec![Self::QueryNames, Self::FormNames, Self::JsonNames],
            Variable::ArgsGetNames => vec![Self::QueryNames],
            Variable::ArgsPostNames => vec![Self::FormNames],
            Variable::Files
            | Variable::FilesNames
            | Variable::MultipartFilename
            | Variable::MultipartName => {
                vec![Self::MultipartNames]
            }
            Variable::FilesTmpContent => vec![Self::MultipartFiles],
            Variable::MultipartPartHeaders => vec![Self::MultipartHeaders],
            Variable::RequestBody | Variable::FullRequest => vec![Self::Text, Self::Form],
            Variable::RequestCookies => vec![Self::Cookies],
            Variable::RequestCookiesNames => vec![Self::CookieNames],
            Variable::RequestHeaders => match &target.selector {
                Selector::Named(name) => vec![Self::Header(String::from_utf8_lossy(name).into_owned())],
                _ => vec![Self::Headers],
            },
            Variable::RequestHeadersNames => vec![Self::HeaderNames],
            Variable::RequestBasename
            | Variable::RequestFilename
            | Variable::RequestUri
            | Variable::RequestUriRaw
            | Variable::RequestLine
            | Variable::PathInfo => vec![Self::Path, Self::Query],
            Variable::Xml => match &target.selector {
                Selector::XmlAttributes => vec![Self::XmlAttributes],
                _ => vec![Self::Xml],
            },
            _ => Vec::new(),
        }
    }

    /// A request for `host` with these values.
    pub(crate) fn record(&self, host: &str, values: &[Vec<u8>]) -> Record {
        let mut parts = Parts::new(host);
        self.write(&mut parts, values);
        parts.record()
    }

    fn write(&self, parts: &mut Parts, values: &[Vec<u8>]) {
        match self {
            Self::Query => parts.target.extend(pairs(values, true)),
            Self::QueryNames => parts.target.extend(pairs(values, false)),
            Self::Path => {
                parts.target.clear();
                values.iter().for_each(|value| parts.target.extend(escaped_as(b"/", value, b"?#", b"")));
            }
            Self::Header(name) => {
                let name = if name.eq_ignore_ascii_case("host") { "Referer" } else { name };
                values.iter().for_each(|value| parts.headers.push(name.as_bytes(), &line(value)));
            }
            Self::Headers => {
                for (index, value) in values.iter().enumerate() {
                    parts.headers.push(format!("X-Value-{index}").as_bytes(), &line(value));
                }
            }
            Self::HeaderNames => values.iter().for_each(|value| parts.headers.push(&token(value), b"1")),
            Self::Cookies => parts.headers.push(b"Cookie", &cookies(values, true)),
            Self::CookieNames => parts.headers.push(b"Cookie", &cookies(values, false)),
            Self::Form => parts.post("application/x-www-form-urlencoded", pairs(values, true)),
            Self::FormNames => parts.post("application/x-www-form-urlencoded", pairs(values, false)),
            Self::Json => parts.post("application/json", json(values, true)),
            Self::JsonNames => parts.post("application/json", json(values, false)),
            Self::JsonDeep => parts.post("application/json", json_deep(values)),
            Self::Xml => parts.post(
                "application/xml",
                xml(values, |out, value| {
                    out.extend([b"<a>", &xml_text(value)[..], b"</a>"].concat());
                }),
            ),
            Self::XmlAttributes => parts.post(
                "application/xml",
                xml(values, |out, value| {
                    out.extend([b"<a b=\"", &xml_text(value)[..], b"\"/>"].concat());
                }),
            ),
            Self::XmlDeep => parts.post("application/xml", xml_deep(values)),
            Self::Multipart | Self::MultipartNames | Self::MultipartFiles | Self::MultipartHeaders => {
                parts.post("multipart/form-data; boundary=edge", self.multipart(values));
            }
            Self::Text => parts.post("text/plain", values.concat()),
        }
    }

    fn multipart(&self, values: &[Vec<u8>]) -> Vec<u8> {
        let mut body = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let (name, file, more, content): (Vec<u8>, &[u8], Vec<u8>, &[u8]) = match self {
                Self::MultipartNames => (quoted(value), b"f.txt", Vec::new(), b"1"),
                Self::MultipartFiles => (b"f".to_vec(), b"f.txt", Vec::new(), value),
                Self::MultipartHeaders => (b"f".to_vec(), b"", line(value), b"1"),
                _ => (format!("f{index}").into_bytes(), b"", Vec::new(), value),
            };
            body.extend(b"--edge\r\nContent-Disposition: form-data; name=\"");
            body.extend(name);
            if !file.is_empty() {
                body.extend([b"\"; filename=\"", file].concat());
            }
            body.extend(b"\"");
            if !more.is_empty() {
                body.extend([b"\r\nX-More: ", &more[..]].concat());
            }
            body.extend([b"\r\n\r\n", content, b"\r\n"].concat());
        }
        body.extend(b"--edge--\r\n");
        body
    }
}

struct Parts {
    target: Vec<u8>,
    headers: Fields,
    body: Vec<u8>,
}

impl Parts {
    fn new(host: &str) -> Self {
        let headers = [("Host", host), ("User-Agent", "Mozilla/5.0 (probe)"), ("Accept", "*/*")];
        Self { target: b"/".to_vec(), headers: headers.into_iter().collect(), body: Vec::new() }
    }

    fn post(&mut self, content_type: &str, body: Vec<u8>) {
        self.headers.push(b"Content-Type", content_type.as_bytes());
        self.headers.push(b"Content-Length", body.len().to_string().as_bytes());
        self.body = body;
    }

    fn record(self) -> Record {
        let Self { target, headers, body } = self;
        let method = if body.is_empty() { b"GET".to_vec() } else { b"POST".to_vec() };
        let request = RequestHead { method, target, protocol: b"HTTP/1.1".to_vec(), headers };
        Record { request, body, ..Record::default() }
    }
}

/// The request as it is sent to another host.
pub(crate) fn sent_to(record: &Record, host: &str) -> Record {
    let mut record = record.clone();
    let others = record.request.headers.iter().filter(|it| !it.name.eq_ignore_ascii_case(b"host"));
    let host = [(&b"Host"[..], host.as_bytes())];
    record.request.headers = host.into_iter().chain(others.map(|it| (it.name, it.value))).collect();
    record
}

/// How many bytes a request has that its sender chooses.
pub(crate) fn bytes(record: &Record) -> usize {
    record.request.target.len() + record.request.headers.bytes_total() + record.body.len()
}

/// `?a0=..&a1=..` without the question mark where there is none to be.
fn pairs(values: &[Vec<u8>], as_values: bool) -> Vec<u8> {
    let mut out = b"?".to_vec();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        if as_values {
            out.extend(format!("a{index}=").bytes());
        }
        out.extend(escaped_as(b"", value, b"&+%#=?;", b" "));
        if !as_values {
            out.extend(b"=1");
        }
    }
    out
}

/// The value behind `before`, with those bytes percent-encoded that would end or change it.
fn escaped_as(before: &[u8], value: &[u8], special: &[u8], plus: &[u8]) -> Vec<u8> {
    let mut out = before.to_vec();
    for byte in value {
        match byte {
            _ if plus.contains(byte) => out.push(b'+'),
            0..=0x20 | 0x7f.. => out.extend(format!("%{byte:02x}").bytes()),
            _ if special.contains(byte) => out.extend(format!("%{byte:02x}").bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

/// A header's value cannot hold line ends.
fn line(value: &[u8]) -> Vec<u8> {
    value.iter().map(|byte| if matches!(byte, 0 | b'\r' | b'\n') { b' ' } else { *byte }).collect()
}

fn token(value: &[u8]) -> Vec<u8> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    value.iter().map(|byte| if allowed(byte) { *byte } else { b'-' }).collect()
}

fn quoted(value: &[u8]) -> Vec<u8> {
    line(value).into_iter().map(|byte| if byte == b'"' { b'\'' } else { byte }).collect()
}

fn cookies(values: &[Vec<u8>], as_values: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let text: Vec<u8> =
            line(value).into_iter().map(|byte| if byte == b';' { b',' } else { byte }).collect();
        match as_values {
            true => out.extend([format!("c{index}=").as_bytes(), &text, b"; "].concat()),
            false => out.extend([&text[..], b"=1; "].concat()),
        }
    }
    out
}

fn json(values: &[Vec<u8>], as_values: bool) -> Vec<u8> {
    let mut out = b"{".to_vec();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match as_values {
            true => out.extend([format!("\"k{index}\":").as_bytes(), &json_text(value)].concat()),
            false => out.extend([&json_text(value)[..], b":1"].concat()),
        }
    }
    out.push(b'}');
    out
}

/// Each value one level further down.
fn json_deep(values: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    let depth = values.len().min(DEPTH);
    for at in values.chunks(values.len().div_ceil(depth.max(1)).max(1)) {
        out.push(b'[');
        at.iter().for_each(|value| out.extend([&json_text(value)[..], b","].concat()));
    }
    out.extend(b"0");
    out.extend(vec![b']'; depth]);
    out
}

/// Levels of nested documents: as many as are read.
const DEPTH: usize = 120;

fn json_text(value: &[u8]) -> Vec<u8> {
    let mut out = b"\"".to_vec();
    for byte in value {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            0..=0x1f => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
    out
}

fn xml(values: &[Vec<u8>], write: impl Fn(&mut Vec<u8>, &[u8])) -> Vec<u8> {
    let mut out = b"<?xml version=\"1.0\"?><r>".to_vec();
    values.iter().for_each(|value| write(&mut out, value));
    out.extend(b"</r>");
    out
}

fn xml_deep(values: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"<?xml version=\"1.0\"?>".to_vec();
    let depth = values.len().min(DEPTH);
    for at in values.chunks(values.len().div_ceil(depth.max(1)).max(1)) {
        out.extend(b"<a>");
        at.iter().for_each(|value| out.extend(xml_text(value)));
    }
    let mut ends = String::new();
    for _ in 0..depth {
        let _ = write!(ends, "</a>");
    }
    out.extend(ends.bytes());
    out
}

fn xml_text(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in value {
        match byte {
            b'<' => out.extend(b"&lt;"),
            b'&' => out.extend(b"&amp;"),
            b'"' => out.extend(b"&quot;"),
            _ => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use portcullis_benches::scoring::parsed;

    use super::*;

    #[test]
    fn values_arrive() {
        let values = vec![b"one & <two>".to_vec(), b"three=\"4\"".to_vec()];
        for (place, expected) in [
            (Place::Query, "one & <two>"),
            (Place::Form, "one & <two>"),
            (Place::FormNames, "three=\"4\""),
            (Place::Json, "one & <two>"),
            (Place::JsonNames, "three=\"4\""),
            (Place::JsonDeep, "three=\"4\""),
            (Place::Xml, "one & <two>"),
            (Place::XmlAttributes, "three=\"4\""),
            (Place::XmlDeep, "three=\"4\""),
            (Place::Multipart, "one & <two>"),
            (Place::MultipartNames, "one & <two>"),
            (Place::Cookies, "one & <two>"),
            (Place::Headers, "one & <two>"),
            (Place::Header("Referer".to_owned()), "one & <two>"),
        ] {
            let transaction = parsed(&place.record("a.test", &values));
            assert!(
                format!("{transaction:?}").contains(&expected.replace('"', "\\\""))
                    || format!("{transaction:?}").contains(expected),
                "{place:?}: {transaction:?}"
            );
        }
    }
}
