//! The rendered policies against the API's own schemas, strictly. Gatekeeper's and Kyverno's are checked by the evaluator, which decodes them strictly.

use std::process::Command;

use portcullis_tests::helm::{Render, render_text};

use super::python;

#[test]
fn the_api_takes_the_policies() {
    let rows = [
        ("1.31.0", "admission: { engine: vap, action: Deny }"),
        ("1.37.0", "admission: { engine: vap, action: Warn, selectBy: label }"),
        ("1.35.0", "admission: { inject: { enabled: true } }"),
        ("1.37.0", "admission: { engine: vap, inject: { enabled: true } }"),
    ];
    for (version, values) in rows {
        let set = ["topology=sidecar"];
        let more = ["--kube-version", version];
        let Some(text) = render_text(Render { values, set: &set, more: &more, ..Render::default() }) else {
            return;
        };
        let Some(python) = python::home() else { return };
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text.expect("it renders")).expect("it can be written");
        let mut validate = Command::new(python.join("bin/kubernetes-validate"));
        let output = validate.args(["--strict", "-k", version]).arg(file.path()).output().expect("it runs");
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{version}: {said}");
        assert!(!said.contains("Couldn't find schema"), "{version}: {said}");
        let policies = said.matches("admissionpolicy").count();
        assert!(policies >= 2, "{version}: {policies} policies were looked at");
    }
}
