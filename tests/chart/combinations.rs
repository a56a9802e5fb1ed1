//! Values that are right one by one and cannot be meant together: rendering stops with a sentence.

use portcullis_tests::helm::{Render, render};

/// The file that the values are set over, the values, and what the sentence says.
const CANNOT_BE_MEANT: [(&str, &str, &str); 50] = [
    (BARE, "mode: detect", "`upstreams` is empty, and topology `proxy` needs an application"),
    (BARE, "assets: [{ name: a, hosts: [a.example.com] }]", "`upstreams` is empty"),
    (
        PROXY,
        "upstreams: { api: { servers: [api.api.svc:80] } }",
        "`assets` does not say which hosts go where",
    ),
    (BARE, "config: { version: 1 }\nexistingConfigMap: waf", "are both a whole configuration"),
    (PROXY, "existingConfigMap: waf", "`upstreams` has no effect beside `config` or `existingConfigMap`"),
    (BARE, "existingConfigMap: waf\nexceptions: [{ reason: x }]", "`exceptions` has no effect"),
    (BARE, "config: { version: 1 }\ntrustedProxies: [10.0.0.0/8]", "`trustedProxies` has no effect"),
    (
        PROXY,
        "preventHosts: [a]\nassets: [{ name: a, hosts: [a] }]",
        "`preventHosts` has no effect beside `assets`",
    ),
    (PROXY, "preventHosts: [a]\nmode: prevent", "`preventHosts` has no effect where `mode` is `prevent`"),
    (PROXY, "signatures: { files: { shop: x } }", "no name of a rule file"),
    (BARE, "existingConfigMap: w\nsignatures: { files: { a.conf: x } }", "put the files into that ConfigMap"),
    (PROXY, "model: { file: none, minimumConfidence: high }", "no effect where `model.file` is `none`"),
    (PROXY, "modelVolume: { existingConfigMap: a, existingClaim: b }", "a ConfigMap or a claim, not both"),
    (BARE, "topology: extproc\nextproc: { gateway: istio }", "must say which gateway of `istio` asks"),
    (
        BARE,
        "topology: agent\ntls: { enabled: true, existingSecrets: [a] }",
        "gateways ask `agent` without TLS",
    ),
    (PROXY, "topology: extproc", "the gateway knows where requests go"),
    (BARE, "topology: agent\nagent: { dialect: nginx, bodies: true }", "dialect `nginx` sends no bodies"),
    (
        BARE,
        "topology: agent\nagent: { dialect: external-auth }",
        "`external-auth` has no way to send a token",
    ),
    (BARE, "topology: agent\nagent: { pathPrefix: /x }", "`agent.pathPrefix` is for dialect `external-auth`"),
    (BARE, "topology: sidecar\nautoscaling: { enabled: true }", "the controller's chart makes the pods"),
    (LUA, "tls: { enabled: true, existingSecrets: [a] }", "the controller ends TLS"),
    (LUA, "service: { type: LoadBalancer }", "the controller's chart makes the Service"),
    (PROXY, "tls: { enabled: true }", "`tls.enabled` needs a certificate"),
    (PROXY, "kind: DaemonSet\nautoscaling: { enabled: true }", "a DaemonSet has one pod on each node"),
    (
        PROXY,
        "kind: DaemonSet\nupdateStrategy: { rollingUpdate: { maxUnavailable: 1 } }",
        "either `maxSurge` or `maxUnavailable`",
    ),
    (
        PROXY,
        "autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 3 }",
        "is more than `autoscaling.maxReplicas`",
    ),
    (
        PROXY,
        "autoscaling: { enabled: true, targetCPUUtilizationPercentage: }",
        "needs `targetCPUUtilizationPercentage` or",
    ),
    (PROXY, "podDisruptionBudget: { maxUnavailable: 0 }", "no node can be drained"),
    (PROXY, "terminationGracePeriodSeconds: 30", "is 30, and stopping takes up to 45"),
    (
        PROXY,
        "terminationGracePeriodSeconds: 120\ndrain: { deadlineSeconds: 300 }",
        "stopping takes up to 315",
    ),
    (OWN, "terminationGracePeriodSeconds: 60", "stopping takes up to 135"),
    (PROXY, "drain: { idleSeconds: 30 }", "must be longer than `acceptSeconds` and `idleSeconds` together"),
    (PROXY, "image: { tag: latest }", "`latest`, which is no version"),
    (PROXY, "ports: { https: 9913 }", "`ports.https` and `ports.admin` are both 9913"),
    (PROXY, "securityContext: { runAsUser: 0 }", "`securityContext.runAsUser` is 0"),
    (
        PROXY,
        "podSecurityContext: { runAsNonRoot: false }",
        "`podSecurityContext.runAsNonRoot` must stay true",
    ),
    (PROXY, "securityContext: { privileged: true }", "`securityContext.privileged` must stay false"),
    (
        PROXY,
        "securityContext: { allowPrivilegeEscalation: true }",
        "`securityContext.allowPrivilegeEscalation` must",
    ),
    (
        PROXY,
        "securityContext: { readOnlyRootFilesystem: false }",
        "`securityContext.readOnlyRootFilesystem` must",
    ),
    (
        PROXY,
        "securityContext: { capabilities: { add: [NET_BIND_SERVICE] } }",
        "of which Portcullis needs none",
    ),
    (
        PROXY,
        "podSecurityContext: { seccompProfile: { type: Unconfined } }",
        "must be RuntimeDefault or Localhost",
    ),
    (PROXY, "seccompLocalhostProfile: /etc/seccomp.json", "below the kubelet's seccomp directory"),
    (PROXY, "appArmor: { type: Localhost }", "`appArmor.localhostProfile` must name the profile"),
    (PROXY, "extraVolumes: [{ name: logs, hostPath: { path: /var/log } }]", "with a path of the node"),
    (
        PROXY,
        "extraEnv: [{ name: T, valueFrom: { secretKeyRef: { name: a, key: b } } }]",
        "mount it by `extraVolumes`",
    ),
    (PROXY, "service: { externalTrafficPolicy: Local }", "no effect with `service.type: ClusterIP`"),
    (PROXY, "service: { loadBalancerSourceRanges: [10.0.0.0/8] }", "are for `service.type: LoadBalancer`"),
    (BARE, "topology: extproc\nservice: { type: LoadBalancer }", "leave it at ClusterIP"),
    (
        PROXY,
        "upstreams: { shop: { servers: [app.example.com:443] } }",
        "must say where app.example.com:443 is",
    ),
    (
        PROXY,
        "extraObjects: [{ apiVersion: v1, kind: Service, spec: { externalIPs: [192.0.2.1] } }]",
        "other people's traffic",
    ),
];

/// The defaults themselves.
const BARE: &str = "values.yaml";
const PROXY: &str = "ci/proxy-values.yaml";
const LUA: &str = "ci/sidecar-lua-values.yaml";
const OWN: &str = "ci/own-config-values.yaml";

#[test]
fn what_cannot_be_meant_stops_with_a_sentence() {
    for (file, values, sentence) in CANNOT_BE_MEANT {
        let Some(rendered) = render(Render { files: &[file], values, ..Render::default() }) else { return };
        let said = rendered.expect_err(values);
        assert!(said.contains("these values cannot be meant:\n- "), "`{values}`: {said}");
        assert!(said.contains(sentence), "`{values}` is refused for another reason: {said}");
    }
}

#[test]
fn all_objections_are_said_at_once() {
    let values =
        "kind: DaemonSet\nautoscaling: { enabled: true }\nimage: { tag: latest }\nports: { http: 9081 }";
    let Some(rendered) = render(Render { values, ..Render::default() }) else { return };
    let said = rendered.expect_err("three objections");
    assert_eq!(said.matches("\n- ").count(), 3, "{said}");
}
