//! What becomes of requests while the agent is stopped, hangs or is killed, and after it is there again.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use super::super::super::curl;
use super::super::super::process::Portcullis;
use super::super::table;
use super::{Before, module, start};

fn fail(mode: &str) -> String {
    format!("portcullis_fail_mode {mode};")
}

/// Where an agent hangs: short, so that the test is.
fn fail_soon(mode: &str) -> String {
    format!("{} portcullis_timeout 500ms;", fail(mode))
}

fn missed(agent: &Portcullis) -> f64 {
    let text = agent.admin("/metrics");
    let lines = text.lines().filter(|line| line.starts_with("portcullis_attach_missed_total"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[test]
fn stopped_and_started() {
    for (mode, without) in [("closed", 503), ("open", 200)] {
        let Some((agent, before)) = start(&fail(mode)) else { return };
        let both = || (before.get("/?a=friendlyword"), before.get("/?a=hostileword"));
        assert_eq!(both(), (200, 403), "{mode}");
        let stopped = agent.stop();
        assert_eq!(both(), (without, without), "{mode}");
        // An error page is no way round.
        assert_eq!(before.get("/fallback?a=hostileword"), without, "{mode}");
        let body = vec![b'x'; 500_000];
        assert_eq!(curl::post(&[], &body, &before.url("/")).status, without, "{mode}");
        let agent = stopped.start();
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(both(), (200, 403), "{mode}\n{}", before.gateway.errors());
        assert!((missed(&agent) - 4.0).abs() < 0.1, "{mode}: {}", agent.admin("/metrics"));
        assert!(before.gateway.errors().contains(&format!("not inspected, fail mode {mode} (down)")));
        let counts = before.counts();
        counts.add_up();
        assert_eq!((counts.missed_open + counts.missed_closed, counts.refused), (4, 2), "{counts:?}");
        before.is_well();
    }
}

#[test]
fn a_hung_agent_holds_up_nobody_but_who_waits_for_it() {
    for (mode, without) in [("closed", 503), ("open", 200)] {
        let Some((agent, before)) = start(&fail_soon(mode)) else { return };
        assert_eq!(before.get("/?a=hostileword"), 403);
        agent.signal("STOP");
        let waiting = std::thread::spawn({
            let url = before.url("/?a=1");
            move || curl::get(&url).status
        });
        // The one worker serves others meanwhile.
        let begun = Instant::now();
        assert_eq!(before.get("/off/"), 200);
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(waiting.join().expect("ended"), without);
        let large = vec![b'x'; 5_000_000];
        assert_eq!(curl::post(&[], &large, &before.url("/")).status, without);
        for _ in 0..15 {
            assert_eq!(before.get("/?a=hostileword"), without);
        }
        agent.signal("CONT");
        let until = Instant::now() + Duration::from_secs(20);
        while before.get("/?a=hostileword") != 403 {
            assert!(Instant::now() < until, "{}", before.gateway.errors());
            std::thread::sleep(Duration::from_millis(200));
        }
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(before.get("/"), 200);
        let counts = before.counts();
        counts.add_up();
        assert!(counts.missed_open + counts.missed_closed > 15, "{counts:?}");
        // At least: the question that told it may have been the one that got no answer.
        let (missed, expected) = (missed(&agent), (counts.missed_open + counts.missed_closed) as f64);
        assert!(missed + 0.1 > expected, "{missed} {counts:?}");
        assert!(before.gateway.errors().contains("(late)"));
        // One line a second of each reason.
        let ((lines, said), most) = (before.gateway.said_missed(), 2 * (begun.elapsed().as_secs() + 2));
        let is_said = (1..=most).contains(&lines) && said as f64 <= expected;
        assert!(is_said, "{lines} where {most} are expected: {}", before.gateway.errors());
        before.is_well();
    }
}

/// Whatever a request is like, over either protocol: without a verdict it is refused or passes as it is said to, and is counted.
#[test]
fn no_row_passes_uncounted() {
    for (mode, without) in [("closed", 503), ("open", 200)] {
        for is_hung in [false, true] {
            let Some((agent, before)) = start(&fail_soon(mode)) else { return };
            let mut agent = Some(agent);
            if is_hung {
                agent.iter().for_each(|agent| agent.signal("STOP"));
            } else {
                drop(agent.take().map(Portcullis::stop));
            }
            let mut sent = 0;
            for row in table::rows() {
                for (base, way) in [
                    (&before.gateway.base, &[][..]),
                    (&before.gateway.base2, &["--http2-prior-knowledge"][..]),
                ] {
                    if row.name == "chunked" && !way.is_empty() {
                        continue;
                    }
                    for word in ["friendlyword", "hostileword"] {
                        assert_eq!(
                            row.send(word, base, way),
                            without,
                            "{mode} {is_hung} {} {way:?}",
                            row.name
                        );
                        sent += 1;
                    }
                }
            }
            let counts = before.counts();
            counts.add_up();
            assert_eq!(counts.missed_open + counts.missed_closed, sent, "{mode} {is_hung} {counts:?}");
            assert_eq!(counts.requests, sent, "{mode} {is_hung} {counts:?}");
            before.is_well();
        }
    }
}

/// An agent that is there, and does something else.
#[test]
fn what_answers_otherwise_is_no_agent() {
    if module().is_none() {
        return;
    }
    for (answer, reason) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "error"),
        ("HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "error"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "error"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", "error"),
        ("HTTP/1.1 200 OK\r\nX-Portcullis-Verdict: pass\r\nContent-Length: 10\r\n\r\nhalf", "down"),
        ("HTTP/1.1 200 OK\r\nX-Portc", "down"),
        ("", "down"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).expect("bound");
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut bytes = [0; 65536];
                let _ = stream.read(&mut bytes);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        for (mode, without) in [("closed", 503), ("open", 200)] {
            let Some(before) = Before::start(&path.display().to_string(), &fail(mode)) else { return };
            for large in [1000, 2_000_000] {
                let status = curl::post(&[], &vec![b'x'; large], &before.url("/")).status;
                assert_eq!(status, without, "{answer:?} {mode} {large}\n{}", before.gateway.errors());
            }
            let errors = before.gateway.errors();
            assert!(errors.contains(&format!("({reason})")), "{answer:?} {reason}\n{errors}");
            before.counts().add_up();
            before.is_well();
        }
    }
}

#[test]
fn killed_and_started_while_a_body_comes() {
    for (mode, without) in [("closed", 503), ("open", 200)] {
        let Some((agent, before)) = start(&fail(mode)) else { return };
        let post = |word: &'static str| {
            let url = before.url("/");
            std::thread::spawn(move || {
                let body = format!("a={}&b={word}", "x".repeat(300_000));
                curl::run(&["--limit-rate", "300k"], Some(body.as_bytes()), &url).status
            })
        };
        let (harmless, hostile) = (post("friendlyword"), post("hostileword"));
        std::thread::sleep(Duration::from_millis(300));
        let stopped = agent.kill();
        assert_eq!(before.get("/?a=hostileword"), without, "{mode}");
        let agent = stopped.start();
        // They are asked about once their bodies are there, and then there is an agent again.
        let both = (harmless.join().expect("ended"), hostile.join().expect("ended"));
        assert_eq!(both, (200, 403), "{mode}\n{}", before.gateway.errors());
        let counts = before.counts();
        counts.add_up();
        assert_eq!(counts.missed_open + counts.missed_closed, 1, "{counts:?}");
        drop(agent);
        before.is_well();
    }
}

/// A client that goes away while it is asked about takes its question with it.
#[test]
fn clients_that_leave_are_counted() {
    let Some((agent, before)) = start("") else { return };
    agent.signal("STOP");
    assert_eq!(curl::run(&["-m", "0.1"], None, &before.url("/")).status, 0);
    agent.signal("CONT");
    let until = Instant::now() + Duration::from_secs(5);
    while before.counts().requests < 2 {
        assert!(Instant::now() < until, "{:?}", before.counts());
        std::thread::sleep(Duration::from_millis(20));
    }
    let counts = before.counts();
    counts.add_up();
    assert_eq!(counts.aborted, 1, "{counts:?}");
    assert_eq!(before.get("/?a=hostileword"), 403);
    before.is_well();
}
