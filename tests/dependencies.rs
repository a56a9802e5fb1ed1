//! Dependencies between our crates point one way: transaction <- signatures, model <- engine <- proxy, cli; acme <- proxy.

use std::collections::BTreeMap;
use std::process::Command;

/// Our crates with the crates of ours that each may use.
const ALLOWED: [(&str, &[&str]); 11] = [
    // Certificates know nothing of requests.
    ("acme", &[]),
    ("transaction", &[]),
    ("signatures", &["transaction"]),
    ("model", &["transaction"]),
    ("train", &["transaction", "model"]),
    ("engine", &["transaction", "signatures", "model"]),
    ("proxy", &["transaction", "signatures", "model", "engine", "acme"]),
    ("portcullis", &["transaction", "signatures", "model", "train", "engine", "proxy"]),
    ("portcullis-tests", &["transaction", "signatures", "model", "engine", "acme", "proxy"]),
    (
        "portcullis-benches",
        &[
            "transaction",
            "signatures",
            "model",
            "train",
            "engine",
            "proxy",
            "portcullis-tests",
            "portcullis-instructions",
        ],
    ),
    // Nothing that is slow to build.
    ("portcullis-instructions", &["transaction", "engine"]),
];

/// Crates that only one of ours may use, so that the inner crates stay free of I/O and frameworks.
const RESERVED: [(&str, &[&str]); 10] = [
    ("linfa", &["train"]),
    ("linfa-logistic", &["train"]),
    ("ndarray", &["train"]),
    ("plotters", &["train", "portcullis-benches"]),
    ("pingora", &["proxy", "portcullis-benches"]),
    ("instant-acme", &["acme"]),
    ("redis", &["proxy"]),
    ("tokio", &["acme", "proxy", "portcullis", "portcullis-tests", "portcullis-benches"]),
    ("clap", &["portcullis", "portcullis-benches"]),
    ("prometheus", &["proxy"]),
];

#[test]
fn dependencies_point_one_way() {
    let used = used_by_package();
    let ours: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        used.keys().map(String::as_str).collect::<Vec<_>>(),
        sorted(&ours),
        "packages of the workspace"
    );
    for (package, allowed) in ALLOWED {
        for dependency in &used[package] {
            let dependency = dependency.as_str();
            assert!(
                !ours.contains(&dependency) || allowed.contains(&dependency),
                "{package} must not use {dependency}"
            );
            if let Some((_, owners)) = RESERVED.iter().find(|(name, _)| *name == dependency) {
                assert!(owners.contains(&package), "{dependency} belongs to {owners:?}, not to {package}");
            }
        }
    }
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

/// What each package of the workspace depends on, tests and build scripts included.
fn used_by_package() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let names = |list: &serde_json::Value| -> Vec<String> {
        let entries = list.as_array().into_iter().flatten();
        entries.filter_map(|entry| entry["name"].as_str()).map(str::to_owned).collect()
    };
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            (package["name"].as_str().unwrap_or_default().to_owned(), names(&package["dependencies"]))
        })
        .collect()
}
