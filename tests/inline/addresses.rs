//! Lists of addresses: refused, or let through, and read again when they change.

use std::time::{Duration, Instant};

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

fn start(origin: &Origin, mode: &'static str) -> Portcullis {
    let setup = |lists: &str| Setup {
        mode,
        policy: "deny_addresses: [bad]\n    allow_addresses: [good]".to_owned(),
        more: format!("address_lists: {{ bad: {{ {lists} }}, good: {{ prefixes: [127.0.0.7] }} }}"),
        ..Setup::new(origin.address)
    };
    let proxy = Portcullis::start(&setup("prefixes: [127.0.0.9]"));
    std::fs::write(proxy.file("deny.txt"), "# empty\n").expect("written");
    std::fs::write(proxy.file("portcullis.yaml"), setup("files: [deny.txt]").yaml()).expect("written");
    reloaded(&proxy, 1.0);
    proxy
}

/// Files are watched.
#[track_caller]
fn reloaded(proxy: &Portcullis, times: f64) {
    let until = Instant::now() + Duration::from_secs(30);
    while proxy.metric("portcullis_reloads_total{result=\"ok\"}") < times {
        assert!(Instant::now() < until, "{}", proxy.said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn status_of(proxy: &Portcullis, client: &str) -> u16 {
    curl::run(&["--interface", client], None, &proxy.url("/")).status
}

#[test]
fn a_list_is_read_again_when_it_changes() {
    let origin = Origin::start();
    let proxy = start(&origin, "prevent");
    assert_eq!(status_of(&proxy, "127.0.0.9"), 200, "{}", proxy.said());
    std::fs::write(proxy.file("deny.txt"), "127.0.0.0/29\n127.0.0.9\n").expect("written");
    reloaded(&proxy, 2.0);
    assert_eq!(
        ["127.0.0.9", "127.0.0.2", "127.0.0.7", "127.0.0.10"].map(|it| status_of(&proxy, it)),
        [403, 403, 200, 200]
    );
    let denied = "portcullis_address_hostile_total{by=\"list\",name=\"bad\",verdict=\"prevent\"}";
    assert_eq!(proxy.metric(denied), 2.0);
    // What does not load changes nothing.
    std::fs::write(proxy.file("deny.txt"), "127.0.0.0/33\n").expect("written");
    let until = Instant::now() + Duration::from_secs(30);
    while proxy.metric("portcullis_reloads_total{result=\"failed\"}") < 1.0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(status_of(&proxy, "127.0.0.9"), 403);
    assert!(proxy.said().contains("deny.txt:1:1"), "{}", proxy.said());
}

#[test]
fn detect_counts_only() {
    let origin = Origin::start();
    let proxy = start(&origin, "detect");
    std::fs::write(proxy.file("deny.txt"), "127.0.0.0/8\n").expect("written");
    reloaded(&proxy, 2.0);
    assert_eq!(status_of(&proxy, "127.0.0.9"), 200);
    let denied = "portcullis_address_hostile_total{by=\"list\",name=\"bad\",verdict=\"detect\"}";
    assert_eq!(proxy.metric(denied), 1.0);
}
