//! Demands on a pod.

use serde_json::Value;

use super::{Pod, Row};

type Holds = fn(&Pod<'_>) -> bool;

pub(super) const ROWS: [Row<Holds>; 10] = [
    Row {
        demand: "no token of the API is mounted",
        holds: |pod| pod.spec["automountServiceAccountToken"] == false,
        breaks: ("/automountServiceAccountToken", "null"),
    },
    Row {
        demand: "an account of its own",
        holds: |pod| pod.spec["serviceAccountName"].as_str().is_some_and(|name| name != "default"),
        breaks: ("/serviceAccountName", "\"default\""),
    },
    Row {
        demand: "nothing of the node's name spaces",
        holds: |pod| {
            ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"]
                .iter()
                .all(|it| pod.spec[it] != true)
        },
        breaks: ("/hostPID", "true"),
    },
    Row {
        demand: "`hostUsers` is false or unset",
        holds: |pod| pod.spec["hostUsers"] != true,
        breaks: ("/hostUsers", "true"),
    },
    Row {
        demand: "only volumes that the level `restricted` has",
        holds: |pod| volumes(pod.spec).all(|volume| kinds(volume).all(|kind| RESTRICTED.contains(&kind))),
        breaks: ("/volumes/0", r#"{ "name": "config", "hostPath": { "path": "/" } }"#),
    },
    Row {
        demand: "every directory in memory or on the node has a size",
        holds: |pod| {
            volumes(pod.spec).filter_map(|it| it.get("emptyDir")).all(|it| it["sizeLimit"].is_string())
        },
        breaks: ("/volumes/0", r#"{ "name": "config", "emptyDir": {} }"#),
    },
    Row {
        demand: "not root",
        holds: |pod| {
            let context = &pod.spec["securityContext"];
            let ids = ["runAsUser", "runAsGroup", "fsGroup"];
            context["runAsNonRoot"] == true
                && ids.iter().all(|id| context[id].as_u64().is_some_and(|id| id > 0))
        },
        breaks: ("/securityContext/runAsGroup", "0"),
    },
    Row {
        demand: "Secrets are for the group of the process alone",
        holds: |pod| volumes(pod.spec).filter_map(|it| it.get("secret")).all(|it| it["defaultMode"] == 0o440),
        breaks: ("/volumes/1/secret/defaultMode", "420"),
    },
    Row {
        demand: "no addresses of other Services in the environment",
        holds: |pod| pod.spec["enableServiceLinks"] == false,
        breaks: ("/enableServiceLinks", "true"),
    },
    Row {
        demand: "killed no sooner than it has slept and drained",
        holds: |pod| pod.is_once || grace(pod.spec) >= sleep(pod.spec) + DRAIN_SECONDS_LEAST,
        breaks: ("/terminationGracePeriodSeconds", "30"),
    },
];

fn volumes(spec: &Value) -> impl Iterator<Item = &Value> {
    spec["volumes"].as_array().into_iter().flatten()
}

fn kinds(volume: &Value) -> impl Iterator<Item = &str> {
    volume.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).filter(|key| *key != "name")
}

fn grace(spec: &Value) -> u64 {
    spec["terminationGracePeriodSeconds"].as_u64().unwrap_or_default()
}

fn sleep(spec: &Value) -> u64 {
    spec.pointer("/containers/0/lifecycle/preStop/sleep/seconds").and_then(Value::as_u64).unwrap_or_default()
}

/// The shortest deadline of a drain among the values files, and what the process needs beside.
const DRAIN_SECONDS_LEAST: u64 = 30;
const RESTRICTED: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];
