//! Each alert fires while its fault is real: a process is broken, its metrics are scraped before, during and after, and promtool says
//! which alerts fire by these scrapes. The expectation is exact: no other alert may fire.
//!
//! Not here: `PortcullisLearningBehind` (no load of a test fills that queue for sure) and the part of `PortcullisFailOpen` that is a failure
//! of the engine (which nobody can provoke from outside); `alerts.test.yaml` has both.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::client;
use super::origin::Origin;
use super::process::{Portcullis, Setup};
use super::watch::{Watch, now};

/// An application and a process before it, with one more thing in its set-up.
fn start(change: impl FnOnce(&mut Setup)) -> (Origin, Portcullis) {
    let origin = Origin::start();
    let mut setup = Setup::new(origin.address);
    change(&mut setup);
    let process = Portcullis::start(&setup);
    (origin, process)
}

#[track_caller]
fn wait_for(process: &Portcullis, metric: &str, holds: impl Fn(f64) -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds(process.metric(metric)) {
        assert!(Instant::now() < until, "{metric} is {}\n{}", process.metric(metric), process.said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An address that nobody answers at.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port")
}

/// A certificate for `shop.test` and its key, valid for so many days from now on.
pub(crate) fn certificate(days: u64) -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut parameters = rcgen::CertificateParams::new(["shop.test".to_owned()]).expect("names");
    parameters.not_after = (now() + Duration::from_secs(days * 86_400)).into();
    (parameters.self_signed(&key).expect("signed").pem(), key.serialize_pem())
}

/// With a certificate of so many days, in files `shop.crt` and `shop.key`.
fn start_with_certificate(days: u64) -> (Origin, Portcullis) {
    let origin = Origin::start();
    let tls = "tls: { certificates: [{ certificate: shop.crt, key: shop.key }] }";
    let setup =
        Setup { listener: format!("{{ address: \"127.0.0.1:0\", {tls} }}"), ..Setup::new(origin.address) };
    let (certificate, key) = certificate(days);
    let process = Portcullis::start_with(&setup, &[("shop.crt", &certificate), ("shop.key", &key)]);
    (origin, process)
}

/// A gateway that fails open asks nobody while its agent is stopped, and tells how often when the agent is there again.
#[test]
fn a_gateway_has_nobody_to_ask() {
    let yaml = "version: 1\n\
        attachments: { inspect: [{ address: \"unix:{here}/inspect.sock\", dialect: native }] }\n\
        assets: [{ name: all, hosts: [\"*\"], policy: default }]\n\
        policies: { default: { mode: prevent, signatures: { rules: [{ file: rules.conf }] } } }\n\
        admin: { address: \"127.0.0.1:0\" }\nreports: { decisions: { to: none } }\n";
    let agent = Portcullis::start_yaml(yaml, "");
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

#[test]
fn bodies_are_longer_than_what_is_inspected() {
    let (_origin, process) = start(|setup| {
        setup.policy = "on_limit: pass\n    limits: { body_bytes_max: 1KiB }".to_owned();
    });
    let mut watch = Watch::new();
    let mut minutes = |count: usize, body: &str, expected: &[&str]| {
        for _ in 0..count {
            for body in ["a=1", "b=2", body] {
                assert_eq!(client::post(process.address, body), 200, "{}", process.said());
            }
            watch.scrape(&[("one", Some(&process))]);
        }
        watch.expect(expected);
    };
    let long = format!("c={}", "x".repeat(2000));
    minutes(12, "c=3", &[]);
    minutes(12, &long, &["PortcullisUninspected"]);
    minutes(12, "c=3", &[]);
    watch.check();
}

/// The name server that lists are asked of is gone: each client waits, and passes without having been looked up.
#[test]
fn inspection_waits_for_who_does_not_answer() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let server = silent.local_addr().expect("bound");
    let (_origin, process) = start(|setup| {
        setup.listener = "{ address: \"127.0.0.1:0\", trusted_proxies: [127.0.0.0/8] }".to_owned();
        setup.more = format!("rbl: {{ name_servers: ['{server}'], timeout: 100ms }}");
        setup.rules = "SecRule REMOTE_ADDR \"@rbl bl.test\" \"id:100,phase:1,deny\"\n".to_owned();
        setup.policy = "on_inspection_failure: pass".to_owned();
    });
    let mut watch = Watch::new();
    for minute in 0..18 {
        for client in 0..2 {
            let address = format!("192.0.2.{}", minute * 2 + client);
            assert_eq!(client::get_for(process.address, &address, "/"), 200, "{}", process.said());
        }
        watch.scrape(&[("one", Some(&process))]);
        if minute == 1 {
            watch.expect(&["PortcullisFailOpen"]);
        }
    }
    watch.expect(&["PortcullisFailOpen", "PortcullisInspectionSlow", "PortcullisUninspected"]);
    watch.check();
}

#[test]
fn much_more_is_blocked_than_before() {
    let (_origin, process) = start(|_| ());
    let mut watch = Watch::new();
    let mut minutes = |count: usize, hostile: usize, expected: &[&str]| {
        for _ in 0..count {
            for turn in 0..20 {
                let path = if turn < hostile { "/hostileword" } else { "/" };
                let expected = if turn < hostile { 403 } else { 200 };
                assert_eq!(client::get(process.address, path), expected, "{}", process.said());
            }
            watch.scrape(&[("one", Some(&process))]);
        }
        watch.expect(expected);
    };
    minutes(20, 1, &[]);
    // Twice as many are no jump.
    minutes(10, 2, &[]);
    minutes(11, 16, &["PortcullisBlockRateJump"]);
    minutes(12, 1, &[]);
    watch.check();
}

#[test]
fn a_certificate_ends_soon() {
    for (days, expected) in [
        (100, &[][..]),
        (10, &["PortcullisCertificateExpiring"]),
        (2, &["PortcullisCertificateEnds", "PortcullisCertificateExpiring"]),
    ] {
        let (_origin, process) = start_with_certificate(days);
        let mut watch = Watch::new();
        watch.scrape(&[("one", Some(&process))]);
        watch.hold(12);
        watch.expect(expected);
        if days == 2 {
            let (certificate, key) = certificate(200);
            fs::write(process.file("shop.crt"), certificate).expect("written");
            fs::write(process.file("shop.key"), key).expect("written");
            process.signal("HUP");
            wait_for(&process, "portcullis_reloads_total{result=\"ok\"}", |count| count > 0.5);
            watch.scrape(&[("one", Some(&process))]);
            watch.expect(&[]);
        }
        watch.check();
    }
}

/// The authority is not there: no certificate, and no attempt that goes well.
#[test]
fn a_certificate_cannot_be_obtained() {
    let authority = nobody();
    let (_origin, process) = start(|setup| {
        setup.listener = "{ address: \"127.0.0.2:0\" }, { address: \"127.0.0.1:0\", \
             tls: { certificates: [{ acme: { names: [shop.example.com] } }] } }"
            .to_owned();
        setup.more = format!(
            "acme: {{ directory: state, agree_to_terms: true, authorities: [{{ name: gone, directory: \"https://{authority}/dir\" }}] }}"
        );
    });
    wait_for(&process, "portcullis_acme_failing{", |failing| failing > 0.5);
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.hold(70);
    watch.expect(&["PortcullisAcmeCertificateMissing"]);
    watch.hold(24 * 60);
    watch.expect(&["PortcullisAcmeCertificateMissing", "PortcullisAcmeFailing"]);
    watch.check();
}

#[test]
fn a_configuration_does_not_load() {
    let (_origin, process) = start(|_| ());
    let file = process.file("portcullis.yaml");
    let good = fs::read_to_string(&file).expect("the configuration");
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    let reload = |text: &str, metric: &str| {
        fs::write(&file, text).expect("written");
        process.signal("HUP");
        wait_for(&process, metric, |count| count > 0.5);
    };
    reload(&format!("{good}\nnonsense: true\n"), "portcullis_reloads_total{result=\"failed\"}");
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.hold(6);
    watch.expect(&["PortcullisReloadFailed"]);
    reload(&good, "portcullis_config_last_reload_successful");
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.check();
}

#[test]
fn two_instances_have_different_configurations() {
    let (_origin, one) = start(|_| ());
    let (_origin, other) = start(|setup| setup.mode = "detect");
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&one)), ("other", Some(&other))]);
    watch.hold(5);
    watch.expect(&[]);
    watch.hold(11);
    watch.expect(&["PortcullisConfigDiffers"]);
    watch.check();
}

