//! Signature policies: their form. Whether a signature is good only a registry and a cluster can show.

use serde_json::{Value, json};

use super::chart::rendered;
use super::evaluator::ask;

fn policy(signatures: &Value) -> Option<Value> {
    let kinds = ["ImageValidatingPolicy", "ClusterImagePolicy"];
    let all = rendered(&json!({ "admission": { "signatures": signatures, "action": "Deny" } }))?;
    Some(all.into_iter().find(|object| kinds.iter().any(|kind| object["kind"] == *kind)).expect("a policy"))
}

#[test]
fn kyverno_asks_for_the_release_workflows_signature() {
    let Some(policy) = policy(&json!({ "engine": "kyverno" })) else { return };
    let spec = &policy["spec"];
    assert_eq!(spec["matchImageReferences"], json!([{ "glob": "ghcr.io/portcullis-waf/portcullis*" }]));
    let identity = &spec["attestors"][0]["cosign"]["keyless"]["identities"][0];
    check_identity(identity);
    assert_eq!(
        spec["validations"].as_array().map(Vec::len),
        Some(3),
        "containers, init containers and ephemeral ones"
    );
    assert_eq!(spec["validationActions"], json!(["Deny", "Audit"]));
    // Every field is one that Kyverno knows.
    let _ = ask(&json!({ "kyverno": [policy], "cases": [] }));
}

#[test]
fn sigstore_asks_for_the_release_workflows_signature() {
    let Some(policy) = policy(&json!({ "engine": "sigstore" })) else { return };
    let spec = &policy["spec"];
    assert_eq!(
        (&spec["mode"], &spec["images"]),
        (&json!("enforce"), &json!([{ "glob": "ghcr.io/portcullis-waf/portcullis**" }]))
    );
    check_identity(&spec["authorities"][0]["keyless"]["identities"][0]);
}

#[test]
fn a_key_takes_the_place_of_the_workflow() {
    let key = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
    let Some(kyverno) = policy(&json!({ "engine": "kyverno", "publicKey": key })) else { return };
    let cosign = &kyverno["spec"]["attestors"][0]["cosign"];
    assert_eq!((&cosign["key"]["data"], &cosign["keyless"]), (&json!(key), &Value::Null));
    let Some(sigstore) = policy(&json!({ "engine": "sigstore", "publicKey": key })) else { return };
    let authority = &sigstore["spec"]["authorities"][0];
    assert_eq!((&authority["key"]["data"], &authority["keyless"]), (&json!(key), &Value::Null));
}

/// Whom the certificates of releases name, and whom that must not let through.
fn check_identity(identity: &Value) {
    assert_eq!(identity["issuer"], "https://token.actions.githubusercontent.com");
    let subject =
        regex::Regex::new(identity["subjectRegExp"].as_str().expect("a pattern")).expect("a pattern");
    let workflow = "https://github.com/portcullis-waf/portcullis/.github/workflows/release.yaml@refs";
    for (signer, good) in [
        (format!("{workflow}/tags/v0.1.0"), true),
        (format!("{workflow}/tags/v10.20.30"), true),
        (format!("{workflow}/heads/main"), false),
        (format!("{workflow}/tags/v0.1.0-evil"), false),
        (workflow.replace("release", "other") + "/tags/v0.1.0", false),
        (workflow.replace("portcullis-waf", "someone") + "/tags/v0.1.0", false),
        (workflow.replace("github.com/", "githubXcom/") + "/tags/v0.1.0", false),
        (format!("https://evil.example/{workflow}/tags/v0.1.0"), false),
    ] {
        assert_eq!(subject.is_match(&signer), good, "{signer}");
    }
}
