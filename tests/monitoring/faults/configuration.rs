//! Of what is configured, certificates among it.

use std::fs;

use portcullis_tests::ports;

use super::{Watch, certificate, start, start_with_certificate, wait_for};

#[test]
fn a_certificate_ends_soon() {
    for (days, expected) in [
        (100, &[][..]),
        (10, &["PortcullisCertificateExpiring"]),
        (2, &["PortcullisCertificateEnds", "PortcullisCertificateExpiring"]),
    ] {
        let (_origin, process) = start_with_certificate(days);
        let mut watch = Watch::new();
        watch.scrape(&[("one", Some(&process))]);
        watch.hold(12);
        watch.expect(expected);
        if days == 2 {
            let (certificate, key) = certificate(200);
            fs::write(process.file("shop.crt"), certificate).expect("written");
            fs::write(process.file("shop.key"), key).expect("written");
            process.signal("HUP");
            wait_for(&process, "portcullis_reloads_total{result=\"ok\"}", |count| count > 0.5);
            watch.scrape(&[("one", Some(&process))]);
            watch.expect(&[]);
        }
        watch.check();
    }
}

/// The authority is not there: no certificate, and no attempt that goes well.
#[test]
fn a_certificate_cannot_be_obtained() {
    let authority = ports::free();
    let (_origin, process) = start(|setup| {
        setup.listener = "{ address: \"127.0.0.2:0\" }, { address: \"127.0.0.1:0\", \
             tls: { certificates: [{ acme: { names: [shop.example.com] } }] } }"
            .to_owned();
        setup.more = format!(
            "acme: {{ directory: state, agree_to_terms: true, authorities: [{{ name: gone, directory: \"https://{authority}/dir\" }}] }}"
        );
    });
    wait_for(&process, "portcullis_acme_failing{", |failing| failing > 0.5);
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.hold(70);
    watch.expect(&["PortcullisAcmeCertificateMissing"]);
    watch.hold(24 * 60);
    watch.expect(&["PortcullisAcmeCertificateMissing", "PortcullisAcmeFailing"]);
    watch.check();
}

#[test]
fn a_configuration_does_not_load() {
    let (_origin, process) = start(|_| ());
    let file = process.file("portcullis.yaml");
    let good = fs::read_to_string(&file).expect("the configuration");
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    let reload = |text: &str, metric: &str| {
        fs::write(&file, text).expect("written");
        process.signal("HUP");
        wait_for(&process, metric, |count| count > 0.5);
    };
    reload(&format!("{good}\nnonsense: true\n"), "portcullis_reloads_total{result=\"failed\"}");
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.hold(6);
    watch.expect(&["PortcullisReloadFailed"]);
    reload(&good, "portcullis_config_last_reload_successful");
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.check();
}

#[test]
fn two_instances_have_different_configurations() {
    let (_origin, one) = start(|_| ());
    let (_origin, other) = start(|setup| setup.mode = "detect");
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&one)), ("other", Some(&other))]);
    watch.hold(5);
    watch.expect(&[]);
    watch.hold(11);
    watch.expect(&["PortcullisConfigDiffers"]);
    watch.check();
}
