//! What gateways say that are not installed here, in the headers that they document: Traefik, Envoy and the Gateway API's
//! `ExternalAuth`, ingress-nginx. And what somebody says who is none.

use std::time::Instant;

use super::super::curl;
use super::super::process::Portcullis;
use super::{agent, last_record, says_seldom, socket};

struct Asked {
    status: u16,
    /// Head and body, in lower case.
    text: String,
}

fn ask(agent: &Portcullis, arguments: &[&str], body: Option<&str>, path: &str) -> Asked {
    let socket = socket(agent);
    let arguments: Vec<&str> =
        ["-i", "--unix-socket", &socket].into_iter().chain(arguments.iter().copied()).collect();
    let answer = curl::run(&arguments, body.map(str::as_bytes), &format!("http://agent{path}"));
    Asked { status: answer.status, text: answer.body.to_ascii_lowercase() }
}

/// As Traefik asks: the client's headers, then its own in their place.
const TRAEFIK: [&str; 5] = [
    "-HX-Forwarded-Method: POST",
    "-HX-Forwarded-Proto: https",
    "-HX-Forwarded-Host: shop.test",
    "-HX-Forwarded-For: 192.0.2.7",
    "-HX-Real-Ip: 192.0.2.7",
];

#[test]
fn traefik_shows_bodies_where_it_is_told_to() {
    for (bodies, expected) in [("bodies: true", 403), ("", 403)] {
        let agent = agent("traefik", "prevent", "", bodies);
        let with = |uri: &'static str| [TRAEFIK.to_vec(), vec![uri, "-XGET"]].concat();
        let uri = with("-HX-Forwarded-Uri: /x?a=1");
        for (body, expected) in [("a=hostileword", expected), ("a=friendlyword", 200)] {
            assert_eq!(ask(&agent, &uri, Some(body), "/").status, expected, "{bodies} {body}");
        }
        // Without a body: where Traefik would have sent one, there was none.
        assert_eq!(ask(&agent, &uri, None, "/").status, 200);
        let is_complete = last_record(&agent)["inspection"]["complete"].as_bool().expect("a truth");
        assert_eq!(is_complete, !bodies.is_empty());
        let refused = ask(&agent, &with("-HX-Forwarded-Uri: /hostileword"), None, "/");
        assert_eq!(refused.status, 403);
        let record = last_record(&agent);
        for (key, expected) in
            [("client", "192.0.2.7"), ("host", "shop.test"), ("path", "/hostileword"), ("method", "POST")]
        {
            assert_eq!(record[key], expected, "{key} of {record}");
        }
        // Clients get this as it is: our page, with an id and without a reason.
        let id = record["transactionId"].as_str().expect("an id");
        assert!(
            refused.text.contains(id) && refused.text.contains("x-portcullis-verdict: prevent"),
            "{}",
            refused.text
        );
        assert!(!refused.text.contains("x-portcullis-score"), "{}", refused.text);
    }
}

#[test]
fn what_opens_a_websocket_is_answered_at_once() {
    let agent = agent("traefik", "prevent", "", "");
    for (uri, expected) in [("-HX-Forwarded-Uri: /ws", 200), ("-HX-Forwarded-Uri: /hostileword", 403)] {
        let upgrade = ["-HUpgrade: websocket", "-HConnection: Upgrade", "-XGET", "-m5", uri];
        let arguments = [&TRAEFIK[1..], &["-HX-Forwarded-Method: GET"], &upgrade].concat();
        assert_eq!(ask(&agent, &arguments, None, "/").status, expected, "{uri}");
    }
    let record = last_record(&agent);
    assert_eq!(record["inspection"]["complete"], true, "{record}");
}

#[test]
fn a_refusal_is_never_a_consent() {
    let agent = agent("traefik", "prevent", "", "bodies: true");
    let rule = "-HX-Forwarded-Uri: /hostileword";
    // gRPC says no with a 200.
    let grpc = [TRAEFIK.to_vec(), vec![rule, "-HContent-Type: application/grpc", "-HTE: trailers"]].concat();
    assert_eq!(ask(&agent, &grpc, None, "/").status, 403);
    let html = [TRAEFIK.to_vec(), vec![rule, "-HAccept: text/html"]].concat();
    assert!(ask(&agent, &html, None, "/").text.contains("<!doctype html>"));
    let json = [TRAEFIK.to_vec(), vec![rule, "-HAccept: application/json"]].concat();
    assert!(ask(&agent, &json, None, "/").text.contains("transactionid"));
}

#[test]
fn external_auth_is_the_request_itself() {
    let agent = agent("external-auth", "prevent", "", "path_prefix: /check, bodies: true");
    let from = ["-HHost: shop.test", "-HX-Forwarded-For: 192.0.2.7"];
    for (path, more, body, expected) in [
        ("/check/x?a=1", "-HA: b", None, 200),
        ("/check/hostileword", "-HA: b", None, 403),
        ("/check/x", "-HA: hostileword", None, 403),
        ("/check/x", "-HA: b", Some("a=hostileword"), 403),
        ("/check/x", "-HA: b", Some("a=friendlyword"), 200),
        // Only a part of the body: who sends it chooses its length, so that it is for `on_limit` to say.
        ("/check/x", "-Hx-envoy-auth-partial-body: true", Some("a=friendlyword"), 403),
        ("/check/x", "-Hx-envoy-auth-partial-body: false", Some("a=friendlyword"), 200),
        // Not what this gateway was set up to ask.
        ("/x", "-HA: b", None, 500),
    ] {
        let arguments = [&from[..], &[more]].concat();
        for way in ["--http1.1", "--http2-prior-knowledge"] {
            let arguments = [&arguments[..], &[way]].concat();
            assert_eq!(ask(&agent, &arguments, body, path).status, expected, "{path} {more} {body:?} {way}");
        }
    }
}

