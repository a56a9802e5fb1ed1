//! Of gateways that ask.

use super::{Portcullis, Watch, client};

/// A gateway that fails open asks nobody while its agent is stopped, and tells how often when the agent is there again.
#[test]
fn a_gateway_has_nobody_to_ask() {
    let agent = Portcullis::start_yaml(AGENT, "");
    let socket = agent.file("inspect.sock");
    let mut missed = 0;
    let mut ask = |path: &str| {
        let told =
            if missed == 0 { String::new() } else { format!("X-Portcullis-Missed: down={missed}\r\n") };
        let status =
            client::ask_natively(&socket, &format!("X-Portcullis-Client: 192.0.2.7\r\n{told}"), path);
        missed = if status == 0 { missed + 1 } else { 0 };
        status
    };
    let mut watch = Watch::new();
    for _ in 0..3 {
        assert_eq!((ask("/"), ask("/hostileword")), (200, 403), "{}", agent.said());
        watch.scrape(&[("agent", Some(&agent))]);
    }
    watch.expect(&[]);
    let stopped = agent.stop();
    assert_eq!((ask("/"), ask("/hostileword"), ask("/")), (0, 0, 0));
    watch.scrape(&[("agent", None)]);
    watch.expect(&[]);
    let agent = stopped.start();
    assert_eq!(ask("/"), 200, "{}", agent.said());
    watch.scrape(&[("agent", Some(&agent))]);
    watch.expect(&["PortcullisFailOpen"]);
    for _ in 0..12 {
        assert_eq!(ask("/"), 200);
        watch.scrape(&[("agent", Some(&agent))]);
    }
    watch.expect(&[]);
    watch.check();
}

/// Somebody asks who does not speak the gateway's dialect.
#[test]
fn questions_are_not_understood() {
    let agent = Portcullis::start_yaml(AGENT, "");
    let socket = agent.file("inspect.sock");
    let mut watch = Watch::new();
    let mut minutes = |count: usize, headers: &str, status: u16, expected: &[&str]| {
        for _ in 0..count {
            assert_eq!(client::ask_natively(&socket, "X-Portcullis-Client: 192.0.2.7\r\n", "/"), 200);
            assert_eq!(client::ask_natively(&socket, headers, "/"), status, "{}", agent.said());
            watch.scrape(&[("agent", Some(&agent))]);
        }
        watch.expect(expected);
    };
    minutes(11, "X-Portcullis-Client: 192.0.2.8\r\n", 200, &[]);
    minutes(8, "X-Real-IP: 192.0.2.8\r\n", 500, &["PortcullisAttachmentErrors"]);
    watch.check();
}

const AGENT: &str = "version: 1\n\
    attachments: { inspect: [{ address: \"unix:{here}/inspect.sock\", dialect: native }] }\n\
    assets: [{ name: all, hosts: [\"*\"], policy: default }]\n\
    policies: { default: { mode: prevent, signatures: { rules: [{ file: rules.conf }] } } }\n\
    admin: { address: \"127.0.0.1:0\" }\nreports: { decisions: { to: none } }\n";
