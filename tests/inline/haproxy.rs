//! A HAProxy of one's own, which balances connections without looking into them.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portcullis_tests::ports;

/// A running HAProxy; killed when dropped.
pub(crate) struct Haproxy {
    child: Child,
    pub(crate) address: SocketAddr,
    _directory: tempfile::TempDir,
}

/// Where a proxy takes connections, and where it says whether it is ready.
pub(crate) type Backend = (SocketAddr, SocketAddr);

impl Haproxy {
    /// Sends connections to `active` while it is ready, otherwise to `standby`, with who the client is by the PROXY protocol. Says
    /// so where it is not installed. What it is told of a server's state it has to learn within 100 ms, and a connection that a
    /// server refuses fails.
    pub(crate) fn start(active: Backend, standby: Backend) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let address = ports::free();
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(&file, configuration(address, active, standby)).expect("written");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file).stdout(Stdio::null()).stderr(Stdio::inherit());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                println!("left out: haproxy is not installed ({error})");
                return None;
            }
        };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "haproxy listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { child, address, _directory: directory })
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(address: SocketAddr, active: Backend, standby: Backend) -> String {
    let server = |name: &str, (traffic, health): Backend, more: &str| {
        format!(
            "    server {name} {traffic} check addr {} port {} inter 100ms fall 1 rise 1 send-proxy-v2{more}",
            health.ip(),
            health.port()
        )
    };
    format!(
        "global
    maxconn 2000
defaults
    mode tcp
    retries 0
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout check 2s
listen tls
    bind {address}
    option httpchk GET /readyz
    http-check expect status 200
{}
{}
",
        server("active", active, ""),
        server("standby", standby, " backup"),
    )
}