#[test]
fn ingress_nginx_says_it_as_a_url() {
    let agent = agent("ingress-nginx", "prevent", "", "");
    let told = ["-HX-Original-Method: GET", "-HX-Real-IP: 192.0.2.7", "-HX-Forwarded-For: 192.0.2.7"];
    for (url, more, expected) in [
        ("-HX-Original-URL: https://shop.test/x", "-HA: b", 200),
        ("-HX-Original-URL: https://shop.test/hostileword", "-HA: b", 403),
        // ingress-nginx sets this one only where it changes the method: here it is the client's.
        ("-HX-Original-URL: https://shop.test/hostileword", "-HX-Original-URI: /x", 403),
        ("-HX-Original-URL: nonsense", "-HA: b", 500),
        ("-HX-Original-URI: /x", "-HA: b", 500),
        ("-HX-Original-URL: https://shop.test/x", "-HX-Original-URL: https://shop.test/y", 500),
    ] {
        let arguments = [&told[..], &[url, more]].concat();
        assert_eq!(ask(&agent, &arguments, None, "/").status, expected, "{url} {more}");
    }
    assert!(agent.metric("portcullis_attach_requests_total{answer=\"unreadable\"") > 2.5);
}

#[test]
fn the_native_message_is_the_request_as_it_came() {
    let agent = agent("native", "prevent", "", "");
    let client = "-HX-Portcullis-Client: 192.0.2.7";
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let form = format!("POST /x HTTP/1.1\r\nHost: shop.test\r\n{kind}\r\n\r\na=hostileword");
    for (more, message, expected) in [
        ("-HA: b", "GET /x HTTP/1.1\r\nHost: shop.test\r\n\r\n", 200),
        ("-HA: b", "GET /hostileword HTTP/1.1\r\nHost: shop.test\r\n\r\n", 403),
        ("-HA: b", &form, 403),
        // What the client says is in the message, what the gateway says is not.
        ("-HA: hostileword", "GET /x HTTP/1.1\r\nHost: shop.test\r\nX-Portcullis-Client: ::1\r\n\r\n", 200),
        ("-HX-Portcullis-Body: unseen=7", "POST /x HTTP/1.1\r\nHost: shop.test\r\n\r\n", 200),
        ("-HX-Portcullis-Body: cut=7", "POST /x HTTP/1.1\r\nHost: shop.test\r\n\r\na=", 403),
        ("-HX-Portcullis-Body: perhaps", "POST /x HTTP/1.1\r\nHost: shop.test\r\n\r\na=", 500),
        ("-HA: b", "nonsense", 500),
        ("-HA: b", "", 500),
        ("-HX-Portcullis-Client: ::1", "GET /x HTTP/1.1\r\nHost: shop.test\r\n\r\n", 500),
        ("-HX-Portcullis-Missed: down=3, late=1", "GET /x HTTP/1.1\r\nHost: shop.test\r\n\r\n", 200),
    ] {
        let asked = ask(&agent, &[client, more, "-HContent-Type: message/http"], Some(message), "/");
        assert_eq!(asked.status, expected, "{more} {message:?}\n{}", asked.text);
    }
    assert_eq!(last_record(&agent)["client"], "192.0.2.7");
    assert!(agent.metric("portcullis_attach_missed_total{attachment=\"native\",reason=\"down\"}") > 2.5);
    assert!(
        agent.metric(
            "portcullis_attach_uninspected_bytes_total{attachment=\"native\",reason=\"body-unseen\"}"
        ) > 6.5
    );
}

#[test]
fn what_is_not_understood_is_counted_and_said_now_and_then() {
    let (agent, begun) = (agent("native", "prevent", "", ""), Instant::now());
    for _ in 0..30 {
        assert_eq!(ask(&agent, &["-HX-Portcullis-Client: ::1"], Some("nonsense"), "/").status, 500);
    }
    let unreadable = agent.metric("portcullis_attach_requests_total{answer=\"unreadable\"");
    assert!((unreadable - 30.0).abs() < 0.1, "{unreadable}");
    says_seldom(&agent, begun, "what a gateway asks is not understood");
}

#[test]
fn only_the_gateway_may_ask() {
    let token = "0123456789abcdef";
    let agent = agent("traefik", "prevent", "", &format!("token: \"{token}\""));
    let asked = [TRAEFIK.to_vec(), vec!["-HX-Forwarded-Uri: /x"]].concat();
    let header = format!("-HX-Portcullis-Token: {token}");
    let path = format!("/{token}");
    for (more, path, expected) in [
        ("-HA: b", "/", 403),
        ("-HX-Portcullis-Token: 0123456789abcdeF", "/", 403),
        (&*header, "/", 200),
        ("-HA: b", &*path, 200),
    ] {
        let arguments = [asked.clone(), vec![more]].concat();
        assert_eq!(ask(&agent, &arguments, None, path).status, expected, "{more} {path}");
    }
    // A token that is there twice may be a client's guess beside it.
    let twice = [asked.clone(), vec![&*header, "-HX-Portcullis-Token: x"]].concat();
    assert_eq!(ask(&agent, &twice, None, "/").status, 403);
    let other = super::agent("traefik", "prevent", "", "gateways: [10.0.0.0/8]");
    assert_eq!(ask(&other, &asked, None, "/").status, 403);
    assert!(other.metric("portcullis_attach_requests_total{answer=\"unauthorized\"") > 0.5);
}
