//! What the chart makes of it: the objects of a rendering.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_tests::helm::{Render, object, render};
use serde_json::Value;

use super::alerts;
use super::promtool;

const UPSTREAM: &str = "upstreams: { shop: { servers: [shop.shop.svc:8080] } }\n";

const ALL: &str = "metrics:\n  serviceMonitor: { enabled: true, labels: { release: prometheus } }\n  prometheusRule: { enabled: true }\n  dashboards: { enabled: true }\n\
     falco: { enabled: true, namespace: falco }\n";

fn rendered(values: &str) -> Option<Vec<Value>> {
    rendered_alone(&format!("{UPSTREAM}{values}"))
}

fn rendered_alone(values: &str) -> Option<Vec<Value>> {
    let all = render(Render { values, ..Render::default() })?;
    Some(all.unwrap_or_else(|said| panic!("{values}\n{said}")))
}

#[test]
fn nothing_is_made_that_is_not_asked_for() {
    let Some(all) = rendered("") else { return };
    for kind in ["PodMonitor", "PrometheusRule", "ServiceMonitor"] {
        assert!(object(&all, kind, "").is_none(), "{kind}");
    }
    for name in ["portcullis-dashboards", "portcullis-falco"] {
        assert!(object(&all, "ConfigMap", name).is_none(), "{name}");
    }
}

