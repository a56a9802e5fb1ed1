//! A server that is measured: a process, from its start to its first answer and its end.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{account, interrupt};

/// A running server; ended when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// What its start took.
    pub start: Start,
}

/// From the start of a process to the end of its first answer to a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// By the wall.
    pub wall: Duration,
    /// Processor time.
    pub cpu: Duration,
}

impl Server {
    /// Runs a command, and waits until the server has answered a request. What it says goes to the file `said` of its directory.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(
        mut command: Command,
        address: SocketAddr,
        directory: &Path,
        answers: impl Fn() -> bool,
    ) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(directory.join("said"))?);
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("{program} does not start"))?;
        let mut server = Self { child, address, start: Start::default() };
        while !answers() {
            interrupt::go_on()?;
            if begun.elapsed() > START_MAX || server.child.try_wait()?.is_some() {
                let said = fs::read(directory.join("said")).unwrap_or_default();
                bail!("{program} does not answer: {}", String::from_utf8_lossy(&said));
            }
            std::thread::sleep(POLL);
        }
        server.start.wall = begun.elapsed();
        server.start.cpu = account::consumed(server.process())?;
        Ok(server)
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

/// An address of this machine whose port is free now and will be in a moment: nobody else is asked for one meanwhile.
///
/// # Errors
/// When none is free.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once, not after the requests in flight; nginx ends its worker.
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let until = Instant::now() + STOP_MAX;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a server may take to start, and to stop.
const START_MAX: Duration = Duration::from_secs(30);
const STOP_MAX: Duration = Duration::from_secs(5);
/// How often a starting server is asked.
const POLL: Duration = Duration::from_micros(500);
