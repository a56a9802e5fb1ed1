//! Many requests at full speed, while the agent is killed and started again.
//!
//! `cargo test --release --test inline nginx_module_under_load -- --ignored --nocapture` runs all of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::super::super::process::resident_kib;
use super::start;

/// What clients got.
#[derive(Default)]
struct Got {
    passed: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    /// Hostile ones that came through.
    through: AtomicU64,
    /// Answers that leak and came through.
    leaked: AtomicU64,
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// One client's requests, one after the other, beginning with the kind `first`.
fn client(address: &str, first: u64, requests: u64, got: &Got) {
    let long = "x".repeat(40_000);
    let kinds: [(String, bool); 9] = [
        ("GET /?a=1 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), false),
        ("GET /a/b?c=d HTTP/1.1\r\nHost: h\r\nX-Portcullis-Id: forged\r\n\r\n".to_owned(), false),
        ("GET /?a=hostileword HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), true),
        (format!("POST / HTTP/1.1\r\nHost: h\r\n{FORM}Content-Length: 3\r\n\r\na=b"), false),
        (format!("POST / HTTP/1.1\r\nHost: h\r\n{FORM}Content-Length: 13\r\n\r\na=hostileword"), true),
        // Longer than `client_body_buffer_size`: spooled.
        (format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40002\r\n\r\na={long}"), false),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n"
                .to_owned(),
            false,
        ),
        ("GET /failing?a=b HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), false),
        ("GET /say/cached/leakedword HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), false),
    ];
    let mut stream = None;
    for n in first..first + requests {
        let (request, is_hostile) = &kinds[usize::try_from(n).expect("small") % kinds.len()];
        let mut connection = stream.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(address).expect("connected");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
            stream
        });
        connection.write_all(request.as_bytes()).expect("sent");
        let (status, is_kept, leaks) = answer(&mut connection);
        match status {
            200 => &got.passed,
            403 => &got.refused,
            _ => &got.failed,
        }
        .fetch_add(1, Ordering::Relaxed);
        if status == 503 {
            // Or they would all be sent while the agent starts.
            std::thread::sleep(Duration::from_millis(2));
        }
        if *is_hostile && status == 200 {
            got.through.fetch_add(1, Ordering::Relaxed);
        }
        if leaks {
            got.leaked.fetch_add(1, Ordering::Relaxed);
        }
        stream = is_kept.then_some(connection);
    }
}

/// Reads an answer; whether the connection goes on after it, and whether it leaks.
fn answer(stream: &mut TcpStream) -> (u16, bool, bool) {
    let (mut text, mut bytes) = (Vec::new(), [0; 8192]);
    loop {
        let read = stream.read(&mut bytes).expect("an answer");
        assert!(read > 0, "no answer: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&bytes[..read]);
        let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a length"));
        if text.len() >= end + 4 + length {
            let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
            return (status, !head.contains("connection: close"), text.ends_with(b"leakedword"));
        }
    }
}

/// The workers, and how many files they have open.
fn workers(master: &str) -> (Vec<u32>, usize) {
    let children =
        std::fs::read_to_string(format!("/proc/{master}/task/{master}/children")).expect("children");
    let mut workers: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    workers.sort_unstable();
    let files = |worker: &u32| std::fs::read_dir(format!("/proc/{worker}/fd")).expect("a process").count();
    let files = workers.iter().map(files).sum();
    (workers, files)
}

/// nginx goes on with two workers.
fn with_two_workers(before: &super::Before) {
    let here = before.gateway.directory.path();
    let config = std::fs::read_to_string(here.join("nginx.conf")).expect("a configuration");
    std::fs::write(here.join("nginx.conf"), config.replace("worker_processes 1", "worker_processes 2"))
        .expect("written");
    let master = before.gateway.master();
    let reloaded = std::process::Command::new("kill").args(["-HUP", &master]).status();
    assert!(reloaded.expect("kill runs").success());
    let until = Instant::now() + Duration::from_secs(20);
    while workers(&master).0.len() != 2 {
        assert!(Instant::now() < until, "{}", before.gateway.errors());
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(500));
}

#[track_caller]
fn check(mode: &str, more: &str, requests: u64, restarts: u32) {
    const CLIENTS: u64 = 16;
    let Some((agent, before)) =
        start(&format!("portcullis_fail_mode {mode}; keepalive_requests 1000; {more}"))
    else {
        return;
    };
    let address = before.gateway.base.strip_prefix("http://").expect("a scheme").to_owned();
    let master = before.gateway.master();
    with_two_workers(&before);
    let (got, is_over) = (Arc::new(Got::default()), Arc::new(AtomicBool::new(false)));
    let run = |requests: u64| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (address, got) = (address.clone(), Arc::clone(&got));
                std::thread::spawn(move || client(&address, 0, requests / CLIENTS, &got))
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().expect("no panic"));
    };
    run(requests / 10);
    let resident = || workers(&master).0.into_iter().map(resident_kib).sum::<i64>();
    let (before_worker, before_kib) = (workers(&master), resident());
    let restarting = std::thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            let mut agent = agent;
            for _ in 0..restarts {
                std::thread::sleep(Duration::from_millis(500));
                agent = agent.kill().start();
            }
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
            agent
        }
    });
    let begun = Instant::now();
    run(requests - requests / 10);
    let took = begun.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let agent = restarting.join().expect("no panic");
    let (after_worker, after_kib) = (workers(&master), resident());
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (passed, refused, failed) = (load(&got.passed), load(&got.refused), load(&got.failed));
    let counts = before.counts_of(passed + refused + failed);
    let answers = &counts.answers;
    println!(
        "{mode} {more}: {requests} requests, {restarts} restarts, {took:?}: clients got {passed} 200, {refused} 403, {failed} others, \
         {} hostile and {} leaks came through; nginx counted {counts:?}; worker {before_worker:?} {before_kib} KiB, after {after_worker:?} {after_kib} KiB; \
         agent {}",
        load(&got.through),
        load(&got.leaked),
        agent.id()
    );
    counts.add_up();
    assert_eq!(counts.requests - counts.off, passed + refused + failed, "{counts:?}");
    let replaced = answers.refused + answers.missed_closed;
    assert_eq!(passed, counts.passed + counts.missed_open - replaced, "{counts:?}");
    assert_eq!(refused, counts.refused + answers.refused, "{counts:?}");
    assert_eq!(failed, counts.missed_closed + answers.missed_closed, "{counts:?}");
    if more.contains("_responses") {
        assert!(load(&got.leaked) <= counts.missed_open + answers.missed_open, "{counts:?}");
        assert!(answers.all == counts.passed && answers.unwanted == 0 && answers.aborted == 0, "{counts:?}");
    }
    assert!(load(&got.through) <= counts.missed_open, "{counts:?}");
    assert_eq!(before_worker.0, after_worker.0, "the workers live");
    assert!(after_worker.1 < before_worker.1 + 200, "files stay open: {before_worker:?} {after_worker:?}");
    assert!(after_kib < before_kib + 16384, "memory grows");
    before.is_well();
}

