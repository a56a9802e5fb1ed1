//! HTTP Archive (HAR 1.2), as browsers save it.

use std::io::Read;

use anyhow::Context;
use serde::Deserialize;
use transaction::{Fields, Record, RequestHead, ResponseHead};

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    started_date_time: String,
    request: Request,
    response: Option<Response>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    http_version: String,
    #[serde(default)]
    headers: Vec<Pair>,
    post_data: Option<Content>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status: u16,
    #[serde(default)]
    http_version: String,
    #[serde(default)]
    headers: Vec<Pair>,
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default)]
    text: String,
    #[serde(default)]
    mime_type: String,
}

/// All entries of an archive.
pub(super) fn read(mut reader: impl Read) -> anyhow::Result<Vec<Record>> {
    let mut json = Vec::new();
    reader.read_to_end(&mut json)?;
    // Some browsers begin the file with a byte order mark.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&json);
    let har: Har = serde_json::from_slice(json).context("not an HTTP archive")?;
    Ok((1..).zip(har.log.entries).map(|(number, entry)| record(number, entry)).collect())
}

fn record(number: usize, entry: Entry) -> Record {
    let Request { method, url, http_version, headers, post_data } = entry.request;
    let (host, target) = split(&url);
    // HTTP/2's pseudo headers are not fields.
    let mut fields: Fields = fields(headers);
    if fields.first(b"host").is_none() {
        fields.push(b"Host", host.as_bytes());
    }
    let body = post_data.unwrap_or(Content { text: String::new(), mime_type: String::new() });
    if !body.text.is_empty() && fields.first(b"content-type").is_none() {
        fields.push(b"Content-Type", body.mime_type.as_bytes());
    }
    Record {
        id: number.to_string(),
        time_us: entry
            .started_date_time
            .parse::<jiff::Timestamp>()
            .map_or(0, jiff::Timestamp::as_microsecond),
        request: RequestHead {
            method: method.into_bytes(),
            target: target.as_bytes().to_vec(),
            protocol: protocol(&http_version),
            headers: fields,
        },
        body: body.text.into_bytes(),
        response: entry.response.map(response),
        ..Record::default()
    }
}

fn response(response: Response) -> (ResponseHead, Vec<u8>) {
    let protocol = protocol(&response.http_version);
    let mut headers: Fields = Fields::new();
    // The archive holds the decoded body.
    for pair in response.headers.iter().filter(|pair| !pair.name.eq_ignore_ascii_case("content-encoding")) {
        headers.push(pair.name.as_bytes(), pair.value.as_bytes());
    }
    let body = response.content.map(|content| content.text.into_bytes()).unwrap_or_default();
    (ResponseHead { status: response.status, protocol, headers }, body)
}

fn fields(pairs: Vec<Pair>) -> Fields {
    pairs.into_iter().filter(|pair| !pair.name.starts_with(':')).map(|pair| (pair.name, pair.value)).collect()
}

/// `h2` and `http/1.1` are how browsers spell it.
fn protocol(version: &str) -> Vec<u8> {
    match version.to_ascii_lowercase().as_str() {
        "h2" | "http/2" | "http/2.0" => b"HTTP/2.0".to_vec(),
        "http/1.0" => b"HTTP/1.0".to_vec(),
        _ => b"HTTP/1.1".to_vec(),
    }
}

/// Host and request target of an absolute URL, without the fragment.
fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or(rest);
    match rest.find(['/', '?']) {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, "/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_urls() {
        for (url, expected) in [
            ("https://shop.example.com/a?b=c#d", ("shop.example.com", "/a?b=c")),
            ("http://h:80", ("h:80", "/")),
            ("http://h?x=1", ("h", "?x=1")),
        ] {
            assert_eq!(split(url), expected, "{url}");
        }
    }

    #[test]
    fn reads_an_archive() {
        let json = r#"{"log":{"entries":[{"startedDateTime":"2026-11-20T10:00:00.000Z",
            "request":{"method":"POST","url":"https://h/p?q=1","httpVersion":"h2",
                "headers":[{"name":":authority","value":"h"}],"postData":{"mimeType":"text/plain","text":"hello"}},
            "response":{"status":200,"headers":[],"content":{"text":"ok"}}}]}}"#;
        let records = read(json.as_bytes()).expect("an archive");
        let record = &records[0];
        assert_eq!(record.request.target, b"/p?q=1");
        assert_eq!(format!("{:?}", record.request.headers), "[Host=h, Content-Type=text/plain]");
        assert_eq!((record.body.as_slice(), record.time_us), (b"hello".as_slice(), 1_795_168_800_000_000));
        assert_eq!(record.response.as_ref().map(|(head, _)| head.status), Some(200));
    }
}
