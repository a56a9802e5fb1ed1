//! Portcullis in its container, as the chart has it: it serves, stops, reloads, drains, and does all of it within what it may do.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use portcullis_tests::ports;
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;

use super::bundle::Bundle;
use super::running::{Container, application, ask, can_run};

/// Values for an application at an address of this machine, in prevent mode.
pub(crate) fn values(application: SocketAddr, http: u16, admin: u16) -> String {
    json!({
        "mode": "prevent",
        // In place of the example's server.
        "upstreams": { "shop": { "servers": [application.to_string()] } },
        // Tests serve nobody but themselves.
        "bindAddress": "127.0.0.1",
        "ports": { "http": http },
        "admin": { "port": admin },
        "networkPolicy": { "enabled": false },
    })
    .to_string()
}

const HOSTILE: &str = "/?q=%3Cscript%3Ealert(1)%3C/script%3E";
const SOON: Duration = Duration::from_secs(20);

#[test]
fn the_charts_container_serves_stops_reloads_and_drains() {
    if !can_run() {
        return;
    }
    let (http, admin) = (ports::free().port(), ports::free().port());
    let Some(bundle) = Bundle::rendered(&values(application(), http, admin)) else { return };
    let mut container = Container::start(bundle);
    let (http, admin) = (format!("http://127.0.0.1:{http}"), format!("http://127.0.0.1:{admin}"));
    let status = |path: &str| ask(&[&format!("{http}{path}")]).0;

    assert_eq!(status("/"), 200);
    assert_eq!(status(HOSTILE), 403);
    assert_eq!(ask(&["-d", "comment=<script>alert(1)</script>", &http]).0, 403);
    assert_eq!(ask(&[&format!("{admin}/livez")]).0, 200);
    assert_eq!(ask(&[&format!("{admin}/readyz")]).0, 200);
    is_confined(&container);

    // Detect mode, as the kubelet brings it, and then what does not load.
    let changed = container.bundle.configuration.replace("prevent", "detect");
    let config = &container.bundle.volumes["config"];
    config.update(&[("portcullis.yaml", &*changed)]).expect("written");
    container.within(SOON, || status(HOSTILE) == 200, "the new policy");
    config.update(&[("portcullis.yaml", "version: 1\nmood: bad\n")]).expect("written");
    container.within(SOON, || container.said().contains("reload failed"), "the broken one is told of");
    assert_eq!((status(HOSTILE), status("/")), (200, 200));
    config.update(&[("portcullis.yaml", &*container.bundle.configuration)]).expect("written");
    container.within(SOON, || status(HOSTILE) == 403, "the first policy again");

    drains(&mut container, &http);
}

/// A request in flight is answered, and the process ends by itself before it would be killed.
fn drains(container: &mut Container, http: &str) {
    let slow = format!("{http}/slow/2");
    let client = std::thread::spawn(move || ask(&[&slow]));
    std::thread::sleep(Duration::from_millis(500));
    let (begun, grace) = (Instant::now(), Duration::from_secs(container.bundle.grace_seconds));
    container.signal("TERM");
    assert_eq!(client.join().expect("no panic"), (200, "ok".to_owned()));
    assert_eq!(container.ends_within(grace), Some(0), "{}", container.said());
    assert!(begun.elapsed() < grace);
}

/// By what the kernel says of the process.
fn is_confined(container: &Container) {
    let pid = container.pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for (name, expected) in [
        ("Uid", "65532 65532 65532 65532"),
        ("Gid", "65532 65532 65532 65532"),
        ("Groups", "65532"),
        ("CapInh", NONE),
        ("CapPrm", NONE),
        ("CapEff", NONE),
        ("CapBnd", NONE),
        ("CapAmb", NONE),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
        ("NSpid", &format!("{pid} 1")),
    ] {
        assert_eq!(field(name), expected, "{name}");
    }
    let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("Linux");
    for (place, wanted) in [("/", "ro"), ("/etc/portcullis", "ro"), ("/tmp", "rw")] {
        let line = mounts
            .lines()
            .find(|line| line.split(' ').nth(4) == Some(place))
            .unwrap_or_else(|| panic!("{place}"));
        let options = line.split(' ').nth(5).expect("options");
        assert!(options.split(',').any(|it| it == wanted), "{line}");
    }
}

const NONE: &str = "0000000000000000";

