//! The application behind every server: it reads a request whole and says how much of a body it got.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use portcullis_tests::random::Random;

use crate::text;

/// Serves in threads of this process until it ends; returns where.
///
/// # Errors
/// When no port is free.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let answers = Arc::new(Answers::new());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answers = Arc::clone(&answers);
            // A connection that breaks is the other side's end.
            std::thread::spawn(move || serve(&stream, &answers).is_ok());
        }
    });
    Ok(address)
}

/// Bodies with their types.
struct Answers {
    page: String,
    data: String,
    /// For downloads: `/bytes/N` is so many bytes of it.
    bytes: String,
}

impl Answers {
    fn new() -> Self {
        let mut random = Random::new(7);
        let mut page =
            String::from("<!DOCTYPE html>\n<html lang=\"en\"><head><title>Garden</title></head><body>\n");
        while page.len() < 11 << 10 {
            page.push_str(&format!("<p class=\"entry\">{}</p>\n", text::prose(&mut random, 300)));
        }
        page.push_str("</body></html>\n");
        let mut bytes = text::prose(&mut random, 1 << 20).repeat(DOWNLOAD_BYTES_MAX >> 20);
        bytes.truncate(DOWNLOAD_BYTES_MAX);
        Self { page, data: text::json(&mut random, 40, 1331), bytes }
    }

    /// The answer to a path and the types that the client takes.
    fn to(&self, target: &[u8], accept: &[u8]) -> (&'static str, &str) {
        if target.starts_with(b"/small") {
            ("text/plain", "done\n")
        } else if let Some(length) = target.strip_prefix(b"/bytes/") {
            let length = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
            (
                "application/octet-stream",
                length.and_then(|length| self.bytes.get(..length)).unwrap_or_default(),
            )
        } else if accept.windows(9).any(|window| window == b"text/html") {
            ("text/html; charset=utf-8", &self.page)
        } else {
            ("application/json", &self.data)
        }
    }
}

/// The longest download.
const DOWNLOAD_BYTES_MAX: usize = 16 << 20;
/// The longest body that is written together with its head.
const COPIED_BYTES_MAX: usize = 64 << 10;

fn serve(stream: &TcpStream, answers: &Answers) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut out = Vec::new();
    while let Some(head) = Head::read(&mut reader)? {
        let got = head.skip_body(&mut reader)?;
        let (kind, body) = answers.to(&head.target, &head.accept);
        out.clear();
        let length = body.len();
        write!(
            out,
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nX-Received: {got}\r\n\r\n"
        )?;
        let body = if head.method == b"HEAD" { &[] } else { body.as_bytes() };
        // Small ones leave with their head; large ones are not copied first.
        let (with_head, rest) = body.split_at(if length > COPIED_BYTES_MAX { 0 } else { body.len() });
        out.extend_from_slice(with_head);
        (&mut &*stream).write_all(&out)?;
        (&mut &*stream).write_all(rest)?;
    }
    Ok(())
}

#[derive(Default)]
struct Head {
    method: Vec<u8>,
    target: Vec<u8>,
    accept: Vec<u8>,
    length: u64,
    chunked: bool,
}

impl Head {
    /// The next request's; `None` at the end of the connection.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split(|byte| *byte == b' ');
        let mut word = || words.next().unwrap_or_default().to_vec();
        let mut head = Self { method: word(), target: word(), ..Self::default() };
        loop {
            line.clear();
            reader.read_until(b'\n', &mut line)?;
            let text = line.trim_ascii_end();
            if text.is_empty() {
                return Ok(Some(head));
            }
            let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            let (name, value) = (&text[..colon], text.get(colon + 1..).unwrap_or_default().trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                let number = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                head.length = number.ok_or(io::ErrorKind::InvalidData)?;
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                head.chunked = true;
            } else if name.eq_ignore_ascii_case(b"accept") {
                head.accept = value.to_vec();
            }
        }
    }

    /// Reads the body; how many bytes it had.
    fn skip_body(&self, reader: &mut impl BufRead) -> io::Result<u64> {
        if !self.chunked {
            return io::copy(&mut reader.take(self.length), &mut io::sink());
        }
        let mut total = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
            total += io::copy(&mut reader.take(size), &mut io::sink())?;
            line.clear();
            reader.read_line(&mut line)?;
            if size == 0 {
                return Ok(total);
            }
        }
    }
}
