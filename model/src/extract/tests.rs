use transaction::{BodyReader, Limits, Progress, Record};

use super::*;

/// The views of a request as `location name=value (steps)`.
fn views(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Vec<String> {
    let mut record = Record::default();
    record.request.method = method.into();
    record.request.target = target.into();
    record.request.headers = headers.iter().copied().collect();
    let limits = Limits::default();
    let mut transaction = record.transaction(&limits);
    let mut found = Vec::new();
    let mut visit = |view: View<'_>| {
        let how = if view.steps.is_empty() { String::new() } else { format!(" ({})", view.steps) };
        let (name, value) = (String::from_utf8_lossy(view.name), String::from_utf8_lossy(view.value));
        found.push(format!("{} {name}={value}{how}", view.location.as_str()));
    };
    let mut extractor = Extractor::default();
    extractor.head(&transaction, &mut visit);
    let content_type = transaction.request.headers.first(b"content-type").unwrap_or_default();
    let processor = transaction::Processor::for_content_type(content_type);
    let mut reader = BodyReader::new(processor, &transaction.request, &limits);
    let mut input = body.as_bytes();
    let (body, inspection) = (&mut transaction.body, &mut transaction.inspection);
    assert_eq!(reader.push(&mut input, body, inspection), Progress::Drained);
    assert_eq!(reader.finish(body, inspection), Progress::Drained);
    extractor.body(body, &mut visit);
    found
}

#[test]
fn shows_what_is_not_plain() {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let xml = ("Content-Type", "application/xml");
    let json = ("Content-Type", "application/json");
    for (target, headers, body, expected) in [
        ("/a/b.html?x=1&y=two", &[("Accept", "*/*"), ("Host", "h")][..], "", &[][..]),
        ("/?q=a+b&%3Cx%3E=1", &[], "", &["query q=a b", "query-name =<x>"]),
        ("/a%2fb'", &[], "", &["path =/a/b' (percent)"]),
        ("/?q=%2527", &[], "", &["query q=%27", "query q=' (percent)"]),
        ("/?u=https://h/p?a%3D1%26b%3D%3Cx%3E", &[], "", &["query u=<x>"]),
        ("/", &[("Referer", "https://h/p?a=%3Cx%3E&b=2")], "", &["header Referer=<x> (percent)"]),
        ("/", &[("Accept", "${x}"), ("X", "1 2")], "", &["header Accept=${x}", "header X=1 2"]),
        ("/", &[("Cookie", "a=%7B%22k%22%3A%22v+w%22%7D; b=1")], "", &["cookie a=v+w (percent)"]),
        ("/", &[form], "a=1&b=%27", &["body b='"]),
        ("/", &[form], r#"{"a":"x y=1&b"}"#, &["raw =x y=1&b"]),
        ("/", &[json], r#"{"a":{"b c":"\u003cx"}}"#, &["body-name =json.a.b c", "body json.a.b c=<x"]),
        ("/", &[json], "{\"a\":' or", &["body json.a=' or", "raw ={\"a\":' or"]),
        ("/", &[("Content-Type", "text/plain")], "a & b", &["raw =a & b"]),
        ("/", &[], "a=1'+or+2", &["raw =a=1'+or+2", "body a=1' or 2"]),
        ("/", &[xml], "<?xml version=\"1.0\"?><a>b c</a>", &["xml /a=b c"]),
        ("/?x=PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg", &[], "", &["query x=<script>alert(1)</script> (base64)"]),
    ] {
        assert_eq!(views("POST", target, headers, body), expected, "{target} {headers:?} {body}");
    }
}
