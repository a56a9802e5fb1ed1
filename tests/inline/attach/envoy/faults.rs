//! What becomes of requests while the agent is not there, and after it is again. What passes then is counted by Envoy.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::super::super::curl;
use super::super::super::handover::{Successors, ends};
use super::super::super::origin::Origin;
use super::super::super::process::Portcullis;
use super::super::reached;
use super::{Gateway, Setup, agent, gateway};

/// How Envoy asks and what a client gets while nobody answers: nobody is there, and somebody who says nothing.
struct Case {
    setup: Setup,
    down: u16,
    hung: u16,
    /// Where Envoy counts what it lets through unasked.
    counter: &'static str,
}

fn cases() -> Vec<Case> {
    let allow = |allowed: bool| format!("failure_mode_allow: {allowed}");
    let buffered = |allowed| Setup::process("BUFFERED", "NONE", &allow(allowed));
    // In full duplex nobody has the body any more, so that Envoy cannot let it pass, whatever it is told.
    let mut duplex = Setup::process("FULL_DUPLEX_STREAMED", "NONE", &allow(true));
    // In full duplex Envoy waits for no answer in particular, so that this is what ends it.
    duplex.manager = "stream_idle_timeout: 1s";
    let case = |setup, down, hung, counter| Case { setup, down, hung, counter };
    vec![
        case(buffered(false), 500, 504, "ext_proc.failure_mode_allowed"),
        case(buffered(true), 200, 200, "ext_proc.failure_mode_allowed"),
        case(duplex, 500, 504, "ext_proc.failure_mode_allowed"),
        case(Setup::check(1 << 20, false), 503, 503, "ext_authz.failure_mode_allowed"),
        case(Setup::check(1 << 20, true), 200, 200, "ext_authz.failure_mode_allowed"),
    ]
}

#[test]
fn fails_as_it_is_told_to() {
    for Case { setup, down, hung, counter } in cases() {
        let origin = Origin::start();
        let agent = agent("prevent", "", "bodies: true");
        let Some(gateway) = gateway(&setup, &agent, &origin) else { return };
        let post = |word: &str| curl::post(&[], format!("a={word}").as_bytes(), &gateway.base).status;
        let both = || (post("friendlyword"), post("hostileword"));
        let said = || format!("{}\n{}", setup.filter, gateway.said());
        assert_eq!(both(), (200, 403), "{}", said());

        agent.signal("STOP");
        assert_eq!(both(), (hung, hung), "hung: {}", said());
        agent.signal("CONT");
        is_well_again(&gateway);
        assert_eq!(both(), (200, 403), "{}", said());

        let stopped = agent.stop();
        assert_eq!(both(), (down, down), "down: {}", said());
        let agent = stopped.start();
        is_well_again(&gateway);
        assert_eq!(both(), (200, 403), "{}", said());

        let (killed, again) = kill_in_mid_body(agent, &gateway);
        assert_eq!(killed == 200, down == 200, "killed in mid-body: {killed}: {}", said());
        is_well_again(&gateway);
        assert_eq!(both(), (200, 403), "{}", said());
        drop(again);
        let fails_open = down == 200;
        assert_eq!(reached(&origin, "/killed"), fails_open);
        // Who was let through unasked: two while it hung, two while it was down, and one that it was killed under.
        let counted = gateway.counter(counter);
        assert_eq!(counted >= 5, fails_open, "{counted} of {counter}: {}", said());
        assert_eq!(counted == 0, !fails_open, "{counted} of {counter}: {}", said());
    }
}

/// Half a body is sent, the agent killed, and the other half sent; the status, and an agent in its place.
fn kill_in_mid_body(agent: Portcullis, gateway: &Gateway) -> (u16, Portcullis) {
    let mut client = TcpStream::connect(gateway.address).expect("connected");
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    let head = "POST /killed HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.write_all(format!("{head}6\r\na=half\r\n").as_bytes()).expect("sent");
    std::thread::sleep(Duration::from_millis(200));
    let killed = agent.kill();
    // Envoy may have answered already.
    let _ = client.write_all(b"c\r\n&b=otherhalf\r\n0\r\n\r\n");
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    let status =
        String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
    (status, killed.start())
}