/// The one server of an upstream is gone, which its health check sees and requests feel.
#[test]
fn an_application_is_gone() {
    let (_origin, process) = start(|setup| {
        setup.origin = nobody().to_string();
        setup.upstream = "health_check: { path: /, interval: 1s, timeout: 200ms }".to_owned();
    });
    wait_for(&process, "portcullis_upstream_servers{state=\"unhealthy\",upstream=\"app\"}", |count| {
        count > 0.5
    });
    let mut watch = Watch::new();
    for minute in 0..12 {
        for _ in 0..3 {
            assert_eq!(client::get(process.address, "/"), 502, "{}", process.said());
        }
        watch.scrape(&[("one", Some(&process))]);
        if minute == 1 {
            watch.expect(&["PortcullisUpstreamDown"]);
        }
    }
    watch.expect(&["PortcullisUpstreamDown", "PortcullisUpstreamErrors", "PortcullisUpstreamServerOut"]);
    watch.check();
}

/// One of two servers is gone: requests go to the other, and no exchange fails for a client.
#[test]
fn one_server_of_two_is_gone() {
    let gone = nobody();
    let (_origin, process) = start(|setup| {
        setup.origin = format!("{}\", \"{gone}", setup.origin);
        setup.upstream = "health_check: { path: /, interval: 1s, timeout: 500ms }".to_owned();
    });
    wait_for(&process, "portcullis_upstream_servers{state=\"unhealthy\",upstream=\"app\"}", |count| {
        count > 0.5
    });
    let mut watch = Watch::new();
    for _ in 0..12 {
        assert_eq!(client::get(process.address, "/"), 200, "{}", process.said());
        watch.scrape(&[("one", Some(&process))]);
    }
    watch.expect(&["PortcullisUpstreamServerOut"]);
    watch.check();
}

