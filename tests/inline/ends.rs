//! How answers of an HTTP/2 application end: with their last bytes, behind them, or with trailers.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};

use super::curl;
use super::h2_server;
use super::process::{Portcullis, Setup};

/// Answers with the first word of the path: `/leaked/trailers`, and ends as the second says.
async fn application() -> SocketAddr {
    h2_server::serve(|request, respond| async move { answer(request.uri().path(), respond) }).await
}

fn answer(path: &str, mut respond: h2::server::SendResponse<Bytes>) {
    let mut parts = path.split('/').skip(1);
    let (word, end) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let body = Bytes::from(format!("a {word}word"));
    let mut head = Response::builder().header("content-type", "text/plain");
    if end != "trailers" {
        head = head.header("content-length", body.len());
    }
    let mut stream = respond.send_response(head.body(()).expect("a head"), false).expect("sent");
    stream.send_data(body, end == "at-once").expect("sent");
    match end {
        "later" => stream.send_data(Bytes::new(), true).expect("sent"),
        "trailers" => {
            let trailers = HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"x\""))]);
            stream.send_trailers(trailers).expect("sent");
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_judged_and_arrive_however_they_end() {
    let setup = Setup { protocol: "h2c", ..Setup::new(application().await) };
    let checked = tokio::task::spawn_blocking(move || {
        let proxy = Portcullis::start(&setup);
        for way in [&["--http1.1"][..], &["--http1.0"], &["--http2-prior-knowledge"]] {
            for kind in [&[][..], &["-HContent-Type: application/grpc"], &["-HAccept: text/event-stream"]] {
                for end in ["at-once", "later", "trailers"] {
                    let way = [way, kind].concat();
                    let clean = curl::run(&way, None, &proxy.url(&format!("/clean/{end}")));
                    assert_eq!((clean.status, &*clean.body), (200, "a cleanword"), "{way:?} {end}");
                    let leak = curl::run(&way, None, &proxy.url(&format!("/leaked/{end}")));
                    assert!(!leak.body.contains("leaked"), "{way:?} {end}: {leak:?}");
                    let is_grpc = kind.iter().any(|header| header.ends_with("grpc"));
                    assert!(is_grpc || leak.status == 403, "{way:?} {end}: {leak:?}");
                }
            }
        }
    });
    checked.await.expect("checked");
}
