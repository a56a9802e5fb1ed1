//! Learning the site while requests pass.

use std::time::Duration;

use super::curl::{self, Answer};
use super::nginx::Nginx;
use super::process::{Portcullis, Setup};

/// What the site's own search takes, and passes.
const ORDINARY: [&str; 2] =
    ["/early?q=status+%3D+%22in+progress%22+and+project+%3D+SHOP", "/early?q=order+by+created+desc"];
/// The same, put together: more than the model lets pass of a stranger.
const FALSE_POSITIVE: &str =
    "/early?q=project+%3D+WEB+and+status+%3D+%22in+progress%22+order+by+created+desc";
const ATTACK: &str = "/early?q=%27+or+1%3D1+--+";

/// A site that learns quickly.
fn setup(nginx: &Nginx, mode: &'static str) -> Setup {
    let more =
        "learning: { file: learned, every: 1s, requests_per_second_max: 1000, quorum: { windows: 1 } }";
    Setup { mode, more: more.to_owned(), ..Setup::new(nginx.address) }
}

/// Ordinary searches by so many clients, all of them learned from.
fn teach(proxy: &Portcullis, clients: u8) {
    let learned = || proxy.metric("portcullis_learning_requests_total{result=\"learned\"}");
    let before = learned();
    for round in 0..24_u8 {
        let path = ORDINARY[usize::from(round / clients) % 2];
        assert_eq!(get(proxy, 2 + round % clients, path).status, 200, "{path}");
    }
    assert!(eventually(|| learned() >= before + 24.0), "{}", proxy.admin("/metrics"));
}

/// A request from 127.0.0.`client`.
fn get(proxy: &Portcullis, client: u8, path: &str) -> Answer {
    curl::run(&["--interface", &format!("127.0.0.{client}")], None, &proxy.url(path))
}

/// Whether a condition holds within ten seconds.
fn eventually(condition: impl Fn() -> bool) -> bool {
    (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        condition()
    })
}

#[test]
fn a_false_positive_disappears_and_stays_away() {
    let Some(nginx) = Nginx::start() else { return };
    let setup = setup(&nginx, "prevent");
    let proxy = Portcullis::start(&setup);
    let passes = |proxy: &Portcullis| get(proxy, 99, FALSE_POSITIVE).status == 200;
    assert!(!passes(&proxy));

    teach(&proxy, 1);
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(!passes(&proxy), "one client teaches nothing");
    teach(&proxy, 6);
    assert!(eventually(|| passes(&proxy)), "{}", proxy.admin("/metrics"));
    assert_eq!(get(&proxy, 99, ATTACK).status, 403);

    proxy.signal("HUP");
    assert!(eventually(|| proxy.metric("portcullis_reloads_total{result=\"ok\"}") >= 1.0));
    assert!(passes(&proxy), "what was learned survives a reload");
    let proxy = proxy.restart(&setup);
    assert!(passes(&proxy), "and a restart");
    assert!(proxy.metric("portcullis_learning_parameters") >= 1.0);

    // The file is what is known: half of one is refused, and none is nothing.
    std::fs::write(proxy.file("learned"), "half a st").expect("written");
    proxy.signal("HUP");
    let reloads = |result| proxy.metric(&format!("portcullis_reloads_total{{result=\"{result}\"}}"));
    assert!(eventually(|| reloads("failed") >= 1.0), "{}", proxy.said());
    assert!(proxy.admin("/readyz").contains("not a learned state"), "{}", proxy.admin("/readyz"));
    assert!(passes(&proxy), "the old configuration keeps running");
    std::fs::remove_file(proxy.file("learned")).expect("removed");
    proxy.signal("HUP");
    assert!(eventually(|| reloads("ok") >= 1.0), "{}", proxy.said());
    assert!(!passes(&proxy));
}

#[test]
fn detect_mode_learns_and_lets_pass() {
    let Some(nginx) = Nginx::start() else { return };
    let proxy = Portcullis::start(&setup(&nginx, "detect"));
    let detected = || proxy.metric("portcullis_requests_total{asset=\"all\",verdict=\"detect\"}");
    assert_eq!(get(&proxy, 99, FALSE_POSITIVE).status, 200);
    assert_eq!(detected(), 1.0);
    teach(&proxy, 6);
    assert!(eventually(|| {
        let before = detected();
        get(&proxy, 99, FALSE_POSITIVE).status == 200 && detected() == before
    }));
}
