//! A new process takes the listening sockets over from a running one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

/// Processes that took over, ended when the test is.
#[derive(Default)]
pub(crate) struct Successors(Vec<u32>);

impl Successors {
    /// The last that is known of.
    pub(crate) fn last(&self) -> Option<u32> {
        self.0.last().copied()
    }

    /// The process that took over last, as its predecessor said.
    pub(crate) fn newest(&mut self, proxy: &Portcullis) -> u32 {
        let count = self.0.len() + 1;
        for _ in 0..1200 {
            std::thread::sleep(Duration::from_millis(50));
            let said = proxy.said();
            let lines = said.lines().filter(|line| line.contains("another process has taken over"));
            let pids: Vec<u32> = lines
                .filter_map(|line| {
                    let digits: String = line.chars().filter(char::is_ascii).collect();
                    digits
                        .split("pid")
                        .nth(1)?
                        .split(|it: char| !it.is_ascii_digit())
                        .find_map(|it| it.parse().ok().filter(|pid| *pid > 4))
                })
                .collect();
            if pids.len() >= count {
                self.0 = pids;
                return self.0[count - 1];
            }
        }
        panic!("nobody took over:\n{}", proxy.said());
    }
}

impl Drop for Successors {
    fn drop(&mut self) {
        for pid in &self.0 {
            signal(*pid, "KILL");
        }
    }
}

/// Sends a process a signal; whether it was there.
pub(crate) fn signal(pid: u32, name: &str) -> bool {
    Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().is_ok_and(|it| it.success())
}

/// Whether a process ends, within a minute.
pub(crate) fn ends(pid: u32) -> bool {
    (0..1200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        // Who has ended and was not waited for has no program any more.
        !std::path::Path::new(&format!("/proc/{pid}/exe")).exists()
    })
}

/// Requests over one connection until it is closed as announced; how many. Any other end is a failure.
fn keep_asking(address: SocketAddr, stop: &AtomicBool) -> usize {
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(address).expect("connected");
        let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
        loop {
            stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a.test\r\n\r\n").expect("sent");
            let (mut length, mut is_last, mut line) = (0, false, String::new());
            reader.read_line(&mut line).expect("an answer");
            assert!(line.starts_with("HTTP/1.1 200"), "{line:?}");
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).expect("a header");
                let header = line.to_ascii_lowercase();
                length = header
                    .strip_prefix("content-length:")
                    .map_or(length, |it| it.trim().parse().expect("a length"));
                is_last |= header.starts_with("connection: close");
            }
            reader.read_exact(&mut vec![0; length]).expect("a body");
            answered += 1;
            if is_last || stop.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    answered
}

#[test]
fn no_request_is_lost_when_a_new_process_takes_over() {
    let origin = Origin::start();
    let mut proxy = Portcullis::start(&Setup::new(origin.address));
    let mut successors = Successors::default();
    let stop = Arc::new(AtomicBool::new(false));
    let address = proxy.address;
    let kept: Vec<_> = (0..2)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || keep_asking(address, &stop))
        })
        .collect();
    let fresh = std::thread::spawn({
        let (stop, url) = (Arc::clone(&stop), proxy.url("/echo"));
        move || {
            let mut answered = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(curl::get(&url).status, 200);
                answered += 1;
            }
            answered
        }
    });
    // Who balances load asks all the time.
    let ready = std::thread::spawn({
        let (stop, url) = (Arc::clone(&stop), format!("http://{}/readyz", proxy.admin));
        move || {
            while !stop.load(Ordering::Relaxed) {
                let answer = curl::get(&url);
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
        }
    });
    proxy.signal("USR2");
    let second = successors.newest(&proxy);
    assert!(proxy.ends_within(Duration::from_secs(20)), "{}", proxy.said());
    assert!(proxy.admin("/readyz").contains("\"ready\": true"));
    assert_eq!(curl::get(&proxy.url("/?q=hostileword")).status, 403);
    assert!(signal(second, "USR2"));
    let third = successors.newest(&proxy);
    assert!(signal(third, "0"));
    assert!(ends(second), "{}", proxy.said());
    stop.store(true, Ordering::Relaxed);
    let answered: usize = kept.into_iter().map(|client| client.join().expect("no request failed")).sum();
    ready.join().expect("always one that is ready");
    assert!(answered > 0 && fresh.join().expect("no request failed") > 0);
}

#[test]
fn a_process_that_cannot_take_over_changes_nothing() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    std::fs::write(proxy.file("portcullis.yaml"), "version: 2\n").expect("written");
    proxy.signal("USR2");
    let said = (0..400).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        proxy.said().contains("no other process takes over; this one goes on")
    });
    assert!(said, "{}", proxy.said());
    assert_eq!(curl::get(&proxy.url("/echo")).status, 200);
    assert!(proxy.admin("/readyz").contains("\"ready\": true"));
}
