//! CRS's own regression suite, unmodified and in process.
//!
//! CRS is not part of this repository. It is taken from the directory that `PORTCULLIS_CRS` names, from Go's
//! module cache, or by `portcullis rules install`; without any of these the suite is left out, and says so.
//! The directory is laid out as the Go module: `rules/@owasp_crs/*.conf`, `rules/@crs-setup.conf.example` and
//! `tests/*/*.yaml`.
//!
//! `PORTCULLIS_CRS_CASE=942100-3` runs one case and prints why its rule matched or not.

mod crs {
    pub(crate) mod difference;
    pub(crate) mod http;
    pub(crate) mod page;
    pub(crate) mod peer;
    pub(crate) mod plain;
    pub(crate) mod sample;
    pub(crate) mod suite;
    pub(crate) mod versions;
}

use crs::{difference, http, plain, suite, versions};
use engine::ftw::{Case, CaseId, Runner};
use portcullis_tests::files::crs_directory;
use signatures::{RuleId, Trace, TraceKind};
use transaction::Limits;

#[test]
fn in_process() {
    let Some(directory) = crs_directory() else { return };
    let (ruleset, _) = suite::load_rules(&directory);
    let cases = suite::load_cases(&directory.join("tests"));
    let limits = Limits::default();
    let runner = Runner { ruleset: &ruleset, limits: &limits };
    if let Some(wanted) = std::env::var_os("PORTCULLIS_CRS_CASE") {
        return explain(&runner, &cases, &wanted.to_string_lossy());
    }
    let failures = suite::run(&runner, &cases);
    println!("{} passed, {} failed", cases.len() - failures.len(), failures.len());
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn shortcuts_change_nothing() {
    let Some(directory) = crs_directory() else { return };
    let (ruleset, _) = suite::load_rules(&directory);
    let limits = Limits::default();
    let runner = Runner { ruleset: &ruleset, limits: &limits };
    plain::check(&runner, &suite::load_cases(&directory.join("tests")));
}

#[test]
fn every_release() {
    versions::check();
}

#[test]
fn beside_modsecurity() {
    difference::check_suite();
}

#[test]
fn beside_modsecurity_on_data() {
    difference::check_data();
}

#[test]
fn over_http() {
    http::check();
}

/// Prints what a case's rule saw.
fn explain(runner: &Runner<'_>, cases: &[(CaseId, Case)], wanted: &str) {
    let (id, case) = cases.iter().find(|(id, _)| id.to_string() == wanted).expect("a known case");
    for stage in &case.stages {
        let only = RuleId(id.rule_id.try_into().expect("a rule id"));
        let trace = Trace { only: vec![only], ..Trace::default() };
        let observed = runner.observe(&stage.input, Some(trace)).expect("a valid input");
        println!("{:#?}", observed.transaction);
        for event in observed.trace.into_iter().flat_map(|trace| trace.events) {
            match event.kind {
                TraceKind::Tested { target, value, matched } => {
                    println!("link {} {target} `{}` -> {matched}", event.link, value.escape_ascii());
                }
                kind => println!("link {} {kind:?}", event.link),
            }
        }
        println!("{:?}", observed.matches.iter().map(|found| found.id.get()).collect::<Vec<_>>());
    }
    println!("{id}: {:?}", runner.run(case));
}
