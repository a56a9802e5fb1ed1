//! The suite over HTTP: go-ftw's runner against `portcullis run`, reading its decision log as it is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::ftw::{CRS_SETTINGS, Case, CaseId};
use portcullis_tests::core_rules::lay_out;
use portcullis_tests::files::{binary, crs_directory};
use serde::Deserialize;

use super::{page, suite};

/// What go-ftw found.
#[derive(Deserialize)]
struct Summary {
    total: usize,
    passed: usize,
    repeated: Vec<String>,
    ignored: Vec<String>,
    failed: std::collections::BTreeMap<String, String>,
}

/// The overrides, in go-ftw's form.
#[derive(Deserialize)]
struct Overrides {
    testoverride: TestOverride,
}

#[derive(Deserialize)]
struct TestOverride {
    ignore: std::collections::BTreeMap<String, String>,
}

/// A process that ends with its owner.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts a command and reads lines of its standard output (or error) until one names an address.
    pub(crate) fn start(command: &mut Command, prefix: &str, stderr: bool) -> (Self, SocketAddr) {
        let (out, err) =
            if stderr { (Stdio::null(), Stdio::piped()) } else { (Stdio::piped(), Stdio::null()) };
        let mut child = command.stdout(out).stderr(err).spawn().expect("a command that starts");
        let output: Box<dyn Read + Send> = match stderr {
            true => Box::new(child.stderr.take().expect("piped")),
            false => Box::new(child.stdout.take().expect("piped")),
        };
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix(prefix)?.split(' ').next()?.parse().ok());
        // What it says later is read and dropped, or it would stop.
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), address.unwrap_or_else(|| panic!("{command:?} names no address")))
    }
}

/// The program of `tests/ftw`, built; `None` without Go or its modules.
pub(crate) fn driver() -> Option<PathBuf> {
    let target = binary().parent()?.with_file_name("ftw");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&target)
        .arg(".")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("ftw"))
        .output();
    match built {
        Ok(output) if output.status.success() => Some(target),
        Ok(output) => {
            println!("left out: go-ftw does not build: {}", String::from_utf8_lossy(&output.stderr).trim());
            None
        }
        Err(_) => {
            println!("left out: no Go");
            None
        }
    }
}

/// The origin that answers `/reflect`.
pub(crate) fn origin(driver: &Path) -> (Running, SocketAddr) {
    Running::start(Command::new(driver).args(["-origin", "127.0.0.1:0"]), "", false)
}

/// `portcullis run` before an origin.
pub(crate) fn portcullis(
    directory: &Path,
    origin: SocketAddr,
    mode: &str,
    paranoia: u8,
) -> (Running, SocketAddr) {
    let name = format!("{mode}-{paranoia}");
    let config = format!(
        "version: 1\nlisteners: [{{ address: '127.0.0.1:0' }}]\n\
         upstreams: {{ origin: {{ servers: ['{origin}'] }} }}\n\
         assets: [{{ name: all, hosts: ['*'], upstream: origin, policy: crs }}]\n\
         policies:\n  crs:\n    mode: {mode}\n    model: none\n    inspect_responses: true\n\
         \x20   signatures: {{ rules: [{{ crs: {0}/crs }}], paranoia: {paranoia} }}\n\
         reports: {{ decisions: {{ to: {0}/{name}.jsonl, only: all }} }}\n",
        directory.display()
    );
    let path = directory.join(format!("{name}.yaml"));
    std::fs::write(&path, config).expect("written");
    let mut command = Command::new(binary());
    command.args(["run", "--threads", "1", "--config"]).arg(&path);
    Running::start(&mut command, "listening on http://", true)
}

pub(crate) fn check() {
    let (Some(crs), Some(driver)) = (crs_directory(), driver()) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let setup = format!("{CRS_SETTINGS}\n{MARKER}");
    lay_out(&crs, &directory.path().join("crs"), &setup).expect("rules are laid out");
    let (_origin, origin) = origin(&driver);
    let summary = {
        let (_portcullis, address) = portcullis(directory.path(), origin, "detect", 4);
        run(&driver, &crs, address, &directory.path().join("detect-4.jsonl"))
    };
    println!(
        "{} passed, {} failed, {} overridden",
        summary.passed,
        summary.failed.len(),
        summary.ignored.len()
    );
    summary.repeated.iter().for_each(|case| println!("run again: {case}"));
    assert!(summary.failed.is_empty(), "{:#?}", summary.failed);
    // A policy cannot enforce what its rules say is only detected.
    let enforced = format!("{setup}\nSecRuleEngine On\n");
    lay_out(&crs, &directory.path().join("crs"), &enforced).expect("rules are laid out");
    let (_portcullis, address) = portcullis(directory.path(), origin, "prevent", 4);
    page::check("http", &table(&summary, &refusals(&crs, address, &summary.ignored)));
}

fn run(driver: &Path, crs: &Path, address: SocketAddr, log: &Path) -> Summary {
    let output = Command::new(driver)
        .arg("-dir")
        .arg(crs.join("tests"))
        .arg("-config")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("ftw/overrides.yaml"))
        .args(["-port", &address.port().to_string(), "-log"])
        .arg(log)
        .output()
        .expect("go-ftw runs");
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// What each overridden case is answered in prevent mode: a 4xx.
fn refusals(crs: &Path, address: SocketAddr, ignored: &[String]) -> Vec<(String, u16)> {
    let cases = suite::load_cases(&crs.join("tests"));
    let mut answers = Vec::new();
    for name in ignored {
        let (_, case) =
            cases.iter().find(|(id, _): &&(CaseId, Case)| id.to_string() == *name).expect("a case");
        let request = case.stages[0].input.to_bytes().expect("a request");
        let status = send(address, &request);
        assert!((400..500).contains(&status), "{name} is answered with {status}");
        answers.push((name.clone(), status));
    }
    answers.sort();
    answers
}

/// The status of the answer to raw bytes; 0 when there is none.
pub(crate) fn send(address: SocketAddr, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.contains(&b'\n') {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn table(summary: &Summary, answers: &[(String, u16)]) -> String {
    let overrides: Overrides =
        serde_saphyr::from_str(include_str!("../ftw/overrides.yaml")).expect("overrides.yaml is valid");
    let reason = |case: &str| {
        let found = overrides
            .testoverride
            .ignore
            .iter()
            .find(|(pattern, _)| regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(case)));
        found.map(|(_, reason)| reason.as_str()).unwrap_or_default().to_owned()
    };
    let mut table = format!(
        "| cases | passed | failed | overridden |\n|---|---|---|---|\n| {} | {} | {} | {} |\n\n\
         | overridden | answer | why |\n|---|---|---|\n",
        summary.total,
        summary.passed,
        summary.failed.len(),
        summary.ignored.len()
    );
    for (case, status) in answers {
        table.push_str(&format!("| {case} | {status} | {} |\n", reason(case)));
    }
    table
}

/// The rule by which go-ftw finds its place in a log.
const MARKER: &str = "SecRule REQUEST_HEADERS:X-CRS-Test \"@rx ^.*$\" \
    \"id:9990003,phase:1,pass,log,msg:'X-CRS-Test %{MATCHED_VAR}',ctl:ruleRemoveById=1-999999\"\n";
