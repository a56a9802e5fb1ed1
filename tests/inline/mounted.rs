//! Configuration, rules and certificates in volumes that change as the kubelet changes them, and in directories that a link leads to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis_tests::kubelet::Volume;

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};
use super::tls::Authority;

/// A change is noticed when files were left alone for 200 ms; the rest is loading, on a machine that is busy with other tests.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(10);
const UPDATES: usize = 20;

#[test]
fn updates_of_mounted_volumes_lose_no_request() {
    let origin = Origin::start();
    let directory = tempfile::tempdir().expect("a directory");
    let (config, rules, certificate) = ("", "mnt/rules", "mnt/certificate");
    let volume = |path: &str| directory.path().join(path);
    let listener = "{ address: \"127.0.0.2:0\" }, { address: \"127.0.0.1:0\", tls: { certificates: [{ certificate: \
                    mnt/certificate/tls.crt, key: mnt/certificate/tls.key }] } }";
    let setup = |policy: &str| Setup {
        listener: listener.to_owned(),
        policy: policy.to_owned(),
        ..Setup::new(origin.address)
    };
    let yaml = |round: usize| {
        setup("")
            .yaml()
            .replace("file: rules.conf", &format!("file: mnt/rules/own.conf }}, {{ file: round{round}.conf"))
    };
    let authority = |round: usize| Authority::new(&format!("authority {round}"));
    let secret = |authority: &Authority| authority.issue(&["shop.test"], "shop");

    let first = authority(0);
    let (chain, key) = secret(&first);
    let config =
        Volume::new(&volume(config), &[("portcullis.yaml", &*yaml(0)), ("round0.conf", &*rule("config", 0))])
            .expect("written");
    let rules = Volume::new(&volume(rules), &[("own.conf", rule("own", 0))]).expect("written");
    let certificate =
        Volume::new(&volume(certificate), &[("tls.crt", chain), ("tls.key", key)]).expect("written");
    let proxy = Arc::new(Portcullis::start_prepared(directory));
    let load = Load::begin(proxy.address_of("http"), 4);

    let mut longest = Duration::ZERO;
    for round in 1..=UPDATES {
        if round % 4 == 0 {
            a_broken_one_changes_nothing(&proxy, &config, round - 1);
            // The rest of this volume, which was broken, comes with the next update.
        }
        let next = authority(round);
        let (chain, key) = secret(&next);
        let changed = Instant::now();
        config
            .update(&[
                ("portcullis.yaml", yaml(round)),
                (&format!("round{round}.conf"), rule("config", round)),
            ])
            .expect("written");
        rules.update(&[("own.conf", rule("own", round))]).expect("written");
        certificate.update(&[("tls.crt", chain), ("tls.key", key)]).expect("written");
        for word in ["config", "own"] {
            within(&proxy, || status(&proxy, word, round) == 403, || format!("{word} of update {round}"));
            within(
                &proxy,
                || status(&proxy, word, round - 1) == 200,
                || format!("{word} before update {round}"),
            );
        }
        within(&proxy, || is_served(&proxy, &next), || format!("certificate of update {round}"));
        longest = longest.max(changed.elapsed());
    }
    let requests = load.end();
    println!(
        "{UPDATES} updates of three volumes, the slowest in force after {longest:?}, {requests} requests meanwhile, none failed"
    );
    assert!(proxy.metric("portcullis_reloads_total{result=\"ok\"}") >= UPDATES as f64);
    // None but those that were meant to: no configuration was read half before and half after an update.
    let failed = proxy.metric("portcullis_reloads_total{result=\"failed\"}");
    assert_eq!(failed, (UPDATES / 4) as f64, "{}", proxy.said());
}

/// An update that does not load: the metric and `/readyz` say so, and what is in force stays.
fn a_broken_one_changes_nothing(proxy: &Portcullis, config: &Volume, in_force: usize) {
    let failures = || proxy.metric("portcullis_reloads_total{result=\"failed\"}");
    let before = failures();
    config
        .update(&[("portcullis.yaml", "version: 1\npolicies: { default: { mood: prevent } }\n")])
        .expect("written");
    within(proxy, || failures() > before, || "a failed reload".to_owned());
    assert!(proxy.admin("/readyz").contains("mood"), "{}", proxy.admin("/readyz"));
    for word in ["config", "own"] {
        assert_eq!(status(proxy, word, in_force), 403, "the old policy stays");
    }
}

/// A rule that stops one word, which is another in each round.
fn rule(place: &str, round: usize) -> String {
    let id = if place == "own" { 1_000 } else { 2_000 } + round;
    format!(
        "SecRule ARGS \"@streq {place}{round}\" \"id:{id},phase:1,deny,status:403,msg:'round {round}'\"\n"
    )
}

fn status(proxy: &Portcullis, word: &str, round: usize) -> u16 {
    curl::get(&format!("http://{}/?q={word}{round}", proxy.address_of("http"))).status
}

/// Whether a client that believes this authority alone gets an answer over TLS.
fn is_served(proxy: &Portcullis, authority: &Authority) -> bool {
    let port = proxy.address_of("https").port();
    let ca = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(ca.path(), authority.pem()).expect("written");
    let resolve = format!("shop.test:{port}:127.0.0.1");
    let arguments = ["--resolve", &resolve, "--cacert", &ca.path().display().to_string()];
    curl::run(&arguments, None, &format!("https://shop.test:{port}/echo")).status == 200
}

