//! The seccomp profile: made from the reviewed list, and compared with what the binary was seen to call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

/// packaging/container/syscalls.yaml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Syscalls {
    pub(crate) allow: Vec<Group>,
    pub(crate) absent: Vec<Group>,
    pub(crate) never: BTreeMap<String, String>,
}

/// Calls that are made for one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) why: String,
    /// Whether they are here without having been seen.
    #[serde(default)]
    pub(crate) reviewed: bool,
    pub(crate) names: Vec<String>,
    /// What an argument must be: one of these.
    #[serde(default, rename = "where")]
    pub(crate) arguments: Vec<Argument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Argument {
    argument: u32,
    mask: Option<u64>,
    is: u64,
}

impl Syscalls {
    pub(crate) fn reviewed() -> Self {
        serde_saphyr::from_str(&read("syscalls.yaml")).expect("syscalls.yaml")
    }

    /// All that may be called, with whatever arguments.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.allow.iter().flat_map(|group| &group.names).map(String::as_str).collect()
    }
}

/// As runtimes read it (OCI's runtime specification; Docker and the kubelet take the same).
fn profile(syscalls: &Syscalls) -> Value {
    let absent = syscalls.absent.iter().map(|group| {
        json!({ "names": group.names, "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS, "comment": group.why })
    });
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": syscalls.allow.iter().flat_map(rules).chain(absent).collect::<Vec<_>>(),
    })
}

/// One for each value that an argument may have: several of them in one rule would all have to hold.
fn rules(group: &Group) -> Vec<Value> {
    let rule = json!({ "names": group.names, "action": "SCMP_ACT_ALLOW", "comment": group.why });
    let with = |argument: &Argument| {
        let mut rule = rule.clone();
        rule["args"] = match argument.mask {
            Some(mask) => {
                json!([{ "index": argument.argument, "value": mask, "valueTwo": argument.is, "op": "SCMP_CMP_MASKED_EQ" }])
            }
            None => json!([{ "index": argument.argument, "value": argument.is, "op": "SCMP_CMP_EQ" }]),
        };
        rule
    };
    if group.arguments.is_empty() { vec![rule] } else { group.arguments.iter().map(with).collect() }
}

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../packaging/container", name].iter().collect()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).expect("a file of packaging/container")
}

/// The profile that is shipped.
pub(crate) fn shipped() -> Value {
    serde_json::from_str(&read("seccomp.json")).expect("seccomp.json")
}

#[test]
fn the_profile_is_made_of_the_reviewed_list() {
    let made = format!("{:#}\n", profile(&Syscalls::reviewed()));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file("seccomp.json"), &made).expect("written");
    }
    assert!(
        read("seccomp.json") == made,
        "packaging/container/seccomp.json is not what syscalls.yaml says: ./x seccomp"
    );
}

#[test]
fn each_call_is_listed_once_and_with_a_reason() {
    let syscalls = Syscalls::reviewed();
    let mut seen = BTreeSet::new();
    for group in syscalls.allow.iter().chain(&syscalls.absent) {
        assert!(!group.why.is_empty());
        assert!(group.names.is_sorted(), "{:?}", group.names);
        for name in &group.names {
            assert!(seen.insert(name), "{name} is listed twice");
            assert!(!syscalls.never.contains_key(name), "{name} must never be allowed");
        }
    }
}

/// `./x seccomp` writes what it saw.
#[test]
fn what_was_seen_is_allowed_and_what_was_not_was_reviewed() {
    let syscalls = Syscalls::reviewed();
    let (text, names) = (read("syscalls-seen.txt"), syscalls.names());
    let absent: BTreeSet<&str> =
        syscalls.absent.iter().flat_map(|group| &group.names).map(String::as_str).collect();
    let seen: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let missing: Vec<_> =
        seen.iter().filter(|name| !names.contains(*name) && !absent.contains(*name)).collect();
    assert!(missing.is_empty(), "called and not in syscalls.yaml: {missing:?}");
    for group in syscalls.allow.iter().filter(|group| !group.reviewed) {
        let unseen: Vec<_> = group.names.iter().filter(|name| !seen.contains(name.as_str())).collect();
        assert!(
            unseen.is_empty(),
            "never called: {unseen:?} must go, or into a group that is `reviewed`: {}",
            group.why
        );
    }
}

const EPERM: i32 = 1;
const ENOSYS: i32 = 38;
