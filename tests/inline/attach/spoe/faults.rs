//! What becomes of requests while the agent is stopped, hangs, is killed, and after it is there again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::super::super::curl;
use super::super::super::handover::Successors;
use super::super::super::origin::Origin;
use super::super::super::process::Portcullis;
use super::{Agent, Gateway};

const MISSED: &str = "portcullis_attach_missed_total{attachment=\"spoe\",reason=\"unanswered\"}";

/// The agent's lives, and how many requests each of them heard of that nobody was asked about.
struct Lives {
    agent: Option<Portcullis>,
    told: f64,
}

impl Lives {
    fn agent(&self) -> &Portcullis {
        self.agent.as_ref().expect("alive")
    }

    fn told(&self) -> f64 {
        self.told + self.agent().metric(MISSED)
    }

    /// It ends, and comes back after `meanwhile`.
    fn end(&mut self, how: &str, gateway: &Gateway, meanwhile: impl FnOnce()) {
        self.told = self.told();
        let agent = self.agent.take().expect("alive");
        let stopped = if how == "stopped" { agent.stop() } else { agent.kill() };
        meanwhile();
        self.agent = Some(stopped.start());
        until(gateway, "/?a=hostileword", 403);
    }
}

/// Waits for the answer to be this one.
#[track_caller]
fn until(gateway: &Gateway, path: &str, status: u16) {
    let until = Instant::now() + Duration::from_secs(20);
    while gateway.get(path) != status {
        assert!(Instant::now() < until, "{}", gateway.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A POST whose body ends later.
fn half(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address()).expect("connected");
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 16\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\nab";
    stream.write_all(head.as_bytes()).expect("sent");
    std::thread::sleep(Duration::from_millis(50));
    stream
}

/// The rest of it; the status.
fn rest(mut stream: TcpStream, rest: &str) -> u16 {
    stream.write_all(rest.as_bytes()).expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("answered");
    String::from_utf8_lossy(&answer[9..]).parse().expect("a status")
}

#[test]
fn requests_fail_as_they_are_told_to_and_none_passes_uncounted() {
    for (fail, without) in [("closed", 503), ("open", 200)] {
        let origin = Origin::start();
        let agent = Agent::default().start();
        let Some(gateway) = Gateway::start_hasty(&agent, origin.address, fail, &[]) else { return };
        let mut lives = Lives { agent: Some(agent), told: 0.0 };
        let get = |word: &str| gateway.get(&format!("/?a={word}"));
        let both = || (get("friendlyword"), get("hostileword"));
        let said = || format!("{fail}\n{}", gateway.log());
        assert_eq!(both(), (200, 403), "{}", said());

        for how in ["stopped", "killed"] {
            lives.end(how, &gateway, || {
                assert_eq!(both(), (without, without), "{how} {}", said());
                gateway.knows_that_the_agent_is("DOWN");
                // Nobody waits for it any more: at least once in a while, on a machine that does other things as well.
                let quickest = (0..5).map(|_| {
                    let begun = Instant::now();
                    assert_eq!(both(), (without, without), "{how} {}", said());
                    begun.elapsed()
                });
                let quickest = quickest.min().expect("some");
                assert!(quickest < Duration::from_millis(900), "{how} {quickest:?}");
            });
            assert_eq!(both(), (200, 403), "{how} {}", said());
        }

        lives.agent().signal("STOP");
        assert_eq!(both(), (without, without), "hung {}", said());
        lives.agent().signal("CONT");
        until(&gateway, "/?a=hostileword", 403);
        assert_eq!(both(), (200, 403), "{}", said());

        // Killed while a request waits for it.
        lives.agent().signal("STOP");
        let waiting = std::thread::spawn({
            let url = format!("{}/?a=hostileword", gateway.base);
            move || curl::get(&url).status
        });
        std::thread::sleep(Duration::from_millis(100));
        lives.agent().signal("CONT");
        let answered = waiting.join().expect("ended");
        assert!([without, 403].contains(&answered), "{answered} {}", said());

        // Killed and back before the body ends: it is judged. Killed and gone: it is not.
        for (word, status) in [("=hostileword&c", 403), ("=friendlyword&", 200)] {
            let stream = half(&gateway);
            lives.end("killed", &gateway, || {});
            assert_eq!(rest(stream, word), status, "{word} {}", said());
        }
        let (stream, mut found) = (half(&gateway), 0);
        lives.end("killed", &gateway, || found = rest(stream, "=hostileword&c"));
        assert_eq!(found, without, "{}", said());

        // All that nobody was asked about is in HAProxy's log, and was told to an agent, each once.
        assert_eq!(get("friendlyword"), 200);
        assert_eq!(get("friendlyword"), 200);
        let unasked = gateway.log().matches("/unasked ").count();
        assert!(unasked >= 10, "{}", said());
        assert!((lives.told() - unasked as f64).abs() < 0.1, "{} of {unasked}: {}", lives.told(), said());
    }
}

/// Of two agents one stops: the check finds out before it is gone, and nobody goes unasked.
#[test]
fn one_of_two_stops() {
    let origin = Origin::start();
    let (first, second) = (Agent::default().start(), Agent::default().start());
    let more = format!("agent unix@{} check inter 100ms fall 1 rise 1", first.file("spoe.sock").display());
    let other = format!("{more}\n    server other unix@{} check", second.file("spoe.sock").display());
    let usual = format!("agent unix@{} check inter 500ms fall 2 rise 1", first.file("spoe.sock").display());
    let Some(gateway) = Gateway::start_hasty(&first, origin.address, "closed", &[(&usual, &other)]) else {
        return;
    };
    let stopping = std::thread::spawn(move || first.stop());
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        assert_eq!(gateway.get("/?a=hostileword"), 403, "{}", gateway.log());
    }
    drop(stopping.join().expect("stopped"));
    assert!(second.metric("portcullis_attach_requests_total") > 0.5);
}

/// A handover and a stop with requests on their way: each is judged, or told to be unasked.
#[test]
fn a_new_process_takes_over() {
    let origin = Origin::start();
    let agent = Agent::default().start();
    let Some(gateway) = Gateway::start_hasty(&agent, origin.address, "closed", &[]) else { return };
    assert_eq!(gateway.get("/?a=hostileword"), 403);
    let (base, ends) = (gateway.base.clone(), Instant::now() + Duration::from_secs(4));
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let base = base.clone();
            std::thread::spawn(move || {
                let mut statuses = Vec::new();
                while Instant::now() < ends {
                    statuses.push(curl::get(&format!("{base}/?a=hostileword")).status);
                }
                statuses
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    agent.signal("USR2");
    let mut successors = Successors::default();
    successors.newest(&agent);
    let statuses: Vec<u16> = clients.into_iter().flat_map(|client| client.join().expect("ended")).collect();
    let unasked = gateway.log().matches("/unasked ").count();
    assert!(statuses.iter().all(|status| [403, 503].contains(status)), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), unasked, "{}", gateway.log());
    assert!(unasked <= 4, "{unasked} of {}: {}", statuses.len(), gateway.log());
    println!("{unasked} of {} unasked", statuses.len());
    let log = agent.said();
    drop(agent);
    assert_eq!(gateway.get("/?a=hostileword"), 403, "{log}");
}
