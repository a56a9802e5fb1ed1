//! Rate limits: what is one too many is refused, or counted.

use std::time::{Duration, Instant};

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

fn setup(origin: &Origin, mode: &'static str, policy: &str) -> Setup {
    Setup {
        mode,
        policy: format!("rate_limits: [login]\n    {policy}"),
        more: "rate_limits: { login: { rate: 1/h, burst: 5, paths: [/login] } }".to_owned(),
        ..Setup::new(origin.address)
    }
}

/// What a client gets, head and body, with the status.
fn ask(proxy: &Portcullis, client: &str, path: &str) -> (u16, String) {
    let answer = curl::run(&["-i", "--interface", client], None, &proxy.url(path));
    (answer.status, answer.body.to_ascii_lowercase())
}

#[test]
fn what_is_one_too_many_is_refused_and_told_when_to_come_again() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&setup(&origin, "prevent", ""));
    for _ in 0..5 {
        let (status, head) = ask(&proxy, "127.0.0.1", "/login");
        assert_eq!(status, 200, "{head}\n{}", proxy.said());
        assert!(!head.contains("ratelimit"), "{head}");
    }
    for path in ["/login", "/login/x?q=1", "/x/../login"] {
        let (status, head) = ask(&proxy, "127.0.0.1", path);
        assert_eq!(status, 429, "{head}");
        for line in [
            "retry-after: 3600",
            "ratelimit-policy: \"login\";q=5;w=18000",
            "ratelimit: \"login\";r=0;t=3600",
        ] {
            assert!(head.contains(line), "{line} in:\n{head}");
        }
    }
    assert_eq!(ask(&proxy, "127.0.0.1", "/").0, 200, "another path");
    assert_eq!(ask(&proxy, "127.0.0.2", "/login").0, 200, "another client");
    assert_eq!(origin.completed(), 7);
    assert_eq!(proxy.metric("portcullis_rate_limited_total{limit=\"login\",verdict=\"prevent\"}"), 3.0);
    assert_eq!(proxy.metric("portcullis_requests_total{asset=\"all\",verdict=\"prevent\"}"), 3.0);
    assert_eq!(proxy.metric("portcullis_rate_limit_entries{limit=\"login\"}"), 2.0);
    assert_eq!(proxy.metric("portcullis_rate_limit_forgotten_total{limit=\"login\"}"), 0.0);
}

#[test]
fn detect_counts_and_alters_nothing() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&setup(&origin, "detect", "rate_limit_headers: all"));
    for _ in 0..8 {
        let (status, head) = ask(&proxy, "127.0.0.1", "/login");
        assert_eq!(status, 200, "{head}\n{}", proxy.said());
        assert!(!head.contains("ratelimit") && !head.contains("retry-after"), "{head}");
    }
    assert_eq!(origin.completed(), 8);
    assert_eq!(proxy.metric("portcullis_rate_limited_total{limit=\"login\",verdict=\"detect\"}"), 3.0);
    assert_eq!(proxy.metric("portcullis_requests_total{asset=\"all\",verdict=\"detect\"}"), 3.0);
}

#[test]
fn a_reload_forgets_nothing_and_other_answers_tell_where_they_are_to() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&setup(&origin, "prevent", ""));
    for _ in 0..4 {
        assert_eq!(ask(&proxy, "127.0.0.1", "/login").0, 200, "{}", proxy.said());
    }
    std::fs::write(
        proxy.file("portcullis.yaml"),
        setup(&origin, "prevent", "rate_limit_headers: all").yaml(),
    )
    .expect("written");
    proxy.signal("HUP");
    let until = Instant::now() + Duration::from_secs(20);
    while proxy.metric("portcullis_reloads_total{result=\"ok\"}") < 1.0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let (status, head) = ask(&proxy, "127.0.0.1", "/login");
    assert_eq!(status, 200, "{head}\n{}", proxy.said());
    assert!(head.contains("ratelimit: \"login\";r=0;t=3600"), "{head}");
    assert_eq!(ask(&proxy, "127.0.0.1", "/login").0, 429);
    let (status, head) = ask(&proxy, "127.0.0.3", "/login?q=hostileword");
    assert!(status == 403 && head.contains("ratelimit: \"login\";r=4;t=3600"), "{head}");
    assert!(!ask(&proxy, "127.0.0.3", "/").1.contains("ratelimit"), "no limit holds there");
}
