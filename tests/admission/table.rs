//! The table of docs/admission-cases.md, written of what the engines said.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::evaluator::Answer;
use super::verdicts::{Judged, by_policy, judged};

const HEAD: &str = "# Admission policies: what they say to which object

Written by `UPDATE=1 cargo test --workspace --test admission`; do not edit. Each row is an object of `tests/admission/cases/`, judged by the rendered
policies of all three engines: by the API server's own admission plugin, by Gatekeeper's own client and by Kyverno's own compiler, as an API server
sends it and as it was written in YAML. What the policies are and how to switch them on stands in [admission.md](admission.md).
";

#[test]
fn the_table_is_written_down() {
    let Some(judged) = judged() else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admission-cases.md");
    let written = table(judged);
    if std::env::vars_os().any(|(name, value)| name == "UPDATE" && value == "1") {
        fs::write(&file, &written).expect("docs can be written");
    }
    assert!(
        fs::read_to_string(&file).unwrap_or_default() == written,
        "{} is old: UPDATE=1 rewrites it",
        file.display()
    );
}

fn table(judged: &[Judged]) -> String {
    let refused = judged.iter().filter(|(_, case, _)| !case.denied.is_empty()).count();
    let mut text = HEAD.to_owned();
    let _ =
        writeln!(text, "\n{} objects: {} pass, {refused} are refused.", judged.len(), judged.len() - refused);
    let mut section = "";
    for (file, case, answer) in judged {
        if section != file {
            section = file;
            let _ = writeln!(
                text,
                "\n## {file}\n\n| object | request | ValidatingAdmissionPolicy | Gatekeeper | Kyverno | found |\n|---|---|---|---|---|---|"
            );
        }
        let verdicts: Vec<String> =
            ["vap", "gatekeeper", "kyverno"].iter().map(|engine| verdict(answer, engine)).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            case.name,
            case.operation,
            verdicts.join(" | "),
            found(answer)
        );
    }
    text
}

fn verdict(answer: &Answer, engine: &str) -> String {
    let judged = &answer.judged[engine];
    let policies: Vec<String> = by_policy(&judged.found).into_keys().collect();
    if judged.refused { format!("refused: {}", policies.join(", ")) } else { "passes".to_owned() }
}

fn found(answer: &Answer) -> String {
    let all = answer.judged["vap"].found.values().filter_map(|message| message.split_once(" Found: "));
    all.map(|(_, found)| found.trim_end_matches('.')).collect::<Vec<_>>().join("; ")
}
