//! Of applications.

use portcullis_tests::ports;

use super::{Watch, client, start, wait_for};

/// The one server of an upstream is gone, which its health check sees and requests feel.
#[test]
fn an_application_is_gone() {
    let (_origin, process) = start(|setup| {
        setup.origin = ports::free().to_string();
        setup.upstream = "health_check: { path: /, interval: 1s, timeout: 200ms }".to_owned();
    });
    wait_for(&process, "portcullis_upstream_servers{state=\"unhealthy\",upstream=\"app\"}", |count| {
        count > 0.5
    });
    let mut watch = Watch::new();
    for minute in 0..12 {
        for _ in 0..3 {
            assert_eq!(client::get(process.address, "/"), 502, "{}", process.said());
        }
        watch.scrape(&[("one", Some(&process))]);
        if minute == 1 {
            watch.expect(&["PortcullisUpstreamDown"]);
        }
    }
    watch.expect(&["PortcullisUpstreamDown", "PortcullisUpstreamErrors", "PortcullisUpstreamServerOut"]);
    watch.check();
}

/// One of two servers is gone: requests go to the other, and no exchange fails for a client.
#[test]
fn one_server_of_two_is_gone() {
    let gone = ports::free();
    let (_origin, process) = start(|setup| {
        setup.origin = format!("{}\", \"{gone}", setup.origin);
        setup.upstream = "health_check: { path: /, interval: 1s, timeout: 500ms }".to_owned();
    });
    wait_for(&process, "portcullis_upstream_servers{state=\"unhealthy\",upstream=\"app\"}", |count| {
        count > 0.5
    });
    let mut watch = Watch::new();
    for _ in 0..12 {
        assert_eq!(client::get(process.address, "/"), 200, "{}", process.said());
        watch.scrape(&[("one", Some(&process))]);
    }
    watch.expect(&["PortcullisUpstreamServerOut"]);
    watch.check();
}
