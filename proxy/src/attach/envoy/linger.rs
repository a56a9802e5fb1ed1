//! The end of a connection.
//!
//! Who serves HTTP/2 says what there is to say and shuts down the way to the peer. If the peer writes once more then (that it
//! has heard, or has more room), a closed socket answers with an error, and Envoy acts on that before it reads what was said
//! last: the last verdict would be lost. So the connection is read until the peer closes it as well, as nginx's
//! `lingering_close` does.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

/// Reads what the peer still says, until it closes the connection or has had its time.
pub(super) async fn linger(stream: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = [0; 1_024];
    let reading = async { while matches!(stream.read(&mut bytes).await, Ok(1..)) {} };
    let _ = timeout(LINGER, reading).await;
}

/// How long who asked may take to close a connection that is over.
const LINGER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn who_writes_after_the_end_still_reads_it() {
        let (mut here, mut peer) = tokio::io::duplex(64);
        here.write_all(b"last").await.expect("room");
        here.shutdown().await.expect("open");
        let lingering = tokio::spawn(async move { linger(&mut here).await });
        peer.write_all(b"heard").await.expect("not closed");
        let mut said = String::new();
        peer.read_to_string(&mut said).await.expect("not cut off");
        assert_eq!(said, "last");
        drop(peer);
        lingering.await.expect("no panic");
    }
}
