//! The end of a body of 5 MB, and HTTP/2 through Caddy.

use super::super::curl;
use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::caddy::Caddy;
use super::{agent, lua, nginx, socket, table};

const FORM: &str = "-HContent-Type: application/x-www-form-urlencoded";

fn body(word: &str) -> Vec<u8> {
    format!("a={}&b={word}", "x".repeat(5_000_000)).into_bytes()
}

/// What a gateway shows of a body.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Whole,
    Length,
    Nothing,
}

/// What the gateway shows is judged, and what it does not show is counted, to the byte where it says how many there are.
#[track_caller]
fn check(agent: &Portcullis, base: &str, ways: &[&str], shown: Shown) {
    let unseen = || agent.metric("portcullis_uninspected_total{reason=\"body-unseen\"}");
    let bytes = || agent.metric("portcullis_attach_uninspected_bytes_total");
    for (word, expected) in [("friendlyword", 200), ("hostileword", 403)] {
        let (before, bytes_before, sent) = (unseen(), bytes(), body(word));
        let arguments = [ways, &[FORM]].concat();
        let found = curl::post(&arguments, &sent, base).status;
        let context = format!("{word} {ways:?}: {}", agent.said());
        if shown == Shown::Whole {
            // Who is refused while it sends may not see the answer (0).
            assert!(found == expected || (expected == 403 && found == 0), "{found} {context}");
            assert!((unseen() - before).abs() < 0.1, "{context}");
        } else {
            assert_eq!(found, 200, "{context}");
            assert!((unseen() - before - 1.0).abs() < 0.1, "uncounted: {context}");
            let counted = bytes() - bytes_before;
            let expected = if shown == Shown::Length { sent.len() as f64 } else { 0.0 };
            assert!((counted - expected).abs() < 0.1, "{counted} bytes: {context}");
        }
    }
}

#[test]
fn the_end_of_5_mb_is_seen_or_counted() {
    let origin = Origin::start();
    let by_nginx = agent("nginx", "prevent", "", "");
    if let Some(gateway) = nginx::auth_request(&by_nginx, &origin) {
        check(&by_nginx, &gateway.base, &[], Shown::Length);
        check(&by_nginx, &gateway.base2, &["--http2-prior-knowledge"], Shown::Length);
    }
    let by_caddy = agent("caddy", "prevent", "", "");
    if let Some(caddy) = Caddy::start(&socket(&by_caddy), &origin) {
        check(&by_caddy, &caddy.base, &[], Shown::Nothing);
        check(&by_caddy, &caddy.base, &["--http2-prior-knowledge"], Shown::Nothing);
    }
    let by_lua = agent("native", "prevent", "", "");
    let Some(gateway) = lua::gateway(&socket(&by_lua), &origin, "closed") else { return };
    check(&by_lua, &gateway.base, &[], Shown::Whole);
    check(&by_lua, &gateway.base2, &["--http2-prior-knowledge"], Shown::Whole);
}

#[test]
fn http2_through_caddy() {
    let origin = Origin::start();
    let agent = agent("caddy", "prevent", "", "");
    let Some(caddy) = Caddy::start(&socket(&agent), &origin) else { return };
    table::check(&agent, &caddy.base, false, &["--http2-prior-knowledge"], &["GET with a body"]);
}
