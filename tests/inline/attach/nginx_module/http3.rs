//! HTTP/3, which no client here speaks: a program in Go (`tests/h3/`) takes their requests and asks nginx over it.
//!
//! It needs an nginx that has HTTP/3: `./x nginx-module http3`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use portcullis_tests::files::binary;
use portcullis_tests::nginx;
use portcullis_tests::ports;

use super::super::super::curl;
use super::super::super::tls::Authority;
use super::super::{agent, table};
use super::answers::{check_leaks, shows_at};

/// The program between clients and nginx; killed when dropped.
struct Bridge {
    child: Child,
    base: String,
}

impl Bridge {
    fn start(server: SocketAddr) -> Self {
        let program = binary().with_file_name("h3");
        let built = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("h3"))
            .output()
            .expect("Go is installed");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let mut child = Command::new(program)
            .arg(server.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("an address");
        Self { child, base: format!("http://{}", line.trim()) }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether nginx was built with it.
fn has_http3() -> bool {
    let said = nginx::program().and_then(|program| Command::new(program).arg("-V").output().ok());
    said.is_some_and(|said| String::from_utf8_lossy(&said.stderr).contains("http_v3_module"))
}

#[test]
#[ignore = "needs an nginx with HTTP/3: ./x nginx-module http3"]
fn requests_and_answers_are_seen_over_http3() {
    let agent = agent("native", "prevent", "inspect_responses: true", "");
    let (certificate, key) = Authority::new("authority").issue(&["localhost"], "server");
    for (name, text) in [("h3.crt", certificate), ("h3.key", key)] {
        std::fs::write(agent.file(name), text).expect("written");
    }
    let (address, file) = (ports::free(), |name| agent.file(name).display().to_string());
    let server = format!(
        "listen {address} quic; http3 on; ssl_protocols TLSv1.3; ssl_certificate {}; ssl_certificate_key {};
         add_header X-Protocol $server_protocol always;",
        file("h3.crt"),
        file("h3.key")
    );
    if !has_http3() {
        println!("left out: nginx has no HTTP/3");
        return;
    }
    let Some(before) = shows_at(&agent, "", &server) else { return };
    let bridge = Bridge::start(address);
    let base = &bridge.base;
    let answer = curl::run(&["-i"], None, &format!("{base}/"));
    assert!(answer.body.contains("X-Protocol: HTTP/3.0"), "{answer:?}\n{}", before.gateway.errors());
    table::check(&agent, base, true, &[], &[]);
    for (word, expected) in [("friendlyword", 200), ("hostileword", 403)] {
        let body = format!("a={}&b={word}", "x".repeat(5_000_000));
        for way in [&[][..], &["-HTransfer-Encoding: chunked"]] {
            let sent = curl::run(way, Some(body.as_bytes()), base);
            assert_eq!(sent.status, expected, "5 MB, {word} {way:?}\n{}", before.gateway.errors());
        }
    }
    check_leaks(&agent, &before, base, &[]);
    for (arguments, path, expected) in [
        (&["-I"][..], "/say/head/leakedword", 403),
        (&["-I"], "/say/end/leakedword", 200),
        (&["-r", "0-9"], "/files/leakedword.txt", 403),
        (&["-r", "0-9"], "/files/friendlyword.txt", 206),
        (&[], "/kept/say/cached/leakedword", 403),
        (&[], "/kept/say/cached/friendlyword", 200),
        (&[], "/say/torn/leakedword", 403),
        // Beyond the limit it passes, and is counted.
        (&[], "/say/beyond/leakedword", 200),
    ] {
        let status = curl::run(arguments, None, &format!("{base}{path}")).status;
        assert_eq!(status, expected, "{arguments:?} {path}\n{}", before.gateway.errors());
    }
    assert!(agent.metric("portcullis_uninspected_total{reason=\"response-too-large\"}") > 0.5);
    before.counts().add_up();
    before.is_well();
}