/// Somebody asks who does not speak the gateway's dialect.
#[test]
fn questions_are_not_understood() {
    let yaml = "version: 1\n\
        attachments: { inspect: [{ address: \"unix:{here}/inspect.sock\", dialect: native }] }\n\
        assets: [{ name: all, hosts: [\"*\"], policy: default }]\n\
        policies: { default: { mode: prevent, signatures: { rules: [{ file: rules.conf }] } } }\n\
        admin: { address: \"127.0.0.1:0\" }\nreports: { decisions: { to: none } }\n";
    let agent = Portcullis::start_yaml(yaml, "");
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

/// Who connects speaks no TLS.
#[test]
fn connections_are_closed_without_an_answer() {
    let (_origin, process) = start_with_certificate(200);
    let mut watch = Watch::new();
    for minute in 0..22 {
        client::get(process.address, "/");
        watch.scrape(&[("one", Some(&process))]);
        if minute == 5 {
            watch.expect(&[]);
        }
    }
    watch.expect(&["PortcullisConnectionsRefused"]);
    watch.check();
}

#[test]
fn a_store_of_rate_limits_is_away() {
    let store = nobody();
    let (_origin, process) = start(|setup| {
        setup.policy = "rate_limits: [all]".to_owned();
        setup.more = format!(
            "stores: {{ counts: {{ redis: ['redis://{store}'], timeout: 20ms }} }}\n\
             rate_limits: {{ all: {{ rate: 100/s, shared: counts }} }}"
        );
    });
    assert_eq!(client::get(process.address, "/"), 200, "{}", process.said());
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.hold(3);
    watch.expect(&["PortcullisRateLimitStoreDown"]);
    watch.check();
}

/// More clients than a rate limit has room for.
#[test]
fn a_rate_limit_forgets() {
    let (_origin, process) = start(|setup| {
        setup.listener = "{ address: \"127.0.0.1:0\", trusted_proxies: [127.0.0.0/8] }".to_owned();
        setup.policy = "rate_limits: [all]".to_owned();
        setup.more = "rate_limits: { all: { rate: 5/h, burst: 5, entries_max: 16 } }".to_owned();
    });
    let mut watch = Watch::new();
    for minute in 0..20 {
        for client in 0..30 {
            let address = format!("198.51.{minute}.{client}");
            assert_eq!(client::get_for(process.address, &address, "/"), 200, "{}", process.said());
        }
        watch.scrape(&[("one", Some(&process))]);
    }
    watch.expect(&["PortcullisRateLimitForgets"]);
    watch.check();
}

#[test]
fn a_process_is_gone() {
    let (_origin, process) = start(|_| ());
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    let stopped = process.kill();
    watch.scrape(&[("one", None)]);
    watch.scrape(&[("one", None)]);
    watch.expect(&[]);
    watch.scrape(&[("one", None)]);
    watch.expect(&["PortcullisTargetDown"]);
    let process = stopped.start();
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.check();
}

#[test]
fn there_is_no_process() {
    let mut watch = Watch::new();
    for _ in 0..7 {
        watch.scrape(&[]);
    }
    watch.expect(&["PortcullisAbsent"]);
    watch.check();
}

#[test]
fn a_process_starts_again_and_again() {
    let (_origin, mut process) = start(|_| ());
    let mut watch = Watch::new();
    for start in 0..4 {
        watch.scrape(&[("one", Some(&process))]);
        watch.expect(if start < 3 { &[] } else { &["PortcullisRestarting"] });
        process = process.kill().start();
    }
    watch.check();
}

/// A control group of memory under that of the test; removed when dropped.
struct Group(PathBuf);

impl Group {
    /// `None` where none may be made.
    fn make() -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let of = |line: &str| match line.splitn(3, ':').collect::<Vec<_>>()[..] {
            [_, "memory", path] => Some(format!("/sys/fs/cgroup/memory{path}")),
            ["0", "", path] if !groups.contains(":memory:") => Some(format!("/sys/fs/cgroup{path}")),
            _ => None,
        };
        let parent = PathBuf::from(groups.lines().find_map(of)?);
        let group = parent.join(format!("portcullis-test-{}", std::process::id()));
        let made = fs::create_dir(&group).map(|()| Self(group));
        made.ok().filter(|group| group.limit_file().exists())
    }

    fn limit_file(&self) -> PathBuf {
        ["memory.max", "memory.limit_in_bytes"]
            .map(|name| self.0.join(name))
            .into_iter()
            .find(|it| it.exists())
            .unwrap_or_default()
    }

    fn take(&self, process: u32, limit_bytes: i64) -> std::io::Result<()> {
        fs::write(self.limit_file(), limit_bytes.to_string())?;
        fs::write(self.0.join("cgroup.procs"), process.to_string())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn memory_comes_to_its_limit() {
    let Some(group) = Group::make() else {
        println!("left out: no control group of memory can be made here");
        return;
    };
    let (_origin, process) = start(|_| ());
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    let used = process.resident_kib() << 10;
    group.take(process.id(), used * 10 / 9).expect("the process is in the group");
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.hold(11);
    watch.expect(&["PortcullisMemoryNearLimit"]);
    watch.check();
    drop(process);
}

#[test]
fn files_come_to_their_limit() {
    let (_origin, process) = start(|_| ());
    let mut watch = Watch::new();
    watch.scrape(&[("one", Some(&process))]);
    let open = process.metric("process_open_fds");
    let limit = format!("--nofile={}", open + 40.0);
    let limited = Command::new("prlimit").args(["--pid", &process.id().to_string(), &limit]).status();
    if !limited.is_ok_and(|status| status.success()) {
        println!("left out: prlimit is not installed");
        return;
    }
    let _connections: Vec<_> = (0..35).map_while(|_| TcpStream::connect(process.address).ok()).collect();
    wait_for(&process, "process_open_fds", |now| now >= open + 30.0);
    watch.scrape(&[("one", Some(&process))]);
    watch.expect(&[]);
    watch.hold(11);
    watch.expect(&["PortcullisFilesNearLimit"]);
    watch.check();
}

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
