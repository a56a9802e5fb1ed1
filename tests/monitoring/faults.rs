//! Each alert fires while its fault is real: a process is broken, its metrics are scraped before, during and after, and promtool says
//! which alerts fire by these scrapes. The expectation is exact: no other alert may fire.
//!
//! Not here: the part of `PortcullisFailOpen` that is a failure of the engine, which nobody can provoke from outside; `alerts.test.yaml` has it.

#[path = "faults/attachments.rs"]
mod attachments;
#[path = "faults/configuration.rs"]
mod configuration;
#[path = "faults/edge.rs"]
mod edge;
#[path = "faults/inspection.rs"]
mod inspection;
#[path = "faults/process.rs"]
mod process;
#[path = "faults/records.rs"]
mod records;
#[path = "faults/upstreams.rs"]
mod upstreams;

use std::time::{Duration, Instant};

use super::client;
use super::origin::Origin;
use super::process::{Portcullis, Setup};
use super::watch::{Watch, now};

/// An application and a process before it, with one more thing in its set-up.
fn start(change: impl FnOnce(&mut Setup)) -> (Origin, Portcullis) {
    let origin = Origin::start();
    let mut setup = Setup::new(origin.address);
    change(&mut setup);
    let process = Portcullis::start(&setup);
    (origin, process)
}

#[track_caller]
fn wait_for(process: &Portcullis, metric: &str, holds: impl Fn(f64) -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds(process.metric(metric)) {
        assert!(Instant::now() < until, "{metric} is {}\n{}", process.metric(metric), process.said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A certificate for `shop.test` and its key, valid for so many days from now on.
pub(crate) fn certificate(days: u64) -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut parameters = rcgen::CertificateParams::new(["shop.test".to_owned()]).expect("names");
    parameters.not_after = (now() + Duration::from_secs(days * 86_400)).into();
    (parameters.self_signed(&key).expect("signed").pem(), key.serialize_pem())
}

/// With a certificate of so many days, in files `shop.crt` and `shop.key`.
fn start_with_certificate(days: u64) -> (Origin, Portcullis) {
    let origin = Origin::start();
    let tls = "tls: { certificates: [{ certificate: shop.crt, key: shop.key }] }";
    let setup =
        Setup { listener: format!("{{ address: \"127.0.0.1:0\", {tls} }}"), ..Setup::new(origin.address) };
    let (certificate, key) = certificate(days);
    let process = Portcullis::start_with(&setup, &[("shop.crt", &certificate), ("shop.key", &key)]);
    (origin, process)
}
