//! People with browsers: a page at a time over connections that are kept for some requests.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use portcullis_benches::http::read_answer;
use portcullis_benches::load::paced;

/// One of them.
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    /// Requests that its connection has carried.
    carried: usize,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, carried: 0 }
    }

    /// Asks for a page, over a new connection now and then, as browsers do.
    ///
    /// # Errors
    /// When it does not come.
    pub(crate) fn ask(&mut self) -> Result<()> {
        if self.connection.is_none() || self.carried >= REQUESTS_OF_A_CONNECTION {
            let stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_nodelay(true)?;
            (self.connection, self.carried) = (Some(BufReader::new(stream)), 0);
        }
        let mut connection = self.connection.take().ok_or_else(|| anyhow!("no connection"))?;
        connection.get_mut().write_all(PAGE)?;
        let answer = read_answer(&mut connection, b"GET")?;
        ensure!(answer.status == 200, "answered with {answer:?}");
        self.carried += 1;
        self.connection = answer.keep.then_some(connection);
        Ok(())
    }
}

/// How long each answer took, from when it was due, at a fixed rate for a time.
///
/// # Errors
/// The first request that is not answered.
pub(crate) fn latencies(address: SocketAddr, time: Duration) -> Result<Vec<Duration>> {
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::new(address)).collect();
    paced(&mut clients, RATE, time, |client, _| client.ask())
}

/// How many there are.
pub(crate) const CLIENTS: usize = 16;
/// Requests a second of all of them.
pub(crate) const RATE: f64 = 200.0;
/// How many requests a connection carries.
pub(crate) const REQUESTS_OF_A_CONNECTION: usize = 10;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
const PAGE: &[u8] = b"GET /garden/roses?page=2 HTTP/1.1\r\nHost: shop.example.test\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\nCookie: session=8f14e45fceea167a5a36dedd4bea2543\r\n\r\n";
