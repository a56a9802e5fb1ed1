//! nginx as the application: it answers early, serves files and takes uploads.

use std::net::SocketAddr;
use std::path::PathBuf;

use portcullis_tests::nginx;
use portcullis_tests::ports;

/// A running nginx; ended when dropped.
pub(crate) struct Nginx {
    _running: nginx::Nginx,
    pub(crate) address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Nginx {
    /// Starts it, or says that it is not installed.
    pub(crate) fn start() -> Option<Self> {
        if nginx::program().is_none() {
            println!("left out: nginx is not installed");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("files")).expect("created");
        let address = ports::free();
        let here = directory.path().display();
        let http = format!(
            "server {{ listen {address}; root {here}/files;
               location /early {{ return 200 early; }}
               location /told {{ add_header Content-Type text/plain;
                 return 200 \"$http_x_forwarded_for|$http_x_forwarded_proto|$http_x_forwarded_host|$http_x_request_id|$http_host\"; }}
               location / {{ dav_methods PUT; }} }}"
        );
        let running = nginx::Nginx::start(directory.path(), address, &[], &http).expect("nginx starts");
        Some(Self { _running: running, address, directory })
    }

    /// A file under its root.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("files").join(name)
    }
}
