//! Of inspection.

use super::{Watch, client, start};

#[test]
fn bodies_are_longer_than_what_is_inspected() {
    let (_origin, process) = start(|setup| {
        setup.policy = "on_limit: pass\n    limits: { body_bytes_max: 1KiB }".to_owned();
    });
    let mut watch = Watch::new();
    let mut minutes = |count: usize, body: &str, expected: &[&str]| {
        for _ in 0..count {
            for body in ["a=1", "b=2", body] {
                assert_eq!(client::post(process.address, body), 200, "{}", process.said());
            }
            watch.scrape(&[("one", Some(&process))]);
        }
        watch.expect(expected);
    };
    let long = format!("c={}", "x".repeat(2000));
    minutes(12, "c=3", &[]);
    minutes(12, &long, &["PortcullisUninspected"]);
    minutes(12, "c=3", &[]);
    watch.check();
}

/// Rules that take long at what looks around, which is matched slowly, and a deadline that is shorter.
#[test]
fn inspection_takes_too_long() {
    let (_origin, process) = start(|setup| {
        let rule = |n: u32| {
            let pattern = format!("[a-f][0-9](?=[g-z])[a-z][a-f](?![a-z])[0-9]{{{}}}[!-/]", 2 + n % 9);
            format!("SecRule REQUEST_HEADERS:X-Long \"@rx {pattern}\" \"id:{},phase:1,deny\"\n", 1000 + n)
        };
        setup.rules = (0..100).map(rule).collect();
        setup.policy = "deadlines: { request_headers: 5ms }".to_owned();
    });
    let long = format!("X-Long: {}\r\n", "a1gb2hc3!".repeat(700));
    let mut watch = Watch::new();
    let mut minutes = |headers: &[&str], expected: &[&str]| {
        for headers in headers {
            let head = format!("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{headers}\r\n");
            assert_eq!(client::send(process.address, &head), 200, "{}", process.said());
            watch.scrape(&[("one", Some(&process))]);
        }
        watch.expect(expected);
    };
    minutes(&[""; 3], &[]);
    minutes(&[&long], &["PortcullisFailOpen"]);
    minutes(&[""; 12], &[]);
    watch.check();
}

/// The name server that lists are asked of is gone: each client waits, and is judged without what lists say. Nobody is paged for that.
#[test]
fn lists_do_not_answer() {
    for (failure, status) in [("pass", 200), ("block", 403)] {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let server = silent.local_addr().expect("bound");
        let (_origin, process) = start(|setup| {
            setup.listener = "{ address: \"127.0.0.1:0\", trusted_proxies: [127.0.0.0/8] }".to_owned();
            setup.more = format!("rbl: {{ name_servers: ['{server}'], timeout: 100ms }}");
            setup.rules = "SecRule REMOTE_ADDR \"@rbl bl.test\" \"id:100,phase:1,deny\"\n".to_owned();
            setup.policy = format!("on_inspection_failure: {failure}");
        });
        let mut watch = Watch::new();
        for minute in 0..18 {
            for client in 0..2 {
                let address = format!("192.0.2.{}", minute * 2 + client);
                assert_eq!(client::get_for(process.address, &address, "/"), status, "{}", process.said());
            }
            watch.scrape(&[("one", Some(&process))]);
            if minute == 1 {
                watch.expect(&[]);
            }
        }
        watch.expect(&["PortcullisInspectionSlow", "PortcullisListUnanswered"]);
        watch.check();
    }
}

#[test]
fn much_more_is_blocked_than_before() {
    let (_origin, process) = start(|_| ());
    let mut watch = Watch::new();
    let mut minutes = |count: usize, hostile: usize, expected: &[&str]| {
        for _ in 0..count {
            for turn in 0..20 {
                let path = if turn < hostile { "/hostileword" } else { "/" };
                let expected = if turn < hostile { 403 } else { 200 };
                assert_eq!(client::get(process.address, path), expected, "{}", process.said());
            }
            watch.scrape(&[("one", Some(&process))]);
        }
        watch.expect(expected);
    };
    minutes(20, 1, &[]);
    // Twice as many are no jump.
    minutes(10, 2, &[]);
    minutes(11, 16, &["PortcullisBlockRateJump"]);
    minutes(12, 1, &[]);
    watch.check();
}
