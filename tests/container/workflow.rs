//! The release workflow keeps to rules that make it hard to misuse; it runs where no test of ours does.

use serde_json::Value;

use super::running::repository;

fn text() -> String {
    std::fs::read_to_string(repository(".github/workflows/release.yaml")).expect("the workflow")
}

fn workflow() -> Value {
    serde_saphyr::from_str(&text()).expect("YAML")
}

fn jobs(workflow: &Value) -> Vec<(&String, &Value)> {
    workflow["jobs"].as_object().expect("jobs").iter().collect()
}

fn steps(job: &Value) -> &[Value] {
    job["steps"].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn it_begins_by_a_tag_and_nothing_else() {
    let workflow = workflow();
    let events = workflow["on"].as_object().expect("events");
    assert_eq!(events.keys().collect::<Vec<_>>(), ["push"]);
    assert_eq!(events["push"].as_object().expect("filters").keys().collect::<Vec<_>>(), ["tags"]);
}

#[test]
fn jobs_may_what_they_say_and_no_more() {
    let workflow = workflow();
    assert_eq!(workflow["permissions"], serde_json::json!({}), "nothing is allowed by default");
    for (name, job) in jobs(&workflow) {
        let permissions =
            job["permissions"].as_object().unwrap_or_else(|| panic!("{name} does not say what it may"));
        for (what, access) in permissions {
            let allowed: &[(&str, &str)] = match name.as_str() {
                "publish" => &[("packages", "write"), ("id-token", "write"), ("attestations", "write")],
                "chart" => &[
                    ("contents", "read"),
                    ("packages", "write"),
                    ("id-token", "write"),
                    ("attestations", "write"),
                ],
                _ => &[("contents", "read")],
            };
            let asked = (what.as_str(), access.as_str().expect("text"));
            assert!(allowed.contains(&asked), "{name}: {asked:?}");
        }
        assert!(job["timeout-minutes"].as_u64().is_some_and(|it| it <= 90), "{name} may run for ever");
    }
}

/// Who may write is reached only by what was tested and scanned.
#[test]
fn nothing_is_published_that_was_not_tested_and_scanned() {
    let workflow = workflow();
    let needs = |name: &str| -> Vec<String> {
        match &workflow["jobs"][name]["needs"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(all) => all.iter().map(|it| it.as_str().expect("a name").to_owned()).collect(),
            _ => Vec::new(),
        }
    };
    assert_eq!(needs("publish"), ["test", "crates", "image"]);
    assert_eq!(needs("chart"), ["publish"]);
    let uses = |name: &str| -> Vec<String> {
        let steps = steps(&workflow["jobs"][name]).iter();
        steps.filter_map(|it| it["uses"].as_str()?.split('@').next().map(str::to_owned)).collect()
    };
    let image = uses("image");
    let place = |what: &str| image.iter().position(|it| it == what).unwrap_or_else(|| panic!("{what}"));
    assert!(place("docker/build-push-action") < place("anchore/scan-action"));
    assert!(place("anchore/scan-action") < place("actions/upload-artifact"));
    let scan = steps(&workflow["jobs"]["image"])
        .iter()
        .find(|it| it["with"]["fail-build"] == true)
        .expect("a scan that counts");
    assert_eq!(scan["with"]["severity-cutoff"], "high");
    for name in ["publish", "chart"] {
        let all: String = steps(&workflow["jobs"][name]).iter().filter_map(|it| it["run"].as_str()).collect();
        assert!(all.contains("cosign sign --yes"), "{name} signs");
        assert!(uses(name).contains(&"actions/attest-build-provenance".to_owned()), "{name} attests");
        assert!(!all.contains("cargo "), "{name} builds nothing");
    }
}

#[test]
fn actions_are_pinned_by_commit_and_say_which_version_that_is() {
    let pinned =
        regex::Regex::new("^ *- uses: [a-z0-9-]+/[a-z0-9-]+@[0-9a-f]{40} # v[0-9]+\\.[0-9]+\\.[0-9]+$")
            .expect("a pattern");
    let also = regex::Regex::new("^ *uses: [a-z0-9-]+/[a-z0-9-]+@[0-9a-f]{40} # v[0-9]+\\.[0-9]+\\.[0-9]+$")
        .expect("a pattern");
    let text = text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("uses:")).collect();
    assert!(lines.len() > 8, "{lines:?}");
    for line in &lines {
        assert!(pinned.is_match(line) || also.is_match(line), "{line}");
    }
    // One version of each.
    for line in &lines {
        let (name, rest) = line.split_once("uses: ").and_then(|it| it.1.split_once('@')).expect("pinned");
        let others = lines.iter().filter(|it| it.contains(&format!("uses: {name}@")));
        assert!(others.into_iter().all(|it| it.ends_with(rest)), "{name} in two versions");
    }
}

#[test]
fn nothing_secret_and_nothing_foreign_reaches_a_shell() {
    let (text, workflow) = (text(), workflow());
    for never in ["pull_request_target", "workflow_run", "secrets.", "self-hosted", "continue-on-error"] {
        assert!(!text.contains(never), "{never}");
    }
    for (name, job) in jobs(&workflow) {
        assert!(job["env"].is_null(), "{name}");
        for step in steps(job) {
            // An expression in a script is text that somebody else may have chosen; in a variable it is data. Where the job runs is ours.
            let script = step["run"].as_str().unwrap_or_default().replace("${{ matrix.architecture }}", "");
            assert!(!script.contains("${{"), "{name}: {script}");
            let variables = step["env"].to_string();
            assert!(!variables.contains("token") && !variables.contains("password"), "{name}: {variables}");
            let is_checkout = step["uses"].as_str().is_some_and(|it| it.starts_with("actions/checkout@"));
            assert!(
                !is_checkout || step["with"]["persist-credentials"] == false,
                "{name} leaves the token behind"
            );
            assert!(!is_checkout || step["with"]["ref"].is_null(), "{name} builds what was tagged");
        }
    }
}
