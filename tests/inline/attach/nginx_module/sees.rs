//! What the agent sees of a request, wherever an attack is, and what passes.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use portcullis_tests::ports;

use super::super::super::origin::Origin;
use super::super::super::streams::read_until;
use super::super::super::{curl, grpc, h2_server};
use super::super::nginx::Gateway;
use super::super::{agent, last_record, socket, table};
use super::{module, start};

#[test]
fn it_sees_everything() {
    let Some((agent, before)) = start("") else { return };
    table::check(&agent, &before.gateway.base, true, &[], &[]);
    table::check(&agent, &before.gateway.base2, true, &["--http2-prior-knowledge"], &[]);
    before.is_well();
    let errors = before.gateway.errors();
    assert!(!errors.contains("[error]"), "{errors}");
    before.counts().add_up();
}

#[test]
fn at_the_end_of_five_megabytes() {
    let Some((_agent, before)) = start("") else { return };
    let chunked = "-HTransfer-Encoding: chunked";
    for (ways, base) in [
        (vec![], &before.gateway.base),
        (vec![chunked], &before.gateway.base),
        (vec!["--http2-prior-knowledge"], &before.gateway.base2),
        // HTTP/2 without a length.
        (vec!["--http2-prior-knowledge", "-HContent-Length:"], &before.gateway.base2),
    ] {
        for path in ["/", "/unbuffered"] {
            for (word, expected) in [("friendlyword", 200), ("hostileword", 403)] {
                let body = format!("a={}&b={word}", "x".repeat(5_000_000));
                let answer = curl::run(&ways, Some(body.as_bytes()), &format!("{base}{path}"));
                assert_eq!(answer.status, expected, "{ways:?} {path} {word}\n{}", before.gateway.errors());
                if expected == 200 {
                    assert!(
                        answer.body.starts_with(&format!("{} ", body.len())),
                        "it arrives: {}",
                        answer.body
                    );
                }
            }
        }
    }
    before.is_well();
}

#[test]
fn the_message_is_what_the_client_sent() {
    let Some((agent, before)) = start("") else { return };
    let arguments = [
        "-HX-Portcullis-Client: 192.0.2.1",
        "-HX-Portcullis-Id: forged",
        "-HX-Portcullis-Score: 0",
        "-HHost: shop.test:81",
    ];
    // More headers than fit into the first part of nginx's list.
    let many: Vec<String> = (0..50).map(|n| format!("-HX-{n}: {n}")).collect();
    let arguments: Vec<&str> = arguments.into_iter().chain(many.iter().map(String::as_str)).collect();
    let answer = curl::run(&arguments, None, &before.url("/headers?a=%3C"));
    assert_eq!(answer.status, 200, "{}", before.gateway.errors());
    let record = last_record(&agent);
    for (key, expected) in [("client", "127.0.0.1"), ("host", "shop.test"), ("attachment", "native")] {
        assert_eq!(record[key], expected, "{key} of {record}");
    }
    let seen = before.origin.seen();
    let told = &seen.last().expect("a request").headers;
    let named = |wanted: &str| told.iter().filter(|(name, _)| name.starts_with(wanted)).count();
    let ids: Vec<_> = told.iter().filter(|(name, _)| name.starts_with("x-portcullis-")).collect();
    assert_eq!(
        ids,
        [&("x-portcullis-id".to_owned(), record["transactionId"].as_str().expect("an id").to_owned())]
    );
    assert_eq!((0..50).map(|n| named(&format!("x-{n}"))).filter(|found| *found == 0).count(), 0, "{told:?}");
}

#[test]
fn the_refused_get_the_page() {
    let Some((_agent, before)) = start("") else { return };
    let page = curl::run(&["-HAccept: text/html"], None, &before.url("/hostileword"));
    assert!(page.status == 403 && page.body.contains("<!doctype html>"), "{page:?}");
    let head = curl::run(&["-I"], None, &before.url("/hostileword"));
    assert!(head.status == 403 && head.body.to_lowercase().contains("content-type: "), "{head:?}");
    // The connection goes on.
    let (refused, passing) = (before.url("/hostileword"), before.url("/"));
    let both = curl::run(&["-o", "/dev/null", &refused, "-o", "/dev/null"], None, &passing);
    assert_eq!(both.connections, 0, "the second needs none of its own: {both:?}");
    assert!(before.gateway.errors().is_empty(), "{}", before.gateway.errors());
}

