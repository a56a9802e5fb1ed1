//! Every release that a Go module proxy serves: it loads, and its own cases come out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::ftw::Runner;
use portcullis_tests::files::{CRS_VERSIONS, crs_release};
use serde::Deserialize;
use transaction::Limits;

use super::{page, suite};

/// A case that is known not to come out as written, by release.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) case: String,
    pub(crate) releases: Vec<String>,
    pub(crate) reason: String,
}

pub(crate) fn expected() -> Vec<Expected> {
    serde_saphyr::from_str(include_str!("../crs-expected.yaml")).expect("crs-expected.yaml is valid")
}

/// One release's row of the table, and what surprises.
fn row(version: &str, surprises: &mut Vec<String>) -> Option<String> {
    let directory = crs_release(version)?;
    let (ruleset, diagnostics) = suite::load_rules(&directory);
    let cases = suite::load_cases(&directory.join("tests"));
    let limits = Limits::default();
    let failures = suite::run(&Runner { ruleset: &ruleset, limits: &limits }, &cases);
    let known: BTreeMap<String, String> = expected()
        .into_iter()
        .filter(|known| known.releases.iter().any(|release| release == version))
        .map(|known| (known.case, known.reason))
        .collect();
    for (id, reason) in &failures {
        if !known.contains_key(&id.to_string()) {
            surprises.push(format!("{version} {id}: {reason}"));
        }
    }
    for case in known.keys().filter(|case| !failures.keys().any(|id| id.to_string() == **case)) {
        surprises.push(format!("{version} {case}: passes now; remove it from crs-expected.yaml"));
    }
    let links: usize = ruleset.rules.iter().map(|rule| rule.links.len()).sum();
    let (rules, total, failed) = (ruleset.rules.len(), cases.len(), failures.len());
    let reasons =
        known.iter().map(|(case, reason)| format!("{case}: {reason}")).collect::<Vec<_>>().join("; ");
    Some(format!(
        "| {version} | {rules} | {links} | {diagnostics} | {} | {failed} | {total} | {reasons} |",
        total - failed
    ))
}

pub(crate) fn check() {
    let mut surprises = Vec::new();
    let mut table =
        "| release | rules | with chained ones | diagnostics | passed | failed | cases | of the failed |\n\
                     |---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for version in CRS_VERSIONS {
        let Some(row) = row(version, &mut surprises) else {
            return println!("left out: no CRS {version}");
        };
        writeln!(table, "{row}").expect("a string grows");
    }
    print!("{table}");
    assert!(surprises.is_empty(), "{} surprises:\n{}", surprises.len(), surprises.join("\n"));
    page::check("versions", &table);
}
