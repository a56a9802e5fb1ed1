//! Of processes and what they may use.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use super::{Watch, start, wait_for};

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
