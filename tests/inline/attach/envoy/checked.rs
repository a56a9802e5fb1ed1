//! `ext_authz`: a request is shown once.

use super::super::super::curl;
use super::super::super::origin::Origin;
use super::super::{last_record, table};
use super::{Setup, agent, gateway};

/// Requests longer than this come in part.
const LONG: usize = 1 << 20;

#[test]
fn sees_what_is_sent_and_counts_what_is_not() {
    let origin = Origin::start();
    let h2 = ["--http2-prior-knowledge"];
    let with_bodies = agent("prevent", "", "bodies: true");
    if let Some(gateway) = gateway(&Setup::check(LONG, false), &with_bodies, &origin) {
        table::check(&with_bodies, &gateway.base, true, &[], &[]);
        table::check(&with_bodies, &gateway.base, true, &h2, &[]);
        // What is longer comes in part, and nobody knows what the rest is.
        let long = format!("a={}&b=friendlyword", "x".repeat(5_000_000));
        assert_eq!(curl::post(&[], long.as_bytes(), &gateway.base).status, 403);
        assert_eq!(last_record(&with_bodies)["inspection"]["reasons"][0], "body-cut");
        assert!(with_bodies.metric("portcullis_uninspected_total{reason=\"body-cut\"}") >= 1.0);
    }
    let without = agent("prevent", "", "");
    if let Some(gateway) = gateway(&Setup::check(0, false), &without, &origin) {
        // That a GET has a body of which it says nothing cannot be known over HTTP/2.
        table::check(&without, &gateway.base, false, &[], &[]);
        table::check(&without, &gateway.base, false, &h2, &["GET with a body"]);
    }
}

#[test]
fn tells_the_client_and_the_access_log() {
    let origin = Origin::start();
    let agent = agent("prevent", "", "bodies: true");
    let Some(gateway) = gateway(&Setup::check(LONG, false), &agent, &origin) else { return };
    let arguments = ["-HHost: shop.test", "-HAccept: text/html", "-Hx-envoy-auth-partial-body: false"];
    let refused = curl::run(&arguments, None, &format!("{}/hostileword?a=1", gateway.base));
    assert_eq!(refused.status, 403);
    let record = last_record(&agent);
    let id = record["transactionId"].as_str().expect("an id").to_owned();
    assert!(refused.body.contains(&id), "{}", refused.body);
    for (key, expected) in [
        ("attachment", "ext-authz"),
        ("host", "shop.test"),
        ("path", "/hostileword"),
        ("client", "127.0.0.1"),
        ("verdict", "prevent"),
    ] {
        assert_eq!(record[key], expected, "{key} of {record}");
    }
    let line = gateway.access(1).remove(0);
    assert!(line.contains(&id) && line.contains("\"rules\":[1]"), "{line}");
    let grpc = ["-HContent-Type: application/grpc", "--http2-prior-knowledge", "-D-", "-o/dev/null"];
    let refused = curl::run(&grpc, Some(b"\0\0\0\0\x0bhostileword"), &gateway.base);
    assert!(refused.status == 200 && refused.body.contains("grpc-status: 7"), "{refused:?}");
}

/// A client that says who it is, and one that calls what is not there.
#[test]
fn only_gateways_are_answered() {
    let origin = Origin::start();
    let agent = agent("prevent", "", "gateways: [192.0.2.1]");
    for setup in [Setup::check(0, false), Setup::process("BUFFERED", "NONE", "")] {
        let Some(gateway) = gateway(&setup, &agent, &origin) else { return };
        assert!(curl::get(&gateway.base).status >= 500, "{}", gateway.said());
    }
    for name in ["ext-authz", "ext-proc"] {
        let counted =
            format!("portcullis_attach_requests_total{{answer=\"unauthorized\",attachment=\"{name}\"}}");
        assert!(agent.metric(&counted) >= 1.0, "{name}: {}", agent.admin("/metrics"));
    }
}
