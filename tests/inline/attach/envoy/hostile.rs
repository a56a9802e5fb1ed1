//! Who asks in a way that Envoy does not: what it sends is counted, and harms nobody.

use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use http::Request;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::super::says_seldom;
use super::{agent, socket};

/// A message in its frame (gRPC over HTTP/2, "Length-Prefixed-Message").
fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("short"));
    frame.put_slice(message);
    frame.freeze()
}

/// A field of protobuf that has bytes.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![tag << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push(u8::try_from(length & 0x7f).expect("a byte") | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length).expect("a byte"));
    field.extend_from_slice(bytes);
    field
}

/// `request_headers`, or others under another tag, with these.
fn head(tag: u8, headers: &[(&str, &str)]) -> Vec<u8> {
    let value = |(key, value): &(&str, &str)| {
        field(1, &[field(1, key.as_bytes()), field(3, value.as_bytes())].concat())
    };
    field(tag, &field(1, &headers.iter().flat_map(value).collect::<Vec<u8>>()))
}

/// Sends frames of a call; what came back, trailers in text, or what became of the call.
async fn call(socket: &str, path: &str, frames: &[Bytes], ends: bool) -> String {
    let stream = UnixStream::connect(socket).await.expect("connected");
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::post(format!("http://portcullis{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a head");
    let (response, mut sending) =
        client.ready().await.expect("ready").send_request(request, false).expect("sent");
    for (index, frame) in frames.iter().enumerate() {
        // The other side may have had enough.
        let _ = sending.send_data(frame.clone(), ends && index + 1 == frames.len());
    }
    if frames.is_empty() && ends {
        let _ = sending.send_data(Bytes::new(), true);
    }
    let answered = async {
        let response = response.await.map_err(|error| error.to_string())?;
        let (head, mut body) = response.into_parts();
        let mut all = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.map_err(|error| error.to_string())?;
            let _ = body.flow_control().release_capacity(piece.len());
            all.extend_from_slice(&piece);
        }
        let trailers = body.trailers().await.ok().flatten().unwrap_or_default();
        Ok::<_, String>(format!("{:?} {} {trailers:?}", head.headers, String::from_utf8_lossy(&all)))
    };
    match timeout(Duration::from_secs(20), answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => error,
        Err(_) => "nothing".to_owned(),
    }
}

const PROCESS: &str = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const WHO: (&str, &str) = ("x-forwarded-for", "192.0.2.1");

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_harmed_and_all_is_counted() {
    let begun = Instant::now();
    let agent = tokio::task::spawn_blocking(|| {
        agent("prevent", "", "limits: { message_bytes_max: 1MiB, stall_timeout: 500ms }")
    });
    let agent = agent.await.expect("started");
    let socket = socket(&agent);
    let get = [(":method", "GET"), (":path", "/"), WHO];
    let (good, twice) = (head(2, &get), [&get[..], &[(":path", "/x")]].concat());
    let body = || framed(&field(4, &field(1, b"a=1")));
    let huge = {
        let mut frame = framed(b"").to_vec();
        frame[1] = 0x7f;
        Bytes::from(frame)
    };
    let long = "x".repeat(70_000);
    for (path, frames, ends, expected, counted) in [
        (PROCESS, vec![framed(b"\xff\xff\xff\xff")], true, "grpc-status", "malformed"),
        (PROCESS, vec![huge.clone()], false, "grpc-status", "malformed"),
        (PROCESS, vec![framed(&[0; 64]).slice(..20)], true, "grpc-status", "malformed"),
        (PROCESS, vec![framed(b"")], true, "portcullis_unreadable", "unreadable"),
        (PROCESS, vec![body()], true, "portcullis_unreadable", "unreadable"),
        (PROCESS, vec![framed(&head(3, &[(":status", "200")]))], true, "portcullis_unreadable", "unreadable"),
        (
            PROCESS,
            vec![framed(&head(2, &[(":path", "/"), WHO]))],
            true,
            "portcullis_unreadable",
            "unreadable",
        ),
        (PROCESS, vec![framed(&head(2, &twice))], true, "portcullis_unreadable", "unreadable"),
        // Who it is from is said nowhere.
        (PROCESS, vec![framed(&head(2, &get[..2]))], true, "portcullis_unreadable", "unreadable"),
        (
            PROCESS,
            vec![framed(&head(2, &[get[0], get[1], WHO, ("x", &long)]))],
            true,
            "portcullis_unreadable",
            "unreadable",
        ),
        // Nobody waits for an answer.
        (
            PROCESS,
            vec![framed(&[&good[..], &[10 << 3, 1]].concat())],
            true,
            "portcullis_unreadable",
            "unreadable",
        ),
        (PROCESS, vec![framed(&good), framed(&good)], true, "portcullis_malformed", "malformed"),
        (CHECK, vec![framed(b"")], true, "not inspected", "unreadable"),
        (CHECK, vec![framed(b"\xff\xff\xff\xff")], true, "not inspected", "malformed"),
        (CHECK, vec![huge], false, "not inspected", "malformed"),
        (CHECK, vec![], true, "grpc-status\": \"3\"", "malformed"),
        // What is to come does not.
        (CHECK, vec![], false, "grpc-status\": \"4\"", "malformed"),
        (CHECK, vec![framed(&[0; 64]).slice(..20)], false, "grpc-status\": \"4\"", "malformed"),
        ("/other.Service/Call", vec![framed(b"")], true, "grpc-status\": \"12\"", ""),
    ] {
        let name = if path == CHECK { "ext-authz" } else { "ext-proc" };
        let line = format!("portcullis_attach_requests_total{{answer=\"{counted}\",attachment=\"{name}\"}}");
        let before = agent.metric(&line);
        let answer = call(&socket, path, &frames, ends).await;
        assert!(answer.contains(expected), "{path} {frames:?}: {answer}");
        if !counted.is_empty() {
            assert!(agent.metric(&line) > before, "{path} {frames:?}: not counted as {counted}");
        }
    }
    // A request that is given up before its verdict is written down.
    call(&socket, PROCESS, &[framed(&[good, field(11, &[1 << 3, 4, 2 << 3, 0])].concat()), body()], true)
        .await;
    let given_up = "portcullis_attach_requests_total{answer=\"given-up\",attachment=\"ext-proc\"}";
    assert!((agent.metric(given_up) - 1.0).abs() < 0.1, "{}", agent.admin("/metrics"));
    assert!(agent.metric("portcullis_uninspected_total{reason=\"body-cut\"}") >= 1.0);
    says_seldom(&agent, begun, "attachment=\"ext-proc\" error=");
    says_seldom(&agent, begun, "an order that Envoy does not have");
    says_seldom(&agent, begun, "Envoy calls what is not here");
    assert!(!agent.said().contains("panicked"), "{}", agent.said());
}
