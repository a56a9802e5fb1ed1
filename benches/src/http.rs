//! HTTP/1.1 as a client that sends request targets and header values byte for byte.
//!
//! Libraries normalise what they send, and hostile requests are the ones they refuse to send.

use std::io::{self, BufRead, ErrorKind, Read};

use transaction::Record;

/// What was read of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The status.
    pub status: u16,
    /// The body's length (bytes).
    pub body_bytes: u64,
    /// The number in the header `X-Received`, by which an application of ours says how much it got.
    pub told: Option<u64>,
    /// Whether the connection can be used again.
    pub keep: bool,
}

/// Headers that describe the recorded connection, not the request.
const CONNECTION_HEADERS: [&[u8]; 6] =
    [b"host", b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"accept-encoding"];

/// The bytes to send for a record.
#[must_use]
pub fn wire_form(record: &Record) -> Vec<u8> {
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

/// Reads one answer, body included.
///
/// # Errors
/// When the connection breaks before its end, or it is not HTTP/1.
pub fn read_answer(reader: &mut impl BufRead, method: &[u8]) -> io::Result<Received> {
    loop {
        let status = read_line(reader)?.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status: u16 = status.ok_or(ErrorKind::InvalidData)?;
        let (mut length, mut chunked, mut keep, mut told) = (None, false, true, None);
        loop {
            let line = read_line(reader)?.to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else { break };
            match (name, value.trim()) {
                ("content-length", value) => length = value.parse::<u64>().ok(),
                ("transfer-encoding", value) => chunked = value.ends_with("chunked"),
                ("connection", value) => keep = value != "close",
                ("x-received", value) => told = value.parse().ok(),
                _ => {}
            }
        }
        if (100..200).contains(&status) {
            continue;
        }
        if method == b"HEAD" || matches!(status, 204 | 304) {
            return Ok(Received { status, body_bytes: 0, told, keep });
        }
        let body_bytes = match (chunked, length) {
            (true, _) => skip_chunks(reader)?,
            (false, Some(length)) => skip(reader, length)?,
            (false, None) => {
                keep = false;
                io::copy(reader, &mut io::sink())?
            }
        };
        return Ok(Received { status, body_bytes, told, keep });
    }
}

fn skip_chunks(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut total = 0;
    loop {
        let line = read_line(reader)?;
        let size = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| ErrorKind::InvalidData)?;
        total += skip(reader, size)?;
        read_line(reader)?;
        if size == 0 {
            return Ok(total);
        }
    }
}

fn skip(reader: &mut impl BufRead, length: u64) -> io::Result<u64> {
    match io::copy(&mut reader.take(length), &mut io::sink())? {
        copied if copied == length => Ok(length),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(64 << 10).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_answers() {
        let received = |status, body_bytes, told, keep| Some(Received { status, body_bytes, told, keep });
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", received(200, 2, None, true)),
            (
                "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                received(403, 0, None, false),
            ),
            (
                "HTTP/1.1 200 OK\r\nX-Received: 7\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                received(200, 3, Some(7), true),
            ),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\n\r\n", received(204, 0, None, true)),
            ("HTTP/1.0 200 OK\r\n\r\nall", received(200, 3, None, false)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", None),
            ("", None),
        ] {
            assert_eq!(read_answer(&mut answer.as_bytes(), b"GET").ok(), expected, "{answer:?}");
        }
    }
}
