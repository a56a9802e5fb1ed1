//! As much of an HTTP client as the demonstration needs.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::cases::Case;

/// Sends a request on a connection of its own; the status of the answer.
pub(super) async fn send(proxy: SocketAddr, case: &Case) -> io::Result<u16> {
    let answer = timeout(TIMEOUT, exchange(proxy, case)).await.map_err(io::Error::other)??;
    let status = answer.get(9..12).and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

async fn exchange(proxy: SocketAddr, case: &Case) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(proxy).await?;
    stream.write_all(&request(case)).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn request(case: &Case) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", case.method, case.path);
    for (name, value) in case.headers() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("Connection: close\r\n\r\n");
    [head.as_bytes(), case.body.as_bytes()].concat()
}

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
