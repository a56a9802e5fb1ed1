//! Clients that ask as fast as they are told, each over one connection, and remember every answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Clients that ask until they are told to stop.
pub(crate) struct Steady {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Answered>>>,
}

/// When an answer came, and its status; 0 when there was none.
pub(crate) type Answered = (Instant, u16);

impl Steady {
    /// One client for each address, each asking for `path` after every `gap`.
    pub(crate) fn start(addresses: &[SocketAddr], path: &str, gap: Duration) -> Self {
        Self::sending(addresses, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"), gap)
    }

    /// With a request of one's own.
    pub(crate) fn sending(addresses: &[SocketAddr], request: &str, gap: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |address: &SocketAddr| {
            let (address, stop, request) = (*address, Arc::clone(&stop), request.to_owned());
            std::thread::spawn(move || ask(address, &request, gap, &stop))
        };
        let clients = addresses.iter().map(client).collect();
        Self { stop, clients }
    }

    /// All answers, in the order they came.
    pub(crate) fn stop(self) -> Vec<Answered> {
        self.stop.store(true, Ordering::SeqCst);
        let all = self.clients.into_iter().flat_map(|client| client.join().expect("a client ends"));
        let mut all: Vec<_> = all.collect();
        all.sort_unstable_by_key(|(at, _)| *at);
        all
    }
}

fn ask(address: SocketAddr, request: &str, gap: Duration, stop: &AtomicBool) -> Vec<Answered> {
    let mut answers = Vec::new();
    let mut connection = None;
    while !stop.load(Ordering::SeqCst) {
        let status = exchange(&mut connection, address, request).unwrap_or(0);
        answers.push((Instant::now(), status));
        std::thread::sleep(gap);
    }
    answers
}

fn exchange(
    connection: &mut Option<BufReader<TcpStream>>,
    address: SocketAddr,
    request: &str,
) -> std::io::Result<u16> {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            BufReader::new(stream)
        }
    };
    stream.get_mut().write_all(request.as_bytes())?;
    let (mut status, mut length, mut keeps) = (0, 0, true);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().and_then(|status| status.parse().ok()).unwrap_or(0);
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        keeps &= line != "connection: close";
    }
    stream.read_exact(&mut vec![0; length])?;
    *connection = keeps.then_some(stream);
    Ok(status)
}
