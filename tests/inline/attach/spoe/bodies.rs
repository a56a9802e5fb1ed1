//! Bodies that do not fit into HAProxy's buffer: refused unless the policy says `pass`, and then counted.

use super::super::super::curl;
use super::super::super::origin::Origin;
use super::super::super::process::Portcullis;
use super::{Agent, Gateway, last_record, reached, start, table};

const CUT: &str = "portcullis_uninspected_total{reason=\"body-cut\"}";

/// The ways in which a body travels: with a length, in chunks that tell nothing of the rest, and over HTTP/2 without one.
fn ways(gateway: &Gateway) -> [(String, &'static [&'static str]); 4] {
    let sized: &[&str] = &[];
    let chunked: &[&str] = &["-HTransfer-Encoding: chunked"];
    let http2: &[&str] = &["--http2-prior-knowledge"];
    let unsized_http2: &[&str] =
        &["--http2-prior-knowledge", "-HContent-Length:", "-HTransfer-Encoding: chunked"];
    let (one, two) = (&gateway.base, &gateway.base2);
    [(one.clone(), sized), (one.clone(), chunked), (two.clone(), http2), (two.clone(), unsized_http2)]
}

fn long(bytes: usize, word: &str) -> Vec<u8> {
    format!("a={}&b={word}", "x".repeat(bytes)).into_bytes()
}

/// A client that is refused while it sends may see no more than that its connection or stream ends, with or without the 100 before.
fn is_refused(status: u16) -> bool {
    [403, 100, 0].contains(&status)
}

#[track_caller]
fn check(origin: &Origin, agent: &Portcullis, gateway: &Gateway, passes: bool) {
    for bytes in [66_000, 500_000, 5_000_000] {
        for (number, (base, way)) in ways(gateway).into_iter().enumerate() {
            for word in ["friendlyword", "hostileword"] {
                let before = agent.metric(CUT);
                let path = format!("/{bytes}/{number}/{}", word.len());
                let answer = curl::run(way, Some(&long(bytes, word)), &format!("{base}{path}"));
                let status = answer.status;
                let context = || format!("{bytes} {way:?} {word} {status}\n{}", gateway.log());
                let is_as_wanted = if passes { status == 200 } else { is_refused(status) };
                assert!(is_as_wanted && reached(origin, &path) == passes, "{}", context());
                assert!((agent.metric(CUT) - before - 1.0).abs() < 0.1, "{}", context());
                let record = last_record(agent);
                assert_eq!(record["inspection"]["reasons"][0], "body-cut", "{record} {}", context());
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let Some((origin, agent, gateway)) = start("prevent", &[]) else { return };
    check(&origin, &agent, &gateway, false);
    // What fits passes, near the limit too where its length is known.
    for (base, way) in ways(&gateway) {
        for (bytes, word, expected) in
            [(60_000, "friendlyword", 200), (60_000, "hostileword", 403), (0, "friendlyword", 200)]
        {
            let answer = curl::run(way, Some(&long(bytes, word)), &format!("{base}/"));
            assert_eq!(answer.status, expected, "{bytes} {way:?} {word}");
        }
    }
}

#[test]
fn a_policy_may_let_it_pass_and_it_is_counted() {
    let origin = Origin::start();
    let agent = Agent { policy: "on_limit: pass", ..Agent::default() }.start();
    let Some(gateway) = Gateway::start(&agent, origin.address, &[]) else { return };
    check(&origin, &agent, &gateway, true);
    // What is shown of it is judged all the same.
    for (base, way) in ways(&gateway) {
        let hostile = format!("a=hostileword&b={}", "x".repeat(500_000));
        let answer = curl::run(way, Some(hostile.as_bytes()), &format!("{base}/hostile"));
        assert!(is_refused(answer.status) && !reached(&origin, "/hostile"), "{way:?}: {answer:?}");
    }
}

/// With a buffer of 1 MiB the whole table is seen, the end of 500 KB too.
#[test]
fn a_larger_buffer_shows_more() {
    let changes = [("tune.bufsize 65536", "tune.bufsize 1048576")];
    let Some((_origin, agent, gateway)) = start("prevent", &changes) else { return };
    table::check(&agent, &gateway.base, true, &[], &[]);
    table::check(&agent, &gateway.base2, true, &["--http2-prior-knowledge"], &[]);
    let five = curl::run(&[], Some(&long(5_000_000, "hostileword")), &format!("{}/", gateway.base));
    assert!(is_refused(five.status), "{five:?}");
}

/// Where frames are shorter than what there is to tell, it comes in several.
#[test]
fn payloads_of_several_frames() {
    let changes = [
        ("tune.bufsize 65536", "tune.bufsize 16384"),
        ("no option async", "no option async\n    max-frame-size 4096"),
    ];
    let Some((_origin, _agent, gateway)) = start("prevent", &changes) else { return };
    let header = format!("-HX-A: {}", "y".repeat(7_000));
    for (bytes, word, expected) in
        [(7_000, "friendlyword", 200), (7_000, "hostileword", 403), (8_500, "friendlyword", 403)]
    {
        let answer = curl::run(&[&*header], Some(&long(bytes, word)), &format!("{}/", gateway.base));
        assert_eq!(answer.status, expected, "{bytes} {word}\n{}", gateway.log());
    }
}

/// Long bodies may take the way through the proxy, which sees all of them.
#[test]
fn long_bodies_by_the_proxy() {
    let origin = Origin::start();
    let yaml = format!(
        "version: 1\nlisteners: [{{ address: \"127.0.0.1:0\", proxy_protocol: [127.0.0.0/8] }}]\n\
         attachments: {{ spoe: [{{ address: \"unix:{{here}}/spoe.sock\" }}] }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         assets: [{{ name: all, hosts: [\"*\"], upstream: app, policy: p }}]\n\
         policies: {{ p: {{ mode: prevent, signatures: {{ rules: [rules.conf] }} }} }}\n\
         admin: {{ address: \"127.0.0.1:0\" }}\n\
         reports: {{ decisions: {{ to: \"{{here}}/decisions.jsonl\", only: all }} }}\n",
        origin.address
    );
    let agent = Portcullis::start_yaml(&yaml, table::RULES);
    let address = agent.address.to_string();
    let changes = [
        ("# http-request", "http-request"),
        ("# acl portcullis_proxied", "acl portcullis_proxied"),
        ("# use_backend portcullis_proxy", "use_backend portcullis_proxy"),
        ("# backend portcullis_proxy", "backend portcullis_proxy"),
        ("#     server proxy", "    server proxy"),
        ("127.0.0.1:9080", &address),
    ];
    let Some(gateway) = Gateway::start(&agent, origin.address, &changes) else { return };
    for (base, way) in ways(&gateway) {
        for bytes in [0, 40_000, 500_000, 5_000_000] {
            for (word, expected) in [("friendlyword", 200), ("hostileword", 403)] {
                let answer = curl::run(way, Some(&long(bytes, word)), &format!("{base}/"));
                assert_eq!(answer.status, expected, "{bytes} {way:?} {word}\n{}", gateway.log());
            }
        }
    }
    assert!(agent.metric("portcullis_attach_missed_total") < 0.5);
}
