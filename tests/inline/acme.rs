//! Certificates by ACME, from a configuration to a site that clients trust: Pebble on one side, curl on the other.

use std::process::Command;
use std::time::Duration;

use portcullis_tests::ports;

use super::curl;
use super::origin::Origin;
use super::pebble::{BINDING, Pebble};
use super::process::{Portcullis, Setup};

/// A proxy with a plain and a TLS listener, a certificate for a name on its way; `None` without Pebble.
fn start(challenge: &str) -> Option<(Origin, Pebble, Portcullis, Setup)> {
    let [plain, tls] = [(); 2].map(|()| ports::free().port());
    let pebble = Pebble::start(plain, tls)?;
    let origin = Origin::start();
    let listener = format!(
        "{{ address: \"127.0.0.1:{plain}\", redirect_to_https: true }}, {{ address: \"127.0.0.1:{tls}\", \
         tls: {{ certificates: [{{ acme: {{ names: [shop.example.com, WWW.example.com] }} }}] }} }}"
    );
    let more = format!(
        "acme:\n  directory: state\n  agree_to_terms: true\n  challenge: {challenge}\n  authorities:\n    \
         - {{ name: pebble, directory: \"{}\", ca: pebble.pem, eab: {{ kid: {}, hmac_key_file: pebble.key }} }}\n",
        pebble.directory, BINDING.0
    );
    let setup = Setup { listener, more, ..Setup::new(origin.address) };
    let files = [("pebble.pem", pebble.root.as_str()), ("pebble.key", BINDING.1)];
    let proxy = Portcullis::start_with(&setup, &files);
    Some((origin, pebble, proxy, setup))
}

/// What a client gets that trusts Pebble alone.
fn ask(proxy: &Portcullis, pebble: &Pebble, host: &str, path: &str) -> curl::Answer {
    let port = proxy.address.port();
    let root = proxy.file("root.pem");
    if !root.exists() {
        let fetched = Command::new("curl").args(["-sk", &pebble.root_url, "-o"]).arg(&root).status();
        assert!(fetched.expect("curl runs").success());
    }
    let resolve = format!("{host}:{port}:127.0.0.1");
    let arguments = ["--resolve", &resolve, "--cacert", &root.display().to_string()];
    curl::run(&arguments, None, &format!("https://{host}:{port}{path}"))
}

/// Within two minutes: Pebble refuses every fifth nonce, and an attempt that fails for it is made again after up to 30 seconds,
/// a second one after up to a minute.
fn eventually(holds: impl Fn() -> bool) -> bool {
    (0..1200).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        holds()
    })
}

fn serves_a_site_that_clients_trust(challenge: &str) {
    let Some((_origin, pebble, proxy, setup)) = start(challenge) else { return };
    let served = eventually(|| ask(&proxy, &pebble, "shop.example.com", "/echo").status == 200);
    assert!(served, "{}", proxy.said());
    assert_eq!(ask(&proxy, &pebble, "www.example.com", "/echo").status, 200);
    assert_eq!(ask(&proxy, &pebble, "shop.example.com", "/?q=hostileword").status, 403);
    assert_eq!(ask(&proxy, &pebble, "other.example.com", "/echo").status, 0);
    let metrics = proxy.admin("/metrics");
    let told = |name: &str| metrics.lines().any(|line| line.starts_with(name) && !line.ends_with(" 0"));
    assert!(
        told("portcullis_acme_certificate_expiry_timestamp_seconds{certificate=\"shop.example.com-"),
        "{metrics}"
    );
    assert!(told("portcullis_acme_next_attempt_timestamp_seconds{"), "{metrics}");
    assert!(told("portcullis_acme_attempts_total{authority=\"pebble\",outcome=\"obtained\"} 1"), "{metrics}");
    assert!(told("portcullis_acme_requests_left{authority=\"pebble\"}"), "{metrics}");
    assert!(metrics.contains("portcullis_acme_failing{certificate=\"shop.example.com-"), "{metrics}");
    // A reload keeps what is at work; a restart has the certificate at once.
    proxy.signal("HUP");
    assert!(eventually(|| proxy.metric("portcullis_reloads_total{result=\"ok\"}") >= 1.0));
    assert_eq!(ask(&proxy, &pebble, "shop.example.com", "/echo").status, 200);
    let attempts = "portcullis_acme_attempts_total{authority=\"pebble\",outcome=\"obtained\"}";
    assert!((proxy.metric(attempts) - 1.0).abs() < 0.1, "{}", proxy.admin("/metrics"));
    let proxy = proxy.restart(&setup);
    assert_eq!(ask(&proxy, &pebble, "shop.example.com", "/echo").status, 200, "{}", proxy.said());
    assert!(!proxy.admin("/metrics").contains("portcullis_acme_attempts_total{"), "nothing is ordered again");
}

#[test]
fn a_file_on_the_plain_listener_proves_a_name() {
    serves_a_site_that_clients_trust("http-01");
}

#[test]
fn a_handshake_on_the_tls_listener_proves_a_name() {
    serves_a_site_that_clients_trust("tls-alpn-01");
}
