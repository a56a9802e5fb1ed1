//! Request and response bodies: held, judged, relayed.

use super::curl::{self, WAYS};
use super::nginx::Nginx;
use super::origin::{Origin, hash};
use super::process::{Portcullis, Setup};

const WORD: &str = "hostileword";
const FORM: &str = "-HContent-Type: application/x-www-form-urlencoded";
const JSON: &str = "-HContent-Type: application/json";
const MULTIPART: &str = "-HContent-Type: multipart/form-data; boundary=frontier";

/// Sizes around Pingora's retry buffer, and around what may be held.
const SIZES: [usize; 8] = [1, 65_535, 65_536, 65_537, 200_000, 1 << 20, (1 << 20) + 1, 5_000_000];

fn form(padding: usize, last: &str) -> Vec<u8> {
    format!("a={}&b={last}", "x".repeat(padding)).into_bytes()
}

fn json(padding: usize, last: &str) -> Vec<u8> {
    format!("{{\"a\":\"{}\",\"b\":\"{last}\"}}", "x".repeat(padding)).into_bytes()
}

fn multipart(padding: usize, last: &str) -> Vec<u8> {
    let part = |name: &str, value: &str| {
        format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts = part("a", &"x".repeat(padding)) + &part("b", last);
    (parts + "--frontier--\r\n").into_bytes()
}

fn unaltered(setup: &Setup, origin: &Origin) {
    let proxy = Portcullis::start(setup);
    for size in SIZES {
        let body = form(size, "end");
        for way in WAYS {
            let answer = curl::post(way, &body, &proxy.url("/echo"));
            assert_eq!(answer.body, format!("{} {:016x}\n", body.len(), hash(&body)), "{size} {way:?}");
        }
    }
    assert_eq!(origin.completed(), SIZES.len() * WAYS.len());
    // What may be held, and two chunks at most.
    let held = proxy.metric("portcullis_held_bytes_max ");
    let most = if setup.mode == "prevent" { 1_048_577.0..=1_310_720.0 } else { 0.0..=0.0 };
    assert!(most.contains(&held), "{held} bytes were held");
}

#[test]
fn bodies_of_all_sizes_arrive_unaltered() {
    let origin = Origin::start();
    unaltered(&Setup::new(origin.address), &origin);
}

#[test]
fn detect_mode_alters_nothing_and_stops_nothing() {
    let origin = Origin::start();
    let setup = Setup { mode: "detect", ..Setup::new(origin.address) };
    unaltered(&setup, &origin);
    let proxy = Portcullis::start(&setup);
    for way in WAYS {
        let body = form(100_000, WORD);
        let answer = curl::post(way, &body, &proxy.url("/echo?q=hostileword"));
        assert_eq!(answer.body, format!("{} {:016x}\n", body.len(), hash(&body)), "{way:?}");
    }
    assert_eq!(proxy.metric("portcullis_requests_total{asset=\"all\",verdict=\"detect\"}"), 3.0);
}

#[test]
fn attacks_at_the_end_are_stopped() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    type Make = fn(usize, &str) -> Vec<u8>;
    let kinds: [(&str, Make); 3] = [(FORM, form), (JSON, json), (MULTIPART, multipart)];
    for padding in [10, 100_000, 1_000_000, 20_000_000] {
        for (kind, make) in kinds {
            for way in WAYS {
                let way = [way, &[kind]].concat();
                let answer = curl::post(&way, &make(padding, WORD), &proxy.url("/echo"));
                assert_eq!(answer.status, 403, "{padding} {way:?}\n{}", proxy.said());
                assert!(!answer.body.contains("in the body"), "gives no reason: {}", answer.body);
            }
        }
    }
    assert_eq!(origin.completed(), 0, "{:?}", origin.seen());
    for (kind, make) in kinds {
        let answer = curl::post(&["--http1.1", kind], &make(20_000_000, "clean"), &proxy.url("/echo"));
        assert_eq!(answer.status, 200, "{kind}");
    }
}

#[test]
fn small_bodies_are_judged_before_the_upstream_is_asked() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    for way in WAYS {
        for padding in [10, 65_537, 1_000_000] {
            assert_eq!(curl::post(way, &form(padding, WORD), &proxy.url("/echo")).status, 403);
        }
    }
    assert!(origin.seen().is_empty(), "{:?}", origin.seen());
}

#[test]
fn attacks_at_the_beginning_end_the_transfer_with_a_page() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    let body = [b"a=hostileword&b=".as_slice(), &vec![b'x'; 10_000_000]].concat();
    for way in WAYS {
        let answer = curl::post(way, &body, &proxy.url("/echo"));
        assert_eq!(answer.status, 403, "{way:?}");
        assert!(answer.body.contains("403"), "{way:?}");
    }
    assert_eq!(origin.completed(), 0);
}

#[test]
fn early_answers_wait_for_the_verdict() {
    let Some(nginx) = Nginx::start() else { return };
    let proxy = Portcullis::start(&Setup::new(nginx.address));
    for way in WAYS {
        for padding in [10, 100_000, 20_000_000] {
            let answer = curl::post(way, &form(padding, WORD), &proxy.url("/early"));
            assert_eq!(answer.status, 403, "{padding} {way:?}");
            let answer = curl::post(way, &form(padding, "clean"), &proxy.url("/early"));
            assert_eq!((answer.status, answer.body.as_str()), (200, "early"), "{padding} {way:?}");
        }
    }
}

