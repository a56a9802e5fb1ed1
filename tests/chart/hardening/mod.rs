//! What people who harden clusters ask for, row by row, of every pod that we make and of every container that others run for us.

mod container;
mod pod;

use serde_json::Value;

use crate::controllers;
use crate::topologies::{self, Rendered};

/// A demand on a container in its pod.
pub(crate) struct Row<Holds> {
    demand: &'static str,
    holds: Holds,
    /// A change after which it does not hold any more, so that the row is known to look: where, and what.
    breaks: (&'static str, &'static str),
}

/// A pod of ours.
pub(crate) struct Pod<'a> {
    pub(crate) name: String,
    pub(crate) labels: &'a Value,
    pub(crate) spec: &'a Value,
    /// Whether it runs once and ends: `helm test`.
    pub(crate) is_once: bool,
}

/// The pods of a rendering: those of workloads, and those that are there by themselves.
pub(crate) fn pods(objects: &[Value]) -> Vec<Pod<'_>> {
    let pod = |object: &'_ Value| -> Option<(bool, &'static str)> {
        match object["kind"].as_str()? {
            "Pod" => Some((true, "")),
            "Deployment" | "DaemonSet" | "StatefulSet" | "Job" => Some((false, "/spec/template")),
            _ => None,
        }
    };
    let all = objects.iter().filter_map(|object| Some((object, pod(object)?)));
    all.map(|(object, (is_once, at))| {
        let template = object.pointer(at).expect("a template");
        let name = format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "");
        Pod { name, labels: &template["metadata"]["labels"], spec: &template["spec"], is_once }
    })
    .collect()
}

/// The containers of a pod, with those that begin before.
pub(crate) fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    let of = |name: &str| spec[name].as_array().into_iter().flatten();
    of("initContainers").chain(of("containers"))
}

/// Every row, for every pod of a rendering.
#[track_caller]
pub(crate) fn check(rendered: &Rendered) {
    for pod in pods(&rendered.objects) {
        for row in &pod::ROWS {
            assert!((row.holds)(&pod), "{}: {}: {}: {}", rendered.name, pod.name, row.demand, pod.spec);
        }
        for container in containers(pod.spec) {
            check_container(&rendered.name, &pod, container);
        }
    }
}

#[track_caller]
pub(crate) fn check_container(name: &str, pod: &Pod<'_>, container: &Value) {
    for row in &container::ROWS {
        assert!((row.holds)(pod, container), "{name}: {}: {}: {container}", pod.name, row.demand);
    }
}

#[test]
fn every_pod_is_hardened() {
    let Some(all) = topologies::all() else { return };
    let mut count = 0;
    for rendered in &all {
        check(rendered);
        count += pods(&rendered.objects).len();
    }
    println!(
        "{} rows of a pod and {} of a container hold for {count} pods",
        pod::ROWS.len(),
        container::ROWS.len()
    );
    assert!(count >= 16, "{count} pods");
}

/// In the pods of other people's charts, our container alone is ours to harden.
#[test]
fn every_sidecar_is_hardened() {
    for (file, values) in controllers::values() {
        let container = controllers::container(&values);
        let volumes = controllers::volumes(&values);
        let spec = serde_json::json!({ "initContainers": [container], "volumes": volumes });
        let pod = Pod { name: file.clone(), labels: &Value::Null, spec: &spec, is_once: false };
        check_container(&file, &pod, container);
        assert_eq!(container["restartPolicy"], "Always", "{file}: a native sidecar");
    }
}

/// Each row notices what it is there for.
#[test]
fn rows_look() {
    let Some(all) = topologies::all() else { return };
    let rendered = all.iter().find(|it| it.name.contains("proxy-edge")).expect("a rendering");
    let pod = pods(&rendered.objects).into_iter().find(|pod| !pod.is_once).expect("a pod");
    for row in &pod::ROWS {
        let spec = broken(pod.spec, row.breaks);
        let pod = Pod { name: pod.name.clone(), labels: pod.labels, spec: &spec, is_once: false };
        assert!(!(row.holds)(&pod), "`{}` holds after {:?}", row.demand, row.breaks);
    }
    for row in &container::ROWS {
        // A change of the container, or of its pod.
        let spec = broken(pod.spec, row.breaks);
        let container = &spec["containers"][0];
        let pod = Pod { name: pod.name.clone(), labels: pod.labels, spec: &spec, is_once: false };
        assert!(!(row.holds)(&pod, container), "`{}` holds after {:?}", row.demand, row.breaks);
    }
}

fn broken(spec: &Value, (at, to): (&str, &str)) -> Value {
    let mut spec = spec.clone();
    let to: Value = serde_json::from_str(to).expect(to);
    let (parent, key) = at.rsplit_once('/').expect(at);
    match spec.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}")) {
        Value::Object(map) if to.is_null() => drop(map.remove(key)),
        Value::Object(map) => drop(map.insert(key.to_owned(), to)),
        Value::Array(list) => list[key.parse::<usize>().expect(at)] = to,
        _ => panic!("{at}: neither a map nor a list"),
    }
    spec
}
