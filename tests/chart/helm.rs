//! The real helm, run on our chart.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What a rendering is asked for with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Render<'a> {
    /// `portcullis` when empty.
    pub release: &'a str,
    /// `portcullis` when empty.
    pub namespace: &'a str,
    /// Values files, each over those before it; relative to the chart. None is `ci/proxy-values.yaml`, as the defaults alone do not say what stands behind.
    pub files: &'a [&'a str],
    /// Values as YAML, over the files.
    pub values: &'a str,
    /// `--set` arguments, over all.
    pub set: &'a [&'a str],
    /// A chart other than ours.
    pub chart: Option<&'a Path>,
    /// What else helm is told: `--kube-version 1.37.0`.
    pub more: &'a [&'a str],
    /// A helm other than the tests'.
    pub helm: Option<&'a Path>,
}

/// Our chart's directory.
#[must_use]
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/portcullis")
}

/// helm, as `./x chart` builds it, or what `PORTCULLIS_HELM` names; says that it is left out where it is not built.
#[must_use]
pub fn program() -> Option<PathBuf> {
    if let Some(other) = std::env::var_os("PORTCULLIS_HELM") {
        return Some(other.into());
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/helm");
    if built.exists() {
        return Some(built);
    }
    println!("left out: helm is not built (`./x chart` does)");
    None
}

/// The objects of a rendering, or what helm says against it; `None` without helm.
#[must_use]
pub fn render(what: Render<'_>) -> Option<Result<Vec<Value>, String>> {
    render_text(what).map(|text| text.and_then(|text| documents(&text)))
}

/// A rendering as text.
#[must_use]
pub fn render_text(what: Render<'_>) -> Option<Result<String, String>> {
    let mut arguments = vec!["template".to_owned(), or(what.release, "portcullis").to_owned()];
    arguments.push(what.chart.map_or_else(chart, Path::to_path_buf).display().to_string());
    arguments.extend(["--namespace".to_owned(), or(what.namespace, "portcullis").to_owned()]);
    let usual: &[&str] = if what.chart.is_none() { &["ci/proxy-values.yaml"] } else { &[] };
    for file in if what.files.is_empty() { usual } else { what.files } {
        arguments.extend(["--values".to_owned(), chart().join(file).display().to_string()]);
    }
    // Not by standard input: helm reads it for one file alone, and so may a test want to.
    let values = tempfile::NamedTempFile::new().and_then(|file| {
        std::fs::write(file.path(), what.values)?;
        Ok(file)
    });
    let values = match values {
        Ok(values) => values,
        Err(error) => return Some(Err(error.to_string())),
    };
    if !what.values.is_empty() {
        arguments.extend(["--values".to_owned(), values.path().display().to_string()]);
    }
    for set in what.set {
        arguments.extend(["--set".to_owned(), (*set).to_owned()]);
    }
    arguments.extend(what.more.iter().map(|&more| more.to_owned()));
    Some(run_by(&what.helm.map(Path::to_path_buf).or_else(program)?, &arguments))
}

/// Runs helm; what it printed, or what it said against it.
#[must_use]
pub fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Option<Result<String, String>> {
    Some(run_by(&program()?, arguments))
}

fn run_by<S: AsRef<std::ffi::OsStr>>(helm: &Path, arguments: &[S]) -> Result<String, String> {
    let mut command = Command::new(helm);
    // Nothing of the user's own set-up, and no cluster.
    let home = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/home");
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(name, home);
    }
    command.env("KUBECONFIG", "/dev/null").env_remove("HELM_NAMESPACE").args(arguments);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return Err(format!("{} cannot be run: {error}", helm.display())),
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(printed) } else { Err(format!("{said}{printed}")) }
}

/// The documents of a YAML text, without empty ones.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| error.to_string())?;
    Ok(all.into_iter().filter(|value| !value.is_null()).collect())
}

/// The one object of a kind with a name; the name may be empty where there is but one of the kind.
#[must_use]
pub fn object<'a>(all: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    let mut found =
        all.iter().filter(|it| it["kind"] == kind && (name.is_empty() || it["metadata"]["name"] == name));
    let first = found.next();
    if found.next().is_some() { None } else { first }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}
