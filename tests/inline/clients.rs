//! Who the client is: what nobody trusted says is believed by nobody, neither rules, nor records, nor the application.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

/// Stops clients of one network.
const RULES: &str =
    r#"SecRule REMOTE_ADDR "@ipMatch 198.51.100.0/24" "id:20,phase:1,deny,status:403,msg:'that network'""#;
const ID: &str = "X-Request-Id: of-theirs";
const TRACE: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    client: String,
    peer: Option<String>,
    broken_chain: Option<String>,
    request_id: Option<String>,
    trace_id: Option<String>,
}

/// One request, and what is to become of it.
struct Row {
    listener: &'static str,
    forwarded: &'static str,
    sent: &'static [&'static str],
    status: u16,
    client: &'static str,
    broken: Option<&'static str>,
    /// Headers that the application gets, empty ones not; of a request that it gets.
    told: &'static [(&'static str, &'static str)],
}

const TRUSTING: &str = ", trusted_proxies: [127.0.0.0/8]";
const TRUSTING_FORWARDED: &str = ", trusted_proxies: [127.0.0.0/8], client_address: forwarded";
const TRUSTING_OTHERS: &str = ", trusted_proxies: [10.0.0.0/8, unix], client_address: cf-connecting-ip";

const ROWS: [Row; 9] = [
    Row {
        listener: "",
        forwarded: "replace",
        sent: &[
            "X-Forwarded-For: 198.51.100.1",
            "X-Forwarded-Proto: https",
            "X-Real-IP: 198.51.100.1",
            "Forwarded: for=198.51.100.1",
            ID,
        ],
        status: 200,
        client: "127.0.0.1",
        broken: None,
        told: &[
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("x-real-ip", ""),
            ("forwarded", ""),
        ],
    },
    Row {
        listener: "",
        forwarded: "append",
        sent: &["X-Forwarded-For: 198.51.100.1", "X_Forwarded_For: 198.51.100.1", "X-Forwarded-Host: admin"],
        status: 200,
        client: "127.0.0.1",
        broken: None,
        told: &[
            ("x-forwarded-for", "198.51.100.1, 127.0.0.1"),
            ("x_forwarded_for", ""),
            ("x-forwarded-host", "shop.example.com"),
        ],
    },
    Row {
        listener: TRUSTING_OTHERS,
        forwarded: "append",
        sent: &["CF-Connecting-IP: 198.51.100.1"],
        status: 200,
        client: "127.0.0.1",
        broken: None,
        told: &[("cf-connecting-ip", ""), ("x-forwarded-for", "127.0.0.1")],
    },
    Row {
        listener: TRUSTING,
        forwarded: "append",
        sent: &["X-Forwarded-For: 198.51.100.1"],
        status: 403,
        client: "198.51.100.1",
        broken: None,
        told: &[],
    },
    Row {
        listener: TRUSTING,
        forwarded: "replace",
        sent: &["X-Forwarded-For: 198.51.100.1, 203.0.113.9", "X-Forwarded-Proto: https", ID, TRACE],
        status: 200,
        client: "203.0.113.9",
        broken: None,
        told: &[
            ("x-forwarded-for", "198.51.100.1, 203.0.113.9, 127.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-request-id", "of-theirs"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ],
    },
    Row {
        listener: TRUSTING,
        forwarded: "append",
        sent: &["X-Forwarded-For: 198.51.100.1, nonsense"],
        status: 200,
        client: "127.0.0.1",
        broken: Some("malformed"),
        told: &[("x-forwarded-for", "198.51.100.1, nonsense, 127.0.0.1")],
    },
    Row {
        listener: TRUSTING,
        forwarded: "append",
        sent: &["Forwarded: for=198.51.100.1", "traceparent: 00-nonsense", "tracestate: a=1"],
        status: 200,
        client: "127.0.0.1",
        broken: None,
        told: &[("traceparent", ""), ("tracestate", "")],
    },
    Row {
        listener: TRUSTING_FORWARDED,
        forwarded: "append",
        sent: &["Forwarded: for=203.0.113.9, for=\"198.51.100.1:4711\"", "X-Forwarded-For: 203.0.113.9"],
        status: 403,
        client: "198.51.100.1",
        broken: None,
        told: &[],
    },
    Row {
        listener: TRUSTING_FORWARDED,
        forwarded: "append",
        sent: &["Forwarded: for=198.51.100.1, for=_hidden"],
        status: 200,
        client: "127.0.0.1",
        broken: Some("hidden"),
        told: &[],
    },
];

#[test]
fn only_trusted_proxies_are_believed() {
    let origin = Origin::start();
    let directory = tempfile::tempdir().expect("a directory");
    // One proxy for each listener and setting.
    let mut proxies: BTreeMap<(&str, &str), (Portcullis, std::path::PathBuf)> = BTreeMap::new();
    for row in &ROWS {
        let count = proxies.len();
        let (proxy, decisions) = proxies.entry((row.listener, row.forwarded)).or_insert_with(|| {
            let decisions = directory.path().join(count.to_string());
            let setup = Setup {
                listener: format!("{{ address: \"127.0.0.1:0\", h2c: true{} }}", row.listener),
                forwarded: row.forwarded,
                rules: RULES.to_owned(),
                decisions: format!("to: {}, only: all", decisions.display()),
                ..Setup::new(origin.address)
            };
            (Portcullis::start(&setup), decisions)
        });
        // Each way a request goes: in one piece, by a relay, and over HTTP/2.
        let long = vec![b'x'; 100_000];
        for (way, body) in [
            (&["--http1.1"][..], None),
            (&["--http1.1"], Some(&long)),
            (&["--http2-prior-knowledge"], Some(&long)),
        ] {
            check(row, &origin, proxy, decisions, way, body.map(Vec::as_slice));
        }
    }
}

fn check(
    row: &Row,
    origin: &Origin,
    proxy: &Portcullis,
    decisions: &std::path::Path,
    way: &[&str],
    body: Option<&[u8]>,
) {
    let before = origin.seen().len();
    let headers: Vec<String> = row.sent.iter().map(|header| format!("-H{header}")).collect();
    let mut arguments = vec!["-HHost: shop.example.com"];
    arguments.extend(way);
    arguments.extend(headers.iter().map(String::as_str));
    let place = format!("{} {} {:?} {way:?}", row.listener, row.forwarded, row.sent);
    let answer = curl::run(&arguments, body, &proxy.url("/echo"));
    assert_eq!(answer.status, row.status, "{place}");
    let record = last_record(decisions);
    assert_eq!(record.client, row.client, "{place}");
    assert_eq!(record.peer.as_deref(), (row.client != "127.0.0.1").then_some("127.0.0.1"), "{place}");
    assert_eq!(record.broken_chain.as_deref(), row.broken, "{place}");
    let is_trusting = row.listener.contains("127.0.0.0/8");
    let id = (is_trusting && row.sent.contains(&ID)).then_some("of-theirs");
    assert_eq!(record.request_id.as_deref(), id, "{place}");
    assert_eq!(record.trace_id.is_some(), row.sent.contains(&TRACE), "{place}");
    if row.status != 200 {
        assert_eq!(origin.seen().len(), before, "{place}");
        return;
    }
    let seen = origin.seen().pop().expect("a request");
    for (name, value) in row.told {
        let found: Vec<&str> =
            seen.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect();
        let expected: Vec<&str> = Some(*value).filter(|value| !value.is_empty()).into_iter().collect();
        assert_eq!(found, expected, "{place} {name}");
    }
}

/// The record of the last request, which is written before its answer is complete.
fn last_record(decisions: &std::path::Path) -> Record {
    for _ in 0..200 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        let text = std::fs::read_to_string(decisions).unwrap_or_default();
        if let Some(line) = text.lines().last().filter(|_| text.ends_with('\n')) {
            return serde_json::from_str(line).expect("a record");
        }
    }
    panic!("no record");
}
