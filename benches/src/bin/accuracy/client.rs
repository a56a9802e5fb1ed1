//! A small HTTP/1.1 client that sends request targets and header values byte for byte.
//!
//! Libraries normalise what they send, and hostile requests are the ones they refuse to send.

use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

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

/// Headers that describe the recorded connection, not the request.
const CONNECTION_HEADERS: [&[u8]; 6] =
    [b"host", b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"accept-encoding"];

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
        let (status, keep) =
            read_answer(&mut connection, method).map_err(|error| sent.err().unwrap_or(error))?;
        self.connection = keep.then_some(connection);
        Ok(status)
    }

    fn connect(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.target, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }
}

fn wire_form(record: &Record) -> Vec<u8> {
    let request = &record.request;
    let mut bytes = [&request.method[..], b" ", &request.target, b" HTTP/1.1\r\nHost: "].concat();
    bytes.extend_from_slice(request.headers.first(b"host").unwrap_or(b"shop.example.test"));
    bytes.extend_from_slice(b"\r\n");
    for header in request.headers.iter() {
        if !CONNECTION_HEADERS.iter().any(|name| header.name.eq_ignore_ascii_case(name)) {
            bytes.extend_from_slice(&[header.name, b": ", header.value, b"\r\n"].concat());
        }
    }
    if !record.body.is_empty() || !matches!(&request.method[..], b"GET" | b"HEAD" | b"OPTIONS") {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", record.body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&record.body);
    bytes
}

/// Reads one answer, body included; returns its status and whether the connection can be used again.
fn read_answer(reader: &mut impl BufRead, method: &[u8]) -> std::io::Result<(u16, bool)> {
    loop {
        let status = read_line(reader)?.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status: u16 = status.ok_or(ErrorKind::InvalidData)?;
        let (mut length, mut chunked, mut keep) = (None, false, true);
        loop {
            let line = read_line(reader)?.to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else { break };
            match (name, value.trim()) {
                ("content-length", value) => length = value.parse::<u64>().ok(),
                ("transfer-encoding", value) => chunked = value.ends_with("chunked"),
                ("connection", value) => keep = value != "close",
                _ => {}
            }
        }
        if (100..200).contains(&status) {
            continue;
        }
        if method == b"HEAD" || matches!(status, 204 | 304) {
            return Ok((status, keep));
        }
        match (chunked, length) {
            (true, _) => skip_chunks(reader)?,
            (false, Some(length)) => skip(reader, length)?,
            (false, None) => {
                std::io::copy(reader, &mut std::io::sink())?;
                keep = false;
            }
        }
        return Ok((status, keep));
    }
}

fn skip_chunks(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let line = read_line(reader)?;
        let size = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| ErrorKind::InvalidData)?;
        skip(reader, size)?;
        read_line(reader)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn skip(reader: &mut impl BufRead, length: u64) -> std::io::Result<()> {
    match std::io::copy(&mut reader.take(length), &mut std::io::sink())? {
        copied if copied == length => Ok(()),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

fn read_line(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = Vec::new();
    reader.take(64 << 10).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned())
}
