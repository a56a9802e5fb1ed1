//! What becomes of requests while the agent is stopped, and after it is there again.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::curl;
use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::caddy::Caddy;
use super::{agent, lua, nginx, socket};

#[test]
fn lua_fails_as_it_is_told_to() {
    for (fail, without) in [("closed", 503), ("open", 200)] {
        let origin = Origin::start();
        let agent = agent("native", "prevent", "", "");
        let Some(gateway) = lua::gateway(&socket(&agent), &origin, fail) else { return };
        let get = |word: &str| curl::get(&format!("{}/?a={word}", gateway.base)).status;
        assert_eq!((get("friendlyword"), get("hostileword")), (200, 403), "{fail}");
        let stopped = agent.stop();
        assert_eq!((get("friendlyword"), get("hostileword")), (without, without), "{fail}");
        let agent = stopped.start();
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!((get("friendlyword"), get("hostileword")), (200, 403), "{fail}\n{}", gateway.errors());
        let missed = "portcullis_attach_missed_total{attachment=\"native\",reason=\"down\"}";
        assert!((agent.metric(missed) - 2.0).abs() < 0.1, "{fail}: {}", agent.admin("/metrics"));
        assert!(gateway.errors().contains(&format!("not inspected (down), fail {fail}")));
    }
}

/// Nobody passes these while nobody answers: there is no way to have them fail open.
#[test]
fn gateways_without_a_choice_fail_closed() {
    let origin = Origin::start();
    let by_nginx = agent("nginx", "prevent", "", "");
    if let Some(gateway) = nginx::auth_request(&by_nginx, &origin) {
        let get = |word: &str| curl::get(&format!("{}/?a={word}", gateway.base)).status;
        assert_eq!((get("friendlyword"), get("hostileword")), (200, 403));
        by_nginx.signal("STOP");
        assert_eq!(get("friendlyword"), 500, "hung");
        by_nginx.signal("CONT");
        assert_eq!((get("friendlyword"), get("hostileword")), (200, 403));
        let stopped = by_nginx.stop();
        assert_eq!((get("friendlyword"), get("hostileword")), (500, 500));
        let _agent = stopped.start();
        // nginx leaves a server alone for a moment that has failed.
        let until = std::time::Instant::now() + Duration::from_secs(15);
        while get("friendlyword") != 200 {
            assert!(std::time::Instant::now() < until, "{}", gateway.errors());
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(get("hostileword"), 403);
    }
    let by_caddy = agent("caddy", "prevent", "", "");
    let Some(caddy) = Caddy::start(&socket(&by_caddy), &origin) else { return };
    let get = |word: &str| curl::get(&format!("{}/?a={word}", caddy.base)).status;
    assert_eq!((get("friendlyword"), get("hostileword")), (200, 403));
    let stopped = by_caddy.stop();
    assert_eq!((get("friendlyword"), get("hostileword")), (502, 502));
    let _agent = stopped.start();
    assert_eq!((get("friendlyword"), get("hostileword")), (200, 403));
}

#[test]
fn an_endpoint_comes_and_goes_with_a_reload() {
    let yaml = |dialect: &str, listeners: &str| {
        format!(
            "version: 1\nlisteners: [{listeners}]\n\
             attachments: {{ inspect: [{{ address: \"unix:{{here}}/inspect.sock\", dialect: {dialect} }}] }}\n\
             upstreams: {{ app: {{ servers: [\"127.0.0.1:9\"] }} }}\n\
             assets: [{{ name: all, hosts: [\"*\"], policy: p }}]\n\
             policies: {{ p: {{ mode: prevent, signatures: {{ rules: [rules.conf] }} }} }}\n\
             admin: {{ address: \"127.0.0.1:0\" }}\nreports: {{ decisions: {{ to: none }} }}\n"
        )
    };
    let agent = Portcullis::start_yaml(&yaml("nginx", "{ address: \"127.0.0.1:0\" }"), "");
    assert_ne!(agent.address, SocketAddr::from(([0, 0, 0, 0], 0)), "there is a listener beside it");
    assert_eq!(agent.inspect, [format!("unix:{}", socket(&agent))]);
    // By a listener such an asset serves nothing.
    assert_eq!(curl::get(&agent.url("/")).status, 404);
    let ask = |header: &str| {
        let socket = socket(&agent);
        let arguments =
            ["--unix-socket", &socket, "-HX-Original-Method: GET", "-HX-Real-IP: ::1", header, "-HHost: a"];
        curl::run(&arguments, None, "http://agent/").status
    };
    assert_eq!(ask("-HX-Original-URI: /x"), 200);
    let here = agent.file("").display().to_string();
    let changed = yaml("ingress-nginx", "").replace("{here}", here.trim_end_matches('/'));
    std::fs::write(agent.file("portcullis.yaml"), changed).expect("written");
    agent.signal("HUP");
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while ask("-HX-Original-URL: http://a/x") != 200 {
        assert!(std::time::Instant::now() < until, "{}", agent.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(ask("-HX-Original-URI: /x"), 500);
}
