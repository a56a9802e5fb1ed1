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

fn chunks() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..6)
}

/// A value without a repetition, so that each of its windows is unlike the others.
fn distinct_value(length: usize) -> String {
    (0..length).map(|index| format!("{index:x}.")).collect()
}

proptest! {
    #[test]
    fn urlencoded(body in text(&["&", "=", "%", "%4", "%41", "+", "a=", "&b="]), chunks in chunks()) {
        check_body(Processor::UrlEncoded, "", &body, &chunks);
    }

    #[test]
    fn raw(body in text(&["a"]), chunks in chunks()) {
        check_body(Processor::Text, "", &body, &chunks);
    }

    #[test]
    fn split_values(length in 1..3_000_usize, before in 0..3_000_usize, chunks in chunks()) {
        let value = distinct_value(length);
        let filler = "f".repeat(before);
        for (processor, content_type, body) in [
            (Processor::UrlEncoded, "", format!("f={filler}&v={value}&w=1")),
        ] {
            let headers = [("Content-Type", content_type)];
            let (segments, _) = read(processor, &headers, body.as_bytes(), &chunks, &small_limits());
            check_overlap(&segments, value.as_bytes(), 512);
        }
    }
}
