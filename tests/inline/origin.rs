//! An application of our own, for what nginx does not do: telling what it was sent, events, WebSocket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A running application; its threads end with the test process.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request as the application saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The head's lines as they came, the request line first.
    pub(crate) lines: Vec<String>,
    /// `None` when the body broke off.
    pub(crate) body_bytes: Option<usize>,
}

impl Origin {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(&stream, &kept));
            }
        });
        Self { address, seen }
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// Requests whose body arrived whole.
    pub(crate) fn completed(&self) -> usize {
        self.seen().iter().filter(|seen| seen.body_bytes.is_some()).count()
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream);
    while let Some((path, headers, lines)) = head(&mut reader) {
        // Others than of a WebSocket are declined.
        if path == "/ws" {
            return echo_upgraded(stream, &mut reader);
        }
        let header =
            |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        let body = match header("transfer-encoding") {
            Some(_) => chunked(&mut reader),
            None => sized(
                &mut reader,
                header("content-length").map_or(0, |length| length.parse().expect("a length")),
            ),
        };
        let body_bytes = body.as_ref().map(Vec::len);
        let told = lines.clone();
        seen.lock().expect("not poisoned").push(Seen { path: path.clone(), headers, lines, body_bytes });
        let Some(body) = body else { return };
        let answered = match path.as_str() {
            "/headers" => plain(stream, told.concat().as_bytes()),
            _ => answer(stream, &path, &body),
        };
        if answered.is_err() {
            return;
        }
    }
}

type Head = (String, Vec<(String, String)>, Vec<String>);

fn head(reader: &mut impl BufRead) -> Option<Head> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut headers, mut lines) = (Vec::new(), vec![line.clone()]);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        lines.push(line.clone());
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => return Some((path, headers, lines)),
        }
    }
}

fn sized(reader: &mut impl Read, length: usize) -> Option<Vec<u8>> {
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn chunked(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        body.extend(sized(reader, length)?);
        reader.read_line(&mut line).ok()?;
        if length == 0 {
            return Some(body);
        }
    }
}

fn answer(mut stream: &TcpStream, path: &str, body: &[u8]) -> std::io::Result<()> {
    match path {
        "/events" => {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n",
            )?;
            std::thread::sleep(Duration::from_secs(3));
            stream.write_all(b"data: 2\n\n")?;
            stream.shutdown(std::net::Shutdown::Both)
        }
        "/slow" => {
            std::thread::sleep(Duration::from_secs(2));
            plain(stream, b"slow\n")
        }
        "/drip" => drip(stream),
        "/huge" => plain(stream, &vec![b'.'; HUGE_BYTES]),
        "/leak" => plain(stream, &[&[b'.'; 100_000][..], b"leakedword"].concat()),
        path if path.starts_with("/say/") => say(stream, path),
        "/gone" => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
        "/same" => stream.write_all(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"),
        _ => plain(stream, format!("{} {:016x}\n", body.len(), hash(body)).as_bytes()),
    }
}

/// Answers in some way with the last word of the path, `/say/KIND/WORD`.
fn say(mut stream: &TcpStream, path: &str) -> std::io::Result<()> {
    let mut parts = path.split(['/', '?']).skip(2);
    let (kind, word) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let dots = |bytes| String::from_utf8(vec![b'.'; bytes]).expect("text");
    let (status, more, body) = match kind {
        "head" => ("200 OK", format!("X-Said: {word}\r\n"), "in the head\n".into()),
        "end" => ("200 OK", String::new(), dots(500_000) + word),
        "beyond" => ("200 OK", String::new(), dots(1_500_000) + word),
        "early" => ("200 OK", String::new(), word.to_owned() + &dots(3_000_000)),
        "missing" => ("404 Not Found", String::new(), word.to_owned()),
        "tagged" => ("200 OK", "ETag: \"x\"\r\nSet-Cookie: a=b\r\n".into(), word.to_owned()),
        "cached" => ("200 OK", "Cache-Control: max-age=600\r\n".into(), dots(20_000) + word),
        _ => ("200 OK", String::new(), word.to_owned()),
    };
    let kept = Duration::from_millis(50);
    let head = |kind: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {length}\r\n\r\n")
    };
    match kind {
        "chunked" => {
            let (first, second) = word.split_at(word.len() / 2);
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
            )?;
            for piece in [first, second] {
                write!(stream, "{:x}\r\n{piece}\r\n", piece.len())?;
                std::thread::sleep(kept);
            }
            stream.write_all(b"0\r\n\r\n")
        }
        "zstd" => {
            let packed = zstd::encode_all((dots(100_000) + word).as_bytes(), 1)?;
            let head =
                head("text/plain", packed.len()).replace("\r\n\r\n", "\r\nContent-Encoding: zstd\r\n\r\n");
            stream.write_all(&[head.as_bytes(), &packed].concat())
        }
        // It breaks off.
        "torn" => {
            stream.write_all(format!("{}{body}", head("text/plain", body.len() + 100)).as_bytes())?;
            std::thread::sleep(kept);
            stream.shutdown(std::net::Shutdown::Both)
        }
        "image" => stream.write_all(format!("{}{body}", head("image/png", body.len())).as_bytes()),
        _ => stream.write_all(format!("{}{body}", head("text/plain", body.len())).as_bytes()),
    }
}

/// The length of an answer that no buffer between here and a client holds.
pub(crate) const HUGE_BYTES: usize = 32 << 20;

fn plain(mut stream: &TcpStream, body: &[u8]) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat())
}

/// A hostile answer whose parts come one by one: the head, and the word in two pieces.
fn drip(mut stream: &TcpStream) -> std::io::Result<()> {
    let parts = [
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\n",
        "head leaked",
        "word tail",
    ];
    for part in parts {
        stream.write_all(part.as_bytes())?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// What an application takes to answer an upgrade. Pingora 0.9.1 closes the connection if the answer is there before it
/// has seen that the request has no body (cloudflare/pingora#946), which happens when an origin answers within
/// microseconds and the machine is busy.
const UPGRADE_TAKES: Duration = Duration::from_millis(100);

fn echo_upgraded(mut stream: &TcpStream, reader: &mut impl Read) {
    let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    std::thread::sleep(UPGRADE_TAKES);
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    let mut bytes = [0; 1024];
    while let Ok(read) = reader.read(&mut bytes) {
        if read == 0 || stream.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}

/// FNV-1a: enough to tell bodies apart.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
