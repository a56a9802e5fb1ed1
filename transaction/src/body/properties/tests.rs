use proptest::prelude::*;

use super::*;

/// Words that mean something to a parser, and some that do not.
fn text(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        8 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
        2 => "[a-z0-9 <>'%]{1,90}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 1..6),
        1 => (1..2_000_usize).prop_map(|length| vec![b'v'; length]),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

const JSON: &[&str] = &[
    "{\"a\":",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"k\":",
    "\"",
    "\"x\"",
    "\\",
    "\\n",
    "\\u00",
    "\\ud83d\\ude00",
    "\\ud800",
    "1",
    "-0.5e+3",
    "true,",
    "null",
    "\n",
    "[[",
    "{}",
    "[],",
];

const MULTIPART_TYPE: &str = "multipart/form-data; boundary=B";
const MULTIPART: &[&str] = &[
    "--B",
    "\r\n",
    "\n",
    "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
    "\r\n--B--\r\n",
    "--B--",
    "--",
    "-",
    "\r",
    "\r\n--B\r\nContent-Disposition: form-data; name=f; filename=x\r\nContent-Type: a/b\r\n\r\n",
    "Content-Disposition: form-data; ",
    "name=a",
    "; filename*=utf-8''%41",
    "\r\n\r\n",
    " folded",
    "--C\r\n",
    "-- B\r\n",
];

const XML: &[&str] = &[
    "<a>",
    "</a>",
    "<b c='",
    "' d=\"",
    "\"",
    "'",
    ">",
    "/>",
    "<!--",
    "-->",
    "--",
    "<![CDATA[",
    "]]>",
    "]",
    "<!DOCTYPE a [",
    "]>",
    "<?p ",
    "?>",
    "&lt;",
    "&#x41;",
    "&",
    "&x",
    ";",
    "<",
    " ",
    "\n",
];

fn chunks() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..6)
}

/// A value without a repetition, so that each of its windows is unlike the others.
fn distinct_value(length: usize) -> String {
    (0..length).map(|index| format!("{index:x}.")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn urlencoded(body in text(&["&", "=", "%", "%4", "%41", "+", "a=", "&b="]), chunks in chunks()) {
        check_body(Processor::UrlEncoded, "", &body, &chunks);
    }

    #[test]
    fn json(body in text(JSON), chunks in chunks()) {
        check_body(Processor::Json, "", &body, &chunks);
        check_body(Processor::NdJson, "", &body, &chunks);
    }

    #[test]
    fn multipart(body in text(MULTIPART), chunks in chunks()) {
        check_body(Processor::Multipart, MULTIPART_TYPE, &body, &chunks);
        let begun = [MULTIPART[3].as_bytes(), &body].concat();
        check_body(Processor::Multipart, MULTIPART_TYPE, &begun, &chunks);
    }

    #[test]
    fn xml(body in text(XML), chunks in chunks()) {
        check_body(Processor::Xml, "", &body, &chunks);
    }

    #[test]
    fn raw(body in text(&["a"]), chunks in chunks()) {
        check_body(Processor::Text, "", &body, &chunks);
    }

    #[test]
    fn split_values(length in 1..3_000_usize, before in 0..3_000_usize, chunks in chunks()) {
        let value = distinct_value(length);
        let begin = "--B\r\nContent-Disposition: form-data; ";
        let filler = "f".repeat(before);
        for (processor, content_type, body) in [
            (Processor::Json, "", format!(r#"{{"f":"{filler}","v":["{value}"],"w":1}}"#)),
            (Processor::Multipart, MULTIPART_TYPE, format!("{begin}name=f\r\n\r\n{filler}\r\n{begin}name=v\r\n\r\n{value}\r\n--B--\r\n")),
            (Processor::Xml, "", format!("<f a='{filler}'><v>{value}</v></f>")),
            (Processor::Xml, "", format!("<f>{filler}<!--{value}-->{filler}</f>")),
            (Processor::UrlEncoded, "", format!("f={filler}&v={value}&w=1")),
        ] {
            let headers = [("Content-Type", content_type)];
            let (segments, _) = read(processor, &headers, body.as_bytes(), &chunks, &small_limits());
            check_overlap(&segments, value.as_bytes(), 512);
        }
    }
}
