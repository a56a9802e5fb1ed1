//! The same request by a listener and by the endpoint: the same verdict, scores, matches and spans.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::super::curl;
use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::socket;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// A request but for its host.
pub(super) struct Message {
    pub(super) target: String,
    /// As they are written.
    pub(super) headers: Vec<String>,
    pub(super) body: Option<String>,
}

/// Requests, hostile and harmless.
pub(super) fn parts() -> Vec<Message> {
    let message = |target: &str, headers: &[&str], body: Option<&str>| Message {
        target: target.to_owned(),
        headers: headers.iter().map(|&header| header.to_owned()).collect(),
        body: body.map(str::to_owned),
    };
    let post = |kind: &[&str], body: &str| message("/p?x=1", kind, Some(body));
    let get = |target: &str, headers: &[&str]| message(target, headers, None);
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.php\"\r\n\r\n<?php system($_GET[1]);\r\n--b--\r\n";
    let json = "Content-Type: application/json";
    vec![
        get("/", &[]),
        get("/search?q=red+shoes", &["User-Agent: Mozilla/5.0", "Accept: text/html"]),
        get("/?q=%27%20OR%201=1--%20", &[]),
        get("/?q=<script>alert(1)</script>", &[]),
        get("/../../../../etc/passwd", &[]),
        get("/", &["User-Agent: () { :; }; /bin/cat /etc/passwd"]),
        get("/", &["Cookie: a=1' UNION SELECT password FROM users--"]),
        post(&[FORM], "a=1&b=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"),
        post(&[FORM], "name=Ann&text=It%27s+fine"),
        post(&[json], "{\"a\":[1,{\"b\":\"; cat /etc/passwd\"}]}"),
        post(&[json], "{\"a\":"),
        post(&["Content-Type: multipart/form-data; boundary=b"], multipart),
        post(&["Content-Encoding: strange"], "a=1"),
        post(&[], "a=<script>alert(1)</script>"),
        post(&[FORM], &format!("a={}&b=<script>alert(1)</script>", "x".repeat(300_000))),
    ]
}

/// The same as they are on the wire.
pub(super) fn messages() -> Vec<String> {
    let written = |message: Message| {
        let Message { target, headers, body } = message;
        let method = if body.is_some() { "POST" } else { "GET" };
        let length = body.as_ref().map(|body| format!("Content-Length: {}", body.len()));
        let headers: String = headers.into_iter().chain(length).map(|header| header + "\r\n").collect();
        format!("{method} {target} HTTP/1.1\r\nHost: shop.test\r\n{headers}\r\n{}", body.unwrap_or_default())
    };
    parts().into_iter().map(written).collect()
}

fn by_listener(agent: &Portcullis, message: &str) {
    let mut stream = TcpStream::connect(agent.address).expect("a listener");
    let closing = message.replacen("\r\nHost", "\r\nConnection: close\r\nHost", 1);
    stream.write_all(closing.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer));
}

fn by_endpoint(agent: &Portcullis, message: &str) {
    let socket = socket(agent);
    let message = message.replacen("\r\nHost", "\r\nConnection: close\r\nHost", 1);
    let arguments = [
        "--unix-socket",
        &socket,
        "-HX-Portcullis-Client: 127.0.0.1",
        "-HContent-Type: message/http",
        "-HExpect:",
    ];
    assert_eq!(curl::run(&arguments, Some(message.as_bytes()), "http://agent/").status, 200);
}

#[test]
fn what_is_the_same_is_judged_the_same() {
    let origin = Origin::start();
    let agent =
        two_ways(&origin, "", "inspect: [{ address: \"unix:{here}/inspect.sock\", dialect: native }]");
    let messages = messages();
    for message in &messages {
        by_listener(&agent, message);
        by_endpoint(&agent, message);
    }
    compare(agent, &messages, |name| name == "native", |_| {});
}

/// An agent with a listener and these attachments, which detects by the built-in rules and writes everything down.
pub(super) fn two_ways(origin: &Origin, listener: &str, attachments: &str) -> Portcullis {
    let yaml = format!(
        "version: 1\nlisteners: [{{ address: \"127.0.0.1:0\", {listener} }}]\n\
         attachments: {{ {attachments} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         assets: [{{ name: all, hosts: [\"*\"], upstream: app, policy: p }}]\n\
         policies: {{ p: {{ mode: detect, signatures: {{ rules: [builtin] }} }} }}\n\
         admin: {{ address: \"127.0.0.1:0\" }}\n\
         reports: {{ decisions: {{ to: \"{{here}}/decisions.jsonl\", only: all }} }}\n",
        origin.address
    );
    Portcullis::start_yaml(&yaml, "")
}

/// Stops the agent, and compares the records of each message: by the listener, then by an attachment. `normal` makes alike what a gateway
/// writes in another way.
#[track_caller]
pub(super) fn compare(
    agent: Portcullis,
    messages: &[String],
    is_attachment: impl Fn(&str) -> bool,
    normal: impl Fn(&mut Value),
) {
    let log = agent.file("decisions.jsonl");
    // Records leave by a queue, which is empty once it has stopped.
    let _stopped = agent.stop();
    let text = std::fs::read_to_string(log).expect("records");
    let records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    assert_eq!(records.len(), 2 * messages.len());
    let mut hostile = 0;
    for (pair, message) in records.chunks(2).zip(messages) {
        assert!(pair[1]["attachment"].as_str().is_some_and(&is_attachment));
        let [inline, attached] = [&pair[0], &pair[1]].map(|record| {
            let mut record = record.clone();
            normal(&mut record);
            let map = record.as_object_mut().expect("a map");
            OWN.iter().for_each(|own| {
                map.remove(*own);
            });
            record
        });
        assert_eq!(inline, attached, "{}", &message[..message.len().min(200)]);
        hostile += usize::from(inline["verdict"] == "detect");
    }
    assert!(hostile >= 7, "{hostile} of {} are hostile", messages.len());
}

/// What each record has for itself.
const OWN: [&str; 5] = ["time", "transactionId", "status", "micros", "attachment"];
