//! `portcullis doctor`: what it says of ways that inspect all, a part and nothing.

use std::process::{Command, Output};

use portcullis_tests::files::binary;
use portcullis_tests::ports;
use serde_json::Value;

use super::super::origin::Origin;
use super::super::process::{Portcullis, program};
use super::{lua, nginx, nginx_module, socket};

/// Before an application by a listener, and an endpoint for a gateway of that dialect.
fn agent(origin: &Origin, dialect: &str, mode: &str) -> Portcullis {
    agent_at("127.0.0.1:0", origin, dialect, mode)
}

/// The same, with its admin listener there.
fn agent_at(admin: &str, origin: &Origin, dialect: &str, mode: &str) -> Portcullis {
    let yaml = format!(
        r#"version: 1
listeners: [{{ address: "127.0.0.1:0" }}]
attachments: {{ inspect: [{{ address: "unix:{{here}}/inspect.sock", dialect: {dialect} }}] }}
upstreams: {{ application: {{ servers: ["{}"] }} }}
assets: [{{ name: shop, hosts: ["*"], policy: default, upstream: application }}]
policies: {{ default: {{ mode: {mode}, inspect_responses: true }} }}
admin: {{ address: "{admin}", token: a-long-enough-token }}
"#,
        origin.address
    );
    let agent = Portcullis::start_yaml(&yaml, "");
    std::fs::write(agent.file("token"), "a-long-enough-token\n").expect("written");
    agent
}

fn doctor(agent: &Portcullis, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(["doctor", "--admin", &format!("http://{}", agent.admin)]);
    command.arg("--token-file").arg(agent.file("token")).args(arguments);
    command.output().expect("doctor runs")
}

/// Whether the exit status is that of findings, and what each probe shows, as `name=shown` where it is not `inspected`.
#[track_caller]
pub(super) fn check(agent: &Portcullis, url: &str, expected: &str) -> Value {
    check_with(agent, &[url], expected)
}

