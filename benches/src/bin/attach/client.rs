//! Clients with connections that are kept, and what they ask.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use portcullis_benches::http::read_answer;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Message {
    /// A page, as browsers ask for it.
    Page,
    /// A form of 1 KB.
    Form,
}

impl Message {
    pub(crate) const ALL: [Self; 2] = [Self::Page, Self::Form];

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Page => format!("GET /garden/roses?page=2 HTTP/1.1\r\n{BROWSER}\r\n").into_bytes(),
            Self::Form => {
                let body =
                    format!("name=Ann&place=Garden&text={}", "It+is+a+fine+day+for+roses.+".repeat(35));
                let length = body.len();
                let kind = "Content-Type: application/x-www-form-urlencoded";
                format!(
                    "POST /garden/note HTTP/1.1\r\n{BROWSER}{kind}\r\nContent-Length: {length}\r\n\r\n{body}"
                )
                .into_bytes()
            }
        }
    }
}

/// One of them.
pub(crate) struct Client {
    address: SocketAddr,
    message: Vec<u8>,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, message: Message) -> Self {
        Self { address, message: message.bytes(), connection: None }
    }

    /// Asks once.
    ///
    /// # Errors
    /// When the page does not come.
    pub(crate) fn ask(&mut self) -> Result<()> {
        if self.connection.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_nodelay(true)?;
            self.connection = Some(BufReader::new(stream));
        }
        let mut connection = self.connection.take().ok_or_else(|| anyhow!("no connection"))?;
        connection.get_mut().write_all(&self.message)?;
        let answer = read_answer(&mut connection, b"GET")?;
        ensure!(answer.status == 200 && answer.body_bytes > 5_000, "answered with {answer:?}");
        self.connection = answer.keep.then_some(connection);
        Ok(())
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);
const BROWSER: &str = "Host: shop.example.test\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\nCookie: session=8f14e45fceea167a5a36dedd4bea2543\r\n";
