//! A server that dies with all its connections, and comes back at its address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A server that dies and comes back.
pub(crate) struct Mortal {
    pub(crate) address: SocketAddr,
    life: Option<Life>,
}

struct Life {
    is_over: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Mortal {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        Self { address, life: Some(Life::begin(listener)) }
    }

    pub(crate) fn die(&mut self) {
        let Some(life) = self.life.take() else { return };
        life.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread, which waits for a connection.
        let _ = TcpStream::connect(self.address);
        life.thread.join().expect("no panic");
        for connection in life.connections.lock().expect("not poisoned").drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn live(&mut self) {
        let listener = TcpListener::bind(self.address).expect("the port is free");
        self.life = Some(Life::begin(listener));
    }
}

impl Life {
    fn begin(listener: TcpListener) -> Self {
        let (is_over, connections) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let thread = std::thread::spawn({
            let (is_over, connections) = (Arc::clone(&is_over), Arc::clone(&connections));
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    connections.lock().expect("not poisoned").push(stream.try_clone().expect("cloned"));
                    std::thread::spawn(move || serve(&stream));
                }
            }
        });
        Self { is_over, connections, thread }
    }
}

/// Answers requests, and echoes what comes over a WebSocket.
fn serve(mut stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut path) = (String::new(), String::new());
        while line != "\r\n" {
            line.clear();
            if !matches!(reader.read_line(&mut line), Ok(1..)) {
                return;
            }
            if path.is_empty() {
                path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            }
        }
        let answer: &[u8] = match path.as_str() {
            "/ws" => b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        };
        if stream.write_all(answer).is_err() {
            return;
        }
        if path == "/ws" {
            return echo(stream, &mut reader);
        }
    }
}

fn echo(mut stream: &TcpStream, reader: &mut impl Read) {
    let mut message = [0; 64];
    while let Ok(read @ 1..) = reader.read(&mut message) {
        if stream.write_all(&message[..read]).is_err() {
            return;
        }
    }
}
