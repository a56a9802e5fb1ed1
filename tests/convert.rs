//! Golden files: `convert/NAME.yaml` (manifests of ingress-nginx) and `convert/NAME.conf` (ModSecurity's settings)
//! beside what they become, `NAME.out`. Whatever is made loads.
//! `UPDATE=1 cargo test -p portcullis-tests --test convert` rewrites them.

use std::fs;
use std::path::{Path, PathBuf};

use engine::convert::{Converted, Input, Options, ingress_nginx, modsecurity};
use engine::{Disk, Snapshot};
use portcullis_tests::files::crs_directory;
use signatures::seclang::{FileReader, MemoryFiles, glob_matches};
use signatures::{Diagnostic, Severity};

#[test]
fn set_ups_become_configurations() {
    let directory = directory();
    let mut files: Vec<PathBuf> =
        fs::read_dir(&directory).unwrap().filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "conf"));
    files.sort();
    assert!(files.len() >= 6);
    let stale: Vec<String> = files.iter().filter_map(|file| check(file)).collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

/// Manifests with the Core Rule Set, where there is one: what is made loads with it.
#[test]
fn the_core_rule_set_goes_with_it() {
    let Some(crs) = crs_directory() else { return };
    let options = Options { crs: Some(crs.display().to_string()), ..options() };
    for name in ["annotations.yaml", "controller.yaml"] {
        let converted = ingress_nginx(&[input(&directory().join(name))], &options);
        assert!(converted.configuration.contains("crs:"), "{name}");
        assert_eq!(loads(&converted), Vec::<String>::new(), "{name}");
    }
}

/// A set-up that includes the Core Rule Set names its directory once.
#[test]
fn included_core_rules_are_one_source() {
    let Some(crs) = crs_directory() else { return };
    let rules = crs.join("rules/@owasp_crs").display().to_string();
    let text = format!(
        "SecRuleEngine On\nSecAction \"id:900990,phase:1,pass,nolog,setvar:tx.crs_setup_version=4250\"\n\
         SecAction \"id:1000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=2\"\n\
         Include {rules}/*.conf\nSecRuleRemoveById 942100\nSecRule ARGS \"@rx A\" \"id:1001,phase:2,deny\"\n"
    );
    let converted = modsecurity(&[Input { path: "main.conf".to_owned(), text }], &options(), &Disk);
    let lines: Vec<&str> =
        converted.configuration.lines().map(str::trim).filter(|it| it.starts_with("- {")).collect();
    assert_eq!(lines.len(), 4, "{}", converted.configuration);
    assert!(lines[2].contains("crs:") && lines[3].contains("main-after.conf"), "{}", converted.configuration);
    assert_eq!(loads(&converted), Vec::<String>::new());
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("convert")
}

fn options() -> Options {
    Options { crs: None, upstream: "127.0.0.1:3000".to_owned() }
}

fn input(file: &Path) -> Input {
    Input {
        path: file.to_string_lossy().into_owned(),
        text: fs::read_to_string(file).expect("a readable case"),
    }
}

/// What differs from the golden file, if anything does.
fn check(file: &Path) -> Option<String> {
    let is_manifest = file.extension().is_some_and(|extension| extension == "yaml");
    let converted = match is_manifest {
        true => ingress_nginx(&[input(file)], &options()),
        false => modsecurity(&[input(file)], &options(), &Disk),
    };
    if !converted.diagnostics.iter().any(|found| found.severity == Severity::Error) {
        assert_eq!(loads(&converted), Vec::<String>::new(), "{}", file.display());
    }
    let golden = file.with_extension("out");
    let found = shown(&converted);
    if std::env::vars_os().any(|(name, value)| name == "UPDATE" && value == "1") {
        fs::write(&golden, &found).expect("a golden file that can be written");
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    (found != expected).then(|| format!("{}:\n{found}", golden.display()))
}

/// All that is made and said, with paths below the cases' directory.
fn shown(converted: &Converted) -> String {
    let drawn = converted.diagnostics.iter().map(|found| found.render(false) + "\n\n");
    let mut out: String = drawn.collect();
    out += &format!("---- portcullis.yaml\n{}", converted.configuration);
    for (path, text) in &converted.rules {
        out += &format!("\n---- {path}\n{text}");
    }
    out.replace(&format!("{}/", directory().display()), "")
}

/// The errors with which a configuration loads: none.
fn loads(converted: &Converted) -> Vec<String> {
    let rules = converted.rules.iter().fold(MemoryFiles::default(), |files, (path, text)| {
        files.with(format!("made/{path}"), text.as_bytes())
    });
    match Snapshot::build("made/portcullis.yaml", &converted.configuration, &Beside(rules), 0) {
        Ok(_) => Vec::new(),
        Err(found) => found.iter().map(|it: &Diagnostic| it.render(false)).collect(),
    }
}

/// What was made, in memory, and the rest on disk.
struct Beside(MemoryFiles);

impl FileReader for Beside {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.read(path).or_else(|_| Disk.read(path))
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let mut found = self.0.glob(pattern)?;
        found.retain(|path| glob_matches(pattern, path));
        if found.is_empty() { Disk.glob(pattern) } else { Ok(found) }
    }
}