/// Answers as well.
const SHOWN: &str = "portcullis_responses on;";

#[test]
fn nginx_module_under_some_load() {
    for mode in ["closed", "open"] {
        check(mode, "", 4000, 2);
        check(mode, SHOWN, 4000, 2);
    }
}

/// Reloads of nginx while requests come: old workers end what they have begun, new ones go on counting.
#[track_caller]
fn check_reloads(more: &str, requests: u64, reloads: u64) {
    let Some((agent, before)) = start(&format!("portcullis_fail_mode open; {more}")) else { return };
    let address = before.gateway.base.strip_prefix("http://").expect("a scheme").to_owned();
    let master = before.gateway.master();
    let got = Arc::new(Got::default());
    for _ in 0..=reloads {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let (address, got) = (address.clone(), Arc::clone(&got));
                // A worker that ends closes connections on which nothing is under way: these are new for each.
                std::thread::spawn(move || {
                    for n in 0..requests / (4 * (reloads + 1)) {
                        client(&address, n, 1, &got);
                    }
                })
            })
            .collect();
        let reloaded = std::process::Command::new("kill").args(["-HUP", &master]).status();
        assert!(reloaded.expect("kill runs").success());
        clients.into_iter().for_each(|client| client.join().expect("no panic"));
    }
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let sent = load(&got.passed) + load(&got.refused) + load(&got.failed);
    let counts = before.counts_of(sent);
    println!("{sent} requests, {reloads} reloads: {counts:?}");
    counts.add_up();
    let answers = &counts.answers;
    assert_eq!(counts.passed - answers.refused, load(&got.passed), "{counts:?}");
    assert_eq!(counts.refused + answers.refused, load(&got.refused), "{counts:?}");
    assert_eq!(answers.missed_open + answers.missed_closed + answers.aborted, 0, "{counts:?}");
    assert_eq!((counts.missed_open + counts.missed_closed, load(&got.through)), (0, 0), "{counts:?}");
    drop(agent);
    before.is_well();
}

#[test]
fn nginx_module_reloads() {
    check_reloads("", 400, 3);
    check_reloads(SHOWN, 400, 3);
}

#[test]
#[ignore = "for valgrind: `./x nginx-module memory`"]
fn nginx_module_reloads_often() {
    check_reloads("", 5000, 20);
    check_reloads(SHOWN, 5000, 20);
}

#[test]
#[ignore = "takes a minute"]
fn nginx_module_under_load() {
    for mode in ["closed", "open"] {
        check(mode, "", 100_000, 10);
        check(mode, SHOWN, 100_000, 10);
    }
}