/// The rules that are rendered are checked like those that are written.
#[test]
fn alerts_are_of_this_release_with_its_thresholds() {
    let Some(all) = rendered(ALL) else { return };
    let rule = object(&all, "PrometheusRule", "portcullis").expect("a rule");
    let groups = rule["spec"]["groups"].as_array().expect("groups");
    let names: Vec<_> =
        groups.iter().flat_map(|it| it["rules"].as_array().expect("rules")).map(alerts::name).collect();
    let expected = alerts::all();
    assert_eq!(names, expected.iter().map(alerts::name).collect::<Vec<_>>());
    let text = serde_json::to_string_pretty(&rule["spec"]).expect("JSON");
    assert!(
        !text.contains("job=\\\"portcullis\\\"}")
            && text.contains("job=\\\"portcullis\\\", namespace=\\\"portcullis\\\"}")
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    if promtool::is_there() {
        promtool::run(&["check", "rules"], file.path());
    }
}

#[test]
fn alerts_are_as_the_values_say() {
    let values = "fullnameOverride: waf\nnamespaceOverride: edge\nmetrics: { prometheusRule: { enabled: true, \
         alertLabels: { team: platform }, disabled: [PortcullisAbsent], severities: { PortcullisUninspected: info }, \
         for: { PortcullisConfigDiffers: 1h }, runbookUrl: 'https://wiki.test/', thresholds: { memoryRatio: 0.5, blockRateRequests: 1000000 } } }\n";
    let Some(all) = rendered(values) else { return };
    let rule = object(&all, "PrometheusRule", "waf").expect("a rule");
    let groups = rule["spec"]["groups"].as_array().expect("groups").iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
    let rules: BTreeMap<_, _> = rules.map(|rule| (alerts::name(rule), rule)).collect();
    assert!(!rules.contains_key("PortcullisAbsent"));
    for (alert, key, expected) in [
        ("PortcullisUninspected", "/labels/severity", "info"),
        ("PortcullisUninspected", "/labels/team", "platform"),
        ("PortcullisFailOpen", "/labels/severity", "critical"),
        ("PortcullisConfigDiffers", "/for", "1h"),
        (
            "PortcullisFailOpen",
            "/annotations/runbook_url",
            "https://wiki.test/docs/runbook.md#portcullisfailopen",
        ),
        ("PortcullisTargetDown", "/expr", "up{job=\"waf\", namespace=\"edge\"} == 0"),
    ] {
        assert_eq!(rules[alert].pointer(key).and_then(Value::as_str), Some(expected), "{alert} {key}");
    }
    for (alert, part) in [
        ("PortcullisMemoryNearLimit", "> 0.5 # threshold memoryRatio"),
        ("PortcullisBlockRateJump", "> 1e+06 # threshold blockRateRequests"),
        ("PortcullisBlockRateJump", "> 3 # threshold blockRateFactor"),
    ] {
        assert!(rules[alert]["expr"].as_str().is_some_and(|expr| expr.contains(part)), "{alert} {part}");
    }
}

#[test]
fn monitors_ask_with_the_token_of_the_admin_listener() {
    let Some(all) = rendered(ALL) else { return };
    let Some(others) = rendered("metrics: { podMonitor: { enabled: true } }") else { return };
    let monitor = object(&all, "ServiceMonitor", "portcullis").expect("a monitor");
    let service = object(&all, "Service", "portcullis-admin").expect("a service");
    let pods = object(&others, "PodMonitor", "portcullis").expect("a monitor");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let endpoints = [&monitor["spec"]["endpoints"][0], &pods["spec"]["podMetricsEndpoints"][0]];
    assert_eq!(endpoints[0]["port"], service["spec"]["ports"][0]["name"]);
    for endpoint in endpoints {
        let credentials = &endpoint["authorization"]["credentials"];
        assert_eq!(
            (&credentials["name"], &credentials["key"]),
            (&"portcullis-admin".into(), &"token".into())
        );
        assert_eq!(endpoint["relabelings"][0]["replacement"], "portcullis");
        assert_eq!(endpoint["path"], "/metrics");
    }
    let secret = object(&all, "Secret", "portcullis-admin").expect("a secret");
    assert!(secret["data"]["token"].is_string() || secret["stringData"]["token"].is_string());
    let pod = &object(&all, "Deployment", "portcullis").expect("pods")["spec"]["template"];
    for (selected, labels) in [
        (&monitor["spec"]["selector"]["matchLabels"], &service["metadata"]["labels"]),
        (&pods["spec"]["selector"]["matchLabels"], &pod["metadata"]["labels"]),
    ] {
        for (label, value) in selected.as_object().expect("labels") {
            assert_eq!(&labels[label], value, "{label}");
        }
    }
    let ports = pod["spec"]["containers"][0]["ports"].as_array().expect("ports");
    let port = ports.iter().find(|port| port["name"] == endpoints[1]["port"]).expect("a port of that name");
    assert_eq!(port["containerPort"], 9913);
}

/// The port that a PodMonitor asks is the one that values for controllers' charts give the sidecar.
#[test]
fn sidecars_have_the_port_that_is_asked() {
    let values = "topology: sidecar\nmetrics: { podMonitor: { enabled: true, podLabels: { a: b } } }\n";
    let Some(all) = rendered_alone(values) else { return };
    let pods = object(&all, "PodMonitor", "portcullis").expect("a monitor");
    assert_eq!(pods["spec"]["selector"]["matchLabels"], serde_json::json!({ "a": "b" }));
    let port = pods["spec"]["podMetricsEndpoints"][0]["port"].as_str().expect("a port");
    let directory = portcullis_tests::helm::chart().join("examples/controllers");
    let mut fronts = 0;
    for file in
        std::fs::read_dir(directory).expect("values for charts").map(|entry| entry.expect("a file").path())
    {
        let text = std::fs::read_to_string(&file).expect("a text");
        assert!(text.contains(&format!("name: {port}, containerPort: 9913")), "{}", file.display());
        fronts += 1;
    }
    assert!(fronts > 2, "{fronts}");
}

#[test]
fn what_cannot_be_meant_is_said() {
    for (values, expected) in [
        ("topology: sidecar\nmetrics: { serviceMonitor: { enabled: true } }", "take `metrics.podMonitor`"),
        ("topology: sidecar\nmetrics: { podMonitor: { enabled: true } }", "podLabels` must say"),
        ("metrics: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } }", "keep one of them"),
    ] {
        let Some(result) = render(Render { values, ..Render::default() }) else { return };
        assert!(result.as_ref().is_err_and(|said| said.contains(expected)), "{result:?}");
    }
}

#[test]
fn dashboards_are_where_grafana_looks() {
    let Some(all) = rendered(ALL) else { return };
    let map = object(&all, "ConfigMap", "portcullis-dashboards").expect("dashboards");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    let files = map["data"].as_object().expect("files");
    assert_eq!(files.len(), super::queries::dashboards().len());
    for (file, dashboard) in super::queries::dashboards() {
        let name = format!("portcullis-{}", file.file_name().expect("a name").display());
        let text = files[&name].as_str().expect("a text");
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), dashboard, "{name}");
    }
    let bytes: usize = files.values().filter_map(Value::as_str).map(str::len).sum();
    assert!(bytes < 900 << 10, "a ConfigMap holds 1 MiB");
}

