use std::collections::HashMap;

use signatures::seclang::MemoryFiles;
use transaction::Record;

use super::*;
use crate::{Outcome, Refusal, Snapshot, Step, Verdict};

fn snapshot(policy: &str, limit: &str) -> Arc<Snapshot> {
    let text = format!(
        "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
         assets: [{{ name: a, hosts: ['h'], upstream: u, policy: p, rate_limits: [second] }},\
         {{ name: b, hosts: ['*'], upstream: u, policy: p }}]\n\
         policies: {{ p: {{ signatures: {{ rules: [r.conf] }}, model: none, rate_limits: [first], {policy} }} }}\n\
         rate_limits: {{ first: {{ {limit} rate: 10/s, burst: 5 }}, second: {{ rate: 100/m, burst: 20 }} }}\n"
    );
    let files =
        MemoryFiles::default().with("r.conf", "SecRule ARGS \"@contains evil\" \"id:1,phase:1,deny,log\"\n");
    Arc::new(Snapshot::build("p.yaml", &text, &files, 0).expect(&text).0)
}

/// A request of this client.
fn record(client: &str, method: &str, target: &str, headers: &[(&str, &str)], rates: &str) -> Record {
    let mut all = vec![["Host", "h"]];
    all.extend(headers.iter().map(|(name, value)| [*name, *value]));
    let json = serde_json::json!({
        "client": { "address": client, "port": 1 },
        "request": { "method": method, "target": target, "headers": all },
        "rates": serde_json::from_str::<serde_json::Value>(rates).expect(rates),
    });
    Record::from_json(json.to_string().as_bytes()).expect("a record")
}

const OVER: &str =
    r#"{"first":{"over":true,"waitUs":1500000},"second":{"over":false,"remaining":7,"waitUs":100}}"#;

