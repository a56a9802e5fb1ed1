//! A client that is quick to start: many requests make one scrape.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The status of a GET of `path`; 0 without an answer.
pub(crate) fn get(address: SocketAddr, path: &str) -> u16 {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"))
}

/// The same, of a client whom a trusted proxy names.
pub(crate) fn get_for(address: SocketAddr, client: &str, path: &str) -> u16 {
    let head = format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: {client}\r\n");
    send(address, &format!("{head}Connection: close\r\n\r\n"))
}

/// The status of a form that is posted.
pub(crate) fn post(address: SocketAddr, body: &str) -> u16 {
    let head =
        "POST /form HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    send(address, &format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()))
}

/// The status that these bytes get.
pub(crate) fn send(address: SocketAddr, bytes: &str) -> u16 {
    let Ok(stream) = TcpStream::connect(address) else { return 0 };
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    exchange(stream, bytes)
}

/// Asks an endpoint of dialect `native` about a GET, as a gateway does that has these headers to say. The status; 0 where nobody answers.
pub(crate) fn ask_natively(socket: &Path, headers: &str, path: &str) -> u16 {
    let Ok(stream) = UnixStream::connect(socket) else { return 0 };
    let about = format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    let head = format!("POST / HTTP/1.1\r\nHost: portcullis\r\nContent-Type: message/http\r\n{headers}");
    exchange(stream, &format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{about}", about.len()))
}

fn exchange(mut stream: impl Read + Write, bytes: &str) -> u16 {
    // Who is refused may be told so before all is sent.
    let _ = stream.write_all(bytes.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

const PATIENCE: Duration = Duration::from_secs(20);