#[test]
fn logs_can_tell_what_became_of_requests() {
    let Some((agent, before)) = start("portcullis_fail_mode open;") else { return };
    let said = |path: &str| {
        let answer = curl::run(&["-i"], None, &before.url(path)).body;
        let line = answer.lines().find_map(|line| line.strip_prefix("X-Said: ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{answer}"))
    };
    for (path, expected) in [("/", "pass"), ("/?a=hostileword", "prevent")] {
        let said = said(path);
        let words: Vec<_> = said.split(' ').collect();
        assert_eq!((words.len(), words[0], words[1].len()), (3, expected, 32), "{said}");
    }
    assert_eq!(said("/off/").trim_end(), "off");
    let _stopped = agent.stop();
    assert_eq!(said("/").trim_end(), "down");
}

#[test]
fn what_is_not_shown_is_said() {
    let Some((agent, before)) = start("") else { return };
    let unseen = || agent.metric("portcullis_uninspected_total{reason=\"body-unseen\"}");
    assert_eq!(curl::post(&[], b"a=hostileword", &before.url("/bodiless")).status, 200);
    assert!((unseen() - 1.0).abs() < 0.1, "{}", agent.admin("/metrics"));
    assert_eq!(before.get("/bodiless?a=hostileword"), 403);
    // `on_limit` refuses what is cut.
    assert_eq!(curl::post(&[], "a=b&".repeat(500).as_bytes(), &before.url("/cut")).status, 403);
    assert_eq!(curl::post(&[], b"a=b", &before.url("/cut")).status, 200);
    // One that is too long nginx throws away, and whoever is behind its error page does not get it.
    let long = format!("a=hostileword&b={}", "x".repeat(5000));
    assert_eq!(curl::post(&[], long.as_bytes(), &before.url("/toolong")).status, 200);
    assert!((unseen() - 2.0).abs() < 0.1, "{}", agent.admin("/metrics"));
    assert_eq!(before.origin.seen().last().expect("a request").body_bytes, Some(0));
    // What is there of one without a length is shown, and refused as it is cut.
    let chunked = ["-HTransfer-Encoding: chunked"];
    for body in [long, "y".repeat(5000)] {
        let status = curl::post(&chunked, body.as_bytes(), &before.url("/toolong")).status;
        let counted = (unseen() - 2.0).abs() > 0.5;
        assert!(status == 403 || (status == 200 && counted), "{status}\n{}", before.gateway.errors());
    }
    before.counts().add_up();
}

/// A message of gRPC, before an application that speaks nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_grpc_is_seen() {
    let service = h2_server::serve(|request, respond| grpc::echo(request.into_body(), respond)).await;
    let tried = tokio::task::spawn_blocking(move || {
        let module = module()?;
        let agent = agent("native", "prevent", "", "");
        let yaml = std::fs::read_to_string(agent.file("portcullis.yaml")).expect("written");
        std::fs::write(agent.file("portcullis.yaml"), yaml.replace("{ file: rules.conf }", "builtin"))
            .expect("written");
        let agent = agent.stop().start();
        let http = format!("portcullis on; portcullis_agent unix:{};", socket(&agent));
        let server = format!(
            "location / {{ grpc_pass grpc://{service}; }} location /shop.Orders/ {{ portcullis_body off; grpc_pass grpc://{service}; }}"
        );
        let gateway = Gateway::start(&[&module], &http, &server)?;
        let way = ["--http2-prior-knowledge", "-HContent-Type: application/grpc", "-HTE: trailers"];
        for (text, expected) in [("<b>", 200), ("<script>alert(1)</script>", 403)] {
            let length = u8::try_from(text.len()).expect("short");
            let message = [&[0, 0, 0, 0, length], text.as_bytes()].concat();
            let answer = curl::run(&way, Some(&message), &format!("{}/a.B/C", gateway.base2));
            assert_eq!(answer.status, expected, "{text} {answer:?}\n{}", gateway.errors());
        }
        Some((gateway, agent))
    });
    let Some((gateway, agent)) = tried.await.expect("no panic") else { return };
    let address =
        gateway.base2.strip_prefix("http://").and_then(|text| text.parse().ok()).expect("an address");
    grpc::exchange(address).await;
    let unseen = tokio::task::spawn_blocking(move || {
        agent.metric("portcullis_uninspected_total{reason=\"body-unseen\"}")
    });
    assert!((unseen.await.expect("no panic") - 1.0).abs() < 0.1);
}

