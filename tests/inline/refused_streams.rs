//! A connection of HTTP/2 after requests on it were refused: those beside them and behind them are answered as ever.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::attach;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

/// A request that is refused, and with what.
struct Row {
    path: String,
    /// What is sent of its body, if it has one.
    body: Option<Bytes>,
    /// Whether that is all of it.
    ends: bool,
    status: u16,
}

/// What both refuse.
fn rows() -> Vec<Row> {
    let long = Bytes::from(vec![b'x'; 60_000]);
    let row = |path: &str, body, ends| Row { path: path.to_owned(), body, ends, status: 403 };
    vec![
        row("/hostileword", None, true),
        row("/form", Some(Bytes::from_static(b"a=hostileword")), true),
        // Refused by its head: what comes of its body is for nobody.
        row("/hostileword", Some(long.clone()), true),
        row("/hostileword", Some(long), false),
    ]
}

/// More than a connection's window has room for, if what was refused were left in it.
const TIMES: usize = 20;

type Sending = h2::SendStream<Bytes>;

async fn ask(client: &SendRequest<Bytes>, path: &str, has_body: bool) -> (ResponseFuture, Sending) {
    let method = if has_body { "POST" } else { "GET" };
    let request = Request::builder()
        .method(method)
        .uri(format!("http://shop.test{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-forwarded-for", "192.0.2.7")
        .body(())
        .expect("a head");
    client.clone().ready().await.expect("ready").send_request(request, !has_body).expect("sent")
}

async fn status(answer: ResponseFuture) -> Result<u16, String> {
    let answer = timeout(Duration::from_secs(20), answer).await.map_err(|error| error.to_string())?;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| error.to_string())
}

/// On one connection: each row again and again, while another request is under way, and one behind it. These are below `place`.
async fn check(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, place: &str, rows: &[Row]) {
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    for Row { path, body, ends, status: expected } in rows {
        for time in 0..TIMES {
            let context = format!("{path}, {} bytes, {time}", body.as_ref().map_or(0, Bytes::len));
            let (beside, mut rest) = ask(&client, &format!("{place}/beside"), true).await;
            rest.send_data(Bytes::from_static(b"a="), false).expect("sent");
            let (refused, mut sending) = ask(&client, path, body.is_some()).await;
            if let Some(body) = body {
                // Who refuses early may have said so by now.
                let _ = sending.send_data(body.clone(), *ends);
            }
            assert_eq!(status(refused).await, Ok(*expected), "{context}");
            rest.send_data(Bytes::from_static(b"friendlyword"), true).expect("sent");
            assert_eq!(status(beside).await, Ok(200), "beside {context}");
            let (behind, _) = ask(&client, &format!("{place}/behind"), false).await;
            assert_eq!(status(behind).await, Ok(200), "behind {context}");
        }
    }
    assert!(!connection.is_finished());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_goes_on_with_the_others() {
    let start = || {
        let origin = Origin::start();
        let proxy = Portcullis::start(&Setup::new(origin.address));
        (origin, proxy)
    };
    let (_origin, proxy) = spawn_blocking(start).await.expect("started");
    check(TcpStream::connect(proxy.address).await.expect("connected"), "", &rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspect_endpoint_goes_on_with_the_others() {
    let start = || attach::agent("external-auth", "prevent", "", "path_prefix: /check, bodies: true");
    let agent = spawn_blocking(start).await.expect("started");
    let mut rows = rows();
    rows.iter_mut().for_each(|row| row.path = format!("/check{}", row.path));
    // What is not under the prefix is no question, and one of HTTP/1.1 would end its connection.
    rows.push(Row { path: "/elsewhere".to_owned(), body: None, ends: true, status: 500 });
    let stream = UnixStream::connect(attach::socket(&agent)).await.expect("connected");
    check(stream, "/check", &rows).await;
}
