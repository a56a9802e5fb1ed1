//! What does not end by itself: WebSockets, event streams, gRPC. Responses are not shown to the agent.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use http::{HeaderMap, Request};

use super::super::super::curl;
use super::super::super::grpc;
use super::super::super::h2_server;
use super::{Agent, Gateway, last_record, start};

#[test]
fn a_websocket_passes() {
    let Some((_origin, agent, gateway)) = start("prevent", &[]) else { return };
    let open = |query: &str| {
        let mut stream = TcpStream::connect(gateway.address()).expect("connected");
        let head = format!(
            "GET /ws{query} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("answered");
        (String::from_utf8_lossy(&answer).into_owned(), stream)
    };
    let (status, mut stream) = open("");
    assert_eq!(status, "HTTP/1.1 101", "{}", gateway.log());
    assert_eq!(last_record(&agent)["inspection"]["complete"], true);
    // What the tunnel carries nobody looks at, as behind every attachment.
    stream.write_all(b"hostileword").expect("sent");
    let mut seen = Vec::new();
    let mut piece = [0; 256];
    while !seen.windows(11).any(|part| part == b"hostileword") {
        let read = stream.read(&mut piece).expect("echoed");
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
    let (status, _) = open("?a=hostileword");
    assert_eq!(status, "HTTP/1.1 403");
}

#[test]
fn an_event_stream_passes_and_answers_are_not_seen() {
    let Some((_origin, agent, gateway)) = start("prevent", &[]) else { return };
    let mut stream = TcpStream::connect(gateway.address()).expect("connected");
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n").expect("sent");
    let mut seen = String::new();
    let mut piece = [0; 256];
    while !seen.contains("data:") {
        let read = stream.read(&mut piece).expect("more");
        assert_ne!(read, 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    assert_eq!(gateway.get("/events?a=hostileword"), 403);
    // A rule of phase 4 does not see this: it passes, by every attachment that asks about requests.
    assert_eq!(gateway.get("/leak"), 200);
    assert_eq!(last_record(&agent)["verdict"], "pass");
}

async fn send(gateway: &Gateway, message: &'static [u8]) -> (HeaderMap, Option<HeaderMap>) {
    let address = gateway.base2.trim_start_matches("http://").to_owned();
    let socket = tokio::net::TcpStream::connect(&address).await.expect("connected");
    let (client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::post(format!("http://{address}/shop.Orders/Get"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a head");
    let (response, mut body) =
        client.ready().await.expect("ready").send_request(request, false).expect("sent");
    body.send_data(Bytes::from_static(message), true).expect("sent");
    let response = response.await.expect("an answer");
    assert_eq!(response.status(), 200);
    let (head, mut body) = response.into_parts();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
    }
    (head.headers, body.trailers().await.expect("no reset"))
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_messages_are_seen_and_answered_in_kind() {
    let service = h2_server::serve(|request, respond| grpc::echo(request.into_body(), respond)).await;
    // A body of this type is nothing that rules see otherwise, by any way in.
    let rules = "SecAction \"id:20,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On\"\n";
    let agent = Agent { rules, ..Agent::default() }.start();
    let server = format!("server application {service}");
    let http2 = format!("{server} proto h2");
    let changes = [(&*server, &*http2), ("/portcullis-example.Chat/Talk", "/shop.Orders/Watch")];
    let Some(gateway) = Gateway::start(&agent, service, &changes) else { return };
    let (_, trailers) = send(&gateway, b"\0\0\0\0\x0cfriendlyword").await;
    assert!(trailers.is_some_and(|it| it["grpc-status"] == "0"), "{}", gateway.log());
    let (head, _) = send(&gateway, b"\0\0\0\0\x0bhostileword").await;
    assert_eq!(head["grpc-status"], "7", "{head:?}\n{}", gateway.log());
    assert_eq!(head["content-type"], "application/grpc");
    assert_eq!(last_record(&agent)["status"], 403);
    // One that flows both ways: nobody waits for its end, it is not seen, and it is counted.
    let unseen = "portcullis_uninspected_total{reason=\"body-unseen\"}";
    let before = agent.metric(unseen);
    let trailers =
        grpc::exchange(gateway.base2.trim_start_matches("http://").parse().expect("an address")).await;
    assert_eq!(trailers["grpc-status"], "0");
    assert!((agent.metric(unseen) - before - 1.0).abs() < 0.1, "{}", agent.admin("/metrics"));
}

/// Who does not end a body that is waited for does not get it past the agent.
#[test]
fn a_body_that_does_not_end_is_not_passed_on() {
    let changes = [("wait-for-body time 10s", "wait-for-body time 300ms")];
    let Some((origin, _agent, gateway)) = start("prevent", &changes) else { return };
    let mut stream = TcpStream::connect(gateway.address()).expect("connected");
    stream
        .write_all(b"POST /unended HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        .expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(!super::reached(&origin, "/unended"));
    assert_eq!(curl::get(&gateway.base).status, 200);
}