#[test]
fn upgrades_and_events_pass() {
    let Some((_agent, before)) = start("") else { return };
    let connect = |request: &str| {
        let address = before.gateway.base.strip_prefix("http://").expect("a scheme");
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        stream.write_all(request.as_bytes()).expect("sent");
        stream
    };
    let upgrade = |target: &str| {
        connect(&format!(
            "GET {target} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))
    };
    let mut stream = upgrade("/ws");
    assert!(read_until(&mut stream, "\r\n\r\n").starts_with("HTTP/1.1 101"));
    for message in ["first", "second, hostileword"] {
        stream.write_all(message.as_bytes()).expect("sent");
        assert_eq!(read_until(&mut stream, message), message);
    }
    assert!(read_until(&mut upgrade("/ws?a=hostileword"), "\r\n\r\n").starts_with("HTTP/1.1 403"));
    let begun = Instant::now();
    let mut stream = connect("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
    read_until(&mut stream, "data: 1");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// The configuration of the page is one, and does what the page says, with other addresses and files.
#[test]
fn the_configuration_that_is_documented_is_one() {
    let (Some(module), Some(program)) = (module(), portcullis_tests::nginx::program()) else { return };
    let agent = agent("native", "prevent", "", "");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/attach/nginx-module.md");
    let page = std::fs::read_to_string(page).expect("a page");
    let (_, rest) = page.split_once("```nginx\n").expect("a configuration");
    let (text, _) = rest.split_once("```").expect("its end");
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path().display().to_string();
    let signed =
        rcgen::generate_simple_self_signed(vec!["shop.example.com".to_owned()]).expect("a certificate");
    std::fs::write(directory.path().join("cert.pem"), signed.cert.pem()).expect("written");
    std::fs::write(directory.path().join("key.pem"), signed.signing_key.serialize_pem()).expect("written");
    let origin = Origin::start();
    let (address, status) = (ports::free(), ports::free());
    let mut text = format!("daemon off; user root; pid {here}/pid; error_log {here}/errors;\n{text}");
    for (theirs, ours) in [
        ("/usr/lib/nginx/modules/ngx_http_portcullis_module.so", module.as_str()),
        ("unix:/run/portcullis/inspect.sock", &format!("unix:{}", socket(&agent))),
        ("/var/log/nginx/access.log", &format!("{here}/access.log")),
        ("/etc/nginx/tls", &here),
        ("listen 443", &format!("listen {address}")),
        ("listen 127.0.0.1:9914", &format!("listen {status}")),
        ("127.0.0.1:3000", &origin.address.to_string()),
    ] {
        assert!(text.contains(theirs), "{theirs} in {text}");
        text = text.replace(theirs, ours);
    }
    std::fs::write(directory.path().join("nginx.conf"), text).expect("written");
    let mut command = std::process::Command::new(program);
    let mut running = command.arg("-c").arg(directory.path().join("nginx.conf")).spawn().expect("it starts");
    let get = |path: &str| curl::run(&["-k"], None, &format!("https://{address}{path}")).status;
    let until = Instant::now() + Duration::from_secs(10);
    while get("/") != 200 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let statuses = (get("/?a=friendlyword"), get("/?a=hostileword"));
    let counts = curl::get(&format!("http://{status}/metrics")).body;
    let log = std::fs::read_to_string(directory.path().join("access.log")).unwrap_or_default();
    portcullis_tests::nginx::end(&mut running);
    let errors = std::fs::read_to_string(directory.path().join("errors")).unwrap_or_default();
    assert_eq!(statuses, (200, 403), "{errors}");
    assert!(counts.contains("{what=\"refused\"} 1\n"), "{counts}");
    assert!(log.contains(" 403 prevent "), "{log}");
}