/// Envoy leaves a server alone for a moment that has failed.
fn is_well_again(gateway: &Gateway) {
    let until = Instant::now() + Duration::from_secs(15);
    while curl::get(&format!("{}/?a=hostileword", gateway.base)).status != 403 {
        assert!(Instant::now() < until, "{}", gateway.said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What cannot be withheld is refused, where the policy is to prevent, and why is easy to find; where it only detects, nothing is.
#[test]
fn streamed_is_for_detection_only() {
    for (mode, body) in [("prevent", 500), ("detect", 200)] {
        let origin = Origin::start();
        let agent = agent(mode, "", "");
        let Some(gateway) = gateway(&Setup::process("STREAMED", "NONE", ""), &agent, &origin) else { return };
        let post = |word: &str| curl::post(&[], format!("a={word}").as_bytes(), &gateway.base).status;
        assert_eq!((post("friendlyword"), post("hostileword")), (body, body), "{mode}\n{}", gateway.said());
        assert_eq!(curl::get(&format!("{}/?a=friendlyword", gateway.base)).status, 200);
        let counted =
            agent.metric("portcullis_attach_requests_total{answer=\"unsafe-mode\",attachment=\"ext-proc\"}");
        let is_unsafe = body == 500;
        assert!((counted - if is_unsafe { 2.0 } else { 0.0 }).abs() < 0.1, "{mode}: {counted}");
        assert_eq!(agent.said().contains("request_body_mode is Streamed"), is_unsafe, "{}", agent.said());
        assert_eq!(gateway.access(3)[0].contains("portcullis_unsafe_mode"), is_unsafe);
    }
}

/// A body that Envoy does not keep is refused by Envoy, and one of which it keeps a part is not whole.
#[test]
fn bodies_beyond_envoys_buffer_are_counted() {
    for (mode, status) in [("BUFFERED", 413), ("BUFFERED_PARTIAL", 403)] {
        let origin = Origin::start();
        let agent = agent("prevent", "", "");
        let mut setup = Setup::process(mode, "NONE", "");
        setup.listener = "per_connection_buffer_limit_bytes: 65536";
        let Some(gateway) = gateway(&setup, &agent, &origin) else { return };
        let long = format!("a={}", "x".repeat(400_000));
        let sent = curl::post(&[], long.as_bytes(), &format!("{}/long", gateway.base)).status;
        assert_eq!(sent, status, "{mode}\n{}", gateway.said());
        assert!(!reached(&origin, "/long"));
        let cut = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            agent.metric("portcullis_uninspected_total{reason=\"body-cut\"}") >= 1.0
        });
        assert!(cut, "{mode}: {}", agent.admin("/metrics"));
    }
}

/// What Envoy keeps and the endpoint does not take is not whole either, and is no failure that `failure_mode_allow` is for. By `ext_authz` the
/// head is in the same message, so that no policy is found for it.
#[test]
fn bodies_beyond_the_largest_message_are_for_the_policy() {
    let process = || Setup::process("BUFFERED", "NONE", "failure_mode_allow: true");
    let check = || Setup::check(8 << 20, true);
    for (mut setup, policy, status, counted) in [
        (process(), "", 403, "portcullis_uninspected_total{reason=\"body-cut\"}"),
        (process(), "on_limit: pass", 200, "portcullis_uninspected_total{reason=\"body-cut\"}"),
        (check(), "", 413, "portcullis_attach_requests_total{answer=\"malformed\",attachment=\"ext-authz\"}"),
    ] {
        let origin = Origin::start();
        let agent = agent("prevent", policy, "bodies: true, limits: { message_bytes_max: 1MiB }");
        setup.listener = "per_connection_buffer_limit_bytes: 8388608";
        let Some(gateway) = gateway(&setup, &agent, &origin) else { return };
        let long = format!("a={}", "x".repeat(3_000_000));
        let sent = curl::post(&[], long.as_bytes(), &gateway.base).status;
        assert_eq!(sent, status, "{policy}\n{}\n{}", gateway.said(), agent.said());
        assert!(agent.metric(counted) >= 1.0, "{}", agent.admin("/metrics"));
        assert_eq!(gateway.counter("failure_mode_allowed"), 0);
    }
}

/// Other rules hold from the next request on, and another process takes over, without a request being refused or passed for it.
#[test]
fn reloads_and_successors_are_not_noticed() {
    for setup in [Setup::process("BUFFERED", "NONE", ""), Setup::check(1 << 20, false)] {
        let origin = Origin::start();
        let agent = agent("prevent", "", "bodies: true");
        let Some(gateway) = gateway(&setup, &agent, &origin) else { return };
        let post = |word: &str| curl::post(&[], format!("a={word}").as_bytes(), &gateway.base).status;
        assert_eq!((post("friendlyword"), post("otherword"), post("hostileword")), (200, 200, 403));
        let rules = std::fs::read_to_string(agent.file("rules.conf")).expect("rules");
        let more = "SecRule ARGS \"@contains otherword\" \"id:9,phase:2,deny\"\n";
        std::fs::write(agent.file("rules.conf"), format!("{rules}{more}")).expect("written");
        agent.signal("HUP");
        let until = Instant::now() + Duration::from_secs(10);
        while post("otherword") != 403 {
            assert!(Instant::now() < until, "{}", agent.said());
        }
        let mut successors = Successors::default();
        agent.signal("USR2");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut statuses = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    statuses.extend([post("friendlyword"), post("hostileword")]);
                }
                statuses
            });
            let newest = successors.newest(&agent);
            let gone = ends(agent.id());
            std::thread::sleep(Duration::from_millis(300));
            stop.store(true, Ordering::Relaxed);
            let statuses = asking.join().expect("asked");
            assert!(gone && newest > 0, "{}", agent.said());
            let expected = statuses.chunks(2).all(|pair| pair == [200, 403]);
            assert!(expected, "{statuses:?}\n{}\n{}", agent.said(), gateway.said());
        });
        assert_eq!((post("friendlyword"), post("hostileword")), (200, 403), "{}", gateway.said());
    }
}
