//! A Redis of one's own.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portcullis_tests::ports;

/// A running Redis; killed when dropped.
pub(crate) struct Redis {
    child: Option<Child>,
    pub(crate) address: SocketAddr,
    is_cluster: bool,
    directory: tempfile::TempDir,
}

impl Redis {
    /// Starts one, or a cluster of one; or says that it is not installed.
    pub(crate) fn start(is_cluster: bool) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let mut redis = Self { child: None, address: ports::free(), is_cluster, directory };
        if let Err(error) = redis.run() {
            println!("left out: redis-server is not installed ({error})");
            return None;
        }
        if is_cluster {
            redis.cli(&["cluster", "addslotsrange", "0", "16383"]);
            let until = Instant::now() + Duration::from_secs(20);
            while !redis.cli(&["cluster", "info"]).contains("cluster_state:ok") && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Some(redis)
    }

    /// Starts it where it was before.
    pub(crate) fn run(&mut self) -> std::io::Result<()> {
        let port = self.address.port().to_string();
        let bus = ports::free().port().to_string();
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(self.directory.path());
        if self.is_cluster {
            command.args(["--cluster-enabled", "yes", "--cluster-port", &bus]);
        }
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < until, "redis-server listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Has it answer nothing, or go on.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill runs").success());
    }

    /// What redis-cli says.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let port = self.address.port().to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output();
        String::from_utf8_lossy(&output.expect("redis-cli is installed").stdout).into_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
