//! The same object, the same verdict and the same sentence, in all three languages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::cases::{self, Case};
use super::chart::{ENGINES, question};
use super::evaluator::{Answer, ask};

/// A case, the file it is from, and what the engines say to it.
pub(crate) type Judged = (String, Case, Answer);

/// Every case of every file, judged once; `None` where helm or the evaluator is not built.
pub(crate) fn judged() -> Option<&'static [Judged]> {
    static JUDGED: OnceLock<Option<Vec<Judged>>> = OnceLock::new();
    JUDGED.get_or_init(judge).as_deref()
}

fn judge() -> Option<Vec<Judged>> {
    let bases = cases::bases();
    let mut all = Vec::new();
    for file in cases::files() {
        let requests: Vec<_> = file.cases.iter().map(|case| case.request(&bases)).collect();
        let answers = ask(&question(&file.values, &requests)?)?;
        assert_eq!(answers.types, BTreeMap::new(), "{}: the API server's type checker warns", file.name);
        assert_eq!(answers.cases.len(), file.cases.len());
        all.extend(
            file.cases.into_iter().zip(answers.cases).map(|(case, answer)| (file.name.clone(), case, answer)),
        );
    }
    Some(all)
}

#[test]
fn all_engines_judge_alike_and_as_expected() {
    let Some(judged) = judged() else { return };
    let wrong: Vec<String> =
        judged.iter().flat_map(|(file, case, answer)| differences(file, case, answer)).collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    println!(
        "{} objects, judged alike by {} engines, each as it is sent and as it is written",
        judged.len(),
        ENGINES.len()
    );
}

/// A table that says "same" of nothing is worth nothing.
#[test]
fn every_policy_has_objects_that_pass_and_objects_that_fail() {
    let files = cases::files();
    let all: Vec<&Case> = files.iter().flat_map(|file| &file.cases).collect();
    assert!(all.len() >= 60, "{} cases", all.len());
    let policies: BTreeSet<&str> =
        all.iter().flat_map(|case| case.denied.keys().map(String::as_str)).collect();
    let expected = [
        "external-ips",
        "images",
        "keep-controller-labels",
        "keep-namespace-labels",
        "keep-sidecar",
        "pod-hardening",
        "require-sidecar",
    ];
    assert_eq!(policies.into_iter().collect::<Vec<_>>(), expected);
    for file in &files {
        let passed = file.cases.iter().filter(|case| case.denied.is_empty()).count();
        assert!(
            passed >= 2 && file.cases.len() - passed >= 2,
            "{}: {passed} of {} pass",
            file.name,
            file.cases.len()
        );
    }
    let names: BTreeSet<(&str, &str)> = files
        .iter()
        .flat_map(|file| file.cases.iter().map(|case| (file.name.as_str(), case.name.as_str())))
        .collect();
    assert_eq!(names.len(), all.len(), "two cases have the same name");
}

fn differences(file: &str, case: &Case, answer: &Answer) -> Vec<String> {
    assert_eq!(case.name, answer.name);
    let mut wrong = Vec::new();
    for engine in ENGINES {
        for form in ["", "-raw"] {
            let engine = format!("{engine}{form}");
            let judged = &answer.judged[&engine];
            let found = by_policy(&judged.found);
            let mut differs = |what: String| wrong.push(format!("{file}: {}: {engine}: {what}", case.name));
            if !found.keys().eq(case.denied.keys()) {
                differs(format!("refused by {found:?}, expected {:?}", case.denied));
                continue;
            }
            if judged.refused == found.is_empty() {
                differs(format!("refused is {} with {found:?}", judged.refused));
            }
            for (policy, message) in &found {
                let page = format!("docs/admission.md#{policy} Found: ");
                if !message.contains(&case.denied[policy])
                    || !message.contains(&page)
                    || !message.starts_with("portcullis/")
                {
                    differs(format!("says {message:?}"));
                }
            }
            if form.is_empty() && judged.found != answer.judged["vap"].found {
                differs(format!(
                    "says {:?} where the API server says {:?}",
                    judged.found, answer.judged["vap"].found
                ));
            }
        }
    }
    wrong
}

/// Names of policies without the release's.
pub(crate) fn by_policy(found: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    found
        .iter()
        .map(|(name, message)| (name.trim_start_matches("portcullis-").to_owned(), message.clone()))
        .collect()
}
