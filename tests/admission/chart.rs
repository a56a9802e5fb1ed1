//! What helm renders of the policies.

use portcullis_tests::helm::{Render, render};
use serde_json::{Value, json};

/// By name of the engine in the values.
pub(crate) const ENGINES: [&str; 3] = ["vap", "gatekeeper", "kyverno"];

/// What the cases take for given, under `admission:`.
fn given() -> Value {
    let gitops = json!(["system:serviceaccount:flux-system:kustomize-controller"]);
    json!({
        "action": "Deny",
        "namespaces": ["ingress-nginx"],
        "exempt": { "users": ["break-glass"], "groups": ["emergency"] },
        "policies": { "keepControllerLabels": { "users": gitops }, "keepNamespaceLabels": { "users": gitops } },
    })
}

/// The policies for one engine, with values over those that cases take for given; `None` without helm.
pub(crate) fn policies(engine: &str, over: &Value) -> Option<Vec<Value>> {
    let mut values = given();
    merge(&mut values, over);
    values["engine"] = json!(engine);
    rendered(&json!({ "admission": values })).map(|all| all.into_iter().filter(is_policy).collect())
}

/// All objects of a rendering, in the topology that the policies are about.
pub(crate) fn rendered(values: &Value) -> Option<Vec<Value>> {
    let mut values = values.clone();
    merge(&mut values, &json!({ "topology": "sidecar" }));
    let objects =
        render(Render { namespace: "ingress-nginx", values: &values.to_string(), ..Render::default() })?;
    Some(objects.unwrap_or_else(|error| panic!("{error}")))
}

pub(crate) fn is_policy(object: &Value) -> bool {
    let group = object["apiVersion"].as_str().unwrap_or_default();
    [
        "admissionregistration.k8s.io/",
        "templates.gatekeeper.sh/",
        "constraints.gatekeeper.sh/",
        "policies.kyverno.io/",
        "policy.sigstore.dev/",
    ]
    .iter()
    .any(|policies| group.starts_with(policies))
}

/// The question for the evaluator, with the policies of all three engines; `None` without helm.
pub(crate) fn question(over: &Value, requests: &[Value]) -> Option<Value> {
    let mut asked = json!({ "cases": requests });
    for engine in ENGINES {
        asked[engine] = Value::Array(policies(engine, over)?);
    }
    Some(asked)
}

/// Values over values, as helm does it: maps key by key, all else whole.
fn merge(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (under, over) => *under = over.clone(),
    }
}
