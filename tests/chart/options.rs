//! What can be chosen, and where it ends up.

use portcullis_tests::helm::{Render, render, render_text};
use serde_json::Value;

/// The values, the object (its kind, and what its name ends in), a place in it, and what is there.
const OPTIONS: [(&str, &str, &str, &str, &str); 57] = [
    ("image: { digest: DIGEST }", DEPLOYMENT, "", "/C/image", "\"ghcr.io/portcullis-waf/portcullis@DIGEST\""),
    ("image: { tag: 0.2.0 }", DEPLOYMENT, "", "/C/image", "\"ghcr.io/portcullis-waf/portcullis:0.2.0\""),
    (
        "global: { imageRegistry: r.example.com }",
        DEPLOYMENT,
        "",
        "/C/image",
        "\"r.example.com/portcullis-waf/portcullis:0.1.0\"",
    ),
    (
        "image: { digest: DIGEST }",
        "Pod",
        "-test",
        "/spec/containers/0/image",
        "\"ghcr.io/portcullis-waf/portcullis@DIGEST\"",
    ),
    (
        "imagePullSecrets: [{ name: a }]\nglobal: { imagePullSecrets: [{ name: b }] }",
        DEPLOYMENT,
        "",
        "/P/imagePullSecrets",
        r#"[{"name":"b"},{"name":"a"}]"#,
    ),
    ("imagePullSecrets: [{ name: a }]", "Pod", "-test", "/spec/imagePullSecrets", r#"[{"name":"a"}]"#),
    ("image: { pullPolicy: Always }", DEPLOYMENT, "", "/C/imagePullPolicy", "\"Always\""),
    ("nameOverride: waf", DEPLOYMENT, "", "/metadata/name", "\"portcullis-waf\""),
    ("fullnameOverride: waf", DEPLOYMENT, "", "/metadata/name", "\"waf\""),
    ("namespaceOverride: edge", DEPLOYMENT, "", "/metadata/namespace", "\"edge\""),
    ("commonLabels: { team: web }", "ConfigMap", "", "/metadata/labels/team", "\"web\""),
    ("commonLabels: { team: web }", DEPLOYMENT, "", "/spec/template/metadata/labels/team", "\"web\""),
    ("commonAnnotations: { a: b }", "Secret", "-admin", "/metadata/annotations/a", "\"b\""),
    ("podLabels: { a: b }", DEPLOYMENT, "", "/spec/template/metadata/labels/a", "\"b\""),
    ("podAnnotations: { a: b }", DEPLOYMENT, "", "/spec/template/metadata/annotations/a", "\"b\""),
    ("serviceAccount: { annotations: { a: b } }", "ServiceAccount", "", "/metadata/annotations/a", "\"b\""),
    ("serviceAccount: { create: false, name: mine }", DEPLOYMENT, "", "/P/serviceAccountName", "\"mine\""),
    (
        "seccompLocalhostProfile: profiles/portcullis.json",
        DEPLOYMENT,
        "",
        "/P/securityContext/seccompProfile",
        r#"{"localhostProfile":"profiles/portcullis.json","type":"Localhost"}"#,
    ),
    (
        "appArmor: { type: Localhost, localhostProfile: waf }",
        DEPLOYMENT,
        "",
        "/P/securityContext/appArmorProfile",
        r#"{"localhostProfile":"waf","type":"Localhost"}"#,
    ),
    ("appArmor: { type: \"\" }", DEPLOYMENT, "", "/P/securityContext/appArmorProfile", "null"),
    // Where a platform gives each namespace users of its own.
    (
        "podSecurityContext: { runAsUser: , runAsGroup: , fsGroup: }\nsecurityContext: { runAsUser: , runAsGroup: }",
        DEPLOYMENT,
        "",
        "/C/securityContext/runAsUser",
        "null",
    ),
    ("hostUsers: false", DEPLOYMENT, "", "/P/hostUsers", "false"),
    ("", DEPLOYMENT, "", "/P/hostUsers", "null"),
    ("runtimeClassName: gvisor", DEPLOYMENT, "", "/P/runtimeClassName", "\"gvisor\""),
    ("priorityClassName: high", DEPLOYMENT, "", "/P/priorityClassName", "\"high\""),
    ("nodeSelector: { a: b }", DEPLOYMENT, "", "/P/nodeSelector", r#"{"a":"b","kubernetes.io/os":"linux"}"#),
    ("tolerations: [{ operator: Exists }]", DEPLOYMENT, "", "/P/tolerations/0/operator", "\"Exists\""),
    ("", DEPLOYMENT, "", "/P/topologySpreadConstraints/1/topologyKey", "\"topology.kubernetes.io/zone\""),
    (
        "topologySpreadConstraints: [{ maxSkew: 2, topologyKey: a, whenUnsatisfiable: DoNotSchedule }]",
        DEPLOYMENT,
        "",
        "/P/topologySpreadConstraints/0/maxSkew",
        "2",
    ),
    ("resources: { limits: { cpu: 2 } }", DEPLOYMENT, "", "/C/resources/limits/cpu", "2"),
    ("resources: { limits: { cpu: 2 } }", "Pod", "-test", "/spec/containers/0/resources/limits/cpu", "2"),
    ("tmpSize: 64Mi", DEPLOYMENT, "", "/P/volumes/2/emptyDir/sizeLimit", "\"64Mi\""),
    ("replicaCount: 5", DEPLOYMENT, "", "/spec/replicas", "5"),
    (
        "autoscaling: { enabled: true, minReplicas: 3 }",
        "HorizontalPodAutoscaler",
        "",
        "/spec/minReplicas",
        "3",
    ),
    ("autoscaling: { enabled: true }", DEPLOYMENT, "", "/spec/replicas", "null"),
    ("", "PodDisruptionBudget", "", "/spec/maxUnavailable", "1"),
    (
        "podDisruptionBudget: { maxUnavailable: 25% }",
        "PodDisruptionBudget",
        "",
        "/spec/maxUnavailable",
        "\"25%\"",
    ),
    ("", "PodDisruptionBudget", "", "/spec/unhealthyPodEvictionPolicy", "\"AlwaysAllow\""),
    // Sleep, drain, and five more.
    ("", DEPLOYMENT, "", "/P/terminationGracePeriodSeconds", "45"),
    ("preStopSleepSeconds: 0", DEPLOYMENT, "", "/P/terminationGracePeriodSeconds", "35"),
    ("preStopSleepSeconds: 0", DEPLOYMENT, "", "/C/lifecycle", "null"),
    ("drain: { deadlineSeconds: 600 }", DEPLOYMENT, "", "/P/terminationGracePeriodSeconds", "615"),
    ("terminationGracePeriodSeconds: 300", DEPLOYMENT, "", "/P/terminationGracePeriodSeconds", "300"),
    (
        "restartOnConfigChange: false",
        DEPLOYMENT,
        "",
        "/spec/template/metadata/annotations/checksum~1config",
        "null",
    ),
    ("extraArgs: [--x]", DEPLOYMENT, "", "/C/args/3", "\"--x\""),
    ("extraEnv: [{ name: TZ, value: UTC }]", DEPLOYMENT, "", "/C/env/0/value", "\"UTC\""),
    (
        "service: { type: NodePort, httpNodePort: 30080 }",
        "Service",
        "portcullis",
        "/spec/ports/0/nodePort",
        "30080",
    ),
    (
        "service: { type: LoadBalancer, externalTrafficPolicy: Local }",
        "Service",
        "portcullis",
        "/spec/externalTrafficPolicy",
        "\"Local\"",
    ),
    (
        "service: { ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6, IPv4] }",
        "Service",
        "portcullis",
        "/spec/ipFamilies",
        r#"["IPv6","IPv4"]"#,
    ),
    ("", "Service", "portcullis", "/spec/ipFamilyPolicy", "\"PreferDualStack\""),
    ("", "Service", "-admin", "/spec/clusterIP", "\"None\""),
    (
        "networkPolicy: { metricsFrom: [] }\nhelmTest: { enabled: false }",
        "NetworkPolicy",
        "portcullis",
        "/spec/ingress/1",
        "null",
    ),
    (
        "networkPolicy: { dns: { enabled: false } }",
        "NetworkPolicy",
        "portcullis",
        "/spec/egress/0/ports",
        "null",
    ),
    (
        "networkPolicy: { ingressFrom: [{ podSelector: {} }] }",
        "NetworkPolicy",
        "portcullis",
        "/spec/ingress/0/from/0",
        r#"{"podSelector":{}}"#,
    ),
    ("networkPolicy: { denyOthers: true }", "NetworkPolicy", "-deny-others", "/spec/podSelector", "{}"),
    (
        "",
        "NetworkPolicy",
        "portcullis",
        "/spec/egress/1/to/0/namespaceSelector/matchLabels/kubernetes.io~1metadata.name",
        "\"shop\"",
    ),
    (
        "upstreams: { shop: { servers: [\"10.20.0.7:8080\"] } }",
        "NetworkPolicy",
        "portcullis",
        "/spec/egress/1",
        r#"{"ports":[{"port":8080,"protocol":"TCP"}],"to":[{"ipBlock":{"cidr":"10.20.0.7/32"}}]}"#,
    ),
];

const DEPLOYMENT: &str = "Deployment";
const DIGEST: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000ff";

#[test]
fn options_end_up_where_they_belong() {
    for (values, kind, name, at, expected) in OPTIONS {
        let values = &values.replace("DIGEST", DIGEST);
        let Some(objects) = render(Render { values, ..Render::default() }) else { return };
        let objects = objects.unwrap_or_else(|said| panic!("{values}: {said}"));
        let is_meant = |it: &&Value| {
            it["kind"] == kind && it["metadata"]["name"].as_str().is_some_and(|it| it.ends_with(name))
        };
        let object = objects.iter().find(is_meant).unwrap_or_else(|| panic!("{values}: no {kind} {name}"));
        let at =
            at.replace("/P/", "/spec/template/spec/").replace("/C/", "/spec/template/spec/containers/0/");
        let found = object.pointer(&at).unwrap_or(&Value::Null);
        let expected: Value = serde_json::from_str(&expected.replace("DIGEST", DIGEST)).expect(expected);
        assert_eq!(*found, expected, "{values}: {at}");
    }
}

/// Values, and a kind that is not there.
const ABSENT: [(&str, &str); 8] = [
    ("autoscaling: { enabled: false }", "HorizontalPodAutoscaler"),
    ("podDisruptionBudget: { enabled: false }", "PodDisruptionBudget"),
    ("replicaCount: 1", "PodDisruptionBudget"),
    ("kind: DaemonSet", "PodDisruptionBudget"),
    ("networkPolicy: { enabled: false }", "NetworkPolicy"),
    ("serviceAccount: { create: false, name: mine }", "ServiceAccount"),
    ("admin: { existingSecret: mine }", "Secret"),
    ("helmTest: { enabled: false }", "Pod"),
];

#[test]
fn what_is_not_wanted_is_not_there() {
    for (values, kind) in ABSENT {
        let Some(objects) = render(Render { values, ..Render::default() }) else { return };
        let objects = objects.unwrap_or_else(|said| panic!("{values}: {said}"));
        assert!(objects.iter().all(|it| it["kind"] != kind), "{values}: there is a {kind}");
    }
}

/// For who renders and compares: with Secrets of one's own, two renderings are the same. Without, the token differs, and nothing else.
#[test]
fn renderings_are_the_same_but_for_tokens_that_are_made() {
    let own = "topology: agent\nadmin: { existingSecret: a }\nagent: { existingSecret: b }\n";
    for (values, differ) in [(own, 0), ("topology: agent", 2)] {
        let again = || render_text(Render { files: &["values.yaml"], values, ..Render::default() });
        let (Some(one), Some(other)) = (again(), again()) else { return };
        let (one, other) = (one.expect(values), other.expect(values));
        let different: Vec<_> = one.lines().zip(other.lines()).filter(|(one, other)| one != other).collect();
        assert_eq!(different.len(), differ, "{values}: {different:?}");
        assert!(different.iter().all(|(line, _)| line.starts_with("  token: ")), "{different:?}");
    }
}

/// A configuration that changes restarts nothing, unless that is wanted: then the template changes with it.
#[test]
fn a_changed_configuration_restarts_pods_only_where_that_is_wanted() {
    let template = |values: &str| {
        let objects = render(Render { values, ..Render::default() })?.expect(values);
        let deployment = objects.into_iter().find(|it| it["kind"] == DEPLOYMENT).expect("a Deployment");
        Some(deployment["spec"]["template"].clone())
    };
    let Some(before) = template("mode: detect") else { return };
    assert_eq!(Some(before), template("mode: prevent"));
    let wanted = "restartOnConfigChange: true\n";
    let before = template(&format!("{wanted}mode: detect"));
    assert_ne!(before, template(&format!("{wanted}mode: prevent")));
}
