//! checkov, with each thing that it asks for and does not get, and why.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::python;
use crate::topologies::{self, write};

/// A check, of which objects (a part of the name), and why it is not met.
const SKIPS: [(&str, &str, &str); 6] = [
    (
        "CKV_K8S_11",
        "",
        "a limit of processor time stops requests for parts of a second; `resources.limits.cpu` sets one where a quota demands it",
    ),
    (
        "CKV_K8S_43",
        "",
        "the digest is the user's to pin (`image.digest`), as only the release knows it; ci/proxy-edge-values.yaml does",
    ),
    (
        "CKV_K8S_15",
        "",
        "with a version, or a digest, there is nothing newer to pull, and a registry that is away would stop pods from starting",
    ),
    ("CKV_K8S_8", "Pod.", "the pod of `helm test` runs once and ends"),
    ("CKV_K8S_9", "Pod.", "likewise"),
    (
        "CKV_K8S_31",
        "proxy-scaled",
        "it knows RuntimeDefault alone, and this is our own profile, which is stricter",
    ),
];

#[test]
fn checkov_finds_what_is_known() {
    let (Some(all), Some(python)) = (topologies::all(), python::home()) else { return };
    // What begins with a dot it does not look at.
    let directory = tempfile::Builder::new().prefix("chart").tempdir().expect("a directory");
    all.iter().for_each(|rendered| drop(write(directory.path(), rendered)));
    let mut checkov = Command::new(python.join("bin/python"));
    // Nothing is asked of its vendor: neither rules nor a newer version.
    let arguments = [
        "-m",
        "checkov.main",
        "--framework",
        "kubernetes",
        "--compact",
        "--quiet",
        "--skip-download",
        "-o",
        "json",
        "-d",
    ];
    let output = checkov.args(arguments).arg(directory.path()).output().expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    let summary = &report["summary"];
    assert!(summary["passed"].as_u64() > Some(1000), "it has looked at hardly anything: {summary}");
    let failed = report["results"]["failed_checks"].as_array().expect("results");
    let found: Vec<(&str, String)> = failed
        .iter()
        .filter_map(|it| {
            Some((
                it["check_id"].as_str()?,
                format!("{} {} {}", it["resource"], it["file_path"], it["check_name"]),
            ))
        })
        .collect();
    let is_known = |(check, what): &(&str, String)| {
        SKIPS.iter().any(|(skip, part, _)| skip == check && what.contains(part))
    };
    let unknown: BTreeSet<_> = found.iter().filter(|it| !is_known(it)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    for (check, part, why) in SKIPS {
        let is_used = found.iter().any(|(id, what)| *id == check && what.contains(part));
        assert!(is_used, "{check} is met everywhere: it need not be skipped because {why}");
    }
    println!(
        "checkov: {} passed; {} not met, of {} kinds, each for a reason",
        summary["passed"],
        found.len(),
        SKIPS.len()
    );
}
