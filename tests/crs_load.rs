//! Rule sets that people run load without a complaint.

use engine::Disk;
use portcullis_tests::files::crs_directory;
use signatures::seclang::{self, Source, crs_layout};
use signatures::{Diagnostic, Severity};

fn load(directory: &str, before: &[String]) -> seclang::Loaded {
    let mut sources: Vec<Source> = before.iter().map(Source::path).collect();
    sources.extend(crs_layout(directory, &Disk).expect("a directory of CRS"));
    seclang::check(sources, &Disk)
}

fn shown(diagnostics: &[&Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(false) + "\n").collect()
}

#[test]
fn crs_loads_clean() {
    let Some(directory) = crs_directory() else { return };
    let loaded = load(&directory.display().to_string(), &[]);
    let all: Vec<_> = loaded.diagnostics.iter().collect();
    assert!(all.is_empty(), "{}", shown(&all));
    let links: usize = loaded.ruleset.rules.iter().map(|rule| rule.links.len()).sum();
    println!("{} rules, {links} links", loaded.ruleset.rules.len());
    assert!(links > 600);
    assert_eq!(loaded.ruleset.settings.components.len(), 1);
}

#[test]
fn corazas_settings_load_without_errors() {
    let Some(directory) = crs_directory() else { return };
    let directory = directory.display().to_string();
    let loaded = load(&directory, &[format!("{directory}/rules/@coraza.conf-recommended")]);
    let errors: Vec<_> =
        loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{}", shown(&errors));
}

/// What ModSecurity recommends, as Debian's nginx module installs it.
#[test]
fn recommended_settings_load_and_say_what_has_no_effect() {
    let path = "/etc/nginx/modsecurity.conf";
    if !std::path::Path::new(path).exists() {
        return println!("left out: no {path}");
    }
    let loaded = seclang::check(vec![Source::path(path)], &Disk);
    let found: Vec<_> = loaded.diagnostics.iter().map(|found| (found.code, found.title.as_str())).collect();
    let expected =
        ["SecPcreMatchLimit", "SecPcreMatchLimitRecursion", "SecTmpDir", "SecDataDir", "SecStatusEngine"];
    let titles = expected.map(|name| format!("`{name}` has no effect here"));
    let expected: Vec<_> = titles.iter().map(|title| ("no-effect", title.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn debians_crs_loads_without_errors() {
    let directory = "/usr/share/modsecurity-crs";
    if !std::path::Path::new(directory).exists() {
        return println!("left out: no {directory}");
    }
    let loaded = load(directory, &[]);
    println!("{}", shown(&loaded.diagnostics.iter().collect::<Vec<_>>()));
    let errors: Vec<_> =
        loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{}", shown(&errors));
}
