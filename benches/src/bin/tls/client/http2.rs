//! HTTP/2 over TLS, by the `h2` crate. A runtime of the client's own, in its thread, drives the connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::Request;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::socket::TIMEOUT;
use super::{Exchange, Negotiated, Terms};
use crate::scenario::{HEADERS, HOST};

pub(crate) struct Http2 {
    target: SocketAddr,
    terms: Terms,
    streams: usize,
    runtime: Runtime,
    connection: Option<SendRequest<Bytes>>,
    pub(super) negotiated: Option<Negotiated>,
}

impl Http2 {
    pub(super) fn new(target: SocketAddr, terms: Terms, streams: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { target, terms, streams, runtime, connection: None, negotiated: None })
    }

    pub(super) fn send(&mut self, exchange: &Exchange, number: usize) -> Result<()> {
        let connection = self.connected()?;
        self.runtime.block_on(send(connection, exchange, number))
    }

    pub(super) fn saturate(&mut self, exchange: &Arc<Exchange>, until: Instant) -> Result<usize> {
        let (connection, streams) = (self.connected()?, self.streams);
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for stream in 0..streams {
                tasks.spawn(over_and_over(connection.clone(), Arc::clone(exchange), stream, until));
            }
            let mut sent = 0;
            while let Some(done) = tasks.join_next().await {
                sent += done??;
            }
            Ok(sent)
        })
    }

    fn connected(&mut self) -> Result<SendRequest<Bytes>> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let (connection, negotiated) = self.runtime.block_on(connect(self.target, &self.terms))?;
        self.negotiated = Some(negotiated);
        Ok(self.connection.insert(connection).clone())
    }
}

async fn connect(target: SocketAddr, terms: &Terms) -> Result<(SendRequest<Bytes>, Negotiated)> {
    let stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    let stream = BufReader::with_capacity(64 << 10, stream);
    let connector = TlsConnector::from(Arc::clone(&terms.config));
    let stream = connector.connect(terms.name()?, stream).await?;
    let negotiated = terms.check(stream.get_ref().1, true)?;
    let handshake = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(stream);
    let (sender, connection) = handshake.await?;
    // A connection that fails fails the requests on it.
    tokio::spawn(connection);
    Ok((sender, negotiated))
}

async fn over_and_over(
    connection: SendRequest<Bytes>,
    exchange: Arc<Exchange>,
    first: usize,
    until: Instant,
) -> Result<usize> {
    let mut sent = 0;
    while sent == 0 || Instant::now() < until {
        send(connection.clone(), &exchange, first + sent).await?;
        sent += 1;
    }
    Ok(sent)
}

async fn send(connection: SendRequest<Bytes>, exchange: &Exchange, number: usize) -> Result<()> {
    // Only HTTP/1.1 uploads.
    ensure!(exchange.body.is_empty(), "no body is sent");
    let target = exchange.target(number);
    let answer = timeout(TIMEOUT, answer(connection, target)).await.context("no answer");
    let (status, body_bytes) = answer.and_then(|answer| answer).with_context(|| target.to_owned())?;
    exchange.check(target, status, body_bytes)
}

/// The status of an answer and the length of its body.
async fn answer(connection: SendRequest<Bytes>, target: &str) -> Result<(u16, u64)> {
    let mut request = Request::get(format!("https://{HOST}{target}"));
    for (name, value) in HEADERS {
        request = request.header(name, value);
    }
    let (answer, _) = connection.ready().await?.send_request(request.body(())?, true)?;
    let answer = answer.await?;
    let status = answer.status().as_u16();
    let (mut body, mut length) = (answer.into_body(), 0);
    while let Some(piece) = body.data().await {
        let piece = piece?.len();
        length += piece as u64;
        body.flow_control().release_capacity(piece)?;
    }
    Ok((status, length))
}

/// How much a server may send before it is told to go on (bytes): what browsers have.
const STREAM_WINDOW_BYTES: u32 = 6 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 15 << 20;
