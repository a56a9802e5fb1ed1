//! HTTP/1.1 over TLS.

use std::io::{BufReader, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use portcullis_benches::http::read_answer;
use rustls::{ClientConnection, StreamOwned};

use super::socket::Socket;
use super::{Exchange, Negotiated, Terms};
use crate::scenario::{Connections, HEADERS, HOST};

type Tls = StreamOwned<ClientConnection, Socket>;

pub(crate) struct Http1 {
    target: SocketAddr,
    terms: Terms,
    kept: Option<BufReader<Tls>>,
    pub(super) negotiated: Option<Negotiated>,
}

impl Http1 {
    pub(super) fn new(target: SocketAddr, terms: Terms) -> Self {
        Self { target, terms, kept: None, negotiated: None }
    }

    pub(super) fn send(&mut self, exchange: &Exchange, number: usize) -> Result<()> {
        let target = exchange.target(number);
        let mut connection = match self.kept.take() {
            Some(kept) => kept,
            None => BufReader::with_capacity(16 << 10, self.connect()?),
        };
        connection.get_mut().write_all(&head(target, exchange.body.len()))?;
        connection.get_mut().write_all(&exchange.body)?;
        let answer = read_answer(&mut connection, b"GET").with_context(|| target.to_owned())?;
        exchange.check(target, answer.status, answer.body_bytes)?;
        ensure!(answer.told == Some(exchange.body.len() as u64), "{target} comes in part: {answer:?}");
        if self.terms.connections != Connections::Kept {
            close(connection.into_inner());
        } else if answer.keep {
            self.kept = Some(connection);
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<Tls> {
        let mut socket = Socket::connect(self.target)?;
        let mut tls = ClientConnection::new(Arc::clone(&self.terms.config), self.terms.name()?)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        self.negotiated = Some(self.terms.check(&tls, self.negotiated.is_none())?);
        Ok(StreamOwned::new(tls, socket))
    }
}

/// Says goodbye, as a client does that has all it wanted.
fn close(mut stream: Tls) {
    stream.conn.send_close_notify();
    // That the server was quicker is no failure.
    let _ = stream.conn.complete_io(&mut stream.sock);
}

fn head(target: &str, body_bytes: usize) -> Vec<u8> {
    let method = if body_bytes == 0 { "GET" } else { "POST" };
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n");
    if body_bytes > 0 {
        head.push_str(&format!("content-type: application/octet-stream\r\ncontent-length: {body_bytes}\r\n"));
    }
    for (name, value) in HEADERS {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}
