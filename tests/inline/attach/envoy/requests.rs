//! Attacks in each place of a request, and beside each one that is the same but for it.

use super::super::super::curl;
use super::super::super::origin::Origin;
use super::super::super::process::Portcullis;
use super::super::{doctor, last_record, reached, table};
use super::{Gateway, Setup, agent, gateway};

const BUFFERED: &str = "per_connection_buffer_limit_bytes: 8388608";

/// The request modes in which nothing passes before its verdict.
pub(super) fn safe() -> [Setup; 2] {
    let mut buffered = Setup::process("BUFFERED", "BUFFERED", "");
    buffered.listener = BUFFERED;
    [buffered, Setup::process("FULL_DUPLEX_STREAMED", "FULL_DUPLEX_STREAMED", "")]
}

fn long(gateway: &Gateway, word: &str, arguments: &[&str]) -> u16 {
    let body = format!("a={}&b={word}", "x".repeat(5_000_000));
    curl::run(arguments, Some(body.as_bytes()), &format!("{}/long", gateway.base)).status
}

#[test]
fn sees_all_of_a_request() {
    for setup in safe() {
        let origin = Origin::start();
        let agent = agent("prevent", "", "");
        let Some(gateway) = gateway(&setup, &agent, &origin) else { return };
        table::check(&agent, &gateway.base, true, &[], &[]);
        table::check(&agent, &gateway.base, true, &["--http2-prior-knowledge"], &[]);
        for ways in [&[][..], &["-HTransfer-Encoding: chunked"], &["--http2-prior-knowledge"]] {
            let said = || format!("{ways:?}\n{}\n{}", agent.said(), gateway.said());
            assert_eq!(long(&gateway, "friendlyword", ways), 200, "{}", said());
            assert_eq!(long(&gateway, "hostileword", ways), 403, "{}", said());
        }
        assert!(!reached(&origin, "/a/hostileword"));
    }
}

#[test]
fn the_configuration_that_is_shipped_works() {
    let origin = Origin::start();
    let agent = agent("prevent", "", "");
    let Some(gateway) = gateway(&Setup::shipped(), &agent, &origin) else { return };
    table::check(&agent, &gateway.base, true, &[], &[]);
    assert_eq!(curl::get(&format!("{}/leak", gateway.base)).status, 403);
    assert!(gateway.access(1)[0].contains("\"verdict\":\"pass\""), "{:?}", gateway.access(1));
}

/// `portcullis doctor` sees the same from outside.
#[test]
fn the_doctor_finds_all_inspected() {
    let yaml = r#"version: 1
attachments: { envoy: [{ address: "unix:{here}/inspect.sock" }] }
assets: [{ name: shop, hosts: ["*"], policy: default }]
policies: { default: { mode: prevent, inspect_responses: true } }
admin: { address: "127.0.0.1:0", token: a-long-enough-token }
"#;
    let origin = Origin::start();
    let agent = Portcullis::start_yaml(yaml, "");
    std::fs::write(agent.file("token"), "a-long-enough-token\n").expect("written");
    let Some(gateway) = gateway(&Setup::shipped(), &agent, &origin) else { return };
    let report = doctor::check(&agent, &gateway.base, "");
    assert_eq!(report["targets"][0]["rows"][0]["way"], "ext-proc");
}

#[test]
fn the_record_tells_of_the_request() {
    let origin = Origin::start();
    let agent = agent("prevent", "", "");
    let Some(gateway) = gateway(&safe()[0], &agent, &origin) else { return };
    let arguments = ["-HHost: shop.test", "-HAccept: text/html", "-HX-Forwarded-For: 192.0.2.1"];
    let refused = curl::run(&arguments, None, &format!("{}/hostileword?a=1", gateway.base));
    assert_eq!(refused.status, 403);
    let record = last_record(&agent);
    assert!(refused.body.contains(record["transactionId"].as_str().expect("an id")), "{}", refused.body);
    for (key, expected) in [
        ("attachment", "ext-proc"),
        ("method", "GET"),
        ("host", "shop.test"),
        ("path", "/hostileword"),
        ("client", "127.0.0.1"),
        ("verdict", "prevent"),
    ] {
        assert_eq!(record[key], expected, "{key} of {record}");
    }
    let line = gateway.access(1).remove(0);
    assert!(line.contains("portcullis_refused") && line.contains("\"rules\":[1]"), "{line}");
    assert!(line.contains(record["transactionId"].as_str().expect("an id")), "{line}");
}
