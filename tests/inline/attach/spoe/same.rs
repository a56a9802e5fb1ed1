//! The same request by a listener and by way of HAProxy: the same verdict, scores, matches and spans, but for what is listed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::super::super::origin::Origin;
use super::super::same::{compare, messages, two_ways};
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
    let agent = two_ways(&origin, "", "spoe: [{ address: \"unix:{here}/spoe.sock\" }]");
    // As large that all of these bodies fit.
    let changes = [("tune.bufsize 65536", "tune.bufsize 1048576")];
    let Some(gateway) = Gateway::start(&agent, origin.address, &changes) else { return };
    let messages = messages();
    for message in &messages {
        send(agent.address, message);
        send(gateway.address(), message);
    }
    // The proxy asks this origin as well, and HAProxy does: only what clients sent is written down.
    compare(agent, &messages, |name| name == "spoe", in_small_letters);
}
