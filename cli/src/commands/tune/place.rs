//! Attacks put where an exception would look away.

use transaction::decode::percent::encode as encoded;
use transaction::{Record, pairs};

use crate::narrowest::{Field, Narrowest};

/// The request with a payload in the first field that the exception names; in a further argument when it names
/// none. `None` when the field is not where a payload can be put.
pub(super) fn placed(record: &Record, narrowest: &Narrowest, payload: &[u8]) -> Option<Record> {
    let mut record = record.clone();
    match narrowest.fields.first() {
        None => {
            let mark = if record.request.target.contains(&b'?') { b'&' } else { b'?' };
            record.request.target.push(mark);
            record.request.target.extend_from_slice(b"x=");
            record.request.target.extend(encoded(payload));
        }
        Some(Field::Parameter(name)) => in_argument(&mut record, name.as_bytes(), payload)?,
        Some(Field::Cookie(name)) => in_header(&mut record, b"cookie", |value| {
            replaced(value, b';', name.as_bytes(), &encoded(payload))
        })?,
        Some(Field::Header(name)) => {
            let line: Vec<u8> = payload.iter().copied().filter(|byte| !b"\r\n\0".contains(byte)).collect();
            in_header(&mut record, name.as_bytes(), |_| Some(line.clone()))?;
        }
    }
    Some(record)
}

fn in_argument(record: &mut Record, name: &[u8], payload: &[u8]) -> Option<()> {
    let target = &record.request.target;
    let query = target.iter().position(|byte| *byte == b'?').map(|mark| mark + 1);
    let in_query = query.and_then(|at| Some((at, replaced(&target[at..], b'&', name, &encoded(payload))?)));
    if let Some((at, query)) = in_query {
        record.request.target.truncate(at);
        record.request.target.extend(query);
        return Some(());
    }
    if let Some(path) = name.strip_prefix(b"json.") {
        let mut value: serde_json::Value = serde_json::from_slice(&record.body).ok()?;
        let pointer = format!("/{}", String::from_utf8_lossy(path).replace('.', "/"));
        *value.pointer_mut(&pointer)? = String::from_utf8_lossy(payload).into_owned().into();
        record.body = value.to_string().into_bytes();
        return Some(());
    }
    record.body = replaced(&record.body, b'&', name, &encoded(payload))?;
    Some(())
}

fn in_header(record: &mut Record, name: &[u8], value: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<()> {
    let replaced = value(record.request.headers.first(name)?)?;
    let headers = record.request.headers.iter();
    record.request.headers = headers
        .map(|it| {
            let is_meant = it.name.eq_ignore_ascii_case(name);
            (it.name.to_vec(), if is_meant { replaced.clone() } else { it.value.to_vec() })
        })
        .collect();
    Some(())
}

/// A list of `name=value` with another value for the first of this name.
fn replaced(text: &[u8], separator: u8, name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    pairs::replaced(text, separator, |it, _| it.trim_ascii() == name, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_payloads_into_fields() {
        let parameter = |name: &str| vec![Field::Parameter(name.into())];
        for (json, fields, target, body, cookie) in [
            (r#"{"url":"/a?b=1&q=2"}"#, parameter("q"), "/a?b=1&q=%3Cx%3E", "", ""),
            (r#"{"url":"/a?b=1"}"#, vec![], "/a?b=1&x=%3Cx%3E", "", ""),
            (r#"{"url":"/a","data":"q=1&c=2"}"#, parameter("c"), "/a", "q=1&c=%3Cx%3E", ""),
            (
                r#"{"url":"/a","data":"{\"a\":[1,{\"b\":2}]}"}"#,
                parameter("json.a.1.b"),
                "/a",
                r#"{"a":[1,{"b":"<x>"}]}"#,
                "",
            ),
            (
                r#"{"url":"/a","headers":{"Cookie":"s=1; t=2"}}"#,
                vec![Field::Cookie("t".into())],
                "/a",
                "",
                "s=1; t=%3Cx%3E",
            ),
        ] {
            let record = Record::from_json(json.as_bytes()).unwrap();
            let placed = placed(&record, &Narrowest { fields, ..Narrowest::default() }, b"<x>").unwrap();
            let found = [
                placed.request.target.as_slice(),
                &placed.body,
                placed.request.headers.first(b"cookie").unwrap_or_default(),
            ];
            assert_eq!(found.map(String::from_utf8_lossy), [target, body, cookie], "{json}");
        }
    }

    #[test]
    fn says_when_it_cannot() {
        let record = Record::from_json(br#"{"url":"/a?b=1"}"#).unwrap();
        for field in [Field::Parameter("q".into()), Field::Cookie("c".into()), Field::Header("h".into())] {
            let narrowest = Narrowest { fields: vec![field], ..Narrowest::default() };
            assert!(placed(&record, &narrowest, b"<x>").is_none(), "{narrowest}");
        }
    }
}
