//! A request is asked about once, wherever nginx takes it.

use super::super::super::curl;
use super::super::last_record;
use super::start;

#[test]
fn no_location_gets_round_it_and_none_asks_twice() {
    let Some((agent, before)) = start("") else { return };
    let asked = || agent.metric("portcullis_attach_requests_total{answer=\"passed\",attachment=\"native\"}");
    for place in [
        "/",
        "/any/",
        "/moved/",
        "/failing",
        "/absent",
        "/tried",
        "/mirrored",
        "/authed/",
        "/off/tried",
        "/unbuffered",
    ] {
        let already = asked();
        assert_eq!(
            before.get(&format!("{place}?a=friendlyword")),
            200,
            "{place}\n{}",
            before.gateway.errors()
        );
        assert!((asked() - already - 1.0).abs() < 0.1, "{place}");
        assert_eq!(before.get(&format!("{place}?a=hostileword")), 403, "{place}");
    }
    let seen = before.origin.seen();
    assert!(!seen.iter().any(|seen| seen.path.contains("hostileword")), "{seen:?}");
    before.is_well();
    before.counts().add_up();
}

#[test]
fn what_nobody_is_asked_about_is_counted() {
    let Some((agent, before)) = start("") else { return };
    assert_eq!(before.get("/off/?a=hostileword"), 200);
    assert_eq!(before.get("/here?a=hostileword"), 200);
    let large = [b'x'; 2000];
    assert_eq!(curl::post(&[], &large, &before.url("/small")).status, 413);
    assert_eq!(curl::post(&["-HTransfer-Encoding: chunked"], &large, &before.url("/small")).status, 413);
    let counts = before.counts();
    counts.add_up();
    assert_eq!((counts.off, counts.answered), (1, 3), "{counts:?}");
    assert!(agent.metric("portcullis_attach_requests_total").abs() < 0.1, "nobody was asked");
}

#[test]
fn limits_and_addresses_come_first() {
    let Some((agent, before)) = start("") else { return };
    assert_eq!((before.get("/limited"), before.get("/limited?a=hostileword")), (200, 503));
    let counts = before.counts();
    assert_eq!((counts.passed, counts.answered), (1, 1), "{counts:?}");
    assert_eq!(curl::run(&["-HX-Real-IP: 192.0.2.9"], None, &before.url("/real")).status, 200);
    assert_eq!(last_record(&agent)["client"], "192.0.2.9");
    assert_eq!(curl::run(&["-HX-Real-IP: 192.0.2.9"], None, &before.url("/")).status, 200);
    assert_eq!(last_record(&agent)["client"], "127.0.0.1");
}