fn within(proxy: &Portcullis, mut holds: impl FnMut() -> bool, what: impl Fn() -> String) {
    let until = Instant::now() + IN_FORCE_WITHIN;
    while !holds() {
        assert!(Instant::now() < until, "{}: not within {IN_FORCE_WITHIN:?}\n{}", what(), proxy.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Clients that ask again and again, each on one connection.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<std::thread::JoinHandle<usize>>,
}

impl Load {
    fn begin(address: SocketAddr, clients: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(AtomicUsize::new(0));
        let client = |_| {
            let (stop, begun) = (Arc::clone(&stop), Arc::clone(&begun));
            std::thread::spawn(move || {
                let stream = TcpStream::connect(address).expect("connected");
                stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
                let mut reader = BufReader::new(stream);
                let mut sent = 0;
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(ask(&mut reader), Some(200), "request {sent} of a connection");
                    sent += 1;
                    begun.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                }
                sent
            })
        };
        let clients: Vec<_> = (0..clients).map(client).collect();
        while begun.load(Ordering::Relaxed) < 4 * clients.len() {
            assert!(clients.iter().all(|client| !client.is_finished()), "a client failed");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { stop, clients }
    }

    /// How many requests there were; none failed.
    fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().map(|client| client.join().expect("no request failed")).sum()
    }
}

/// One request on a connection that stays open; the status, or `None` when it ended.
fn ask(reader: &mut BufReader<TcpStream>) -> Option<u16> {
    reader.get_mut().write_all(b"GET /echo HTTP/1.1\r\nHost: shop.test\r\n\r\n").ok()?;
    let (mut status, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        if status.is_none() {
            status = line.split(' ').nth(1)?.parse().ok();
        } else if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    status
}

/// Where a rule file is, and how it changes.
struct Row {
    name: &'static str,
    /// The rule file, as the configuration has it.
    file: &'static str,
    begin: fn(&Path, String),
    change: fn(&Path, String),
}

const ROWS: &[Row] = &[
    Row {
        name: "a volume's items in directories, beside the configuration",
        file: "rules/own.conf",
        begin: |here, rule| again(here, &[("portcullis.yaml", read(here)), ("rules/own.conf", rule)]),
        change: |here, rule| again(here, &[("portcullis.yaml", read(here)), ("rules/own.conf", rule)]),
    },
    Row {
        name: "a volume of its own with items in directories",
        file: "mnt/rules/shop/own.conf",
        begin: |here, rule| again(&here.join("mnt/rules"), &[("shop/own.conf", rule)]),
        change: |here, rule| again(&here.join("mnt/rules"), &[("shop/own.conf", rule)]),
    },
    Row {
        name: "a link to a release, where the old one stays",
        file: "mnt/current/own.conf",
        begin: |here, rule| release(here, "releases/1", rule),
        change: |here, rule| {
            release(here, &format!("releases/{}", 2 + count(&here.join("mnt/releases"))), rule);
        },
    },
    Row {
        name: "a link to a link to a release",
        file: "mnt/live/own.conf",
        begin: |here, rule| {
            std::fs::create_dir_all(here.join("mnt")).expect("made");
            symlink("current", here.join("mnt/live")).expect("linked");
            release(here, "releases/1", rule);
        },
        change: |here, rule| {
            release(here, &format!("releases/{}", 2 + count(&here.join("mnt/releases"))), rule);
        },
    },
    Row {
        name: "a directory that is made anew",
        file: "mnt/rules/own.conf",
        begin: |here, rule| made_anew(&here.join("mnt/rules"), &rule),
        change: |here, rule| made_anew(&here.join("mnt/rules"), &rule),
    },
];

#[test]
fn changes_behind_links_are_followed() {
    let origin = Origin::start();
    for row in ROWS {
        let directory = tempfile::tempdir().expect("a directory");
        let here: PathBuf = directory.path().to_owned();
        let yaml = Setup::new(origin.address).yaml().replace("rules.conf", row.file);
        std::fs::write(here.join("portcullis.yaml"), yaml).expect("written");
        (row.begin)(&here, rule("own", 0));
        let proxy = Portcullis::start_prepared(directory);
        assert_eq!(curl::get(&proxy.url("/?q=own0")).status, 403, "{}", row.name);
        // More than once: what is watched must follow.
        for round in 1..=3 {
            (row.change)(&here, rule("own", round));
            let in_force = || curl::get(&proxy.url(&format!("/?q=own{round}"))).status == 403;
            within(&proxy, in_force, || format!("{}: update {round}", row.name));
        }
    }
}

fn read(here: &Path) -> String {
    std::fs::read_to_string(here.join("portcullis.yaml")).expect("a file")
}

/// A volume, or the next update of one that is there.
fn again(path: &Path, files: &[(&str, String)]) {
    Volume::new(path, files).expect("written");
}

/// A directory of its own for each release, and a link that is replaced.
fn release(here: &Path, name: &str, rule: String) {
    let mnt = here.join("mnt");
    std::fs::create_dir_all(mnt.join(name)).expect("made");
    std::fs::write(mnt.join(name).join("own.conf"), rule).expect("written");
    symlink(name, mnt.join("next")).expect("linked");
    std::fs::rename(mnt.join("next"), mnt.join("current")).expect("replaced");
}

fn made_anew(directory: &Path, rule: &str) {
    if directory.exists() {
        std::fs::remove_dir_all(directory).expect("removed");
    }
    std::fs::create_dir_all(directory).expect("made");
    std::fs::write(directory.join("own.conf"), rule).expect("written");
}

fn count(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}
