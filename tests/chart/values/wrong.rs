//! Values files that are wrong: each is refused, and what is said names the key.

use portcullis_tests::helm::{Render, render};

/// The values, and where what is said must say that it is.
const WRONG: [(&str, &str); 40] = [
    ("topologie: proxy", "topologie"),
    ("topology: sidecars", "/topology"),
    ("mode: block", "/mode"),
    ("upstreams: [shop.shop.svc:8080]", "/upstreams"),
    ("upstreams: { shop: shop.shop.svc:8080 }", "/upstreams/shop"),
    ("assets: { shop: {} }", "/assets"),
    ("trustedProxies: 10.0.0.0/8", "/trustedProxies"),
    ("preventHosts: shop.example.com", "/preventHosts"),
    ("signatures: { paranoia: 5 }", "/signatures/paranoia"),
    ("signatures: { rules: builtin }", "/signatures/rules"),
    ("signatures: { file: {} }", "file"),
    ("model: default", "/model"),
    ("failurePolicy: open", "/failurePolicy"),
    ("tls: { minVersion: \"1.1\" }", "/tls/minVersion"),
    ("tls: { enabled: \"yes\" }", "/tls/enabled"),
    ("tls: { secretName: shop-tls }", "secretName"),
    ("drain: { deadline: 30s }", "deadline"),
    ("drain: { deadlineSeconds: 30s }", "/drain/deadlineSeconds"),
    ("preStopSleepSeconds: -1", "/preStopSleepSeconds"),
    ("terminationGracePeriodSeconds: 1m", "/terminationGracePeriodSeconds"),
    ("extproc: { gateway: contour }", "/extproc/gateway"),
    ("extproc: { messageTimeout: 1 }", "/extproc/messageTimeout"),
    ("extproc: { bufferBytes: 4Mi }", "/extproc/bufferBytes"),
    ("agent: { dialect: envoy }", "/agent/dialect"),
    ("sidecar: { attach: module }", "/sidecar/attach"),
    ("image: { digest: \"sha256:abc\" }", "/image/digest"),
    ("image: { pullPolicy: always }", "/image/pullPolicy"),
    ("image: portcullis:0.1.0", "/image"),
    ("kind: StatefulSet", "/kind"),
    ("replicaCount: two", "/replicaCount"),
    ("ports: { http: 80 }", "/ports/http"),
    ("admin: { port: 70000 }", "/admin/port"),
    ("tmpSize: 16MB", "/tmpSize"),
    ("appArmor: { type: runtime/default }", "/appArmor/type"),
    ("securityContext: restricted", "/securityContext"),
    ("service: { type: ExternalName }", "/service/type"),
    ("service: { externalIPs: [192.0.2.1] }", "externalIPs"),
    ("networkPolicy: { dns: { ports: [dns] } }", "/networkPolicy/dns/ports/0"),
    ("commonLabels: { team: 7 }", "/commonLabels/team"),
    ("hostUsers: \"no\"", "/hostUsers"),
];

#[test]
fn wrong_values_are_refused_by_name() {
    for (values, named) in WRONG {
        let Some(rendered) = render(Render { values, ..Render::default() }) else { return };
        let said = rendered.expect_err(values);
        assert!(said.contains("values don't meet the specifications of the schema"), "{values}: {said}");
        assert!(
            said.contains(&format!("'{named}'")),
            "`{values}` is refused without a word of `{named}`: {said}"
        );
    }
}
