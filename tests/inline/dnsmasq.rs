//! dnsmasq, a name server that is not ours, with one list on it.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portcullis_tests::ports;

/// A running dnsmasq; ended when dropped.
pub(crate) struct Dnsmasq {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Where questions about `slow.test` go: nobody answers them.
    _silent: UdpSocket,
    directory: tempfile::TempDir,
}

impl Dnsmasq {
    /// Starts it, with 127.0.0.9 on `bl.test`; or says that it is not installed.
    pub(crate) fn start() -> Option<Self> {
        // Somebody else may be given the port before it has it: then it ends, and another is tried.
        for _ in 0..ATTEMPTS {
            let mut running = Self::spawn(ports::free())?;
            if running.answers() {
                return Some(running);
            }
        }
        panic!("dnsmasq does not answer");
    }

    fn spawn(free: SocketAddr) -> Option<Self> {
        let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let deaf = silent.local_addr().expect("an address");
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("log");
        let started = Command::new("dnsmasq")
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
                "--user=root",
            ])
            .args(["--pid-file", "--listen-address=127.0.0.1", "--bind-interfaces", "--log-queries"])
            .args(["--local=/bl.test/", "--address=/9.0.0.127.bl.test/127.0.0.2"])
            .args(["--address=/9.0.0.127.refusing.test/127.255.255.254"])
            .arg(format!("--port={}", free.port()))
            .arg(format!("--server=/slow.test/{}#{}", deaf.ip(), deaf.port()))
            .arg(format!("--log-facility={}", log.display()))
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            println!("left out: dnsmasq is not installed");
            return None;
        };
        Some(Self { child, address: free, _silent: silent, directory })
    }

    /// How often it was asked about names of that zone.
    pub(crate) fn asked(&self, zone: &str) -> usize {
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| line.contains("query[A]") && line.contains(zone)).count()
    }

    /// Whether it does, in time.
    fn answers(&mut self) -> bool {
        let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        client.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        // `up.bl.test`, for which there is no address: any answer will do.
        let question = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x02up\x02bl\x04test\0\0\x01\0\x01";
        for _ in 0..100 {
            let _ = client.send_to(question, self.address);
            if client.recv(&mut [0; 512]).is_ok() {
                return true;
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

const ATTEMPTS: usize = 10;

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
