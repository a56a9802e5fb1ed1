//! Objects for gateways that ask: those of packaging/envoy/, with the names that values give.

use std::fs;
use std::path::Path;

use portcullis_tests::helm::{Render, documents, render};
use serde_json::Value;

use crate::configuration;

/// The gateway, what it is called and where in its file of packaging/envoy/, and the objects that both have.
const GATEWAYS: [(&str, &str, &str, &[&str]); 3] = [
    ("envoy-gateway", "eg", "default", &["EnvoyExtensionPolicy", "ClientTrafficPolicy", "ReferenceGrant"]),
    ("istio", "ingressgateway", "istio-system", &["EnvoyFilter", "DestinationRule"]),
    (
        "kgateway",
        "http",
        "kgateway-system",
        &["GatewayExtension", "TrafficPolicy", "ListenerPolicy", "ReferenceGrant"],
    ),
];

#[test]
fn objects_are_those_of_packaging() {
    for (gateway, name, namespace, kinds) in GATEWAYS {
        let values = format!(
            "topology: extproc\ninspectResponses: true\n\
             extproc: {{ gateway: {gateway}, gatewayName: {name}, gatewayNamespace: {namespace} }}\n"
        );
        let what = Render { files: &["values.yaml"], values: &values, ..Render::default() };
        let Some(made) = render(what) else { return };
        let made = made.expect(gateway);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../packaging/envoy/{gateway}.yaml"));
        let theirs = documents(&fs::read_to_string(file).expect(gateway)).expect(gateway);
        assert_eq!(theirs.len(), kinds.len(), "{gateway}");
        for kind in kinds {
            let [ours, theirs] = [&made, &theirs].map(|all| of(all, kind));
            for at in ["/apiVersion", "/metadata/namespace", "/spec"] {
                assert_eq!(ours.pointer(at), theirs.pointer(at), "{gateway}: {kind}: {at}");
            }
        }
    }
}

/// What is there for those who install by hand loads as well.
#[test]
fn the_configuration_of_packaging_passes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/envoy/kubernetes.yaml");
    let theirs = documents(&fs::read_to_string(file).expect("a file")).expect("documents");
    configuration::checked(of(&theirs, "ConfigMap")).unwrap_or_else(|said| panic!("{said}"));
}

/// In the gateway's own namespace nobody has to grant anything.
#[test]
fn a_gateway_beside_us_needs_no_grant() {
    for gateway in ["envoy-gateway", "kgateway"] {
        let values = format!(
            "topology: extproc\nextproc: {{ gateway: {gateway}, gatewayName: web, gatewayNamespace: portcullis }}\n"
        );
        let what = Render { files: &["values.yaml"], values: &values, ..Render::default() };
        let Some(made) = render(what) else { return };
        assert!(made.expect(gateway).iter().all(|it| it["kind"] != "ReferenceGrant"), "{gateway}");
    }
}

fn of<'a>(all: &'a [Value], kind: &str) -> &'a Value {
    all.iter().find(|it| it["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}
