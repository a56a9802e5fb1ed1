//! Rendered configurations are what Portcullis itself takes.

use std::fs;
use std::path::Path;
use std::process::Command;

use portcullis_tests::files::binary;
use portcullis_tests::helm::{Render, render};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;

use crate::topologies::Rendered;

/// Every ConfigMap with a configuration passes `portcullis check`, without a warning.
#[track_caller]
pub(crate) fn check(rendered: &Rendered) {
    let maps = rendered.objects.iter().filter(|it| it["kind"] == "ConfigMap");
    for map in maps.filter(|it| it["data"].get("portcullis.yaml").is_some()) {
        let said = checked(map).unwrap_or_else(|said| panic!("{}: {said}", rendered.name));
        assert!(!said.contains("warning"), "{}: {said}", rendered.name);
    }
}

/// What `portcullis check` says, with the files where the configuration looks for them.
pub(crate) fn checked(map: &Value) -> Result<String, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let secrets = directory.path().join("secrets");
    for (name, text) in map["data"].as_object().expect("files") {
        let text =
            text.as_str().expect("text").replace("/run/secrets/portcullis", &secrets.display().to_string());
        fs::write(directory.path().join(name), &text).expect("it can be written");
        text.split_whitespace()
            .filter_map(|word| Path::new(word).strip_prefix(&secrets).ok())
            .for_each(|file| mount(&secrets, file));
    }
    let output = Command::new(binary())
        .arg("check")
        .arg(directory.path().join("portcullis.yaml"))
        .output()
        .expect("it runs");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// A Secret as it is mounted: a token, or a certificate with its key.
fn mount(secrets: &Path, file: &Path) {
    let path = secrets.join(file);
    if file.starts_with("tls") {
        fs::create_dir_all(&path).expect("a directory");
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([format!("{name}.example.com")]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(path.join("tls.crt"), certificate.pem()).expect("it can be written");
        fs::write(path.join("tls.key"), key.serialize_pem()).expect("it can be written");
    } else {
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, "0123456789abcdef0123\n").expect("it can be written");
    }
}

/// Values, and what the configuration has of them.
const MADE: [(&str, &str, &str, &str); 16] = [
    ("ci/proxy-values.yaml", "", "/policies/default/mode", "\"detect\""),
    ("ci/proxy-values.yaml", "", "/assets/0/upstream", "\"shop\""),
    ("ci/proxy-values.yaml", "preventHosts: [a.example.com]", "/assets/0/policy", "\"prevented\""),
    ("ci/proxy-values.yaml", "preventHosts: [a.example.com]", "/policies/prevented/mode", "\"prevent\""),
    ("ci/proxy-values.yaml", "preventHosts: [a.example.com]", "/assets/1/hosts", "[\"*\"]"),
    (
        "ci/proxy-values.yaml",
        "policies: { default: { on_malformed: block } }",
        "/policies/default/on_malformed",
        "\"block\"",
    ),
    ("ci/proxy-values.yaml", "failurePolicy: block", "/policies/default/on_inspection_failure", "\"block\""),
    (
        "ci/proxy-values.yaml",
        "trustedProxies: [10.0.0.0/8]",
        "/listeners/0/trusted_proxies",
        "[\"10.0.0.0/8\"]",
    ),
    ("ci/proxy-values.yaml", "bindAddress: 0.0.0.0", "/listeners/0/address", "\"0.0.0.0:9080\""),
    ("ci/proxy-values.yaml", "model: { file: none }", "/policies/default/model", "\"none\""),
    ("ci/proxy-edge-values.yaml", "", "/listeners/0/redirect_to_https", "true"),
    ("ci/proxy-edge-values.yaml", "", "/listeners/1/tls/min_version", "\"1.3\""),
    (
        "ci/proxy-daemonset-values.yaml",
        "",
        "/policies/default/signatures/rules",
        "[\"builtin\",\"shop.conf\"]",
    ),
    ("ci/sidecar-front-values.yaml", "", "/upstreams/controller/servers", "[\"127.0.0.1:80\"]"),
    ("ci/sidecar-lua-values.yaml", "", "/attachments/inspect/0/dialect", "\"native\""),
    ("ci/agent-external-auth-values.yaml", "", "/attachments/inspect/0/path_prefix", "\"/inspect\""),
];

#[test]
fn the_configuration_has_what_values_say() {
    for (file, values, at, expected) in MADE {
        let Some(objects) = render(Render { files: &[file], values, ..Render::default() }) else { return };
        let objects = objects.unwrap_or_else(|said| panic!("{file}, {values}: {said}"));
        let maps = objects.iter().filter(|it| it["kind"] == "ConfigMap");
        let text =
            maps.filter_map(|it| it["data"]["portcullis.yaml"].as_str()).next().expect("a configuration");
        let config: Value = serde_saphyr::from_str(text).expect("YAML");
        let found = config.pointer(at).unwrap_or(&Value::Null).to_string();
        assert_eq!(found, expected, "{file}, {values}: {at} of\n{text}");
    }
}

/// What a careless hand may write is said before it is installed: by `portcullis check`, as no schema of the chart knows the configuration's keys.
#[test]
fn a_wrong_configuration_is_found_before_it_is_installed() {
    for (values, said) in [
        ("exceptions: [{ path: [/a], reason: x, expires: never }]", "unknown"),
        ("assets: [{ name: a, hosts: [a], upstream: other }]", "other"),
        ("extraConfig: { rate_limit: {} }", "rate_limit"),
        ("signatures: { files: { a.conf: SecRulez } }", "SecRulez"),
    ] {
        let Some(objects) = render(Render { values, ..Render::default() }) else { return };
        let objects = objects.expect(values);
        let mut maps = objects.iter().filter(|it| it["data"].get("portcullis.yaml").is_some());
        let found = checked(maps.next().expect("a configuration")).expect_err(values);
        assert!(found.contains(said), "{values}: {found}");
    }
}
