//! The load: connections that send requests and check every answer.

use std::io::{BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use portcullis_benches::http::{Received, read_answer};
use portcullis_benches::load::each;

use super::scenario::Request;

/// What a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// The length of the answer's body.
    pub(crate) body_bytes: u64,
}

/// A request with what it must be answered with.
#[derive(Clone, Debug)]
pub(crate) struct Exchange<'r> {
    pub(crate) request: &'r Request,
    pub(crate) expected: Expected,
}

/// One connection that is kept, opened anew when the other side closed it.
pub(crate) struct Client {
    target: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(target: SocketAddr) -> Self {
        Self { target, connection: None }
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// When there is none, within a minute.
    pub(crate) fn send(&mut self, request: &Request) -> Result<Received> {
        let kept = self.connection.is_some();
        match self.exchange(request) {
            Ok(received) => Ok(received),
            // That a kept connection was closed meanwhile is nobody's mistake.
            Err(error) if kept && !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.exchange(request).with_context(|| describe(request))
            }
            Err(error) => Err(error).with_context(|| describe(request)),
        }
    }

    /// The same, and the answer is as expected; where it is the application's, it got the whole body.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn check(&mut self, exchange: &Exchange<'_>) -> Result<()> {
        let received = self.send(exchange.request)?;
        let answer = Expected { status: received.status, body_bytes: received.body_bytes };
        if answer != exchange.expected || !is_whole(exchange.request, &received) {
            bail!(
                "{} is answered with {received:?} instead of {:?}",
                describe(exchange.request),
                exchange.expected
            );
        }
        Ok(())
    }

    fn exchange(&mut self, request: &Request) -> std::io::Result<Received> {
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => connect(self.target)?,
        };
        let sent = connection.get_mut().write_all(&request.bytes);
        let received =
            read_answer(&mut connection, &request.method).map_err(|error| sent.err().unwrap_or(error))?;
        self.connection = received.keep.then_some(connection);
        Ok(received)
    }
}

/// Whether the application got what was sent, if it was asked.
pub(crate) fn is_whole(request: &Request, received: &Received) -> bool {
    received.told.is_none_or(|told| told == request.body_bytes)
}

fn connect(target: SocketAddr) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&target, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::with_capacity(16 << 10, stream))
}

/// The first line of a request.
pub(crate) fn describe(request: &Request) -> String {
    let line = request.bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Sends over each client as fast as answers come: every request once, or over and over until a moment. How
/// many were answered.
///
/// # Errors
/// The first answer that is not as expected.
pub(crate) fn saturate(
    clients: &mut [Client],
    exchanges: &[Exchange<'_>],
    until: Option<Instant>,
) -> Result<usize> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    each(clients, |client, failed| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let over = until.map_or(number >= exchanges.len(), |until| Instant::now() >= until);
            // Whoever sends for a time sends one request at least, or there would be nothing to divide by.
            if failed() || (over && !(until.is_some() && number == 0)) {
                return Ok(());
            }
            client.check(&exchanges[number % exchanges.len()])?;
            done.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    Ok(done.into_inner())
}
