//! What becomes of requests while the agent is stopped, and after it is there again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
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

/// What there is of a request when the agent is killed in the middle of its body.
#[derive(Clone, Copy, PartialEq)]
enum Meanwhile {
    /// Nobody is there when the body is.
    Gone,
    /// A new agent is.
    Back,
}

/// Half a body is sent, the agent killed, perhaps started again, and the other half sent; the status.
fn kill_in_mid_body(
    agent: &mut Option<Portcullis>,
    address: SocketAddr,
    word: &str,
    meanwhile: Meanwhile,
) -> u16 {
    let mut client = TcpStream::connect(address).expect("connected");
    client.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let body = format!("a=half&b={word}");
    let (first, second) = body.split_at(6);
    let head = format!(
        "POST /killed HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{first}",
        body.len()
    );
    client.write_all(head.as_bytes()).expect("sent");
    std::thread::sleep(Duration::from_millis(300));
    let killed = agent.take().expect("alive").kill();
    let later = match meanwhile {
        Meanwhile::Back => {
            *agent = Some(killed.start());
            None
        }
        Meanwhile::Gone => Some(killed),
    };
    client.write_all(second.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    if let Some(killed) = later {
        *agent = Some(killed.start());
    }
    String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// Gateways that ask by the head have asked by then; the Lua file asks when it has the body.
#[test]
fn killed_in_mid_body() {
    let origin = Origin::start();
    // Gateway, how it fails, and what it answers when the agent is gone and when it is back: to what is harmless, and hostile.
    for (name, fail, gone, back) in [
        ("auth_request", "", (200, 200), (200, 200)),
        ("Caddy", "", (200, 200), (200, 200)),
        ("Lua", "closed", (503, 503), (200, 403)),
        ("Lua", "open", (200, 200), (200, 403)),
    ] {
        let dialect = match name {
            "auth_request" => "nginx",
            "Caddy" => "caddy",
            _ => "native",
        };
        let mut by = Some(agent(dialect, "prevent", "", ""));
        let place = socket(by.as_ref().expect("alive"));
        let (nginx, caddy) = match name {
            "auth_request" => (nginx::auth_request(by.as_ref().expect("alive"), &origin), None),
            "Caddy" => (None, Caddy::start(&place, &origin)),
            _ => (lua::gateway(&place, &origin, fail), None),
        };
        let address =
            nginx.as_ref().map(|it| it.base.trim_start_matches("http://").parse().expect("an address"));
        let Some(address) = address.or(caddy.as_ref().map(|it| it.address)) else { continue };
        let mut passed_unasked = 0;
        for (meanwhile, (harmless, hostile)) in [(Meanwhile::Gone, gone), (Meanwhile::Back, back)] {
            for (word, expected) in [("friendlyword", harmless), ("hostileword", hostile)] {
                let found = kill_in_mid_body(&mut by, address, word, meanwhile);
                let errors = nginx.as_ref().map(nginx::Gateway::errors).unwrap_or_default();
                assert_eq!(found, expected, "{name} {fail} {word}: {errors}");
                passed_unasked += u64::from(dialect == "native" && meanwhile == Meanwhile::Gone);
            }
        }
        let agent = by.expect("alive");
        let Some(gateway) = nginx.filter(|_| dialect == "native") else {
            // What passed was judged by its head, and is in the records as not whole.
            let records = std::fs::read_to_string(agent.file("decisions.jsonl")).expect("records");
            let unseen = records.lines().filter(|line| line.contains("\"body-unseen\"")).count();
            assert_eq!(unseen, 4, "{name}: {records}");
            continue;
        };
        // Those that nobody was asked about are told to the next agent, and said in nginx's log.
        assert!(gateway.errors().contains("not inspected (down)"), "{}", gateway.errors());
        assert_eq!(lua::missed(&gateway), passed_unasked, "{}", gateway.errors());
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(curl::get(&gateway.base).status, 200);
    }
}

#[test]
fn an_agent_that_hangs_is_not_waited_for_by_caddy() {
    let origin = Origin::start();
    let agent = agent("caddy", "prevent", "", "");
    let Some(caddy) = Caddy::start(&socket(&agent), &origin) else { return };
    let get = |word: &str| curl::get(&format!("{}/?a={word}", caddy.base)).status;
    assert_eq!((get("friendlyword"), get("hostileword")), (200, 403));
    agent.signal("STOP");
    let begun = std::time::Instant::now();
    assert_eq!((get("friendlyword"), get("hostileword")), (504, 504));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    agent.signal("CONT");
    let until = std::time::Instant::now() + Duration::from_secs(15);
    while get("friendlyword") != 200 {
        assert!(std::time::Instant::now() < until, "{}", agent.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(get("hostileword"), 403);
}
