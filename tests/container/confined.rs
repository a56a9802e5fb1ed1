//! What cannot be done in the container: by the list of system calls, by the user, by the mounts.

use std::collections::BTreeMap;

use super::bundle::Bundle;
use super::running::{can_run, run};
use super::seccomp::Syscalls;
use super::{probe, serves};

/// What the probe says of these attempts, in the container as the chart has it.
fn attempts(what: &str, which: &[String]) -> Option<BTreeMap<String, i64>> {
    if !can_run() {
        return None;
    }
    let bundle = Bundle::rendered(&serves::values("127.0.0.1:9".parse().expect("an address"), 8080, 9913))?;
    let arguments: Vec<String> = std::iter::once(what.to_owned()).chain(which.iter().cloned()).collect();
    let printed = run(&bundle.with_program(probe::program(), &arguments));
    let outcome = |line: &str| {
        line.rsplit_once(' ').and_then(|(what, errno)| Some((what.to_owned(), errno.parse().ok()?)))
    };
    let outcomes: BTreeMap<_, _> = printed.lines().filter_map(outcome).collect();
    assert_eq!(outcomes.len(), which.len(), "{printed}");
    Some(outcomes)
}

/// Every call of this kernel's headers that is not on the list, whatever it is.
#[test]
fn calls_that_are_not_listed_are_refused() {
    let syscalls = Syscalls::reviewed();
    let allowed = syscalls.names();
    let numbers = probe::numbers();
    let others: Vec<_> = numbers.iter().filter(|(name, _)| !allowed.contains(name.as_str())).collect();
    assert!(numbers.len() > 300 && others.len() > 150, "{} of {}", others.len(), numbers.len());
    let Some(outcomes) =
        attempts("call", &others.iter().map(|(_, number)| number.to_string()).collect::<Vec<_>>())
    else {
        return;
    };
    // Those that are newer than all that are listed do not exist, as far as a program is told.
    let passed: Vec<_> = others
        .iter()
        .filter(|(_, number)| ![EPERM, ENOSYS].contains(&outcomes[&number.to_string()]))
        .collect();
    assert!(passed.is_empty(), "{passed:?}");
    let number = |name: &str| numbers.iter().find(|(it, _)| it == name).map(|(_, number)| number.to_string());
    for name in syscalls.never.keys() {
        if let Some(number) = number(name) {
            assert!(outcomes.contains_key(&number), "{name} was not tried");
        }
    }
    println!("{} of {} system calls are refused", others.len(), numbers.len());
}

/// A listed call with arguments that it must not have.
struct Row {
    name: &'static str,
    call: &'static str,
    arguments: &'static str,
    error: i64,
}

const ROWS: &[Row] = &[
    Row { name: "packets of the network", call: "socket", arguments: "17,3,0", error: EPERM },
    Row { name: "netlink", call: "socket", arguments: "16,3,0", error: EPERM },
    Row { name: "the kernel's cryptography", call: "socket", arguments: "38,5,0", error: EPERM },
    Row { name: "the hypervisor", call: "socket", arguments: "40,1,0", error: EPERM },
    Row {
        name: "raw IP has no right, whatever the list says",
        call: "socket",
        arguments: "2,3,1",
        error: EPERM,
    },
    Row { name: "a pair of the Internet's", call: "socketpair", arguments: "2,1,0", error: EPERM },
    Row { name: "a user namespace", call: "clone", arguments: "268435473,0,0,0,0", error: EPERM },
    Row { name: "a mount namespace", call: "clone", arguments: "131089,0,0,0,0", error: EPERM },
    Row { name: "clone3, so that clone is taken", call: "clone3", arguments: "0,0", error: ENOSYS },
    Row { name: "memory to write and execute", call: "mmap", arguments: "0,4096,7,34,-1,0", error: EPERM },
    Row { name: "memory becomes executable", call: "mprotect", arguments: "0,4096,5", error: EPERM },
    Row { name: "a filter of its own", call: "prctl", arguments: "22,2,0,0,0", error: EPERM },
    Row { name: "ambient rights", call: "prctl", arguments: "47,2,0,0,0", error: EPERM },
    Row { name: "to be traced by anybody", call: "prctl", arguments: "1499557217,-1,0,0,0", error: EPERM },
    Row { name: "typing into a terminal", call: "ioctl", arguments: "0,21522,0", error: EPERM },
];

#[test]
fn listed_calls_are_refused_other_arguments() {
    let numbers: BTreeMap<_, _> = probe::numbers().into_iter().collect();
    let attempt = |row: &Row| format!("{},{}", numbers[row.call], row.arguments);
    let Some(outcomes) = attempts("call", &ROWS.iter().map(attempt).collect::<Vec<_>>()) else { return };
    for row in ROWS {
        assert_eq!(outcomes[&attempt(row)], row.error, "{}", row.name);
    }
}

#[test]
fn nothing_is_written_but_below_tmp() {
    let rows: &[(&str, i64)] = &[
        ("/new", EROFS),
        ("/etc/passwd", EROFS),
        ("/etc/portcullis/portcullis.yaml", EROFS),
        ("/etc/portcullis/new", EROFS),
        ("/usr/bin/portcullis", EROFS),
        ("/lib/new", EROFS),
        ("/var/lib/portcullis/new", EROFS),
        ("/run/new", EROFS),
        ("/sys/new", EROFS),
        ("/proc/sys/kernel/core_pattern", EROFS),
        ("/dev/new", EACCES),
        ("/tmp/new", 0),
    ];
    let paths: Vec<_> = rows.iter().map(|(path, _)| (*path).to_owned()).collect();
    let Some(outcomes) = attempts("write", &paths) else { return };
    let found: Vec<_> = rows.iter().map(|(path, _)| (*path, outcomes[*path])).collect();
    assert_eq!(found, rows);
}

/// It ends at the size that the chart says, which counts as the container's memory.
#[test]
fn tmp_is_bounded() {
    let Some(outcomes) = attempts("fill", &["/tmp".to_owned()]) else { return };
    assert_eq!(outcomes["/tmp"], 16 << 20);
}

#[test]
fn there_is_no_other_program() {
    let programs = ["/bin/sh", "/usr/bin/env", "/busybox/sh", "sh", "curl"].map(str::to_owned);
    let Some(outcomes) = attempts("run", &programs) else { return };
    assert!(outcomes.values().all(|it| *it == ENOENT), "{outcomes:?}");
}

const EPERM: i64 = 1;
const ENOENT: i64 = 2;
const EACCES: i64 = 13;
const EROFS: i64 = 30;
const ENOSYS: i64 = 38;
