//! The evaluator: a program in Go with the libraries of the API server, of Gatekeeper and of Kyverno. `./x chart` builds it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

/// What the evaluator says to a list of requests.
#[derive(Deserialize)]
pub(crate) struct Answers {
    pub(crate) cases: Vec<Answer>,
    /// What the API server's type checker has against policies, by name.
    #[serde(default)]
    pub(crate) types: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) name: String,
    /// By engine, with `-raw` for the object as it was written.
    pub(crate) judged: BTreeMap<String, Judgement>,
    #[serde(default)]
    pub(crate) mutated: Value,
}

#[derive(Deserialize)]
pub(crate) struct Judgement {
    /// What policies have against the object, by policy.
    pub(crate) found: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) audited: BTreeMap<String, String>,
    pub(crate) warned: usize,
    pub(crate) refused: bool,
}

/// Asks the evaluator; `None`, said once, where it is not built.
pub(crate) fn ask(question: &Value) -> Option<Answers> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/admission-evaluator");
    if !program.exists() {
        println!("left out: the evaluator of admission policies is not built (`./x chart` does)");
        return None;
    }
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the evaluator");
    let asked = serde_json::to_vec(question).expect("JSON");
    let mut input = child.stdin.take().expect("its input");
    let writer = std::thread::spawn(move || input.write_all(&asked));
    let output = child.wait_with_output().expect("its output");
    writer.join().expect("no panic").expect("it reads all");
    assert!(output.status.success(), "the evaluator failed; what it says stands above");
    Some(serde_json::from_slice(&output.stdout).expect("answers"))
}
