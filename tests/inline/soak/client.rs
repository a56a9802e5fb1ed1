//! Clients over TLS that notice every failure.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What happened, by kind.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) counts: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) failures: Mutex<Vec<String>>,
    pub(super) stop: AtomicBool,
}

impl Tally {
    fn count(&self, kind: &'static str) {
        *self.counts.lock().expect("not poisoned").entry(kind).or_default() += 1;
    }

    fn fail(&self, what: String) {
        self.failures.lock().expect("not poisoned").push(what);
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Who asks.
#[derive(Clone)]
pub(super) struct Client {
    address: SocketAddr,
    http1: TlsConnector,
    http2: TlsConnector,
    tally: Arc<Tally>,
    /// Time between two requests.
    pause: Duration,
}

impl Client {
    pub(super) fn new(address: SocketAddr, authority: &str, tally: Arc<Tally>, pause: Duration) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).expect("PEM")).expect("a root");
        let connector = |protocol: &[u8]| {
            let mut config =
                ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
            config.alpn_protocols = vec![protocol.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        Self { address, http1: connector(b"http/1.1"), http2: connector(b"h2"), tally, pause }
    }

    /// Ticks when a request is due. What an answer takes does not make the next one late; what a drain takes is not made up for.
    fn pace(&self) -> Interval {
        let mut pace = interval(self.pause);
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        pace
    }

    async fn connect(&self, connector: &TlsConnector) -> Option<TlsStream<TcpStream>> {
        let name = ServerName::try_from("a.test").expect("a name");
        let connected = async {
            let stream = TcpStream::connect(self.address).await?;
            connector.connect(name, stream).await
        };
        match timeout(Duration::from_secs(20), connected).await {
            Ok(Ok(stream)) => {
                self.tally.count("handshakes");
                return Some(stream);
            }
            Ok(Err(error)) => self.tally.fail(format!("handshake: {error}")),
            Err(_) => self.tally.fail("handshake: no answer".to_owned()),
        }
        sleep(Duration::from_millis(100)).await;
        None
    }

    /// Requests over connections that are kept as long as the proxy keeps them.
    pub(super) async fn http1(self) {
        let mut pace = self.pace();
        while !self.tally.is_over() {
            let Some(mut stream) = self.connect(&self.http1).await else { continue };
            while !self.tally.is_over() {
                match timeout(Duration::from_secs(20), one_by_http1(&mut stream)).await {
                    Ok(Ok(is_last)) => {
                        self.tally.count("HTTP/1.1");
                        if is_last {
                            break;
                        }
                    }
                    Ok(Err(error)) => {
                        self.tally.fail(format!("HTTP/1.1: {error}"));
                        break;
                    }
                    Err(_) => {
                        self.tally.fail("HTTP/1.1: no answer".to_owned());
                        break;
                    }
                }
                pace.tick().await;
            }
        }
    }

    /// The same over HTTP/2; a connection that is told to go (GOAWAY) is replaced.
    pub(super) async fn http2(self) {
        let mut pace = self.pace();
        while !self.tally.is_over() {
            let Some(stream) = self.connect(&self.http2).await else { continue };
            let Ok((client, connection)) = h2::client::handshake(stream).await else { continue };
            let connection = tokio::spawn(connection);
            let mut client = client.ready().await.ok();
            while let Some(ready) =
                client.take().filter(|_| !self.tally.is_over() && !connection.is_finished())
            {
                match timeout(Duration::from_secs(20), one_by_http2(ready)).await {
                    Ok(Ok(next)) => {
                        self.tally.count("HTTP/2");
                        client = next;
                    }
                    // What came too late for this connection was not begun (RFC 9113, section 6.8).
                    Ok(Err(error))
                        if error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM) =>
                    {
                        self.tally.count("HTTP/2 asked again");
                    }
                    Ok(Err(error)) => self.tally.fail(format!("HTTP/2: {error}")),
                    Err(_) => self.tally.fail("HTTP/2: no answer".to_owned()),
                }
                pace.tick().await;
            }
            connection.abort();
        }
    }

    /// Messages over a WebSocket, which ends when the process it goes through does.
    pub(super) async fn web_socket(self) {
        let mut pace = self.pace();
        while !self.tally.is_over() {
            let Some(mut stream) = self.connect(&self.http1).await else { continue };
            let head =
                "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            let mut answer = [0; 512];
            let upgraded = async {
                stream.write_all(head.as_bytes()).await?;
                stream.read(&mut answer).await
            };
            match timeout(Duration::from_secs(20), upgraded).await {
                Ok(Ok(read)) if answer[..read].starts_with(b"HTTP/1.1 101") => self.tally.count("WebSockets"),
                other => {
                    self.tally.fail(format!("WebSocket: {other:?}"));
                    continue;
                }
            }
            while !self.tally.is_over() {
                let (mut back, message) = ([0; 4], b"ping");
                let echoed = async {
                    stream.write_all(message).await?;
                    stream.read_exact(&mut back).await
                };
                match timeout(Duration::from_secs(20), echoed).await {
                    Ok(Ok(_)) => self.tally.count("WebSocket messages"),
                    _ => break,
                }
                pace.tick().await;
            }
        }
    }
}

/// Whether the connection ends with this answer.
async fn one_by_http1(stream: &mut TlsStream<TcpStream>) -> std::io::Result<bool> {
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
    let mut answer = Vec::new();
    let broken = |what: &[u8]| std::io::Error::other(format!("{:?}", String::from_utf8_lossy(what)));
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(broken(&answer));
        }
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if !head.starts_with("http/1.1 200") || length.is_none() {
            return Err(broken(&answer));
        }
        if length.is_some_and(|length| body.len() >= length) {
            return Ok(head.contains("connection: close"));
        }
    }
}

type H2 = h2::client::SendRequest<Bytes>;

async fn one_by_http2(client: H2) -> Result<Option<H2>, h2::Error> {
    let mut client = client.ready().await?;
    let request = http::Request::get("https://a.test/echo").body(()).expect("a head");
    let (answer, _) = client.send_request(request, true)?;
    let answer = answer.await?;
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    while let Some(chunk) = body.data().await {
        let length = chunk?.len();
        let _ = body.flow_control().release_capacity(length);
    }
    Ok(client.ready().await.ok())
}