/// All that a configuration can ask for, where one call too many is the end: a call that is merely refused may go unseen.
#[test]
fn nothing_that_it_does_is_off_the_list() {
    if !can_run() {
        return;
    }
    let (http, https, admin) = (ports::free().port(), ports::free().port(), ports::free().port());
    let Some(mut bundle) = Bundle::rendered(&values(application(), http, admin)) else { return };
    bundle.config["linux"]["seccomp"]["defaultAction"] = "SCMP_ACT_KILL_PROCESS".into();
    bundle.config["linux"]["seccomp"].as_object_mut().expect("a profile").remove("defaultErrnoRet");
    let (certificate, key) = certificate();
    let yaml = everything(application(), http, https, admin);
    let files = [
        ("portcullis.yaml", yaml),
        ("own.conf", RULE.to_owned()),
        ("tls.crt", certificate),
        ("tls.key", key),
    ];
    bundle.volumes["config"].update(&files).expect("written");
    let mut container = Container::start(bundle);
    let (plain, tls) = (format!("http://127.0.0.1:{http}"), format!("https://127.0.0.1:{https}"));
    let asked: &[&[&str]] =
        &[&["-k", "--http1.1"], &["-k", "--http2"], &["-k", "--http2", "-d", "a=1"], &["-k", "-F", "a=1"]];
    for arguments in asked {
        assert_eq!(ask(&[arguments, &[&*tls][..]].concat()).0, 200, "{arguments:?}\n{}", container.said());
        assert_eq!(ask(&[arguments, &[&*format!("{tls}/?q=stopme")][..]].concat()).0, 403, "{arguments:?}");
    }
    assert_eq!(ask(&["--http2-prior-knowledge", &plain]).0, 200);
    assert_eq!(ask(&["--compressed", "--limit-rate", "1M", &plain]).0, 200);

    container.signal("HUP");
    container.within(SOON, || container.said().contains("reloaded"), "a reload");
    assert_eq!(ask(&[&plain]).0, 200);
    let learned = container.tmp("learned");
    container.within(SOON, || learned.exists(), "what was learned is written");
    is_handed_over(&mut container, &plain);
}

/// Another process takes over while the first finishes a request. With the first, and so after that, a container ends.
fn is_handed_over(container: &mut Container, plain: &str) {
    let slow = format!("{plain}/slow/8");
    let client = std::thread::spawn(move || ask(&[&slow]));
    std::thread::sleep(Duration::from_millis(500));
    container.signal("USR2");
    container.within(SOON, || container.said().contains("another process has taken over"), "a handover");
    assert!(!client.is_finished(), "the machine is too slow for this to say anything");
    assert_eq!(ask(&[plain]).0, 200, "{}", container.said());
    assert_eq!(client.join().expect("no panic"), (200, "ok".to_owned()), "{}", container.said());
    assert_eq!(container.ends_within(SOON), Some(0), "{}", container.said());
}

fn everything(application: SocketAddr, http: u16, https: u16, admin: u16) -> String {
    // `localhost` asks the system's resolver; a unix socket, an agent of HAProxy's and one of Envoy's take no port.
    let port = application.port();
    format!(
        r#"version: 1
listeners:
  - {{ address: "127.0.0.1:{http}", h2c: true }}
  - {{ address: "127.0.0.1:{https}", tls: {{ certificates: [{{ certificate: tls.crt, key: tls.key }}] }} }}
upstreams: {{ app: {{ servers: ["localhost:{port}"], health_check: {{ path: / }} }} }}
assets: [{{ name: all, hosts: ["*"], upstream: app, policy: default }}]
policies:
  default: {{ mode: prevent, inspect_responses: true, signatures: {{ rules: [builtin, {{ file: own.conf }}] }} }}
attachments:
  inspect: [{{ address: "unix:/tmp/inspect.sock", dialect: native }}]
learning: {{ file: /tmp/learned, every: 1s }}
collections: {{ file: /tmp/collections, every: 1s }}
admin: {{ address: "127.0.0.1:{admin}" }}
reports: {{ decisions: {{ to: /tmp/decisions.jsonl, only: all }} }}
"#
    )
}

const RULE: &str = "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.seen=+1\"\n\
                    SecRule ARGS \"@contains stopme\" \"id:2,phase:2,deny,status:403,msg:'stopped'\"\n";

fn certificate() -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(["localhost".to_owned()]).expect("names");
    (parameters.self_signed(&key).expect("signed").pem(), key.serialize_pem())
}
