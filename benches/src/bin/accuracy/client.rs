//! One connection, and what became of each request that was sent over it.

use std::fmt;
use std::io::{BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use portcullis_benches::http::{read_answer, wire_form};
use transaction::Record;

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    /// The connection broke before a whole answer came.
    Broken,
    /// It was not sent.
    NotSent,
    /// A whole answer with this status.
    Status(u16),
    /// No answer in time.
    TimedOut,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken => f.write_str("broken"),
            Self::NotSent => f.write_str("not-sent"),
            Self::Status(status) => status.fmt(f),
            Self::TimedOut => f.write_str("timed-out"),
        }
    }
}

/// One keep-alive connection, opened anew when the other side closes it.
pub(crate) struct Client {
    target: SocketAddr,
    timeout: Duration,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(target: SocketAddr, timeout: Duration) -> Self {
        Self { target, timeout, connection: None }
    }

    /// Sends one request and reads the whole answer. A kept connection that turns out to be closed is
    /// replaced once: that race is the client's, not the proxy's.
    pub(crate) fn send(&mut self, record: &Record) -> Answer {
        let bytes = wire_form(record);
        let kept = self.connection.is_some();
        match self.exchange(&bytes, &record.request.method) {
            Ok(status) => Answer::Status(status),
            Err(error) => {
                self.connection = None;
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                    return Answer::TimedOut;
                }
                if kept { self.send(record) } else { Answer::Broken }
            }
        }
    }

    fn exchange(&mut self, bytes: &[u8], method: &[u8]) -> std::io::Result<u16> {
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        // A refusal may come, and the connection close, while a long body is still being sent.
        let sent = connection.get_mut().write_all(bytes);
        let received = read_answer(&mut connection, method).map_err(|error| sent.err().unwrap_or(error))?;
        self.connection = received.keep.then_some(connection);
        Ok(received.status)
    }

    fn connect(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.target, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }
}
