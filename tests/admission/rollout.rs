//! Audit, then Warn, then Deny, from one value; Audit when nothing is said.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::cases;
use super::chart::{ENGINES, is_policy, policies, question, rendered};
use super::evaluator::ask;

/// `engine: none` is the default, so that a chart without a word about it changes nothing of the cluster.
#[test]
fn nothing_is_rendered_by_default() {
    let Some(all) = rendered(&json!({})) else { return };
    assert!(!all.iter().any(is_policy));
}

#[test]
fn the_default_action_is_a_dry_run() {
    for engine in ENGINES {
        let Some(all) = rendered(&json!({ "admission": { "engine": engine } })) else { return };
        let actions: Vec<String> = all.iter().filter(|object| is_policy(object)).filter_map(action).collect();
        assert_eq!(actions.len(), 7, "{engine}");
        assert!(
            actions.iter().all(|action| action == r#"["Audit"]"# || action == r#""dryrun""#),
            "{engine}: {actions:?}"
        );
    }
}

/// What a policy does, wherever the engine has it written.
fn action(object: &Value) -> Option<String> {
    let spec = &object["spec"];
    [&spec["validationActions"], &spec["enforcementAction"]]
        .into_iter()
        .find(|it| !it.is_null())
        .map(Value::to_string)
}

/// What an object's sender and the audit log are told, by action.
#[test]
fn each_action_does_what_it_says() {
    let bases = cases::bases();
    let mut pod = bases["plain-pod"].clone();
    pod["spec"]["hostPID"] = json!(true);
    let request = json!({ "name": "hostPID", "operation": "CREATE", "subresource": "", "object": pod, "oldObject": null, "user": "someone",
        "groups": [], "namespace": { "name": "ingress-nginx", "labels": {} } });
    for (action, refused, warned) in [("Audit", false, 0), ("Warn", false, 1), ("Deny", true, 0)] {
        let Some(asked) = question(&json!({ "action": action }), std::slice::from_ref(&request)) else {
            return;
        };
        let Some(answers) = ask(&asked) else { return };
        for engine in ENGINES {
            let judged = &answers.cases[0].judged[engine];
            assert!(judged.found.contains_key("portcullis-pod-hardening"), "{engine} {action}");
            assert_eq!((judged.refused, judged.warned), (refused, warned), "{engine} {action}");
        }
        let audited = &answers.cases[0].judged["vap"].audited;
        assert_eq!(audited["portcullis-pod-hardening/found"], "pod: hostPID", "{action}");
        assert!(audited.contains_key("validation.policy.admission.k8s.io/validation_failure"), "{action}");
    }
}

#[test]
fn one_policy_may_be_ahead_of_the_others_or_off() {
    for engine in ENGINES {
        let over = json!({ "action": "Audit", "policies": { "images": { "action": "Deny" }, "externalIPs": { "enabled": false } } });
        let Some(all) = policies(engine, &over) else { return };
        let denying =
            all.iter().filter_map(action).filter(|action| action.to_lowercase().contains("deny")).count();
        assert_eq!(denying, 1, "{engine}");
        assert!(
            !all.iter().any(|object| object["metadata"]["name"] == "portcullis-external-ips"),
            "{engine}"
        );
    }
}

/// Gatekeeper makes a constraint's kind from its template, so both can be had apart.
#[test]
fn templates_and_constraints_come_apart() {
    for (off, left) in [("constraints", "ConstraintTemplate"), ("templates", "Portcullis")] {
        let Some(all) = policies("gatekeeper", &json!({ "gatekeeper": { off: false } })) else { return };
        assert_eq!(all.len(), 7);
        assert!(
            all.iter().all(|object| object["kind"].as_str().is_some_and(|kind| kind.starts_with(left))),
            "{off}"
        );
    }
}

/// Every message names a page, and the page has a heading for it.
#[test]
fn every_message_has_its_paragraph() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admission.md"))
        .unwrap_or_default();
    let Some(all) = policies("vap", &json!({})) else { return };
    let messages = all.iter().filter_map(|policy| policy["spec"]["validations"][0]["message"].as_str());
    let missing: Vec<&str> = messages
        .map(|message| message.rsplit_once('#').expect("an anchor").1)
        .filter(|anchor| !page.lines().any(|line| line == format!("### {anchor}")))
        .collect();
    assert!(missing.is_empty(), "docs/admission.md has no heading for {missing:?}");
}

/// Values that cannot be meant stop with a sentence that says what to write instead.
#[test]
fn impossible_values_are_refused_by_name() {
    use portcullis_tests::helm::{Render, render};
    let rows = [
        ("topology: sidecar\nadmission: { selectBy: label, namespaces: [a] }", "label those namespaces"),
        (
            "topology: sidecar\nadmission: { policies: { podHardening: { allow: [privileged] } } }",
            "has `privileged`",
        ),
        (
            "topology: sidecar\nadmission: { policies: { images: { registries: [\"https://x.example\"] } } }",
            "without scheme",
        ),
        (
            "topology: sidecar\nadmission: { policies: { images: { registries: [\"*.example\"] } } }",
            "without scheme",
        ),
        (
            "topology: sidecar\nadmission: { policies: { images: { registries: [x.example/] } } }",
            "without scheme",
        ),
        ("topology: sidecar\nadmission: { signatures: { publicKey: x } }", "no public key in PEM"),
        ("topology: agent\nadmission: { inject: { enabled: true } }", "with `topology: sidecar` alone"),
        ("topology: sidecar\nadmission: { engine: opa }", "'none', 'vap', 'gatekeeper', 'kyverno'"),
    ];
    for (values, sentence) in rows {
        let Some(rendered) = render(Render { values, ..Render::default() }) else { return };
        let said = rendered.expect_err(values);
        assert!(said.contains(sentence), "{values}: {said}");
    }
}
