//! Of what is written.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Watch, client, start};

/// The disk that audit records go to is full.
#[test]
fn records_cannot_be_written() {
    let (_origin, process) = start(|setup| {
        setup.rules = "SecAuditEngine RelevantOnly\nSecAuditLog /dev/full\nSecAuditLogFormat JSON\n\
             SecAuditLogParts ABHZ\nSecAuditLogRelevantStatus \"^403\"\n"
            .to_owned();
    });
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    // What the thread could not write is counted with the next request.
    let until = Instant::now() + Duration::from_secs(10);
    while process.metric("portcullis_audit_dropped_total") < 0.5 {
        assert_eq!(client::get(process.address, "/hostileword"), 403, "{}", process.said());
        assert!(Instant::now() < until, "{}", process.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&["PortcullisRecordsDropped"]);
    watch.hold(11);
    watch.expect(&[]);
    watch.check();
}

/// Something else is in the place of the file that what is learned is written to.
#[test]
fn what_was_learned_cannot_be_written() {
    let (_origin, process) = start(|setup| setup.more = "learning: { file: learned, every: 1s }".to_owned());
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    let _ = fs::remove_file(process.file("learned"));
    fs::create_dir_all(process.file("learned/in-its-place")).expect("made");
    let until = Instant::now() + Duration::from_secs(20);
    while process.metric("portcullis_learning_errors_total") < 0.5 {
        assert_eq!(client::get(process.address, "/?a=b"), 200, "{}", process.said());
        assert!(Instant::now() < until, "{}", process.said());
        std::thread::sleep(Duration::from_millis(100));
    }
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&["PortcullisLearningNotWritten"]);
    watch.check();
}

/// The disk that what is learned is written to does not answer, as one of a network does at times: who opens the file waits. It is a pipe here.
#[test]
fn learning_waits_for_a_disk() {
    let (_origin, process) = start(|setup| setup.more = "learning: { file: learned, every: 1s }".to_owned());
    let ask = || assert_eq!(client::get(process.address, "/?a=b"), 200, "{}", process.said());
    let mut watch = Watch::new();
    for _ in 0..5 {
        ask();
        watch.scrape(&[("one", Some(&process))]);
    }
    watch.expect(&[]);
    let until = Instant::now() + Duration::from_secs(30);
    let pipe = process.file("learned.next");
    while !Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success() {
        // Something is there while the file is being written.
        assert!(Instant::now() < until, "{}", process.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    // Slowly, so that few are learned from in the second that passes before the file is written next.
    while process.metric("portcullis_learning_requests_total{result=\"queue-full\"}") < 0.5 {
        ask();
        std::thread::sleep(Duration::from_millis(10));
        assert!(Instant::now() < until, "{}\n{}", process.admin("/metrics"), process.said());
    }
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    for _ in 0..70 {
        (0..10).for_each(|_| ask());
        watch.scrape(&[("one", Some(&process))]);
    }
    watch.expect(&["PortcullisLearningBehind"]);
    // It answers, that this is nothing to keep a file in.
    drop(fs::File::open(&pipe).expect("opened"));
    let until = Instant::now() + Duration::from_secs(20);
    while process.metric("portcullis_learning_errors_total") < 0.5 {
        assert!(Instant::now() < until, "{}\n{}", process.admin("/metrics"), process.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    let learned = || process.metric("portcullis_learning_requests_total{result=\"learned\"}");
    let before = learned();
    while learned() <= before {
        ask();
        assert!(Instant::now() < until, "{}\n{}", process.admin("/metrics"), process.said());
    }
    watch.scrape(&[("one", Some(&process))]);
    watch.hold(61);
    watch.expect(&[]);
    watch.check();
}
