//! What the application answers, and what never ends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use tokio::time::timeout;

use super::super::super::origin::{HUGE_BYTES, Origin};
use super::super::super::streams::read_until;
use super::super::super::{curl, grpc, h2_server};
use super::super::last_record;
use super::requests::safe;
use super::{Gateway, Setup, agent, gateway, socket};

#[test]
fn an_answer_that_leaks_does_not_pass() {
    for setup in safe() {
        let origin = Origin::start();
        for (mode, status) in [("prevent", 403), ("detect", 200)] {
            let agent = agent(mode, "", "");
            let Some(gateway) = gateway(&setup, &agent, &origin) else { return };
            for way in [&[][..], &["--http2-prior-knowledge"]] {
                let said = || format!("{mode} {way:?}\n{}\n{}", agent.said(), gateway.said());
                let get = |path: &str| curl::run(way, None, &format!("{}{path}", gateway.base));
                let leak = get("/leak");
                assert_eq!(
                    (leak.status, leak.body.contains("leakedword")),
                    (status, status == 200),
                    "{}",
                    said()
                );
                assert_eq!(last_record(&agent)["verdict"], if status == 200 { "detect" } else { "prevent" });
                assert_eq!(last_record(&agent)["status"], status);
                let drip = get("/drip");
                assert_eq!(
                    (drip.status, drip.body.contains("leaked")),
                    (status, status == 200),
                    "{}",
                    said()
                );
                assert_eq!(get("/").status, 200, "{}", said());
                assert_eq!(get("/gone").status, 204, "{}", said());
                assert_eq!(
                    curl::run(&[way, &["-I"]].concat(), None, &format!("{}/leak", gateway.base)).status,
                    200
                );
            }
        }
    }
}

/// In full duplex an answer of any length passes, as nobody keeps all of it.
#[test]
fn long_answers_pass_in_full_duplex() {
    let origin = Origin::start();
    let agent = agent("prevent", "", "");
    let Some(gateway) = gateway(&safe()[1], &agent, &origin) else { return };
    let huge = curl::get(&format!("{}/huge", gateway.base));
    assert_eq!((huge.status, huge.body.len()), (200, HUGE_BYTES), "{}", gateway.said());
    assert!(agent.metric("portcullis_uninspected_total{reason=\"response-too-large\"}") >= 1.0);
}

/// Where the policy does not look at answers, Envoy is told not to keep them: it would refuse one as long as this.
#[test]
fn answers_that_nobody_looks_at_are_not_kept() {
    let origin = Origin::start();
    let agent = agent("prevent", "inspect_responses: false", "");
    let Some(gateway) = gateway(&safe()[0], &agent, &origin) else { return };
    let huge = curl::get(&format!("{}/huge", gateway.base));
    assert_eq!((huge.status, huge.body.len()), (200, HUGE_BYTES), "{}", gateway.said());
    let posted = curl::post(&[], b"a=friendlyword", &format!("{}/huge", gateway.base));
    assert_eq!((posted.status, posted.body.len()), (200, HUGE_BYTES), "{}", gateway.said());
}

/// Where Envoy keeps the bodies of answers to itself, each is counted.
#[test]
fn answers_that_are_not_shown_are_counted() {
    let origin = Origin::start();
    let agent = agent("prevent", "", "");
    let Some(gateway) = gateway(&Setup::process("BUFFERED", "NONE", ""), &agent, &origin) else { return };
    assert_eq!(curl::get(&format!("{}/leak", gateway.base)).status, 200);
    let unseen =
        "portcullis_attach_uninspected_bytes_total{attachment=\"ext-proc\",reason=\"response-unseen\"}";
    assert!((agent.metric(unseen) - 100_010.0).abs() < 0.1, "{}", agent.admin("/metrics"));
    assert_eq!(last_record(&agent)["inspection"]["complete"], false);
}

fn connect(gateway: &Gateway, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}

#[test]
fn events_and_upgraded_connections_pass() {
    for setup in safe() {
        let origin = Origin::start();
        for mode in ["prevent", "detect"] {
            let agent = agent(mode, "", "");
            let Some(gateway) = gateway(&setup, &agent, &origin) else { return };
            let begun = Instant::now();
            let mut stream = connect(&gateway, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
            read_until(&mut stream, "data: 1");
            assert!(begun.elapsed() < Duration::from_secs(2), "{mode}: {:?}", begun.elapsed());
            read_until(&mut stream, "data: 2");
            let mut stream = connect(
                &gateway,
                "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            );
            let head = read_until(&mut stream, "\r\n\r\n");
            assert!(head.starts_with("HTTP/1.1 101"), "{head}");
            for message in ["first", "second, hostileword"] {
                stream.write_all(message.as_bytes()).expect("sent");
                assert_eq!(read_until(&mut stream, message), message, "{mode}");
            }
            assert!(agent.metric("portcullis_uninspected_total{reason=\"upgraded\"}") >= 1.0, "{mode}");
            // One that says it upgrades and has a body is read like any other.
            let mut stream = connect(
                &gateway,
                "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 13\r\n\r\n\
                 a=hostileword",
            );
            let mut answer = String::new();
            if mode == "prevent" {
                let _ = stream.read_to_string(&mut answer);
                assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
        }
    }
}

/// A call with one message, the last piece of it in a frame of its own or not; status and trailers.
async fn call(address: SocketAddr, message: &'static [u8], ends_apart: bool) -> (u16, HeaderMap) {
    let socket = tokio::net::TcpStream::connect(address).await.expect("connected");
    let (client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::post(format!("http://{address}/shop.Orders/Find"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a head");
    let (response, mut sending) =
        client.ready().await.expect("ready").send_request(request, false).expect("sent");
    sending.send_data(Bytes::from_static(message), !ends_apart).expect("sent");
    if ends_apart {
        sending.send_data(Bytes::new(), true).expect("sent");
    }
    let response = response.await.expect("a head");
    let (head, mut body) = response.into_parts();
    let mut last = head.headers;
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
    }
    last.extend(body.trailers().await.ok().flatten().unwrap_or_default());
    (head.status.as_u16(), last)
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_flows_both_ways_and_is_refused_in_its_own_terms() {
    let service = h2_server::serve(|request, respond| grpc::echo(request.into_body(), respond)).await;
    for setup in safe() {
        let started = tokio::task::spawn_blocking(move || {
            let agent = agent("prevent", "", "");
            let gateway = Gateway::start(&setup, &socket(&agent), service, Some(service));
            gateway.map(|gateway| (agent, gateway))
        });
        let Some((agent, gateway)) = started.await.expect("started") else { return };
        let trailers = grpc::exchange(gateway.address).await;
        assert_eq!(trailers.get("grpc-status"), Some(&HeaderValue::from_static("0")));
        let within = Duration::from_secs(10);
        for (message, status) in [(&b"\0\0\0\0\x0cfriendlyword"[..], "0"), (b"\0\0\0\0\x0bhostileword", "7")]
        {
            let called = timeout(within, call(gateway.address, message, false)).await.expect("in time");
            assert_eq!(called.0, 200, "{}", gateway.said());
            assert_eq!(called.1.get("grpc-status"), Some(&HeaderValue::from_str(status).expect("a value")));
        }
        let record = tokio::task::spawn_blocking(move || last_record(&agent)).await.expect("a record");
        assert_eq!(record["verdict"], "prevent");
    }
}
