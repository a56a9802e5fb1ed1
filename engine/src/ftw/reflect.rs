//! The back end that rule tests assume: it answers what the request asks it to.
//!
//! `POST /reflect` with `{"status": 200, "headers": {..}, "body": "..", "encodedBody": ".."}` is answered with
//! exactly that (as coreruleset/albedo does); `/anything` and `/post` with what was sent, `/base64/TEXT` with the text
//! (as httpbin does, for which CRS's suites before 4.5 were written); everything else with an empty 200.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde::Deserialize;
use transaction::decode::percent;
use transaction::{Fields, ResponseHead};

use super::WireRequest;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reflection {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
    encoded_body: String,
}

/// The answer to a request: head and body.
#[must_use]
pub fn answer(request: &WireRequest) -> (ResponseHead, Vec<u8>) {
    let path = request.head.target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let is_reflection =
        request.head.method == b"POST" && (path == b"/reflect" || path.starts_with(b"/reflect/"));
    if !is_reflection {
        return echo(path, request).unwrap_or_else(|| (head(200, Fields::new()), Vec::new()));
    }
    match serde_json::from_slice::<Reflection>(&request.body) {
        Ok(reflection) => reflect(reflection),
        Err(_) => refuse("Invalid JSON in request body"),
    }
}

/// httpbin's answers.
fn echo(path: &[u8], request: &WireRequest) -> Option<(ResponseHead, Vec<u8>)> {
    let (kind, body) = if path == b"/anything" || path == b"/post" {
        let kind = request.head.headers.first(b"content-type").unwrap_or_default();
        let sent = String::from_utf8_lossy(&request.body);
        let echoed = match kind.starts_with(b"application/x-www-form-urlencoded") {
            true => serde_json::json!({ "data": "", "form": form(&request.body) }),
            false => serde_json::json!({ "data": sent, "form": {} }),
        };
        ("application/json", echoed.to_string().into_bytes())
    } else {
        let text = path.strip_prefix(b"/base64/")?;
        ("text/html; charset=utf-8", base64::engine::general_purpose::STANDARD.decode(text).ok()?)
    };
    let length = body.len().to_string();
    let headers = [("Content-Type", kind), ("Content-Length", length.as_str())];
    Some((head(200, headers.into_iter().collect()), body))
}

fn form(body: &[u8]) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| {
        let mut decoded = Vec::new();
        percent::decode_form(bytes, &mut decoded);
        String::from_utf8_lossy(&decoded).into_owned()
    };
    let pairs = body.split(|byte| *byte == b'&').map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (text(&pair[..equals]), text(pair.get(equals + 1..).unwrap_or_default()))
    });
    pairs.collect()
}

fn reflect(reflection: Reflection) -> (ResponseHead, Vec<u8>) {
    let status = match reflection.status {
        0 => 200,
        status @ 100..600 => status,
        status => return refuse(&format!("Invalid status code: {status}")),
    };
    let body = if reflection.body.is_empty() {
        let decoded = base64::engine::general_purpose::STANDARD.decode(&reflection.encoded_body);
        decoded.unwrap_or_else(|_| b"invalid base64 encoding of response body".to_vec())
    } else {
        reflection.body.into_bytes()
    };
    let mut headers: Fields = reflection.headers.iter().collect();
    if headers.first(b"content-type").is_none() && !body.is_empty() {
        headers.push(b"Content-Type", sniff(&body));
    }
    headers.push(b"Content-Length", body.len().to_string().as_bytes());
    (head(status, headers), body)
}

/// What a Go server says of a body whose type nobody named, as far as tests depend on it.
fn sniff(body: &[u8]) -> &'static [u8] {
    let start = body.trim_ascii_start();
    let is_html = [
        b"<!doctype html".as_slice(),
        b"<html",
        b"<head",
        b"<script",
        b"<body",
        b"<h1",
        b"<div",
        b"<a ",
        b"<p",
        b"<!--",
    ]
    .iter()
    .any(|tag| start.len() >= tag.len() && start[..tag.len()].eq_ignore_ascii_case(tag));
    if is_html { b"text/html; charset=utf-8" } else { b"text/plain; charset=utf-8" }
}

fn refuse(reason: &str) -> (ResponseHead, Vec<u8>) {
    (head(400, Fields::new()), reason.as_bytes().to_vec())
}

fn head(status: u16, headers: Fields) -> ResponseHead {
    ResponseHead { status, protocol: b"HTTP/1.1".to_vec(), headers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_what_it_is_told() {
        for (target, body, status, expect) in [
            ("/reflect", r#"{"status":500,"body":"x"}"#, 500, "x"),
            ("/reflect?a", r#"{"encodedBody":"eHk="}"#, 200, "xy"),
            ("/reflect", "{", 400, "Invalid JSON in request body"),
            ("/reflect", r#"{"status":99}"#, 400, "Invalid status code: 99"),
            ("/other", r#"{"status":500}"#, 200, ""),
        ] {
            let mut request = WireRequest { body: body.into(), ..WireRequest::default() };
            request.head.method = b"POST".to_vec();
            request.head.target = target.into();
            let (head, answered) = answer(&request);
            assert_eq!((head.status, answered), (status, expect.as_bytes().to_vec()), "{target} {body}");
        }
    }
}
