//! nginx, with a configuration and files of one's own.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The module of libmodsecurity, where Debian puts it.
pub const MODSECURITY: &str = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so";

/// Where nginx is, if it is installed; `PORTCULLIS_NGINX` names another.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("PORTCULLIS_NGINX").map(PathBuf::from);
    let places = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
    named.into_iter().chain(places.into_iter().map(PathBuf::from)).find(|path| path.exists())
}

/// A running nginx; ended when dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Nginx {
    /// Starts it in a directory that takes all its files, and waits until it accepts connections. `http` is what its
    /// configuration has in that block; `modules` are loaded.
    ///
    /// # Errors
    /// When it is not installed, does not start or does not listen.
    pub fn start(directory: &Path, address: SocketAddr, modules: &[&str], http: &str) -> io::Result<Self> {
        let child = command(directory, modules, http)?.spawn()?;
        let nginx = Self { child, address };
        let until = Instant::now() + START_MAX;
        while std::net::TcpStream::connect(address).is_err() {
            if Instant::now() > until {
                let said = std::fs::read(directory.join("said")).unwrap_or_default();
                return Err(io::Error::other(format!("no nginx: {}", String::from_utf8_lossy(&said))));
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// The command that runs it with one worker, in the foreground: what it says goes to the file `said` of the directory.
///
/// # Errors
/// When it is not installed, or the directory cannot be written.
pub fn command(directory: &Path, modules: &[&str], http: &str) -> io::Result<Command> {
    let program = program().ok_or_else(|| io::Error::other("nginx is not installed"))?;
    let here = directory.display();
    let loaded: String = modules.iter().map(|module| format!("load_module {module}; ")).collect();
    // Where this runs as root, workers would otherwise be another user, who may not write here.
    let config = format!(
        "{loaded}user root; daemon off; worker_processes 1; pid {here}/pid; error_log {here}/errors;
         events {{ worker_connections 256; }}
         http {{ access_log off; client_max_body_size 0; client_body_temp_path {here}/body;
           proxy_temp_path {here}/a; fastcgi_temp_path {here}/b; uwsgi_temp_path {here}/c; scgi_temp_path {here}/d;
           {http} }}"
    );
    let path = directory.join("nginx.conf");
    std::fs::write(&path, config)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(path).stderr(Stdio::from(std::fs::File::create(directory.join("said"))?));
    Ok(command)
}

/// Ends a process that has others: told to stop, it ends them.
pub fn end(child: &mut Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let _ = child.wait();
}

/// How long it may take to start: rules are many.
const START_MAX: Duration = Duration::from_secs(10);
