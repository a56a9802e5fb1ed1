//! Reloading, draining, and what happens when something is down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis_tests::ports;

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

/// Waits until `condition` holds, ten seconds at most.
fn eventually(condition: impl Fn() -> bool) -> bool {
    (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        condition()
    })
}

#[test]
fn reloads_lose_no_request() {
    let origin = Origin::start();
    let proxy = Arc::new(Portcullis::start(&Setup::new(origin.address)));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let (proxy, stop) = (Arc::clone(&proxy), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut sent = 0;
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
                    assert_eq!(curl::get(&proxy.url("/?q=hostileword")).status, 403);
                    sent += 2;
                }
                sent
            })
        })
        .collect();
    for round in 1..=5 {
        proxy.signal("HUP");
        assert!(eventually(|| proxy.metric("portcullis_reloads_total{result=\"ok\"}") >= f64::from(round)));
    }
    stop.store(true, Ordering::Relaxed);
    let sent: u32 = clients.into_iter().map(|client| client.join().expect("no request failed")).sum();
    assert!(sent > 0);
}

#[test]
fn changed_files_are_loaded_and_bad_ones_are_not() {
    let origin = Origin::start();
    let setup = Setup::new(origin.address);
    let proxy = Portcullis::start(&setup);
    let hostile = proxy.url("/?q=hostileword");
    assert_eq!(curl::get(&hostile).status, 403);

    let (config, next) = (proxy.file("portcullis.yaml"), proxy.file("next.yaml"));
    std::fs::write(&config, "version: 1\npolicies: { default: { mood: prevent } }\n").expect("written");
    assert!(
        eventually(|| proxy.metric("portcullis_reloads_total{result=\"failed\"}") >= 1.0),
        "{}",
        proxy.said()
    );
    assert_eq!(curl::get(&hostile).status, 403, "the old configuration keeps running");
    assert!(proxy.admin("/readyz").contains("mood"), "{}", proxy.admin("/readyz"));
    assert!(proxy.said().contains("mood"));
    assert!(!proxy.said().contains('\u{1b}'), "colours are for terminals: {:?}", proxy.said());

    // As an editor does it: a new file takes the old one's name.
    let detect = Setup { mode: "detect", ..setup };
    std::fs::write(&next, detect.yaml()).expect("written");
    std::fs::rename(&next, &config).expect("renamed");
    assert!(eventually(|| curl::get(&hostile).status == 200), "{}", proxy.said());
    assert!(proxy.admin("/readyz").contains("\"lastReloadError\": null"));
}

#[test]
fn termination_finishes_what_is_in_flight() {
    let origin = Origin::start();
    let mut proxy = Portcullis::start(&Setup::new(origin.address));
    let slow = proxy.url("/slow");
    let client = std::thread::spawn(move || curl::get(&slow));
    std::thread::sleep(Duration::from_millis(500));
    assert!(proxy.admin("/readyz").contains("\"ready\": true"));
    proxy.signal("TERM");
    std::thread::sleep(Duration::from_millis(200));
    assert!(proxy.admin("/readyz").contains("\"ready\": false"));
    let answer = client.join().expect("no panic");
    assert_eq!((answer.status, answer.body.as_str()), (200, "slow\n"));
    assert!(proxy.ends_within(Duration::from_secs(10)), "{}", proxy.said());
}

#[test]
fn interruption_is_quick() {
    let origin = Origin::start();
    let mut proxy = Portcullis::start(&Setup::new(origin.address));
    proxy.signal("INT");
    assert!(proxy.ends_within(Duration::from_secs(5)), "{}", proxy.said());
}

#[test]
fn an_application_that_is_down_is_a_502() {
    let proxy = Portcullis::start(&Setup::new(ports::free()));
    let long_form = [&b"note="[..], &[b'x'; 200_000]].concat();
    for way in curl::WAYS {
        assert_eq!(curl::run(&way[..1], None, &proxy.url("/")).status, 502);
        assert_eq!(curl::post(way, &long_form, &proxy.url("/")).status, 502, "{way:?}");
    }
    assert!(proxy.metric("portcullis_upstream_errors_total") >= 6.0, "{}", proxy.admin("/metrics"));
    assert_eq!(
        curl::get(&proxy.url("/?q=hostileword")).status,
        403,
        "judged before the application is asked"
    );
}

#[test]
fn admin_paths_are_not_on_the_data_listener() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    for path in ["/metrics", "/readyz", "/livez", "/api/v1/config"] {
        assert_eq!(curl::get(&proxy.url(path)).status, 200);
    }
    assert_eq!(origin.completed(), 4, "the application answered");
    assert_eq!(proxy.admin("/livez"), "ok\n");
    assert!(proxy.admin("/api/v1/config").contains("hashes"));
}

/// The file is replaced as the kubelet replaces a Secret's: what it leads to is another one at once.
#[test]
fn a_token_in_a_file_is_loaded_anew() {
    let origin = Origin::start();
    let admin = "127.0.0.1:0\", token_file: \"token".to_owned();
    let setup = Setup { admin, ..Setup::new(origin.address) };
    let proxy = Portcullis::start_with(&setup, &[("token", "the-first-of-two-tokens\n")]);
    let status = |token: &str| {
        let header = format!("Authorization: Bearer {token}");
        curl::run(&["-H", &header], None, &format!("http://{}/metrics", proxy.admin)).status
    };
    assert_eq!((status("the-first-of-two-tokens"), status("another"), status("")), (200, 401, 401));
    let replace = |text: &str| {
        std::fs::write(proxy.file("data"), text).expect("written");
        std::os::unix::fs::symlink(proxy.file("data"), proxy.file("next")).expect("a link");
        std::fs::rename(proxy.file("next"), proxy.file("token")).expect("renamed");
    };
    replace("the-second-of-two-tokens\n");
    assert!(eventually(|| status("the-second-of-two-tokens") == 200), "{}", proxy.said());
    assert_eq!(status("the-first-of-two-tokens"), 401);
    // No token is not a token that is empty.
    replace("\n");
    assert!(eventually(|| proxy.said().contains("the file is empty")), "{}", proxy.said());
    assert_eq!((status("the-second-of-two-tokens"), status("")), (200, 401));
}
