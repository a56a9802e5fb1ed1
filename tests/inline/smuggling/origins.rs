//! The applications behind: each says of every request what it took it for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use portcullis_tests::nginx;
use portcullis_tests::ports;
use serde::Deserialize;
use transaction::wire::{Body, Chunks, Head, HeadScan};

/// A request as an application understood it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    #[serde(default)]
    pub(super) method: String,
    #[serde(default)]
    pub(super) target: String,
    /// Bytes as Latin 1; `None` where the application does not read it.
    #[serde(default)]
    pub(super) body: Option<String>,
    /// Names and values in turn; empty where the application does not tell.
    #[serde(default)]
    pub(super) headers: Vec<String>,
    /// What it could make nothing of.
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// A running application.
pub(super) struct Application {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    taken: Source,
    _process: Option<Process>,
}

enum Source {
    Kept(Arc<Mutex<Vec<Taken>>>),
    File(PathBuf),
}

enum Process {
    Child(Child),
    Nginx(
        #[expect(dead_code, reason = "ended when dropped")] nginx::Nginx,
        #[expect(dead_code, reason = "likewise")] tempfile::TempDir,
    ),
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Child(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Application {
    /// What it took so far.
    pub(super) fn taken(&self) -> Vec<Taken> {
        match &self.taken {
            Source::Kept(taken) => taken.lock().expect("not poisoned").clone(),
            Source::File(path) => {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                text.lines()
                    .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
                    .collect()
            }
        }
    }

    /// nginx, if it is installed. Its log has bodies where it passes them on, so it does, to itself.
    pub(super) fn nginx() -> Option<Self> {
        if nginx::program().is_none() {
            println!("left out: nginx is not installed");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let here = directory.path().display();
        let address = ports::free();
        let http = format!(
            r#"map $status $is_whole {{ default 0; 200 1; }} log_format taken escape=json '{{"method":"$request_method","target":"$request_uri","body":"$request_body","headers":["content-length","$http_content_length","transfer-encoding","$http_transfer_encoding","upgrade","$http_upgrade"]}}';
               client_body_buffer_size 1m;
               server {{ listen unix:{here}/behind; location / {{ return 200 "$request_method $request_uri\n"; }} }}
               server {{ listen {address}; access_log {here}/taken taken if=$is_whole;
                 location / {{ client_body_in_single_buffer on; proxy_pass http://unix:{here}/behind; }} }}"#
        );
        let running = nginx::Nginx::start(directory.path(), address, &[], &http).expect("nginx starts");
        let taken = Source::File(directory.path().join("taken"));
        Some(Self { name: "nginx", address, taken, _process: Some(Process::Nginx(running, directory)) })
    }

    /// Node, if it is installed.
    pub(super) fn node() -> Option<Self> {
        Self::script("node", "node", "origin.js")
    }

    /// Python, if it is installed.
    pub(super) fn python() -> Option<Self> {
        Self::script("python", "python3", "origin.py")
    }

    /// A program that runs a script of ours, which tells its port first.
    fn script(name: &'static str, program: &str, script: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Told {
            port: u16,
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("smuggling").join(script);
        let Ok(mut child) = Command::new(program).arg(path).stdout(Stdio::piped()).spawn() else {
            println!("left out: {name} is not installed");
            return None;
        };
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let process = Some(Process::Child(child));
        let Some(told) = lines.next().and_then(|line| serde_json::from_str::<Told>(&line).ok()) else {
            println!("left out: {name} does not run");
            return None;
        };
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        std::thread::spawn(move || {
            for line in lines {
                kept.lock().expect("not poisoned").push(serde_json::from_str(&line).expect("what it says"));
            }
        });
        let address = SocketAddr::from(([127, 0, 0, 1], told.port));
        Some(Self { name, address, taken: Source::Kept(taken), _process: process })
    }

    /// An application that reads as strictly as can be, and panics at nothing: what it cannot read is an error.
    pub(super) fn strict() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(&stream, &kept));
            }
        });
        Self { name: "strict", address, taken: Source::Kept(taken), _process: None }
    }
}

fn serve(mut stream: &TcpStream, kept: &Mutex<Vec<Taken>>) {
    let mut read = Vec::new();
    while let Some(taken) = next(stream, &mut read) {
        let answer = format!("{} {}\n", taken.method, taken.target);
        let (method, failed) = (taken.method.clone(), taken.error.is_some());
        kept.lock().expect("not poisoned").push(taken);
        let body = if method == "HEAD" { "" } else { &answer };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
        if failed || stream.write_all((head + body).as_bytes()).is_err() {
            return;
        }
    }
}

/// The next request; `None` at the end of the connection, in a request as well.
fn next(stream: &TcpStream, read: &mut Vec<u8>) -> Option<Taken> {
    let failed = |error: String| Some(Taken { error: Some(error), ..Taken::default() });
    let (end, framing) = loop {
        match HeadScan::new().advance(read) {
            Head::Partial => more(stream, read)?,
            Head::Whole { end, body } => break (end, body),
            Head::Faulty(fault) => return failed(format!("{}: {}", fault.as_str(), read.escape_ascii())),
        }
    };
    let head = String::from_utf8_lossy(&read.drain(..end).collect::<Vec<u8>>()).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let pairs: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let values = |wanted: &str| -> Vec<&str> {
        pairs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value).collect()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    let body = match (framing, lengths.as_slice(), codings.as_slice()) {
        (Body::Sized, [], []) => Vec::new(),
        (Body::Sized, [length], []) => {
            let length: usize = length.parse().ok()?;
            while read.len() < length {
                more(stream, read)?;
            }
            read.drain(..length).collect()
        }
        (Body::Chunked, [], ["chunked"]) => {
            let end = loop {
                match Chunks::new().push(read) {
                    Ok(Some(end)) => break end,
                    Ok(None) => more(stream, read)?,
                    Err(_) => return failed(format!("chunks: {}", read.escape_ascii())),
                }
            };
            let chunks: Vec<u8> = read.drain(..end).collect();
            match joined(&chunks) {
                Some(body) => body,
                None => return failed(format!("chunks with more than data: {}", chunks.escape_ascii())),
            }
        }
        _ => return failed(format!("framing: {head}")),
    };
    let body = Some(body.into_iter().map(char::from).collect());
    let headers = pairs.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect();
    Some(Taken { method, target, body, headers, error: None })
}

/// The data of chunks that have sizes and data, and nothing else.
fn joined(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = chunks.iter().position(|byte| *byte == b'\r')?;
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..line]).ok()?, 16).ok()?;
        chunks = &chunks[line + 2..];
        if size == 0 {
            return (chunks == b"\r\n").then_some(body);
        }
        body.extend_from_slice(&chunks[..size]);
        chunks = &chunks[size + 2..];
    }
}

fn more(mut stream: &TcpStream, read: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 16 << 10];
    let count = stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
    read.extend_from_slice(&bytes[..count]);
    Some(())
}
