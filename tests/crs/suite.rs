//! A release's own cases, in process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use engine::ftw::{CRS_SETTINGS, Case, CaseId, FtwFile, Runner};
use signatures::Ruleset;
use signatures::seclang::{self, MemoryFiles, Source};

/// Cases that did not come out as written, with the reason.
pub(crate) type Failures = BTreeMap<CaseId, String>;

/// CRS's set-up, ours, and the rules, in that order; what is not clean.
pub(crate) fn load_rules(directory: &Path) -> (Ruleset, usize) {
    let rules = directory.join("rules/@owasp_crs");
    let mut files = MemoryFiles::default();
    let mut sources = vec![
        Source::text("crs-setup.conf.example", text(&directory.join("rules/@crs-setup.conf.example"))),
        Source::text("crs-setup.conf", CRS_SETTINGS),
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
    (loaded.ruleset, loaded.diagnostics.len())
}

/// All cases, by file.
pub(crate) fn load_cases(directory: &Path) -> Vec<(CaseId, Case)> {
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
pub(crate) fn paths(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    paths.sort();
    paths
}

/// A file of the release.
pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs all cases on all cores.
pub(crate) fn run(runner: &Runner<'_>, cases: &[(CaseId, Case)]) -> Failures {
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
