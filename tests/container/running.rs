//! Containers of runc's, an application on loopback, and what is asked of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::bundle::Bundle;

/// Whether containers can be run here; says why they are left out.
pub(crate) fn can_run() -> bool {
    let why = if Command::new("runc").arg("--version").output().is_err() {
        "runc is not installed"
    } else if !std::fs::read_to_string("/proc/self/status").is_ok_and(|it| it.contains("\nUid:\t0\t")) {
        "runc needs root here"
    } else if !Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "true"])
        .status()
        .is_ok_and(|it| it.success())
    {
        "namespaces cannot be made here"
    } else {
        return true;
    };
    println!("left out: {why}");
    false
}

/// A container that runs Portcullis; ended when dropped.
pub(crate) struct Container {
    id: String,
    state: tempfile::TempDir,
    runc: Child,
    pub(crate) bundle: Bundle,
    said: Arc<Mutex<String>>,
}

impl Container {
    /// Starts it and waits until it says that everything is open.
    pub(crate) fn start(bundle: Bundle) -> Self {
        let (id, state) = (id(), tempfile::tempdir().expect("a directory"));
        let mut command = runc(state.path(), &id, bundle.write());
        // Decision records go to standard output.
        let mut runc = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("runc");
        let said = Arc::new(Mutex::new(String::new()));
        let (kept, stderr) = (Arc::clone(&said), BufReader::new(runc.stderr.take().expect("piped")));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().expect("not poisoned").push_str(&format!("{line}\n"));
            }
        });
        let container = Self { id, state, runc, bundle, said };
        container.within(START, || container.said().contains("admin on http://"), "it starts");
        container
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("not poisoned").clone()
    }

    /// Its first process, by the machine's numbers.
    pub(crate) fn pid(&self) -> u64 {
        let output = self.runc(&["state", &self.id]);
        let state: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a state");
        state["pid"].as_u64().expect("a number")
    }

    /// A file of its /tmp, as its first process sees it.
    pub(crate) fn tmp(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/tmp/{name}", self.pid()))
    }

    pub(crate) fn signal(&self, name: &str) {
        let output = self.runc(&["kill", &self.id, name]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn runc(&self, arguments: &[&str]) -> Output {
        Command::new("runc").arg("--root").arg(self.state.path()).args(arguments).output().expect("runc")
    }

    /// Whether it ends by itself within `limit`; with which status.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> Option<i32> {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if let Some(status) = self.runc.try_wait().expect("a child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    pub(crate) fn within(&self, limit: Duration, mut holds: impl FnMut() -> bool, what: &str) {
        let until = Instant::now() + limit;
        while !holds() {
            assert!(Instant::now() < until, "{what}: not within {limit:?}\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.runc(&["delete", "--force", &self.id]);
        let _ = self.runc.wait();
    }
}

/// Runs a container to its end; what it printed.
pub(crate) fn run(bundle: &Bundle) -> String {
    let state = tempfile::tempdir().expect("a directory");
    let output = runc(state.path(), &id(), bundle.write()).output().expect("runc");
    let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}{said}");
    printed.into_owned()
}

fn runc(state: &Path, id: &str, bundle: &Path) -> Command {
    let mut command = Command::new("runc");
    command.arg("--root").arg(state).args(["run", "--bundle"]).arg(bundle).arg(id).stdin(Stdio::null());
    command
}

fn id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("portcullis-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// An application that answers `ok`, for `/slow/2` after two seconds; its threads end with the test process.
pub(crate) fn application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(&stream));
        }
    });
    address
}

fn answer(mut stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let seconds = head.split_once(" /slow/").and_then(|it| it.1.split(' ').next()?.parse().ok());
        std::thread::sleep(Duration::from_secs(seconds.unwrap_or(0)));
        if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

/// What curl says of a request: the status and the body; 0 where there was no answer.
pub(crate) fn ask(arguments: &[&str]) -> (u16, String) {
    let output = Command::new("curl")
        .args(["-s", "-m", "20", "-w", "\n%{http_code}"])
        .args(arguments)
        .output()
        .expect("curl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", "0"));
    (status.parse().unwrap_or(0), body.to_owned())
}

/// A file of this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", path].iter().collect()
}

const START: Duration = Duration::from_secs(60);
