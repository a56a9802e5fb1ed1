//! Decision records on their way: what Fluent Bit is told of them, and the index they end in, against records that were written.
//!
//! Neither Fluent Bit nor Elasticsearch can be had from a registry of packages: their settings are compared with what they document.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine::record::{
    DecisionRecord, Hashes, HopsRecord, InspectionRecord, MatchRecord, Micros, ModelRecord, Reason, Scores,
    SpanRecord,
};
use serde_json::Value;

use super::client;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/logs").join(name)
}

/// A record that has everything. It is written out field by field, so that a new one has to be given a place in the index.
fn whole() -> Value {
    let text = || "x".to_owned();
    let strange = || ModelRecord {
        field: text(),
        decoded: text(),
        encodings: text(),
        spans: vec![SpanRecord { text: text(), at: Some((0, 1)), weight: 1.5 }],
        weight: 2.5,
        novelty: Some(0.5),
    };
    let record = DecisionRecord {
        time: "2026-11-30T01:02:03.000004Z".to_owned(),
        transaction_id: text(),
        asset: text(),
        policy: text(),
        mode: "detect",
        verdict: "detect",
        blocked: false,
        status: 200,
        client: "192.0.2.1".to_owned(),
        client_subject: Some(text()),
        attachment: Some("native"),
        hops: HopsRecord {
            peer: Some("192.0.2.2".to_owned()),
            broken_chain: Some("hidden"),
            request_id: Some(text()),
            trace_id: Some(text()),
            parent_id: Some(text()),
        },
        method: text(),
        host: text(),
        path: text(),
        scores: Scores { anomaly: 5, model: Some(0.5), confidence: Some("low") },
        reason: Some(Reason {
            kind: "rule",
            rule_id: Some(1),
            list: Some(text()),
            limit: Some(text()),
            shortfall: Some("upgraded"),
        }),
        matches: vec![MatchRecord {
            rule_id: 1,
            msg: text(),
            logdata: text(),
            severity: Some("critical"),
            tags: vec![text()],
            target: text(),
            matched: text(),
            score: 5,
            evidence_only: true,
            habitual: true,
        }],
        model: vec![strange()],
        habitual: vec![strange()],
        exceptions: vec![text()],
        malformed: Some("other"),
        country: Some(text()),
        over_limits: vec![text()],
        listings: BTreeMap::from([("bl.example.org".to_owned(), "listed")]),
        inspection: InspectionRecord { complete: false, reasons: vec!["upgraded"], body_error: Some(text()) },
        hashes: Hashes { policy: text(), rules: text(), model: Some(text()), profile: Some(text()) },
        micros: Micros { total: 2, inspect: 1 },
    };
    serde_json::to_value(record).expect("JSON")
}

/// Paths of a record's values, with what is there: arrays are as if each element stood in their place.
fn paths<'v>(prefix: &str, value: &'v Value, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| paths(prefix, element, found)),
        // Its keys are zones, whose names have dots.
        Value::Object(_) if prefix == "listings" => found.push((prefix.to_owned(), value)),
        Value::Object(fields) => {
            let dot = if prefix.is_empty() { "" } else { "." };
            fields.iter().for_each(|(name, value)| paths(&format!("{prefix}{dot}{name}"), value, found));
        }
        _ => found.push((prefix.to_owned(), value)),
    }
}

/// The index's types, by the paths of fields.
fn index() -> BTreeMap<String, String> {
    fn types(prefix: &str, properties: &Value, found: &mut BTreeMap<String, String>) {
        for (name, field) in properties.as_object().expect("properties") {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match field["type"].as_str() {
                Some(kind) => drop(found.insert(path, kind.to_owned())),
                None => types(&path, &field["properties"], found),
            }
        }
    }
    let text = std::fs::read_to_string(file("index-template.json")).expect("the template");
    let template: Value = serde_json::from_str(&text).expect("JSON");
    let mut found = BTreeMap::new();
    types("", &template["template"]["mappings"]["properties"], &mut found);
    found
}

/// Whether the index takes a value as this type.
fn fits(kind: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match kind {
        _ if value.is_null() => true,
        "boolean" => value.is_boolean(),
        "date_nanos" => is_time(text),
        "float" => value.is_number(),
        "ip" => text.parse::<std::net::IpAddr>().is_ok(),
        // A number in a field of words is written as one.
        "keyword" => value.is_string() || value.is_u64(),
        "long" => value.is_i64(),
        "object" => value.is_object(),
        "short" => value.as_i64().is_some_and(|number| i16::try_from(number).is_ok()),
        "text" => value.is_string(),
        _ => false,
    }
}

/// What `time_format` of the parser reads: `%Y-%m-%dT%H:%M:%S.%LZ`.
fn is_time(text: &str) -> bool {
    regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}Z$").expect("a pattern").is_match(text)
}

#[track_caller]
fn check(record: &Value) {
    let index = index();
    let mut found = Vec::new();
    paths("", record, &mut found);
    for (path, value) in found {
        let kind = index.get(&path).unwrap_or_else(|| panic!("{path} has no place in the index"));
        assert!(fits(kind, value), "{path} is no {kind}: {value}");
    }
}

#[test]
fn the_index_has_what_a_record_may_have_and_nothing_else() {
    let record = whole();
    check(&record);
    let mut found = Vec::new();
    paths("", &record, &mut found);
    let said: BTreeSet<_> = found.into_iter().map(|(path, _)| path).collect();
    // Fluent Bit's own.
    let ours = |path: &String| path != "@timestamp" && !path.starts_with("kubernetes.");
    let indexed: BTreeSet<_> = index().into_keys().filter(ours).collect();
    assert_eq!(said, indexed);
}