/// With more options.
#[track_caller]
fn check_with(agent: &Portcullis, arguments: &[&str], expected: &str) -> Value {
    let output = doctor(agent, &[&["--format", "json"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {said}"));
    let rows = report["targets"][0]["rows"].as_array().expect("rows").clone();
    assert_eq!(rows.len(), 10);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let others = rows.iter().filter(|row| row["shown"] != "inspected");
    let found: Vec<_> =
        others.map(|row| format!("{}={}", text(&row["probe"]), text(&row["shown"]))).collect();
    assert_eq!(found.join(" "), expected, "{report:#}");
    assert_eq!(output.status.code(), Some(i32::from(!expected.is_empty())), "{said}");
    assert_eq!(report["findings"].as_array().map(Vec::is_empty), Some(expected.is_empty()));
    report
}

#[test]
fn a_listener_inspects_all() {
    let origin = Origin::start();
    let agent = agent(&origin, "nginx", "prevent");
    let url = format!("http://{}/shop", agent.address);
    let report = check(&agent, &url, "");
    for row in report["targets"][0]["rows"].as_array().expect("rows") {
        assert_eq!(row["way"], "listener");
        assert_eq!(row["status"] == 403, row["hostile"] == true, "{row:#}");
        assert_eq!(row["responseBytes"].is_u64(), row["hostile"] == false, "{row:#}");
        assert_eq!(row["bodyBytes"], row["inspectedBytes"], "{row:#}");
    }
    let text = String::from_utf8(doctor(&agent, &[&url]).stdout).expect("text");
    for part in [
        "listener at 127.0.0.1:",
        "attachment `nginx` at unix:",
        "policy default (prevent)",
        "\n0 findings\n",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let only = doctor(&agent, &["--only-get", "--format", "json", &url]);
    let report: Value = serde_json::from_slice(&only.stdout).expect("a report");
    assert_eq!(report["targets"][0]["rows"].as_array().map(Vec::len), Some(3));
}

#[test]
fn detect_mode_is_no_finding_and_off_is() {
    let origin = Origin::start();
    let detecting = agent(&origin, "nginx", "detect");
    let report = check(&detecting, &format!("http://{}/", detecting.address), "");
    assert!(
        report["targets"][0]["rows"]
            .as_array()
            .is_some_and(|rows| rows.iter().all(|row| row["status"] == 200))
    );
    let off = agent(&origin, "nginx", "off");
    let names = "plain query cookie form-plain form json multipart chunked end-100k end-1m";
    let all =
        |shown: &str| names.split(' ').map(|name| format!("{name}={shown}")).collect::<Vec<_>>().join(" ");
    check(&off, &format!("http://{}/", off.address), &all("off"));
    // Past the agent, and to nobody.
    check(&detecting, &format!("http://{}/", origin.address), &all("unseen"));
    check(&detecting, "http://127.0.0.1:1/", &all("unanswered"));
}

#[test]
fn auth_request_shows_no_bodies() {
    let origin = Origin::start();
    let agent = agent(&origin, "nginx", "prevent");
    let Some(gateway) = nginx::auth_request(&agent, &origin) else { return };
    let bodies = "form-plain form json multipart chunked end-100k end-1m";
    let expected: Vec<_> = bodies.split(' ').map(|name| format!("{name}=incomplete")).collect();
    let report = check(&agent, &gateway.base, &expected.join(" "));
    let advice = report["findings"][0]["advice"].as_str().expect("advice");
    assert!(advice.contains("auth_request never sends bodies"), "{advice}");
}

#[test]
fn the_lua_file_shows_all() {
    let origin = Origin::start();
    let agent = agent(&origin, "native", "prevent");
    let Some(gateway) = lua::gateway(&socket(&agent), &origin, "closed") else { return };
    let report = check(&agent, &gateway.base, "");
    assert_eq!(report["targets"][0]["rows"][0]["way"], "native");
}

/// Through the nginx module: with its answers, or without.
#[test]
fn the_nginx_module_shows_answers_if_it_is_told_to() {
    for (mode, shows) in [("prevent", true), ("detect", true), ("prevent", false)] {
        let origin = Origin::start();
        let agent = agent(&origin, "native", mode);
        let Some(gateway) = nginx_module::gateway(&socket(&agent), &origin, shows) else { return };
        let report = check(&agent, &gateway.base, "");
        let harmless =
            report["targets"][0]["rows"].as_array().expect("rows").iter().find(|row| row["hostile"] == false);
        assert_eq!(harmless.expect("a row")["responseBytes"].is_u64(), shows, "{report:#}");
        let text = String::from_utf8(doctor(&agent, &[&format!("{}/", gateway.base)]).stdout).expect("text");
        let said = if shows { "  inspected" } else { "`portcullis_responses on`" };
        let line = text.lines().find(|line| line.trim_start().starts_with("responses")).expect("a line");
        assert!(line.contains(said), "{text}");
    }
}

/// Every answer came over HTTP/2.
#[track_caller]
fn check_http2(agent: &Portcullis, arguments: &[&str], expected: &str) {
    let report = check_with(agent, &[&["--http2"], arguments].concat(), expected);
    for row in report["targets"][0]["rows"].as_array().expect("rows") {
        assert_eq!(row["http"], "HTTP/2.0", "{row:#}");
    }
    let text = doctor(agent, &[&["--http2"], arguments].concat()).stdout;
    assert!(String::from_utf8_lossy(&text).contains(" (HTTP/2)"));
}

#[test]
fn http2_is_asked_without_tls_and_over_it() {
    let origin = Origin::start();
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let yaml = format!(
        r#"version: 1
listeners:
  - {{ address: "127.0.0.1:0", h2c: true }}
  - {{ address: "{}", tls: {{ certificates: [{{ certificate: "{{here}}/cert.pem", key: "{{here}}/key.pem" }}] }} }}
upstreams: {{ application: {{ servers: ["{}"] }} }}
assets: [{{ name: shop, hosts: ["*"], policy: default, upstream: application }}]
policies: {{ default: {{ mode: prevent, inspect_responses: true }} }}
admin: {{ address: "127.0.0.1:0", token: a-long-enough-token }}
"#,
        ports::free(),
        origin.address
    );
    let files = [
        ("cert.pem", certificate.cert.pem()),
        ("key.pem", certificate.signing_key.serialize_pem()),
        ("token", "a-long-enough-token".to_owned()),
    ];
    let agent = Portcullis::start_yaml_with(&yaml, "", &files);
    let ports: Vec<u16> = agent.said().lines().filter_map(listening_port).collect();
    let [clear, tls] = ports[..] else { panic!("two listeners: {}", agent.said()) };
    check_http2(&agent, &[&format!("http://127.0.0.1:{clear}/shop")], "");
    let ca = agent.file("cert.pem").display().to_string();
    let over_tls = ["--connect", "127.0.0.1", "--ca", &ca, &format!("https://localhost:{tls}/shop")];
    check_http2(&agent, &over_tls, "");
    // And over HTTP/1.1 where that is what is asked for.
    let report = check_with(&agent, &over_tls, "");
    assert_eq!(report["targets"][0]["rows"][0]["http"], "HTTP/1.1");
}

fn listening_port(line: &str) -> Option<u16> {
    let (_, found) = line.strip_prefix("listening on ")?.split_once("://127.0.0.1:")?;
    found.split(' ').next()?.parse().ok()
}

#[test]
fn http2_through_gateways() {
    let origin = Origin::start();
    let blind = agent(&origin, "nginx", "prevent");
    if let Some(gateway) = nginx::auth_request(&blind, &origin) {
        let bodies = "form-plain form json multipart chunked end-100k end-1m";
        let expected: Vec<_> = bodies.split(' ').map(|name| format!("{name}=incomplete")).collect();
        check_http2(&blind, &[&gateway.base2], &expected.join(" "));
    }
    let agent = agent(&origin, "native", "prevent");
    let Some(gateway) = lua::gateway(&socket(&agent), &origin, "closed") else { return };
    // A body without a length the module does not read: it goes nowhere, which is no finding.
    let output = doctor(&agent, &["--http2", "--format", "json", &gateway.base2]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let shown = report["targets"][0]["rows"].as_array().expect("rows").iter();
    let shown: Vec<_> = shown.map(|row| row["shown"].as_str().expect("a word")).collect();
    assert!(shown.iter().all(|it| ["inspected", "declined", "unanswered"].contains(it)), "{report:#}");
    assert_eq!(shown.iter().filter(|it| **it != "inspected").count(), 1, "{report:#}");
}

#[test]
fn says_what_is_wrong_with_the_question() {
    let origin = Origin::start();
    let agent = agent(&origin, "nginx", "prevent");
    // Nothing to send is no finding.
    let nothing = doctor(&agent, &[]);
    assert_eq!(nothing.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&nothing.stdout).contains("Nothing was sent"));
    std::fs::write(agent.file("token"), "another\n").expect("written");
    for (arguments, said) in [
        (&["http://127.0.0.1:1/"][..], "--token-file"),
        (&["shop.example.com"], "is no URL"),
        (&["http://127.0.0.1:1/?a=b"], "has a query"),
    ] {
        let output = doctor(&agent, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(said), "{arguments:?}: {error}");
    }
    let nobody = Command::new(binary())
        .args(["doctor", "--admin", "http://127.0.0.1:1"])
        .output()
        .expect("doctor runs");
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("cannot ask the agent"));
}

/// Behind one name, as pods are behind a headless Service: whichever gets a probe, it is seen.
#[test]
fn every_agent_behind_a_name_is_asked() {
    let origin = Origin::start();
    let first = agent(&origin, "nginx", "prevent");
    let port = first.admin.port();
    let second = agent_at(&format!("127.0.0.2:{port}"), &origin, "nginx", "prevent");
    std::fs::write(first.file("hosts"), "127.0.0.1 agents.test\n127.0.0.2 agents.test\n").expect("written");
    let admin = format!("http://agents.test:{port}");
    for asked in [&first, &second] {
        let mut doctor = program(&first.file("hosts"));
        doctor.args(["doctor", "--admin", &admin, "--token-file"]).arg(first.file("token"));
        let output = doctor.arg(format!("http://{}/", asked.address)).output().expect("doctor runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.contains("one of 2 agents behind this name") && text.contains("\n0 findings\n"),
            "{text}"
        );
    }
    // One that is gone is not asked, and what went by it would be missing.
    drop(second);
    let mut doctor = program(&first.file("hosts"));
    doctor.args(["doctor", "--admin", &admin, "--token-file"]).arg(first.file("token"));
    let output = doctor.arg(format!("http://{}/", first.address)).output().expect("doctor runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
