//! nginx as the application: it answers early, serves files and takes uploads.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running nginx; killed when dropped.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Nginx {
    /// Starts it, or says that it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"]
            .into_iter()
            .find(|path| Path::new(path).exists())
        else {
            println!("left out: nginx is not installed");
            return None;
        };
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("files")).expect("created");
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
        let here = directory.path().display();
        // Where tests run as root, workers would otherwise be another user, who may not write here.
        let config = format!(
            "user root; daemon off; worker_processes 1; pid {here}/pid; error_log {here}/errors;
             events {{ worker_connections 256; }}
             http {{ access_log off; client_max_body_size 0; client_body_temp_path {here}/body;
               proxy_temp_path {here}/a; fastcgi_temp_path {here}/b; uwsgi_temp_path {here}/c; scgi_temp_path {here}/d;
               server {{ listen {address}; root {here}/files;
                 location /early {{ return 200 early; }}
                 location /told {{ add_header Content-Type text/plain;
                   return 200 \"$http_x_forwarded_for|$http_x_forwarded_proto|$http_x_forwarded_host|$http_x_request_id|$http_host\"; }}
                 location / {{ dav_methods PUT; }} }} }}"
        );
        let path = directory.path().join("nginx.conf");
        std::fs::write(&path, config).expect("written");
        let child =
            Command::new(program).arg("-c").arg(&path).stderr(Stdio::null()).spawn().expect("nginx starts");
        let nginx = Self { child, address, directory };
        for _ in 0..200 {
            if TcpStream::connect(address).is_ok() {
                return Some(nginx);
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("nginx does not listen");
    }

    /// A file under its root.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("files").join(name)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker ends with it.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
