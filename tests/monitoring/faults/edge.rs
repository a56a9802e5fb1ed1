//! Of what clients come by.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use portcullis_tests::ports;

use super::{Watch, client, start, start_with_certificate};

/// Who connects speaks no TLS.
#[test]
fn connections_are_closed_without_an_answer() {
    let (_origin, process) = start_with_certificate(200);
    let mut watch = Watch::new();
    for minute in 0..22 {
        client::get(process.address, "/");
        watch.scrape(&[("one", Some(&process))]);
        if minute == 5 {
            watch.expect(&[]);
        }
    }
    watch.expect(&["PortcullisConnectionsRefused"]);
    watch.check();
}

/// As many requests as a listener takes at once wait for an application that is slow.
#[test]
fn there_are_too_many_requests_at_once() {
    let slow = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = slow.local_addr().expect("bound");
    let (_origin, process) = start(|setup| {
        setup.listener = "{ address: \"127.0.0.1:0\", limits: { requests_max: 2 } }".to_owned();
        setup.upstreams = format!("slow: {{ servers: ['{address}'] }}");
        setup.assets =
            "{ name: slow, hosts: ['*'], paths: [/slow], upstream: slow, policy: default }".to_owned();
    });
    let mut watch = Watch::new();
    let mut minutes = |count: usize, status: u16, expected: &[&str]| {
        for _ in 0..count {
            for _ in 0..3 {
                assert_eq!(client::get(process.address, "/"), status, "{}", process.said());
            }
            watch.scrape(&[("one", Some(&process))]);
        }
        watch.expect(expected);
    };
    minutes(6, 200, &[]);
    let waiting = || {
        let address = process.address;
        let client = std::thread::spawn(move || client::get(address, "/slow"));
        (client, slow.accept().expect("the request has come to the application").0)
    };
    let waiting = [waiting(), waiting()];
    minutes(8, 503, &["PortcullisRequestsShed"]);
    for (client, mut application) in waiting {
        application.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("answered");
        assert_eq!(client.join().ok(), Some(200), "{}", process.said());
    }
    // They are over a moment after their answers have come.
    while client::get(process.address, "/") != 200 {
        std::thread::sleep(Duration::from_millis(20));
    }
    minutes(6, 200, &[]);
    watch.check();
}

#[test]
fn a_store_of_rate_limits_is_away() {
    let store = ports::free();
    let (_origin, process) = start(|setup| {
        setup.policy = "rate_limits: [all]".to_owned();
        setup.more = format!(
            "stores: {{ counts: {{ redis: ['redis://{store}'], timeout: 20ms }} }}\n\
             rate_limits: {{ all: {{ rate: 100/s, shared: counts }} }}"
        );
    });
    assert_eq!(client::get(process.address, "/"), 200, "{}", process.said());
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.hold(3);
    watch.expect(&["PortcullisRateLimitStoreDown"]);
    watch.check();
}

/// More clients than a rate limit has room for.
#[test]
fn a_rate_limit_forgets() {
    let (_origin, process) = start(|setup| {
        setup.listener = "{ address: \"127.0.0.1:0\", trusted_proxies: [127.0.0.0/8] }".to_owned();
        setup.policy = "rate_limits: [all]".to_owned();
        setup.more = "rate_limits: { all: { rate: 5/h, burst: 5, entries_max: 16 } }".to_owned();
    });
    let mut watch = Watch::new();
    for minute in 0..20 {
        for client in 0..30 {
            let address = format!("198.51.{minute}.{client}");
            assert_eq!(client::get_for(process.address, &address, "/"), 200, "{}", process.said());
        }
        watch.scrape(&[("one", Some(&process))]);
    }
    watch.expect(&["PortcullisRateLimitForgets"]);
    watch.check();
}
