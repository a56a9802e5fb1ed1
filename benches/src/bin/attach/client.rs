//! Clients with connections that are kept, and what they ask.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use portcullis_benches::http::{Received, read_answer};

use super::front::Front;

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

    fn bytes(self, host: &str) -> Vec<u8> {
        match self {
            Self::Page => {
                format!("GET /garden/roses?page=2 HTTP/1.1\r\nHost: {host}\r\n{BROWSER}\r\n").into_bytes()
            }
            Self::Form => {
                let body =
                    format!("name=Ann&place=Garden&text={}", "It+is+a+fine+day+for+roses.+".repeat(35));
                let length = body.len();
                let kind = "Content-Type: application/x-www-form-urlencoded";
                format!(
                    "POST /garden/note HTTP/1.1\r\nHost: {host}\r\n{BROWSER}{kind}\r\nContent-Length: {length}\r\n\r\n{body}"
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
    pub(crate) fn new(address: SocketAddr, host: &str, message: Message) -> Self {
        Self { address, message: message.bytes(host), connection: None }
    }

    /// Asks for an answer that a rule refuses where answers are inspected.
    ///
    /// # Errors
    /// When it gets another than is due.
    pub(crate) fn check(address: SocketAddr, front: Front) -> Result<()> {
        let message = format!("GET /small HTTP/1.1\r\nHost: {}\r\n{BROWSER}\r\n", front.host()).into_bytes();
        let answer = Self { address, message, connection: None }.exchange()?;
        let expected = if front.shows_answers() { 403 } else { 200 };
        ensure!(answer.status == expected, "{expected} is due: {answer:?}");
        Ok(())
    }

    /// Asks once.
    ///
    /// # Errors
    /// When the page does not come.
    pub(crate) fn ask(&mut self) -> Result<()> {
        let answer = self.exchange()?;
        ensure!(answer.status == 200 && answer.body_bytes > 5_000, "answered with {answer:?}");
        Ok(())
    }

    fn exchange(&mut self) -> Result<Received> {
        if self.connection.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_nodelay(true)?;
            self.connection = Some(BufReader::new(stream));
        }
        let mut connection = self.connection.take().ok_or_else(|| anyhow!("no connection"))?;
        connection.get_mut().write_all(&self.message)?;
        let answer = read_answer(&mut connection, b"GET")?;
        self.connection = answer.keep.then_some(connection);
        Ok(answer)
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);
const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\nCookie: session=8f14e45fceea167a5a36dedd4bea2543\r\n";
