//! CRS's own regression suite, unmodified and in process.
//!
//! CRS is not part of this repository. It is taken from the directory that `PORTCULLIS_CRS` names, from Go's
//! module cache, or by `portcullis rules install`; without any of these the suite is left out, and says so.
//! The directory is laid out as the Go module: `rules/@owasp_crs/*.conf`, `rules/@crs-setup.conf.example` and
//! `tests/*/*.yaml`.
//!
//! `PORTCULLIS_CRS_CASE=942100-3` runs one case and prints why its rule matched or not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use engine::ftw::{Case, CaseId, FtwFile, Runner};
use portcullis_tests::files::crs_directory;
use serde::Deserialize;
use signatures::seclang::{self, MemoryFiles, Source};
use signatures::{RuleId, Ruleset, Trace, TraceKind};
use transaction::Limits;

/// A case that is known not to come out as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFailure {
    case: String,
    #[expect(dead_code, reason = "for people; its presence is required")]
    reason: String,
}

type Failures = BTreeMap<CaseId, String>;

#[test]
fn crs() {
    let Some(directory) = crs_directory() else { return };
    let ruleset = load_rules(&directory);
    let cases = load_cases(&directory.join("tests"));
    let limits = Limits::default();
    let runner = Runner { ruleset: &ruleset, limits: &limits };
    if let Some(wanted) = std::env::var_os("PORTCULLIS_CRS_CASE") {
        return explain(&runner, &cases, &wanted.to_string_lossy());
    }
    let failures = run(&runner, &cases);
    println!("{} passed, {} failed", cases.len() - failures.len(), failures.len());
    compare(&failures);
}

/// CRS's set-up, ours, and the rules, in that order.
fn load_rules(directory: &Path) -> Ruleset {
    let rules = directory.join("rules/@owasp_crs");
    let mut files = MemoryFiles::default();
    let mut sources = vec![
        Source::text("crs-setup.conf.example", text(&directory.join("rules/@crs-setup.conf.example"))),
        Source::text("crs-setup.conf", include_str!("crs-setup.conf")),
    ];
    for path in paths(&rules) {
        let name = path.to_string_lossy().into_owned();
        files = files.with(name.clone(), fs::read(&path).expect("a readable rule file"));
        if name.ends_with(".conf") {
            sources.push(Source::path(name));
        }
    }
    let loaded = seclang::load(sources, &files);
    for diagnostic in &loaded.diagnostics {
        println!("{}", diagnostic.render(false));
    }
    assert!(!loaded.has_errors(), "CRS does not load");
    loaded.ruleset
}

fn load_cases(directory: &Path) -> Vec<(CaseId, Case)> {
    let folders = paths(directory).into_iter().filter(|path| path.is_dir());
    let files = folders
        .flat_map(|folder| paths(&folder))
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let parsed = files.filter_map(|path| {
        FtwFile::parse(&text(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    });
    parsed.flat_map(|file| file.cases().map(|(id, case)| (id, case.clone())).collect::<Vec<_>>()).collect()
}

/// The entries of a directory by name.
fn paths(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    paths.sort();
    paths
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs all cases on all cores.
fn run(runner: &Runner<'_>, cases: &[(CaseId, Case)]) -> Failures {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = cases.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            cases.chunks(share).map(|cases| scope.spawn(|| run_share(runner, cases))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic while cases run")).collect()
    })
}

fn run_share(runner: &Runner<'_>, cases: &[(CaseId, Case)]) -> Failures {
    let results = cases.iter().map(|(id, case)| (*id, runner.run(case)));
    results.filter_map(|(id, result)| result.err().map(|reason| (id, reason))).collect()
}

/// Fails unless exactly the expected cases failed.
fn compare(failures: &Failures) {
    let expected: Vec<ExpectedFailure> =
        serde_saphyr::from_str(include_str!("crs-expected.yaml")).expect("crs-expected.yaml is valid");
    let expected: Vec<String> = expected.into_iter().map(|failure| failure.case).collect();
    let failed: Vec<String> = failures.keys().map(ToString::to_string).collect();
    let mut surprises: Vec<String> = failures
        .iter()
        .filter(|(id, _)| !expected.contains(&id.to_string()))
        .map(|(id, reason)| format!("{id}: {reason}"))
        .collect();
    let passing = expected.iter().filter(|case| !failed.contains(case));
    surprises.extend(passing.map(|case| format!("{case}: passes now; remove it from crs-expected.yaml")));
    assert!(surprises.is_empty(), "{} surprises:\n{}", surprises.len(), surprises.join("\n"));
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
