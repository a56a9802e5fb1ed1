//! Lists in the DNS: asked before rules run, by a name server that is not ours.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use portcullis_tests::ports;

use super::curl;
use super::dnsmasq::Dnsmasq;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

fn start(origin: &Origin, name_server: SocketAddr, zone: &str, on_inspection_failure: &str) -> Portcullis {
    Portcullis::start(&Setup {
        more: format!("rbl: {{ name_servers: ['{name_server}'], timeout: 300ms, ttl_min: 1m }}"),
        rules: format!(
            "SecRule REMOTE_ADDR \"@rbl {zone}\" \"id:100,phase:1,deny,status:429,msg:'listed'\"\n"
        ),
        policy: format!("on_inspection_failure: {on_inspection_failure}"),
        ..Setup::new(origin.address)
    })
}

/// The status that a client of this address gets.
fn status_of(proxy: &Portcullis, client: &str) -> u16 {
    curl::run(&["--interface", client], None, &proxy.url("/")).status
}

fn unanswered(proxy: &Portcullis) -> f64 {
    proxy.metric("portcullis_uninspected_total{reason=\"list-unanswered\"}")
}

#[test]
fn clients_on_a_list_are_refused_and_it_is_asked_once() {
    let Some(dns) = Dnsmasq::start() else { return };
    let origin = Origin::start();
    let proxy = start(&origin, dns.address, "bl.test", "block");
    for _ in 0..3 {
        assert_eq!(status_of(&proxy, "127.0.0.9"), 429, "{}", proxy.said());
        assert_eq!(status_of(&proxy, "127.0.0.8"), 200);
    }
    assert_eq!(dns.asked("9.0.0.127.bl.test"), 1, "the answer is kept");
    assert_eq!(dns.asked("8.0.0.127.bl.test"), 1, "so is that there is none");
    assert_eq!(proxy.metric("portcullis_rbl_lookups_total{answer=\"listed\"}"), 1.0);
    assert_eq!(proxy.metric("portcullis_rbl_lookups_total{answer=\"not-listed\"}"), 1.0);
    assert_eq!(proxy.metric("portcullis_rbl_cached_total"), 4.0);
    assert_eq!(unanswered(&proxy), 0.0);
}

#[test]
fn what_is_not_answered_is_counted_and_the_policy_decides() {
    let Some(dns) = Dnsmasq::start() else { return };
    let origin = Origin::start();
    let gone = ports::free();
    for (name_server, zone, policy, expected) in [
        (dns.address, "slow.test", "pass", 200),
        (dns.address, "slow.test", "block", 403),
        (dns.address, "refusing.test", "block", 403),
        (gone, "bl.test", "pass", 200),
        (gone, "bl.test", "block", 403),
    ] {
        let proxy = start(&origin, name_server, zone, policy);
        let begun = Instant::now();
        assert_eq!(status_of(&proxy, "127.0.0.9"), expected, "{zone} {policy}");
        assert!(begun.elapsed() < Duration::from_secs(3), "it waits for the timeout and no longer");
        assert_eq!(unanswered(&proxy), 1.0, "{zone} {policy}");
    }
}

#[test]
fn no_list_is_asked_where_none_is_configured() {
    let Some(dns) = Dnsmasq::start() else { return };
    let origin = Origin::start();
    let rules = "SecRule REMOTE_ADDR \"@rbl bl.test\" \"id:100,phase:1,deny,status:429\"\n".to_owned();
    let proxy = Portcullis::start(&Setup { rules, ..Setup::new(origin.address) });
    assert_eq!(status_of(&proxy, "127.0.0.9"), 200);
    assert!(proxy.said().contains("lists-off"), "{}", proxy.said());
    assert_eq!(dns.asked("127.bl.test"), 0);
}
