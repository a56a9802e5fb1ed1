//! What does not end by itself, through gateways that ask about heads or whole requests: WebSockets, event streams, gRPC.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::super::{curl, grpc, h2_server};
use super::caddy::Caddy;
use super::{agent, last_record, lua, nginx, socket};

fn open(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    stream.write_all(request.as_bytes()).expect("sent");
    stream
}

/// Reads until there is this; all that was read.
#[track_caller]
fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let (mut seen, mut piece) = (String::new(), [0; 256]);
    while !seen.contains(wanted) {
        let read = stream.read(&mut piece).expect("more");
        assert_ne!(read, 0, "{wanted:?} in {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    seen
}

/// A WebSocket and events pass at once, once what opens them is judged.
#[track_caller]
pub(super) fn check(agent: &Portcullis, address: SocketAddr) {
    let websocket = |query: &str| {
        format!(
            "GET /ws{query} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    let mut stream = open(address, &websocket(""));
    let head = read_until(&mut stream, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}\n{}", agent.said());
    let record = last_record(agent);
    assert_eq!(record["inspection"]["complete"], true, "{record}");
    // What the tunnel carries nobody looks at.
    stream.write_all(b"hostileword").expect("sent");
    read_until(&mut stream, "hostileword");
    let refused = read_until(&mut open(address, &websocket("?a=hostileword")), "\r\n");
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");

    let begun = Instant::now();
    let mut stream = open(address, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
    read_until(&mut stream, "data: 1");
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
    read_until(&mut stream, "data: 2");
    assert_eq!(curl::get(&format!("http://{address}/events?a=hostileword")).status, 403);
}

fn address(base: &str) -> SocketAddr {
    base.trim_start_matches("http://").parse().expect("an address")
}

#[test]
fn websockets_and_events_pass() {
    let origin = Origin::start();
    let by_nginx = agent("nginx", "prevent", "", "");
    if let Some(gateway) = nginx::auth_request(&by_nginx, &origin) {
        check(&by_nginx, address(&gateway.base));
    }
    let by_caddy = agent("caddy", "prevent", "", "");
    if let Some(caddy) = Caddy::start(&socket(&by_caddy), &origin) {
        check(&by_caddy, caddy.address);
    }
    let by_lua = agent("native", "prevent", "", "");
    let Some(gateway) = lua::gateway(&socket(&by_lua), &origin, "closed") else { return };
    check(&by_lua, address(&gateway.base));
}

/// None of these shows messages of gRPC, which have no length: a call is judged by its head, and its message is counted.
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_grpc_are_judged_by_their_heads_and_messages_counted() {
    let service = h2_server::serve(|request, respond| grpc::echo(request.into_body(), respond)).await;
    let within = tokio::task::spawn_blocking(move || {
        let agents = ["nginx", "caddy", "native"].map(|dialect| agent(dialect, "prevent", "", ""));
        let place = |agent: &Portcullis| format!("unix:{}", socket(agent));
        let by_nginx = nginx::auth_request_at(&place(&agents[0]), "500ms", service);
        let by_caddy = Caddy::start_at(&format!("unix/{}", socket(&agents[1])), "500ms", service);
        let by_lua = lua::gateway_at(&place(&agents[2]), "300", service, "closed", "");
        (agents, by_nginx, by_caddy, by_lua)
    });
    let (agents, by_nginx, by_caddy, by_lua) = within.await.expect("started");
    let ways = [
        by_nginx.as_ref().map(|gateway| address(&gateway.base2)),
        by_caddy.as_ref().map(|caddy| caddy.address),
        by_lua.as_ref().map(|gateway| address(&gateway.base2)),
    ];
    for (agent, way) in agents.iter().zip(ways) {
        let Some(way) = way else { continue };
        for (path, message, passes) in [
            ("/shop.Orders/Find", &b"\0\0\0\0\x0cfriendlyword"[..], true),
            ("/shop.Orders/Find", &b"\0\0\0\0\x0bhostileword"[..], true),
            ("/shop.Orders/Find?q=hostileword", &b"\0\0\0\0\x0cfriendlyword"[..], false),
        ] {
            let unseen = || agent.metric("portcullis_uninspected_total{reason=\"body-unseen\"}");
            let before = tokio::task::block_in_place(unseen);
            let (status, last) = grpc::unary(way, path, message).await;
            let is_ok = last.get("grpc-status").is_some_and(|status| status == "0");
            assert_eq!(status == 200 && is_ok, passes, "{path}: {status} {last:?}\n{}", agent.said());
            let counted = tokio::task::block_in_place(unseen) - before;
            assert!(!passes || (counted - 1.0).abs() < 0.1, "{path}: {counted}");
        }
    }
    // Gateways end where they may wait.
    tokio::task::spawn_blocking(move || drop((agents, by_nginx, by_caddy, by_lua))).await.expect("ended");
}