#[test]
fn what_is_one_too_many_is_for_the_mode() {
    for (mode, rates, verdict, headers) in [
        ("prevent", "{}", "pass", None),
        ("prevent", OVER, "prevent", Some(("first", "\"first\";r=0;t=2, \"second\";r=7;t=1"))),
        ("detect", OVER, "detect", Some(("first", "\"first\";r=0;t=2, \"second\";r=7;t=1"))),
        ("off", OVER, "pass", None),
        ("prevent", r#"{"second":{"over":true}}"#, "prevent", Some(("second", "\"second\";r=0;t=0"))),
        ("prevent", r#"{"other":{"over":true}}"#, "pass", None),
    ] {
        let snapshot = snapshot(&format!("mode: {mode}"), "");
        let record = record("192.0.2.1", "GET", "/?q=peace", &[], rates);
        let evaluation = Evaluation::of_record(snapshot.clone(), &record);
        assert_eq!(evaluation.verdict().as_str(), verdict, "{mode} {rates}");
        let told = evaluation.rate_headers().map(|(_, standing)| standing);
        assert_eq!(told.as_deref(), headers.map(|(_, standing)| standing), "{mode} {rates}");
        let json = serde_json::to_value(evaluation.finish(Outcome::default())).expect("a record");
        let reason = headers.filter(|_| verdict != "pass").map(|(limit, _)| limit);
        assert_eq!(json["reason"]["limit"].as_str(), reason, "{json}");
        assert_eq!(json["overLimits"][0].as_str(), reason, "{json}");
    }
}

#[test]
fn is_refused_before_rules_run_and_detected_beside_them() {
    let record = record("192.0.2.1", "GET", "/?q=evil", &[], OVER);
    let refused = Evaluation::of_record(snapshot("mode: prevent", ""), &record);
    let Verdict::Prevent(why, refusal) = refused.verdict() else { panic!("stopped") };
    assert_eq!(*refusal, Refusal::TooMany { retry_after_s: 2 });
    let detected = Evaluation::of_record(snapshot("mode: detect", ""), &record);
    let Verdict::Detect(same) = detected.verdict() else { panic!("detected") };
    assert_eq!(format!("{why:?}"), format!("{same:?}"));
    assert_eq!((refused.matches().count(), detected.matches().count()), (0, 1));
    let mut again = refused;
    assert_eq!(again.request_end(), Step::Refuse(Refusal::TooMany { retry_after_s: 2 }));
}

#[test]
fn says_what_may_come() {
    let record = record("192.0.2.1", "GET", "/", &[], OVER);
    for (policy, tells) in [
        ("mode: prevent", false),
        ("mode: prevent, rate_limit_headers: all", true),
        ("mode: detect, rate_limit_headers: all", false),
        ("mode: off, rate_limit_headers: all", false),
    ] {
        let evaluation = Evaluation::of_record(snapshot(policy, ""), &record);
        assert_eq!(evaluation.tells_rates(), tells, "{policy}");
    }
    let evaluation = Evaluation::of_record(snapshot("mode: prevent", ""), &record);
    let (policy, _) = evaluation.rate_headers().expect("limits hold");
    assert_eq!(policy, "\"first\";q=5;w=1, \"second\";q=20;w=12");
}

/// A letter, the client, the target, and headers.
type Row<'a> = (char, &'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Which requests are counted together: by the first letter.
#[track_caller]
fn check(limit: &str, requests: &[Row<'_>]) {
    let snapshot = snapshot("mode: prevent", limit);
    let mut known: HashMap<char, RateKey> = HashMap::new();
    for (letter, client, target, headers) in requests {
        let evaluation =
            Evaluation::of_record(snapshot.clone(), &record(client, "GET", target, headers, "{}"));
        let limits = evaluation.rate_limits();
        let first = limits.iter().find(|(limit, _)| &*limit.name == "first");
        let Some((_, key)) = first else {
            assert_eq!(*letter, '-', "{limit} does not hold: {client} {target}");
            continue;
        };
        assert_eq!(*known.entry(*letter).or_insert(*key), *key, "{limit}: {client} {target} {headers:?}");
        let others = known.iter().filter(|(other, _)| *other != letter);
        assert!(others.clone().all(|(_, other)| other != key), "{limit}: {client} {target} {headers:?}");
    }
}

#[test]
fn counts_by_what_the_key_says() {
    check(
        "",
        &[
            ('a', "192.0.2.1", "/", &[]),
            ('a', "::ffff:192.0.2.1", "/x", &[("X", "1")]),
            ('b', "192.0.2.2", "/", &[]),
            ('c', "2001:db8::1", "/", &[]),
            ('c', "2001:db8::2", "/", &[]),
            ('d', "2001:db8:0:1::2", "/", &[]),
        ],
    );
    check(
        "key: [{ client_prefix: { v4: 24, v6: 32 } }],",
        &[
            ('a', "192.0.2.1", "/", &[]),
            ('a', "192.0.2.200", "/", &[]),
            ('b', "192.0.3.1", "/", &[]),
            ('c', "2001:db8:1::1", "/", &[]),
            ('c', "2001:db8:2::1", "/", &[]),
        ],
    );
    check(
        "key: [{ header: X-Api-Key }],",
        &[
            ('a', "192.0.2.1", "/", &[("x-api-key", "k")]),
            ('a', "192.0.2.2", "/", &[("X-API-KEY", "k")]),
            ('b', "192.0.2.2", "/", &[("X-Api-Key", "K")]),
            ('c', "192.0.2.2", "/", &[]),
            ('c', "192.0.2.2", "/", &[("X-Api-Key", "")]),
            ('c', "192.0.2.2", "/", &[("X-Api-Key", "k"), ("x-api-key", "other")]),
            ('d', "192.0.2.3", "/", &[]),
        ],
    );
    check(
        "key: [{ cookie: session }, path],",
        &[
            ('a', "192.0.2.1", "/p", &[("Cookie", "a=1; session=s")]),
            ('a', "192.0.2.2", "/x/../p?q", &[("Cookie", "session=s")]),
            ('b', "192.0.2.2", "/q", &[("Cookie", "session=s")]),
            ('c', "192.0.2.2", "/p", &[("Cookie", "Session=s")]),
            ('c', "192.0.2.2", "/%70", &[("Cookie", "session=s; session=t")]),
        ],
    );
    check(
        "key: [host, asset],",
        &[('a', "192.0.2.1", "/p", &[]), ('a', "192.0.2.2", "/q", &[]), ('a', "2001:db8::1", "/", &[])],
    );
}

#[test]
fn holds_where_it_says() {
    check(
        "paths: [/login, '/api/*/new'], methods: [GET],",
        &[
            ('a', "192.0.2.1", "/login", &[]),
            ('a', "192.0.2.1", "/login/x", &[]),
            ('a', "192.0.2.1", "/x/..//login", &[]),
            ('a', "192.0.2.1", "/%6cogin", &[]),
            ('a', "192.0.2.1", "/login/..", &[]),
            ('a', "192.0.2.1", "/api/user/new", &[]),
            ('-', "192.0.2.1", "/logins", &[]),
            ('-', "192.0.2.1", "/", &[]),
        ],
    );
    check("methods: [POST],", &[('-', "192.0.2.1", "/", &[])]);
}
