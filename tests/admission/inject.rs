//! The sidecar that the API server puts into pods itself, and what the other policies say to it.

use serde_json::{Value, json};

use super::cases;
use super::chart::{question, rendered};
use super::evaluator::{Answers, ask};

const VALUES: &str = r#"{ "topology": "sidecar", "admission": { "inject": { "enabled": true }, "namespaces": ["ingress-nginx"] },
    "image": { "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } }"#;

fn mutating() -> Option<Vec<Value>> {
    let all = rendered(&serde_json::from_str(VALUES).expect("values"))?;
    Some(
        all.into_iter()
            .filter(|object| {
                object["kind"].as_str().is_some_and(|kind| kind.starts_with("MutatingAdmission"))
            })
            .collect(),
    )
}

fn request(name: &str, namespace: &str, object: &Value) -> Value {
    json!({ "name": name, "operation": "CREATE", "subresource": "", "object": object, "oldObject": null, "user": "someone", "groups": [],
        "namespace": { "name": namespace, "labels": {} } })
}

fn without_sidecar() -> Value {
    let mut pod = cases::bases()["controller-pod"].clone();
    pod["spec"].as_object_mut().expect("a spec").retain(|key, _| key != "initContainers" && key != "volumes");
    pod
}

fn mutate(requests: &[Value]) -> Option<Answers> {
    let documents = mutating()?;
    assert_eq!(documents.len(), 2);
    ask(&json!({ "mutating": documents, "cases": requests }))
}

#[test]
fn an_injected_pod_passes_the_policies() {
    let pod = without_sidecar();
    let Some(answers) = mutate(&[request("controller", "ingress-nginx", &pod)]) else { return };
    let injected = &answers.cases[0].mutated;
    let containers = injected["spec"]["initContainers"].as_array().expect("init containers");
    assert_eq!(containers.len(), 1);
    assert_eq!(
        (&containers[0]["name"], &containers[0]["restartPolicy"]),
        (&json!("portcullis"), &json!("Always"))
    );
    // Each mount has its volume.
    let volumes: Vec<&Value> = injected["spec"]["volumes"]
        .as_array()
        .expect("volumes")
        .iter()
        .map(|volume| &volume["name"])
        .collect();
    for mount in containers[0]["volumeMounts"].as_array().expect("mounts") {
        assert!(volumes.contains(&&mount["name"]), "{mount}");
    }
    let before_and_after =
        vec![request("before", "ingress-nginx", &pod), request("after", "ingress-nginx", injected)];
    let Some(asked) = question(&json!({}), &before_and_after) else { return };
    let Some(judged) = ask(&asked) else { return };
    for (name, judgement) in &judged.cases[0].judged {
        assert!(judgement.found.contains_key("portcullis-require-sidecar"), "{name}");
    }
    for (name, judgement) in &judged.cases[1].judged {
        assert!(judgement.found.is_empty(), "{name}: {:?}", judgement.found);
    }
}

/// What is injected is what the values file for the controller's own chart has.
#[test]
fn the_values_file_has_the_same_sidecar() {
    let Some(answers) = mutate(&[request("controller", "ingress-nginx", &without_sidecar())]) else {
        return;
    };
    let file = portcullis_tests::helm::chart().join("examples/controllers/ingress-nginx-front.yaml");
    let values: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(file).expect("the file")).expect("YAML");
    let mut documented = values["controller"]["extraInitContainers"][0].clone();
    let mut injected = answers.cases[0].mutated["spec"]["initContainers"][0].clone();
    for container in [&mut documented, &mut injected] {
        container["image"] = Value::Null;
        // The file has ports for TLS too, which the chart has where TLS is on.
        container["ports"].as_array_mut().expect("ports").retain(|port| port["name"] != "waf-https");
    }
    assert_eq!(injected, documented);
    assert_eq!(answers.cases[0].mutated["spec"]["volumes"], values["controller"]["extraVolumes"]);
}

/// Other containers and volumes stay where they were, behind ours.
#[test]
fn what_a_pod_has_stays() {
    let mut pod = without_sidecar();
    pod["spec"]["initContainers"] = json!([{ "name": "first", "image": "registry.k8s.io/first" }]);
    pod["spec"]["volumes"] = json!([{ "name": "config", "emptyDir": {} }]);
    let Some(answers) = mutate(&[request("controller", "ingress-nginx", &pod)]) else { return };
    let spec = &answers.cases[0].mutated["spec"];
    assert_eq!(
        (&spec["initContainers"][0]["name"], &spec["initContainers"][1]["name"]),
        (&json!("portcullis"), &json!("first"))
    );
    assert_eq!(spec["volumes"][0]["name"], "config");
    assert_eq!(
        spec["containers"].as_array().map(Vec::len),
        pod["spec"]["containers"].as_array().map(Vec::len)
    );
}

#[test]
fn other_pods_are_left_alone() {
    let bases = cases::bases();
    let mut ordinary = without_sidecar();
    ordinary["spec"]["containers"]
        .as_array_mut()
        .expect("containers")
        .push(json!({ "name": "portcullis", "image": "x" }));
    let rows = [
        ("has the sidecar", "ingress-nginx", bases["controller-pod"].clone()),
        ("has a container of that name", "ingress-nginx", ordinary),
        ("is no controller", "ingress-nginx", bases["plain-pod"].clone()),
        ("another namespace", "default", without_sidecar()),
    ];
    let requests: Vec<_> =
        rows.iter().map(|(name, namespace, object)| request(name, namespace, object)).collect();
    let Some(answers) = mutate(&requests) else { return };
    for ((name, _, object), answer) in rows.iter().zip(&answers.cases) {
        let count = |object: &Value| object["spec"]["initContainers"].as_array().map_or(0, Vec::len);
        assert_eq!(count(&answer.mutated), count(object), "{name}");
    }
}

/// v1 from Kubernetes 1.36 on, v1beta1 in 1.34 and 1.35, and a sentence before.
#[test]
fn the_version_of_the_api_is_the_clusters() {
    use portcullis_tests::helm::{Render, render};
    let rows = [
        ("1.37.0", "v1"),
        ("1.36.0", "v1"),
        ("1.35.2", "v1beta1"),
        ("1.34.0", "v1beta1"),
        ("1.33.0", "has no MutatingAdmissionPolicy"),
    ];
    for (cluster, expected) in rows {
        let more = ["--kube-version", cluster];
        let Some(rendered) = render(Render { values: VALUES, more: &more, ..Render::default() }) else {
            return;
        };
        match rendered {
            Ok(all) => {
                let version =
                    all.iter().find(|object| object["kind"] == "MutatingAdmissionPolicy").expect("a policy")
                        ["apiVersion"]
                        .clone();
                assert_eq!(version, format!("admissionregistration.k8s.io/{expected}"), "{cluster}");
            }
            Err(error) => assert!(error.contains(expected), "{cluster}: {error}"),
        }
    }
}

/// Deployments have no sidecar then: only pods are asked for it.
#[test]
fn workloads_are_not_asked_for_what_is_injected() {
    let values =
        json!({ "topology": "sidecar", "admission": { "engine": "vap", "inject": { "enabled": true } } });
    let Some(all) = rendered(&values) else { return };
    let policy = all
        .iter()
        .find(|object| object["metadata"]["name"] == "portcullis-require-sidecar")
        .expect("the policy");
    assert_eq!(policy["spec"]["matchConstraints"]["resourceRules"].as_array().map(Vec::len), Some(1));
}
