//! The same request by a listener and by way of HAProxy: the same verdict, scores, matches and spans, but for what is listed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::super::super::origin::Origin;
use super::super::super::process::Portcullis;
use super::super::same::messages;
use super::Gateway;

/// Sends it, and reads what comes until the connection ends.
fn send(to: SocketAddr, message: &str) {
    let mut stream = TcpStream::connect(to).expect("it listens");
    let closing = message.replacen("\r\nHost", "\r\nConnection: close\r\nHost", 1);
    stream.write_all(closing.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

/// What is its own of each record.
const OWN: [&str; 5] = ["time", "transactionId", "status", "micros", "attachment"];

/// HAProxy has headers' names in small letters; a name is compared without case by every rule, and shown as it came.
fn in_small_letters(record: &mut Value) {
    match record {
        Value::Array(items) => items.iter_mut().for_each(in_small_letters),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(text) if NAMES_IN.contains(&key.as_str()) => {
                        let name = text.find(": ").unwrap_or(text.len());
                        text[..name].make_ascii_lowercase();
                    }
                    other => in_small_letters(other),
                }
            }
        }
        _ => {}
    }
}

/// Where records have the names of headers.
const NAMES_IN: [&str; 3] = ["target", "field", "logdata"];

#[test]
fn what_is_the_same_is_judged_the_same() {
    let origin = Origin::start();
    let yaml = format!(
        "version: 1\nlisteners: [{{ address: \"127.0.0.1:0\" }}]\n\
         attachments: {{ spoe: [{{ address: \"unix:{{here}}/spoe.sock\" }}] }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         assets: [{{ name: all, hosts: [\"*\"], upstream: app, policy: p }}]\n\
         policies: {{ p: {{ mode: detect, signatures: {{ rules: [builtin] }} }} }}\n\
         admin: {{ address: \"127.0.0.1:0\" }}\n\
         reports: {{ decisions: {{ to: \"{{here}}/decisions.jsonl\", only: all }} }}\n",
        origin.address
    );
    let agent = Portcullis::start_yaml(&yaml, "");
    // As large that all of these bodies fit.
    let changes = [("tune.bufsize 65536", "tune.bufsize 1048576")];
    let Some(gateway) = Gateway::start(&agent, origin.address, "closed", &changes) else { return };
    let messages = messages();
    for message in &messages {
        send(agent.address, message);
        send(gateway.address(), message);
    }
    let log = agent.file("decisions.jsonl");
    // Records leave by a queue, which is empty once it has stopped.
    let _stopped = agent.stop();
    let text = std::fs::read_to_string(log).expect("records");
    let records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    // The proxy asks this origin as well, and HAProxy does: only what clients sent is written down.
    assert_eq!(records.len(), 2 * messages.len());
    let mut hostile = 0;
    for (pair, message) in records.chunks(2).zip(&messages) {
        assert_eq!(pair[1]["attachment"], "spoe");
        let [inline, attached] = [&pair[0], &pair[1]].map(|record| {
            let mut record = record.clone();
            in_small_letters(&mut record);
            let map = record.as_object().expect("a map").clone();
            map.into_iter().filter(|(key, _)| !OWN.contains(&key.as_str())).collect::<BTreeMap<_, _>>()
        });
        assert_eq!(inline, attached, "{}", &message[..message.len().min(200)]);
        hostile += usize::from(inline["verdict"] == "detect");
    }
    assert!(hostile >= 7, "{hostile} of {} are hostile", messages.len());
}