#[test]
fn falco_is_told_of_this_image() {
    let values = format!("{ALL}image: {{ registry: registry.test, repository: waf/portcullis }}\n");
    let values = values.replace(
        "namespace: falco",
        "namespace: falco, outboundPorts: [53, 9000], outboundNetworks: [192.0.2.0/24]",
    );
    let Some(all) = rendered(&values) else { return };
    let map = object(&all, "ConfigMap", "portcullis-falco").expect("rules");
    assert_eq!(map["metadata"]["namespace"], "falco");
    let rules: Vec<Value> =
        serde_saphyr::from_str(map["data"]["portcullis-rules.yaml"].as_str().expect("a text")).expect("YAML");
    for (list, expected) in [
        ("portcullis_image_repositories", serde_json::json!(["registry.test/waf/portcullis"])),
        ("portcullis_outbound_ports", serde_json::json!([53, 9000])),
        ("portcullis_outbound_networks", serde_json::json!(["\"192.0.2.0/24\""])),
        (
            "portcullis_writable_paths",
            serde_json::json!(["/tmp", "/var/lib/portcullis", "/dev", "/proc/self"]),
        ),
    ] {
        let found = rules.iter().find(|item| item["list"] == list).expect("a list");
        assert_eq!(found["items"], expected, "{list}");
    }
    assert_eq!(rules.iter().filter(|item| item["rule"].is_string()).count(), 6);
}

/// The level at which the API server notes a request: that of the first rule that it fits.
fn level<'p>(policy: &'p Value, verb: &str, group: &str, resource: &str, namespace: &str) -> &'p str {
    let has = |list: &Value, word: &str| list.as_array().is_none_or(|list| list.iter().any(|it| it == word));
    let of = |resources: &Value| {
        let all = resources.as_array();
        all.is_none_or(|all| all.iter().any(|it| it["group"] == group && has(&it["resources"], resource)))
    };
    let rules = policy["rules"].as_array().expect("rules");
    let fits = |rule: &&Value| {
        has(&rule["verbs"], verb) && has(&rule["namespaces"], namespace) && of(&rule["resources"])
    };
    rules.iter().find(fits).and_then(|rule| rule["level"].as_str()).unwrap_or("left to the rules after these")
}

#[test]
fn the_audit_policy_notes_who_and_never_secrets() {
    let file = portcullis_tests::helm::chart().join("monitoring/audit-policy.yaml");
    let policy: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(Path::new(&file)).expect("a policy")).expect("YAML");
    assert_eq!((&policy["apiVersion"], &policy["kind"]), (&"audit.k8s.io/v1".into(), &"Policy".into()));
    let levels = policy["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .map(|rule| rule["level"].as_str().expect("a level"));
    assert!(levels.into_iter().all(|level| ["Metadata", "Request", "RequestResponse"].contains(&level)));
    let admission = "admissionregistration.k8s.io";
    for (verb, group, resource, namespace, expected) in [
        ("get", "", "secrets", "portcullis", "Metadata"),
        ("update", "", "secrets", "portcullis", "Metadata"),
        ("patch", "", "configmaps", "portcullis", "Metadata"),
        ("create", "", "serviceaccounts/token", "portcullis", "Metadata"),
        ("create", "", "pods/exec", "portcullis", "Request"),
        ("get", "", "pods/exec", "portcullis", "Request"),
        ("update", "", "pods/ephemeralcontainers", "portcullis", "Request"),
        ("patch", "apps", "deployments", "portcullis", "Request"),
        ("create", "", "pods", "portcullis", "Request"),
        ("list", "", "pods", "portcullis", "Metadata"),
        ("delete", "networking.k8s.io", "networkpolicies", "portcullis", "Request"),
        ("delete", admission, "validatingadmissionpolicybindings", "", "RequestResponse"),
        ("patch", "", "namespaces", "portcullis", "RequestResponse"),
        ("get", "", "secrets", "other", "left to the rules after these"),
        ("create", "", "pods/exec", "other", "left to the rules after these"),
    ] {
        assert_eq!(
            level(&policy, verb, group, resource, namespace),
            expected,
            "{verb} {resource} in {namespace}"
        );
    }
}
