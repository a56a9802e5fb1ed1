//! What becomes of answers when the agent is stopped, hangs, is killed or has too much to do after it let their request pass.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::super::super::curl::{self, Answer};
use super::super::super::process::Portcullis;
use super::super::{agent, socket};
use super::answers::shows;
use super::{Before, module};

fn start(mode: &str, fail_mode: &str) -> Option<(Portcullis, Before)> {
    module()?;
    let limits = format!("limits: {{ requests_max: {FULL} }}");
    let agent = agent("native", mode, "inspect_responses: true", &limits);
    let before = shows(&agent, &format!("portcullis_fail_mode {fail_mode}; portcullis_timeout 500ms;"))?;
    Some((agent, before))
}

/// A request that the application answers after two seconds.
fn slow(before: &Before) -> JoinHandle<Answer> {
    let url = before.url("/slow");
    let waiting = spawn(move || curl::get(&url));
    let until = Instant::now() + Duration::from_secs(5);
    while before.origin.seen().is_empty() {
        assert!(Instant::now() < until, "{}", before.gateway.errors());
        sleep(Duration::from_millis(10));
    }
    waiting
}

/// What has become of the agent when the answer is shown to it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Another is in its place, which does not know of the request.
    Gone,
    Hung,
    /// It is asked about as many requests as it takes at once.
    Full,
}

/// How many requests an agent takes at once.
const FULL: usize = 3;

/// Questions that do not come to their end.
fn fill(agent: &Portcullis) -> Vec<UnixStream> {
    let head = "POST / HTTP/1.1\r\nHost: p\r\nX-Portcullis-Client: ::1\r\nContent-Type: message/http\r\nContent-Length: 2\r\n\r\n";
    let open = |_| {
        let mut stream = UnixStream::connect(socket(agent)).expect("connected");
        stream.write_all(head.as_bytes()).expect("sent");
        stream
    };
    (0..FULL).map(open).collect()
}

#[test]
fn the_agent_fails_before_the_answer_comes() {
    for (mode, fail_mode, expected) in [
        ("prevent", "closed", 503),
        ("prevent", "open", 200),
        ("detect", "closed", 200),
        ("detect", "open", 200),
    ] {
        for fault in [Fault::Gone, Fault::Hung, Fault::Full] {
            check(fault, mode, fail_mode, expected);
        }
    }
}

#[track_caller]
fn check(fault: Fault, mode: &str, fail_mode: &str, expected: u16) {
    let Some((mut agent, before)) = start(mode, fail_mode) else { return };
    let waiting = slow(&before);
    let context = format!("{mode} {fail_mode} {fault:?}");
    let mut questions = Vec::new();
    match fault {
        Fault::Gone => agent = agent.kill().start(),
        Fault::Hung => agent.signal("STOP"),
        Fault::Full => questions = fill(&agent),
    }
    let answer = waiting.join().expect("ended");
    assert_eq!(answer.status, expected, "{context}\n{}", before.gateway.errors());
    assert_eq!(answer.body.contains("slow"), expected == 200, "{context}: {answer:?}");
    let until = Instant::now() + Duration::from_secs(5);
    while before.counts().answers.all < 1 {
        assert!(Instant::now() < until, "{context}: {:?}", before.counts());
        sleep(Duration::from_millis(20));
    }
    let counts = before.counts();
    counts.add_up();
    let missed = (counts.answers.missed_open, counts.answers.missed_closed);
    assert_eq!(missed, if expected == 503 { (0, 1) } else { (1, 0) }, "{context}: {counts:?}");
    let reason = match fault {
        Fault::Gone => "down",
        Fault::Hung => "late",
        Fault::Full => "error",
    };
    // What is copied may end after its request, of which nothing is said then.
    let is_said = before.gateway.errors().contains(&format!("({reason})"));
    assert!(is_said || mode == "detect" && fault != Fault::Gone, "{context}: {}", before.gateway.errors());
    // The next is judged, and tells.
    agent.signal("CONT");
    drop(questions);
    sleep(Duration::from_millis(1100));
    let leak = curl::get(&before.url("/say/end/leakedword"));
    assert_eq!(leak.status, if mode == "prevent" { 403 } else { 200 }, "{context}");
    let count = |line: &str, expected: f64| {
        assert!((agent.metric(line) - expected).abs() < 0.1, "{context} {line}: {}", agent.admin("/metrics"));
    };
    count(
        &format!("portcullis_attach_missed_total{{attachment=\"native\",reason=\"response-{reason}\"}}"),
        1.0,
    );
    if fault == Fault::Full {
        count("portcullis_attach_requests_total{answer=\"shed\",attachment=\"native\"}", 1.0);
        count("portcullis_uninspected_total{reason=\"response-unseen\"}", 1.0);
    }
    before.is_well();
}

/// One that stops in good order waits for the answers to requests that it let pass.
#[test]
fn an_agent_that_stops_sees_the_answer() {
    let Some((agent, before)) = start("prevent", "closed") else { return };
    let waiting = slow(&before);
    let stopping = spawn(move || agent.stop());
    assert_eq!(waiting.join().expect("ended").status, 200, "{}", before.gateway.errors());
    let _stopped = stopping.join().expect("ended");
    let counts = before.counts();
    counts.add_up();
    assert_eq!(counts.answers.passed, 1, "{counts:?}");
    before.is_well();
}

/// A client that does not wait takes what is held with it.
#[test]
fn clients_that_leave_before_the_verdict() {
    for (mode, way) in [("prevent", &[][..]), ("prevent", &["--http2-prior-knowledge"]), ("detect", &[])] {
        let Some((_agent, before)) = start(mode, "closed") else { return };
        let base = if way.is_empty() { &before.gateway.base } else { &before.gateway.base2 };
        for (path, time) in
            [("/slow", "1"), ("/drip", "0.12"), ("/unbuffered/drip", "0.12"), ("/huge", "0.12")]
        {
            curl::run(&[way, &["-m", time]].concat(), None, &format!("{base}{path}"));
        }
        // Who left before there was a verdict on the request has no answer.
        let settled = || {
            let counts = before.counts();
            let ended = counts.passed + counts.aborted + counts.answered;
            ended == 4 && counts.requests >= 4 && counts.answers.all == counts.passed
        };
        let until = Instant::now() + Duration::from_secs(10);
        while !settled() {
            assert!(Instant::now() < until, "{:?}", before.counts());
            sleep(Duration::from_millis(20));
        }
        assert!(before.counts().answers.all > 0, "{:?}", before.counts());
        before.counts().add_up();
        assert_eq!(before.get("/say/end/friendlyword"), 200);
        before.is_well();
    }
}

/// nginx is reloaded while answers are held: who has begun ends what it has begun.
#[test]
fn answers_that_are_held_outlive_a_reload() {
    let Some((_agent, before)) = start("prevent", "closed") else { return };
    let master = before.gateway.master();
    for (path, expected) in [("/drip", 403), ("/slow", 200), ("/unbuffered/drip", 403)] {
        let url = before.url(path);
        let waiting = spawn(move || curl::get(&url).status);
        sleep(Duration::from_millis(150));
        let reloaded = std::process::Command::new("kill").args(["-HUP", &master]).status();
        assert!(reloaded.expect("kill runs").success());
        assert_eq!(waiting.join().expect("ended"), expected, "{path}\n{}", before.gateway.errors());
    }
    assert_eq!(before.get("/say/end/leakedword"), 403);
    before.counts().add_up();
    before.is_well();
}