/// Records of a process, by a container runtime's log and Fluent Bit's steps, as documents of the index.
#[test]
fn records_that_were_written_fit() {
    let origin = Origin::start();
    let setup = Setup {
        mode: "detect",
        listener: "{ address: \"127.0.0.1:0\", trusted_proxies: [127.0.0.0/8] }".to_owned(),
        policy: "model: default\n    rate_limits: [few]".to_owned(),
        more: "rate_limits: { few: { rate: 1/h, burst: 1 } }".to_owned(),
        decisions: "to: \"{here}/decisions.jsonl\", only: all".to_owned(),
        ..Setup::new(origin.address)
    };
    let process = Portcullis::start_yaml(&setup.yaml(), "");
    let hostile =
        "/?a=hostileword&b=%27%20OR%201=1--%20UNION%20SELECT%20password%20FROM%20users--&password=secret";
    for path in ["/", "/", hostile] {
        assert_eq!(client::get_for(process.address, "2001:db8::7", path), 200, "{}", process.said());
    }
    let malformed = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(client::send(process.address, malformed), 400);
    let until = Instant::now() + Duration::from_secs(10);
    let lines = loop {
        let text = std::fs::read_to_string(process.file("decisions.jsonl")).unwrap_or_default();
        if text.lines().count() >= 4 {
            break text;
        }
        assert!(Instant::now() < until, "{text}");
        std::thread::sleep(Duration::from_millis(10));
    };
    for line in lines.lines() {
        let document = shipped(&format!("2026-11-30T01:02:03.123456789Z stdout F {line}"));
        let document = document.unwrap_or_else(|| panic!("not shipped: {line}"));
        assert!(document["time"].as_str().is_some_and(is_time), "{document}");
        check(&document);
    }
    assert!(lines.contains("\"model\":[{"), "no record of the model's:\n{lines}");
    assert_eq!(shipped("2026-11-30T01:02:03.123456789Z stderr F listening on http://[::]:8080"), None);
}

/// A line of a container runtime's log as Fluent Bit makes a document of it, by the steps in its configuration: the parser `cri`, then
/// the filters `grep` and `parser`.
fn shipped(line: &str) -> Option<Value> {
    let mut parts = line.splitn(4, ' ');
    let (_time, stream, tag, log) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let steps = configuration();
    let filters = steps["pipeline"]["filters"].as_array().expect("filters");
    let of = |name: &str| filters.iter().find(|filter| filter["name"] == name).expect("a filter");
    let (key, wanted) = of("grep")["regex"].as_str()?.split_once(' ')?;
    let read = BTreeMap::from([("stream", stream), ("logtag", tag), ("log", log)]);
    if !regex::Regex::new(wanted).ok()?.is_match(read.get(key)?) {
        return None;
    }
    serde_json::from_str(read.get(of("parser")["key_name"].as_str()?)?).ok()
}

fn configuration() -> Value {
    let text = std::fs::read_to_string(file("fluent-bit.yaml")).expect("the configuration");
    serde_saphyr::from_str(&text).expect("YAML")
}

/// Keys that Fluent Bit documents, by section and plugin.
const DOCUMENTED: [(&str, &[&str]); 7] = [
    (
        "tail",
        &[
            "tag",
            "path",
            "multiline.parser",
            "db",
            "storage.type",
            "buffer_max_size",
            "skip_long_lines",
            "refresh_interval",
        ],
    ),
    ("grep", &["match", "regex", "exclude"]),
    ("kubernetes", &["match", "kube_tag_prefix", "merge_log", "keep_log", "labels", "annotations"]),
    ("parser", &["match", "key_name", "parser", "reserve_data", "preserve_key"]),
    ("record_modifier", &["match", "record", "remove_key", "allowlist_key"]),
    (
        "es",
        &[
            "match",
            "host",
            "port",
            "tls",
            "tls.verify",
            "http_user",
            "http_passwd",
            "index",
            "write_operation",
            "id_key",
            "suppress_type_name",
            "time_key",
            "time_key_nanos",
            "trace_error",
            "retry_limit",
        ],
    ),
    ("service", &["flush", "log_level", "storage.path", "storage.backlog.mem_limit"]),
];

#[test]
fn fluent_bit_is_told_what_it_documents() {
    let configuration = configuration();
    let check = |plugin: &str, settings: &Value| {
        let (_, keys) = DOCUMENTED
            .iter()
            .find(|(name, _)| *name == plugin)
            .unwrap_or_else(|| panic!("unknown: {plugin}"));
        for key in settings.as_object().expect("settings").keys().filter(|key| *key != "name") {
            assert!(keys.contains(&&**key), "{plugin}: {key}");
        }
    };
    check("service", &configuration["service"]);
    let pipeline = configuration["pipeline"].as_object().expect("a pipeline");
    assert_eq!(pipeline.keys().collect::<Vec<_>>(), ["inputs", "filters", "outputs"]);
    for plugin in pipeline.values().flat_map(|plugins| plugins.as_array().expect("plugins")) {
        check(plugin["name"].as_str().expect("a name"), plugin);
    }
    let output = &pipeline["outputs"][0];
    let template = std::fs::read_to_string(file("index-template.json")).expect("the template");
    let template: Value = serde_json::from_str(&template).expect("JSON");
    let pattern = template["index_patterns"][0].as_str().expect("a pattern").trim_end_matches('*');
    assert!(output["index"].as_str().is_some_and(|index| index.starts_with(pattern)));
    // A key of documents that records have, and always.
    let id = output["id_key"].as_str().expect("a key");
    assert!(whole()[id].is_string(), "{id}");
}