#[test]
fn large_files_pass_both_ways_unaltered() {
    let Some(nginx) = Nginx::start() else { return };
    let proxy = Portcullis::start(&Setup::new(nginx.address));
    let bytes: Vec<u8> =
        (0..16_000_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for (index, way) in WAYS.iter().enumerate() {
        let name = format!("/file{index}");
        let put = [*way, &["-X", "PUT", "-HContent-Type: application/octet-stream"]].concat();
        assert_eq!(curl::post(&put, &bytes, &proxy.url(&name)).status, 201, "{way:?}\n{}", proxy.said());
        assert!(std::fs::read(nginx.file(&name[1..])).expect("uploaded") == bytes, "{way:?}");
        let saved = proxy.file("saved");
        let get = [&way[..1], &["-o", saved.to_str().expect("a path")]].concat();
        assert_eq!(curl::run(&get, None, &proxy.url(&name)).status, 200);
        assert!(std::fs::read(&saved).expect("downloaded") == bytes, "{way:?}");
    }
}

#[test]
fn clients_that_expect_100_are_invited() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    for padding in [10, 100_000] {
        // A client that gets no 100 waits a second before it sends all the same.
        let expect = ["--http1.1", "-HExpect: 100-continue", "--expect100-timeout", "30", "-m", "10"];
        assert_eq!(curl::post(&expect, &form(padding, "clean"), &proxy.url("/echo")).status, 200);
        assert_eq!(curl::post(&expect, &form(padding, WORD), &proxy.url("/echo")).status, 403);
    }
}

#[test]
fn answers_without_bodies_pass() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    for way in [&["--http1.1"][..], &["--http2-prior-knowledge"], &["--http1.0"]] {
        for (path, status) in [("/gone", 204), ("/same", 304), ("/echo", 200)] {
            assert_eq!(curl::run(way, None, &proxy.url(path)).status, status, "{path} {way:?}");
        }
        assert_eq!(curl::run(&[way, &["-I"]].concat(), None, &proxy.url("/echo")).status, 200, "{way:?}");
    }
}

#[test]
fn leaking_answers_are_stopped() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    for way in WAYS {
        let answer = curl::run(&way[..1], None, &proxy.url("/leak"));
        assert_eq!(answer.status, 403, "{way:?}\n{}", proxy.said());
        assert!(!answer.body.contains("leakedword"));
    }
}

/// Headers by which a client says that it expects what is never withheld.
const EXPECTATIONS: [&[&str]; 4] = [
    &[],
    &["-HAccept: text/event-stream"],
    &["-HConnection: Upgrade", "-HUpgrade: other"],
    &["-HConnection: Upgrade", "-HUpgrade: websocket", "-HSec-WebSocket-Version: 13"],
];

#[test]
fn leaking_answers_that_come_in_parts_are_withheld() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    for way in [&["--http1.1"][..], &["--http2-prior-knowledge"]] {
        for expectation in EXPECTATIONS {
            for padding in [None, Some(10), Some(100_000)] {
                let body = padding.map(|padding| form(padding, "clean"));
                let answer = curl::run(&[way, expectation].concat(), body.as_deref(), &proxy.url("/drip"));
                let what = format!("{way:?} {expectation:?} {padding:?}: {answer:?}");
                assert!(!answer.body.contains("leaked"), "{what}\n{}", proxy.said());
                assert_eq!(answer.status, 403, "{what}");
                let answer = curl::run(&[way, expectation].concat(), body.as_deref(), &proxy.url("/echo"));
                let sent = body.unwrap_or_default();
                let expected = format!("{} {:016x}\n", sent.len(), hash(&sent));
                assert_eq!((answer.status, answer.body), (200, expected), "{what}");
            }
        }
    }
}

#[test]
fn bodies_beside_an_upgrade_are_judged() {
    let origin = Origin::start();
    for (mode, status) in [("prevent", 403), ("detect", 200)] {
        let proxy = Portcullis::start(&Setup { mode, ..Setup::new(origin.address) });
        for expectation in EXPECTATIONS {
            for padding in [10, 100_000] {
                let way = [&["--http1.1"][..], expectation].concat();
                let answer = curl::post(&way, &form(padding, WORD), &proxy.url("/echo"));
                assert_eq!(answer.status, status, "{mode} {way:?} {padding}");
            }
        }
        let verdict = format!("portcullis_requests_total{{asset=\"all\",verdict=\"{mode}\"}}");
        assert_eq!(proxy.metric(&verdict), 8.0, "{}", proxy.admin("/metrics"));
    }
}

#[test]
fn connections_are_kept_after_a_refusal_and_after_a_relay() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    let next = proxy.url("/echo");
    let refused = curl::run(&["--http1.1", &proxy.url("/?q=hostileword")], None, &next);
    assert!(refused.body.contains("403") && refused.status == 200 && refused.connections == 0, "{refused:?}");
    let relayed = curl::post(&["--http1.1", &proxy.url("/echo")], &form(100_000, "clean"), &next);
    assert!(relayed.status == 200 && relayed.connections == 0, "{relayed:?}");
}

#[test]
fn the_application_learns_who_asks() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    curl::run(&["-HX-Forwarded-For: 198.51.100.1", "-HHost: shop.example.com"], None, &proxy.url("/x"));
    curl::post(&["-HHost: shop.example.com"], &form(100_000, "clean"), &proxy.url("/y"));
    for seen in origin.seen() {
        let header = |name: &str| {
            seen.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(header("host"), Some("shop.example.com"), "{}", seen.path);
        assert!(header("x-forwarded-for").is_some_and(|value| value.ends_with("127.0.0.1")));
        assert_eq!(header("x-forwarded-proto"), Some("http"));
        assert_eq!(header("x-request-id").map(str::len), Some(32));
    }
    assert_eq!(origin.completed(), 2);
}
