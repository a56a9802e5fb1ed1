//! A new process of the program in its place on disk, which takes the listening sockets over.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use std::{env, io};

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{SUCCESSOR, passing};

/// How another process of this program is started.
#[derive(Clone, Debug)]
pub(crate) struct Successor {
    program: PathBuf,
}

impl Successor {
    /// The program that runs now, by its path: what is there when it is needed may be newer. To be called at the start.
    pub(crate) fn of_process() -> io::Result<Self> {
        Ok(Self { program: env::current_exe()? })
    }

    /// Starts it with the arguments of this process, passes the sockets, and waits until it is ready. Its process id.
    pub(crate) async fn start(&self, sockets: &[(String, BorrowedFd<'_>)]) -> io::Result<u32> {
        let (here, there) = UnixStream::pair()?;
        let mut child = Command::new(&self.program)
            .args(env::args_os().skip(1))
            .env(SUCCESSOR, "1")
            // Sockets of systemd's are passed on like all others.
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDNAMES")
            .stdin(Stdio::from(OwnedFd::from(there)))
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        passing::send(&here, sockets)?;
        match timeout(READY_WITHIN, ready(here, &mut child)).await {
            Ok(Ok(())) => Ok(pid),
            Ok(Err(error)) => {
                let _ = child.kill().await;
                Err(error)
            }
            Err(_) => {
                let _ = child.kill().await;
                Err(io::Error::new(io::ErrorKind::TimedOut, "it was not ready in time"))
            }
        }
    }
}

/// Waits until the child says that it is ready, or ends.
async fn ready(channel: UnixStream, child: &mut Child) -> io::Result<()> {
    channel.set_nonblocking(true)?;
    let mut channel = tokio::net::UnixStream::from_std(channel)?;
    let mut said = [0; passing::READY.len()];
    tokio::select! {
        read = channel.read_exact(&mut said) => match read {
            Ok(_) if said == *passing::READY => Ok(()),
            _ => Err(io::Error::other("it did not start; its own messages say why")),
        },
        ended = child.wait() => Err(io::Error::other(format!("it ended: {}", ended?))),
    }
}

/// How long a new process may take to load its configuration and to open everything.
const READY_WITHIN: Duration = Duration::from_secs(60);
