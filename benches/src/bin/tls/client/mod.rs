//! Clients: each has one connection at a time and checks every answer.

mod http1;
mod http2;
mod socket;
mod terms;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::scenario::Protocol;
pub(crate) use terms::{Negotiated, Terms};

/// What must come back for every one of some targets.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) targets: Vec<String>,
    /// The body of each request, which is a POST where there is one.
    pub(crate) body: Vec<u8>,
    /// The length of each answer's body.
    pub(crate) body_bytes: u64,
}

impl Exchange {
    /// The nth request's target: all are sent in turns.
    fn target(&self, number: usize) -> &str {
        &self.targets[number % self.targets.len()]
    }

    fn check(&self, target: &str, status: u16, body_bytes: u64) -> Result<()> {
        let expected = self.body_bytes;
        ensure!(
            (status, body_bytes) == (200, expected),
            "{target} is answered with {status} and {body_bytes} bytes instead of 200 and {expected}"
        );
        Ok(())
    }
}

/// A client of one server.
pub(crate) enum Client {
    Http1(Box<http1::Http1>),
    Http2(Box<http2::Http2>),
}

impl Client {
    /// Of a server at an address.
    pub(crate) fn new(target: SocketAddr, terms: Terms, protocol: Protocol) -> Result<Self> {
        Ok(match protocol {
            Protocol::Http1 => Self::Http1(Box::new(http1::Http1::new(target, terms))),
            Protocol::Http2(streams) => Self::Http2(Box::new(http2::Http2::new(target, terms, streams)?)),
        })
    }

    /// One request, answered whole and as expected.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn send(&mut self, exchange: &Arc<Exchange>, number: usize) -> Result<()> {
        match self {
            Self::Http1(client) => client.send(exchange, number),
            Self::Http2(client) => client.send(exchange, number),
        }
    }

    /// The same over and over until a moment, so many at a time as the protocol has; how many.
    ///
    /// # Errors
    /// The first answer that is not as expected.
    pub(crate) fn saturate(&mut self, exchange: &Arc<Exchange>, until: Instant) -> Result<usize> {
        match self {
            Self::Http1(client) => {
                let mut sent = 0;
                while sent == 0 || Instant::now() < until {
                    client.send(exchange, sent)?;
                    sent += 1;
                }
                Ok(sent)
            }
            Self::Http2(client) => client.saturate(exchange, until),
        }
    }

    /// What the last connection came to.
    pub(crate) fn negotiated(&self) -> Option<&Negotiated> {
        match self {
            Self::Http1(client) => client.negotiated.as_ref(),
            Self::Http2(client) => client.negotiated.as_ref(),
        }
    }
}
