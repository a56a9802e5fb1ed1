//! Demands on a container in its pod.

use serde_json::Value;

use super::{Pod, Row};

type Holds = fn(&Pod<'_>, &Value) -> bool;

pub(super) const ROWS: [Row<Holds>; 17] = [
    Row {
        demand: "no more rights than it began with",
        holds: |_, it| it["securityContext"]["allowPrivilegeEscalation"] == false,
        breaks: ("/containers/0/securityContext/allowPrivilegeEscalation", "null"),
    },
    Row {
        demand: "not privileged",
        holds: |_, it| it["securityContext"]["privileged"] == false,
        breaks: ("/containers/0/securityContext/privileged", "true"),
    },
    Row {
        demand: "all capabilities dropped",
        holds: |_, it| it["securityContext"]["capabilities"]["drop"] == serde_json::json!(["ALL"]),
        breaks: ("/containers/0/securityContext/capabilities", "{}"),
    },
    Row {
        demand: "no capability added",
        holds: |_, it| it["securityContext"]["capabilities"].get("add").is_none(),
        breaks: ("/containers/0/securityContext/capabilities/add", r#"["NET_BIND_SERVICE"]"#),
    },
    Row {
        demand: "not root",
        holds: |_, it| {
            let context = &it["securityContext"];
            let is_other = |id: &str| context[id].as_u64().is_some_and(|id| id > 0);
            context["runAsNonRoot"] == true && is_other("runAsUser") && is_other("runAsGroup")
        },
        breaks: ("/containers/0/securityContext/runAsUser", "0"),
    },
    Row {
        demand: "a root that nobody writes to",
        holds: |_, it| it["securityContext"]["readOnlyRootFilesystem"] == true,
        breaks: ("/containers/0/securityContext/readOnlyRootFilesystem", "false"),
    },
    Row {
        demand: "system calls filtered",
        holds: |pod, it| is_set(pod, it, "seccompProfile"),
        breaks: ("/securityContext/seccompProfile", r#"{ "type": "Unconfined" }"#),
    },
    Row {
        demand: "an AppArmor profile",
        holds: |pod, it| is_set(pod, it, "appArmorProfile"),
        breaks: ("/securityContext/appArmorProfile", "null"),
    },
    Row {
        demand: "/tmp in memory, with a size",
        holds: |pod, it| {
            let mounted = mounts(it).find(|mount| mount["mountPath"] == "/tmp").map(|mount| &mount["name"]);
            let volume = volumes(pod.spec).find(|volume| Some(&volume["name"]) == mounted);
            volume.is_some_and(|it| {
                it["emptyDir"]["medium"] == "Memory" && it["emptyDir"]["sizeLimit"].is_string()
            })
        },
        breaks: ("/volumes/2", r#"{ "name": "tmp", "emptyDir": { "sizeLimit": "1Gi" } }"#),
    },
    Row {
        demand: "requests and limits, so that it fits a namespace with a quota",
        holds: |_, it| {
            let has = |of: &str, names: &[&str]| {
                names.iter().all(|name| it["resources"][of].get(name).is_some_and(Value::is_string))
            };
            has("requests", &["cpu", "memory", "ephemeral-storage"])
                && has("limits", &["memory", "ephemeral-storage"])
        },
        breaks: ("/containers/0/resources/limits", r#"{ "memory": "1Gi" }"#),
    },
    Row {
        demand: "asked whether it has started, is ready, and lives",
        holds: |pod, it| {
            let asks = |probe: &str| it[probe]["httpGet"]["path"].is_string();
            pod.is_once || ["startupProbe", "readinessProbe", "livenessProbe"].into_iter().all(asks)
        },
        breaks: ("/containers/0/readinessProbe", "null"),
    },
    Row {
        demand: "stops when nobody sends any more, without a shell",
        holds: |pod, it| {
            pod.is_once || it["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().is_some_and(|it| it > 0)
        },
        breaks: ("/containers/0/lifecycle/preStop", r#"{ "exec": { "command": ["sleep", "10"] } }"#),
    },
    Row {
        demand: "no secrets in the environment",
        holds: |_, it| {
            let env = it["env"].as_array().into_iter().flatten();
            it.get("envFrom").is_none() && env.clone().all(|it| it["valueFrom"].get("secretKeyRef").is_none())
        },
        breaks: ("/containers/0/envFrom", r#"[{ "secretRef": { "name": "a" } }]"#),
    },
    Row {
        demand: "an image of one version",
        holds: |_, it| {
            let image = it["image"].as_str().unwrap_or_default();
            let tag = image.rsplit('/').next().and_then(|name| name.split_once(':')).map(|(_, tag)| tag);
            image.contains("@sha256:") || tag.is_some_and(|tag| tag != "latest")
        },
        breaks: ("/containers/0/image", "\"ghcr.io/portcullis-waf/portcullis\""),
    },
    Row {
        demand: "no port that needs a capability, none of the node's",
        holds: |_, it| {
            let mut ports = it["ports"].as_array().into_iter().flatten();
            ports.all(|port| port["containerPort"].as_u64() >= Some(1024) && port.get("hostPort").is_none())
        },
        breaks: ("/containers/0/ports/0", r#"{ "containerPort": 80 }"#),
    },
    Row {
        demand: "directories are mounted, which are updated, and not single files, which are not",
        holds: |_, it| {
            mounts(it).all(|mount| mount.get("subPath").is_none() && mount.get("subPathExpr").is_none())
        },
        breaks: ("/containers/0/volumeMounts/0/subPath", "\"portcullis.yaml\""),
    },
    Row {
        demand: "what is not there to be written to is mounted to be read",
        holds: |_, it| {
            let written = ["/tmp", "/run/portcullis", "/var/lib/portcullis-model"];
            mounts(it).all(|it| it["readOnly"] == true || written.iter().any(|path| it["mountPath"] == *path))
        },
        breaks: ("/containers/0/volumeMounts/0/readOnly", "null"),
    },
];

/// Whether the container has a profile, or its pod, that is not none.
fn is_set(pod: &Pod<'_>, container: &Value, profile: &str) -> bool {
    let of = |holder: &Value| holder["securityContext"][profile]["type"].as_str().map(str::to_owned);
    of(container).or_else(|| of(pod.spec)).is_some_and(|kind| kind == "RuntimeDefault" || kind == "Localhost")
}

fn mounts(container: &Value) -> impl Iterator<Item = &Value> {
    container["volumeMounts"].as_array().into_iter().flatten()
}

fn volumes(spec: &Value) -> impl Iterator<Item = &Value> {
    spec["volumes"].as_array().into_iter().flatten()
}
