//! gRPC as it is on the wire: HTTP/2 streams that flow both ways, and trailers.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::h2_server;
use super::process::{Portcullis, Setup};

/// A service that sends every message back and ends with `grpc-status: 0`.
async fn service() -> SocketAddr {
    h2_server::serve(|request, respond| echo(request.into_body(), respond)).await
}

/// Answers as servers do: its head goes with the first message. So a first message that is refused has a refusal of its own, and does not break
/// an answer off.
pub(crate) async fn echo(mut body: h2::RecvStream, mut respond: h2::server::SendResponse<Bytes>) {
    let mut message = body.data().await;
    let head = Response::builder().header("content-type", "application/grpc").body(()).expect("a head");
    let Ok(mut answer) = respond.send_response(head, false) else { return };
    while let Some(Ok(piece)) = message {
        let _ = body.flow_control().release_capacity(piece.len());
        if answer.send_data(piece, false).is_err() {
            return;
        }
        message = body.data().await;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let _ = answer.send_trailers(trailers);
}

async fn call(proxy: SocketAddr, path: &str) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
    let socket = TcpStream::connect(proxy).await.expect("connected");
    let (client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::post(format!("http://{proxy}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a head");
    client.ready().await.expect("ready").send_request(request, false).expect("sent")
}

/// Two messages there and back, one after the other; the trailers.
pub(crate) async fn exchange(proxy: SocketAddr) -> HeaderMap {
    let (response, mut messages) = call(proxy, "/shop.Orders/Watch").await;
    messages.send_data(Bytes::from_static(b"\0\0\0\0\x03one"), false).expect("sent");
    let whole = async {
        let mut answer = response.await.expect("a head").into_body();
        let first = answer.data().await.expect("more").expect("a message");
        assert_eq!(&first[..], b"\0\0\0\0\x03one", "before the request ended");
        messages.send_data(Bytes::from_static(b"\0\0\0\0\x03two"), true).expect("sent");
        let second = answer.data().await.expect("more").expect("a message");
        assert_eq!(&second[..], b"\0\0\0\0\x03two");
        assert!(answer.data().await.is_none());
        answer.trailers().await.expect("no reset").expect("trailers")
    };
    timeout(Duration::from_secs(10), whole).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_flow_both_ways_and_trailers_arrive() {
    let service = service().await;
    let setup = Setup { protocol: "h2c", ..Setup::new(service) };
    let proxy = tokio::task::spawn_blocking(move || Portcullis::start(&setup)).await.expect("started");
    let trailers = exchange(proxy.address).await;
    assert_eq!(trailers.get("grpc-status"), Some(&HeaderValue::from_static("0")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_a_grpc_status() {
    let service = service().await;
    let setup = Setup { protocol: "h2c", ..Setup::new(service) };
    let proxy = tokio::task::spawn_blocking(move || Portcullis::start(&setup)).await.expect("started");
    let (response, _messages) = call(proxy.address, "/shop.Orders/Find?q=hostileword").await;
    let response = timeout(Duration::from_secs(10), response).await.expect("in time").expect("a head");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("grpc-status"), Some(&HeaderValue::from_static("7")));
    assert!(response.into_body().is_end_stream(), "headers alone");
}

/// A call with one message, whole; the status and the last headers of it.
pub(crate) async fn unary(address: SocketAddr, path: &str, message: &'static [u8]) -> (u16, HeaderMap) {
    let (response, mut sending) = call(address, path).await;
    // Who refuses by the head may not take it any more.
    let _ = sending.send_data(Bytes::from_static(message), true);
    let whole = async {
        let (head, mut body) = response.await.expect("a head").into_parts();
        let mut last = head.headers;
        while let Some(Ok(piece)) = body.data().await {
            let _ = body.flow_control().release_capacity(piece.len());
        }
        last.extend(body.trailers().await.ok().flatten().unwrap_or_default());
        (head.status.as_u16(), last)
    };
    timeout(Duration::from_secs(10), whole).await.expect("in time")
}
