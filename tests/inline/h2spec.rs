//! h2spec, which sends a server frames that it must not take: `tests/h2spec/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use portcullis_tests::files::binary;
use regex::Regex;

use super::origin::Origin;
use super::process::{Portcullis, Setup};
use super::tls::Authority;

/// h2spec, built once; `None` without Go or its modules.
fn program() -> Option<&'static PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(build).as_ref()
}

fn build() -> Option<PathBuf> {
    let target = binary().parent()?.with_file_name("h2spec");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&target)
        .arg("github.com/summerwind/h2spec/cmd/h2spec")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("h2spec"))
        .output();
    match built {
        Ok(output) if output.status.success() => Some(target),
        Ok(output) => {
            println!("left out: h2spec does not build: {}", String::from_utf8_lossy(&output.stderr).trim());
            None
        }
        Err(_) => {
            println!("left out: no Go");
            None
        }
    }
}

#[test]
fn a_listener_speaks_http2() {
    let origin = Origin::start();
    let proxy = Portcullis::start(&Setup::new(origin.address));
    check(&proxy, &[], "h2c");
}

#[test]
fn a_listener_speaks_http2_over_tls() {
    let origin = Origin::start();
    let (certificate, key) = Authority::new("authority").issue(&["localhost"], "server");
    let listener =
        r#"{ address: "127.0.0.1:0", tls: { certificates: [{ certificate: a.crt, key: a.key }] } }"#;
    let setup = Setup { listener: listener.to_owned(), ..Setup::new(origin.address) };
    let proxy = Portcullis::start_with(&setup, &[("a.crt", &certificate), ("a.key", &key)]);
    check(&proxy, &["-t", "-k"], "tls");
}

/// All cases, strict ones too; those that fail have a reason in `expected.yaml`.
fn check(proxy: &Portcullis, arguments: &[&str], over: &str) {
    let Some(program) = program() else { return };
    let report = proxy.file("h2spec.xml");
    let output = Command::new(program)
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &proxy.address.port().to_string(),
            "-P",
            "/echo",
            "-o",
            "2",
            "-S",
            "-j",
        ])
        .arg(&report)
        .args(arguments)
        .output()
        .expect("h2spec runs");
    let text = std::fs::read_to_string(&report)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stdout)));
    let (passed, failed) = results(&text);
    println!("h2spec over {over}: {passed} passed, {} failed", failed.len());
    assert!(passed > 140, "{passed}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("h2spec/expected.yaml");
    let expected: BTreeMap<String, BTreeMap<String, String>> =
        serde_saphyr::from_str(&std::fs::read_to_string(path).expect("what is expected")).expect("reasons");
    let expected: Vec<&String> = expected[over].keys().collect();
    assert_eq!(
        failed.iter().collect::<Vec<_>>(),
        expected,
        "cases that fail, with their reasons in expected.yaml"
    );
}

/// How many cases passed, and which failed, in the order of their names.
fn results(report: &str) -> (usize, Vec<String>) {
    let case = Regex::new(r#"(?s)<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)</testcase>"#)
        .expect("a pattern");
    let (mut passed, mut failed) = (0, Vec::new());
    for found in case.captures_iter(report) {
        if found[3].contains("<failure") || found[3].contains("<error") {
            failed.push(format!("{} {}", &found[1], &found[2]));
        } else if !found[3].contains("<skipped") {
            passed += 1;
        }
    }
    failed.sort();
    (passed, failed)
}
