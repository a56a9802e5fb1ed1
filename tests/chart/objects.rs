//! How the objects of a rendering belong together.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::hardening::{self, Pod, containers, pods};
use crate::topologies::Rendered;

/// Everything that must hold of a rendering, whatever its values are.
#[track_caller]
pub(crate) fn check(rendered: &Rendered) {
    for (demand, holds) in DEMANDS {
        if let Err(found) = holds(&rendered.objects) {
            panic!("{}: {demand}: {found}", rendered.name);
        }
    }
    hardening::check(rendered);
}

type Holds = fn(&[Value]) -> Result<(), String>;

const DEMANDS: [(&str, Holds); 11] = [
    ("every object says its namespace", in_a_namespace),
    ("every object is there once", each_once),
    ("every object has the usual labels", labelled),
    ("nobody gets rights", no_rights),
    ("no account mounts its token", accounts),
    ("no Service has externalIPs, and each says which families it has", services),
    ("Services find pods, and ports of theirs", services_find_pods),
    ("a NetworkPolicy holds for every pod, in both directions", network_policies),
    ("selectors are among the pods' labels", selectors),
    ("who scales pods does not meet a fixed number", scaling),
    ("ConfigMaps have no secrets", no_secrets),
];

fn each_once(objects: &[Value]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let twice = objects
        .iter()
        .map(|it| {
            (
                it["kind"].to_string(),
                it["metadata"]["namespace"].to_string(),
                it["metadata"]["name"].to_string(),
            )
        })
        .find(|it| !seen.insert(it.clone()));
    twice.map_or(Ok(()), |it| Err(format!("{it:?}")))
}

fn in_a_namespace(objects: &[Value]) -> Result<(), String> {
    each(objects.iter(), |it| it["metadata"]["namespace"].is_string())
}

fn labelled(objects: &[Value]) -> Result<(), String> {
    let is_ours = |it: &&Value| {
        it["metadata"]["annotations"].get("helm.sh/hook").is_none()
            && !it["metadata"]["name"].to_string().contains("extra")
    };
    let wanted = ["name", "instance", "version", "component", "part-of", "managed-by"];
    each(objects.iter().filter(is_ours), |it| {
        wanted.iter().all(|name| it["metadata"]["labels"][format!("app.kubernetes.io/{name}")].is_string())
    })
}

fn no_rights(objects: &[Value]) -> Result<(), String> {
    each(objects.iter(), |it| !it["kind"].as_str().unwrap_or_default().contains("Role"))
}

fn accounts(objects: &[Value]) -> Result<(), String> {
    each(of(objects, "ServiceAccount"), |it| it["automountServiceAccountToken"] == false)
}

fn services(objects: &[Value]) -> Result<(), String> {
    each(of(objects, "Service").filter(|it| it["spec"]["clusterIP"] != "None"), |it| {
        it["spec"].get("externalIPs").is_none() && it["spec"]["ipFamilyPolicy"].is_string()
    })
}

fn services_find_pods(objects: &[Value]) -> Result<(), String> {
    let pods: Vec<_> = pods(objects).into_iter().filter(|pod| !pod.is_once).collect();
    each(of(objects, "Service"), |service| {
        let mut found = pods.iter().filter(|pod| selects(&service["spec"]["selector"], pod.labels));
        found
            .next()
            .is_some_and(|pod| list(&service["spec"]["ports"]).all(|port| has_port(pod, &port["targetPort"])))
    })
}

fn has_port(pod: &Pod<'_>, target: &Value) -> bool {
    let mut ports = containers(pod.spec).flat_map(|it| list(&it["ports"]));
    ports.any(|port| port["name"] == *target || port["containerPort"] == *target)
}

fn network_policies(objects: &[Value]) -> Result<(), String> {
    let policies: Vec<_> = of(objects, "NetworkPolicy").collect();
    for pod in pods(objects).iter().filter(|pod| !pod.is_once) {
        let covers = |policy: &&&Value| {
            let spec = &policy["spec"];
            selects(&spec["podSelector"]["matchLabels"], pod.labels)
                && spec["policyTypes"] == serde_json::json!(["Ingress", "Egress"])
                && list(&spec["egress"]).all(|rule| rule.get("to").is_some())
        };
        if !policies.iter().any(|policy| covers(&policy)) {
            return Err(pod.name.clone());
        }
    }
    Ok(())
}

fn selectors(objects: &[Value]) -> Result<(), String> {
    let pods: Vec<_> = pods(objects).into_iter().filter(|pod| !pod.is_once).collect();
    let selecting = ["Deployment", "DaemonSet", "PodDisruptionBudget"];
    let holders = objects.iter().filter(|it| selecting.iter().any(|kind| it["kind"] == *kind));
    each(holders, |it| pods.iter().any(|pod| selects(&it["spec"]["selector"]["matchLabels"], pod.labels)))
}

fn scaling(objects: &[Value]) -> Result<(), String> {
    let is_scaled = of(objects, "HorizontalPodAutoscaler").next().is_some();
    each(of(objects, "Deployment"), |it| it["spec"].get("replicas").is_some() != is_scaled)
}

fn no_secrets(objects: &[Value]) -> Result<(), String> {
    let is_secret = |text: &str| {
        text.contains("BEGIN PRIVATE KEY")
            || text.lines().any(|line| line.trim_start().starts_with("token: "))
    };
    each(of(objects, "ConfigMap"), |it| {
        it["data"].as_object().into_iter().flatten().all(|(_, text)| !text.as_str().is_some_and(is_secret))
    })
}

/// Whether every label of a selector is among these.
fn selects(selector: &Value, labels: &Value) -> bool {
    let Some(selector) = selector.as_object().filter(|it| !it.is_empty()) else { return false };
    selector.iter().all(|(key, value)| labels[key] == *value)
}

fn of<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |it| it["kind"] == kind)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn each<'a>(
    mut objects: impl Iterator<Item = &'a Value>,
    holds: impl Fn(&Value) -> bool,
) -> Result<(), String> {
    objects.find(|it| !holds(it)).map_or(Ok(()), |it| Err(it.to_string()))
}
