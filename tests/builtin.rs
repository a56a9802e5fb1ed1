//! The built-in rules against their own cases, in process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::ftw::{Case, FtwFile, Runner};
use signatures::Ruleset;
use signatures::builtin;
use signatures::seclang::{self, MemoryFiles, Source};
use transaction::Limits;

#[test]
fn every_case_comes_out_as_written() {
    let levels = [ruleset(1), ruleset(2)];
    let limits = Limits::default();
    let mut failures = Vec::new();
    for (rule, file) in files() {
        let ruleset = &levels[usize::from(is_level_two(&levels[0], rule))];
        for case in &file.tests {
            if let Err(reason) = (Runner { ruleset, limits: &limits }).run(case) {
                failures.push(format!("{rule}-{}: {reason}", case.test_id));
            }
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_rule_has_a_case_it_catches_and_one_it_spares() {
    let files = files();
    let expects = |file: &FtwFile, rule, list: fn(&Case) -> Vec<u32>| {
        file.tests.iter().any(|case| list(case).contains(&rule))
    };
    let incomplete: BTreeSet<u32> = logging_rules(&ruleset(1))
        .into_iter()
        .filter(|rule| {
            !files.get(rule).is_some_and(|file| expects(file, *rule, caught) && expects(file, *rule, spared))
        })
        .collect();
    assert!(incomplete.is_empty(), "without a case of either kind: {incomplete:?}");
}

#[test]
fn every_file_of_cases_belongs_to_a_rule() {
    let rules = logging_rules(&ruleset(1));
    let strays: Vec<u32> = files().into_keys().filter(|rule| !rules.contains(rule)).collect();
    assert!(strays.is_empty(), "cases without a rule: {strays:?}");
}

fn caught(case: &Case) -> Vec<u32> {
    case.stages.iter().flat_map(|stage| stage.output.log.expect_ids.clone()).collect()
}

fn spared(case: &Case) -> Vec<u32> {
    case.stages.iter().flat_map(|stage| stage.output.log.no_expect_ids.clone()).collect()
}

/// The rules as a policy with this paranoia level has them, responses inspected.
fn ruleset(paranoia: u8) -> Ruleset {
    let level = format!(
        "SecResponseBodyAccess On
        SecAction \"id:1,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={paranoia}\""
    );
    let sources = [Source::text("level", level)].into_iter().chain(builtin::sources()).collect();
    let loaded = seclang::load(sources, &MemoryFiles::default());
    assert!(!loaded.has_errors());
    loaded.ruleset
}

fn is_level_two(ruleset: &Ruleset, id: u32) -> bool {
    let rule = ruleset.rules.iter().find(|rule| rule.id.get() == id);
    rule.is_some_and(|rule| rule.meta.tags.iter().any(|tag| tag.as_literal() == Some(b"paranoia-level/2")))
}

/// The rules that say something: those with a message.
fn logging_rules(ruleset: &Ruleset) -> BTreeSet<u32> {
    let speaking = ruleset.rules.iter().filter(|rule| rule.meta.msg.is_some());
    speaking.map(|rule| rule.id.get()).collect()
}

/// The case files by rule.
fn files() -> BTreeMap<u32, FtwFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signatures/rules/tests");
    std::fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a readable case");
            let file = FtwFile::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let file = file.unwrap_or_else(|| panic!("{}: no tests", path.display()));
            assert_eq!(
                path.file_stem().and_then(|stem| stem.to_str()),
                Some(file.rule_id.to_string().as_str())
            );
            (file.rule_id, file)
        })
        .collect()
}
