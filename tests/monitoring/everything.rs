//! A process that exports each metric it has, with each label: names in queries are looked up in what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use portcullis_tests::ports;

use super::client;
use super::faults::certificate;
use super::origin::Origin;
use super::process::Portcullis;
use super::watch::samples;

/// What is exported: by metric its labels, each with the values seen.
pub(crate) type Exported = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What a process exports that has done a little of everything.
pub(crate) fn exported() -> &'static Exported {
    static EXPORTED: OnceLock<Exported> = OnceLock::new();
    EXPORTED.get_or_init(|| parse(&scrape()))
}

/// Metrics and labels; with `up`, which is Prometheus' own, and the limit of memory, which is told where there is one (`faults.rs` makes it).
pub(crate) fn parse(text: &str) -> Exported {
    let always = ["portcullis_memory_limit_bytes", "up"];
    let mut exported: Exported = always.into_iter().map(|name| (name.to_owned(), BTreeMap::new())).collect();
    for (name, labels, _) in samples(text) {
        let known = exported.entry(name.to_owned()).or_default();
        for (label, value) in labels.split("\",").filter_map(|label| label.split_once("=\"")) {
            known.entry(label.to_owned()).or_default().insert(value.trim_end_matches('"').to_owned());
        }
    }
    exported
}

fn scrape() -> String {
    let origin = Origin::start();
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let directory = tempfile::tempdir().expect("a directory");
    let (certificate, key) = certificate(100);
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("shop.crt"), certificate).expect("written");
    std::fs::write(path("shop.key"), key).expect("written");
    std::fs::write(path("deny.txt"), "198.51.100.0/24\n").expect("written");
    let yaml = CONFIGURATION
        .replace("{directory}", &directory.path().display().to_string())
        .replace("{origin}", &origin.address.to_string())
        .replace("{gone}", &ports::free().to_string())
        .replace("{name_server}", &silent.local_addr().expect("bound").to_string())
        .replace("{store}", &ports::free().to_string())
        .replace("{authority}", &ports::free().to_string());
    let process = Portcullis::start_yaml(&yaml, RULES);
    let plain = process.said();
    let address =
        plain.lines().find_map(|line| line.strip_prefix("listening on http://")).expect("a listener");
    let address = address.split(' ').next().and_then(|it| it.parse().ok()).expect("an address");
    for (client, path) in [
        ("192.0.2.1", "/"),
        ("192.0.2.1", "/?a=hostileword"),
        ("192.0.2.1", "/?a=%27%20OR%201=1--%20UNION%20SELECT%20password%20FROM%20users"),
        ("192.0.2.1", "/listed"),
        ("192.0.2.1", "/watched/?a=hostileword"),
        ("198.51.100.7", "/"),
        ("192.0.2.2", "/limited"),
        ("192.0.2.2", "/limited"),
        ("192.0.2.3", "/limited"),
        ("192.0.2.4", "/limited"),
        ("192.0.2.5", "/gone/"),
        ("192.0.2.5", "/none/"),
        ("192.0.2.5", "/gone/"),
    ] {
        client::get_for(address, client, path);
    }
    client::send(
        address,
        "GET / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    );
    // No TLS where there should be.
    client::get(process.address, "/");
    let socket = process.file("inspect.sock");
    for headers in [
        "X-Portcullis-Client: 192.0.2.7\r\nX-Portcullis-Missed: down=1, late=1\r\nX-Portcullis-Body: unseen=7\r\n",
        "X-Real-IP: 192.0.2.8\r\n",
    ] {
        client::ask_natively(&socket, headers, "/");
    }
    client::ask_natively(&socket, "X-Portcullis-Client: 192.0.2.7\r\n", "/hostileword");
    let until = Instant::now() + Duration::from_secs(20);
    let is_done = |text: &str| WAITED_FOR.iter().all(|metric| text.contains(metric));
    loop {
        let text = process.admin("/metrics");
        if is_done(&text) {
            return text;
        }
        let missing: Vec<_> = WAITED_FOR.iter().filter(|metric| !text.contains(**metric)).collect();
        assert!(Instant::now() < until, "{missing:?}\n{}\n{text}", process.said());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What does not come at once.
const WAITED_FOR: [&str; 8] = [
    "portcullis_acme_attempts_total{",
    "portcullis_acme_requests_left{",
    "portcullis_acme_next_attempt_timestamp_seconds{",
    "portcullis_rbl_lookups_total{",
    "portcullis_upstream_errors_total{",
    "portcullis_upstream_retries_total{",
    "portcullis_connections_refused_total{",
    "portcullis_hostile_requests_total{class=\"sqli\"",
];

const RULES: &str = "SecRule REMOTE_ADDR \"@rbl bl.test\" \"id:100,phase:1,pass,chain\"\nSecRule REQUEST_URI \"@contains /listed\"\n\
     SecRule ARGS \"@contains password\" \"id:101,phase:2,deny,status:403,tag:'attack-sqli',msg:'m'\"\n";

const CONFIGURATION: &str = r#"version: 1
listeners:
  - { address: "127.0.0.2:0", trusted_proxies: [127.0.0.0/8] }
  - address: "127.0.0.1:0"
    tls:
      certificates:
        - { certificate: "{directory}/shop.crt", key: "{directory}/shop.key" }
        - { acme: { names: [shop.example.com] } }
attachments: { inspect: [{ address: "unix:{here}/inspect.sock", dialect: native }] }
upstreams:
  app: { servers: ["{origin}"] }
  gone: { servers: ["{gone}", "{origin}"], connect_timeout: 200ms }
  none: { servers: ["{gone}"], connect_timeout: 200ms }
assets:
  - { name: all, hosts: ["*"], upstream: app, policy: default }
  - { name: gone, hosts: ["*"], paths: [/gone], upstream: gone, policy: default }
  - { name: none, hosts: ["*"], paths: [/none], upstream: none, policy: default }
  - { name: watched, hosts: ["*"], paths: [/watched], upstream: app, policy: watch }
  - { name: limited, hosts: ["*"], paths: [/limited], upstream: app, policy: limited }
policies:
  default:
    mode: prevent
    model: default
    signatures: { rules: [{ file: rules.conf }] }
    deny_addresses: [bad]
  watch: { mode: detect, signatures: { rules: [{ file: rules.conf }] } }
  limited: { mode: prevent, signatures: { rules: [{ file: rules.conf }] }, rate_limits: [few, shared] }
address_lists: { bad: { files: ["{directory}/deny.txt"] } }
rate_limits:
  few: { rate: 1/h, burst: 1, entries_max: 16 }
  shared: { rate: 100/s, shared: counts }
stores: { counts: { redis: ["redis://{store}"], timeout: 20ms } }
rbl: { name_servers: ["{name_server}"], timeout: 50ms }
learning: { file: "{directory}/learned", every: 1s }
acme:
  directory: "{directory}/state"
  agree_to_terms: true
  authorities: [{ name: gone, directory: "https://{authority}/dir" }]
admin: { address: "127.0.0.1:0" }
reports: { decisions: { to: none } }
"#;
