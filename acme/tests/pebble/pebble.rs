//! Pebble, the ACME server for tests, with its name server: both are Go programs of one module.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running Pebble that wants accounts bound and refuses every fifth nonce.
pub(crate) struct Pebble {
    /// The URL of its directory.
    pub(crate) directory: String,
    /// What its own certificate is checked with (PEM).
    pub(crate) root: String,
    /// Where its root is to be had, which those that trust its certificates need.
    #[allow(dead_code, reason = "not every suite checks certificates as clients do")]
    pub(crate) root_url: String,
    /// What makes records in its DNS.
    #[allow(dead_code, reason = "not every suite writes to the DNS")]
    pub(crate) hook: PathBuf,
    files: TempDir,
    _processes: [Running; 2],
}

/// The key's id, and the key, that accounts are bound to.
pub(crate) const BINDING: (&str, &str) =
    ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W");

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Pebble {
    /// Builds and starts it; it looks for HTTP-01 and TLS-ALPN-01 at the ports given. `None` without Go or its modules.
    pub(crate) fn start(http_port: u16, tls_port: u16) -> Option<Self> {
        let programs = build()?;
        let files = tempfile::tempdir().expect("directory");
        let [listen, admin, dns, management] = free_ports();
        let own = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]);
        let own = own.expect("certificate");
        write(&files, "cert.pem", &own.cert.pem());
        write(&files, "key.pem", &own.signing_key.serialize_pem());
        let (kid, key) = BINDING;
        let file = |name: &str| files.path().join(name).display().to_string();
        let config = format!(
            r#"{{"pebble": {{
                "listenAddress": "127.0.0.1:{listen}", "managementListenAddress": "127.0.0.1:{admin}",
                "certificate": "{}", "privateKey": "{}", "httpPort": {http_port}, "tlsPort": {tls_port},
                "externalAccountBindingRequired": true, "externalAccountMACKeys": {{"{kid}": "{key}"}},
                "keyAlgorithm": "ecdsa", "retryAfter": {{"authz": 1, "order": 1}}
            }}}}"#,
            file("cert.pem"),
            file("key.pem"),
        );
        let mut names = Command::new(programs.join("pebble-challtestsrv"));
        names.args([
            "-dnsserver",
            &format!("127.0.0.1:{dns}"),
            "-management",
            &format!("127.0.0.1:{management}"),
        ]);
        names.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", ""]);
        let mut server = Command::new(programs.join("pebble"));
        server.args(["-config", &write(&files, "pebble.json", &config)]);
        server.args(["-dnsserver", &format!("127.0.0.1:{dns}")]);
        server.envs([
            ("PEBBLE_VA_NOSLEEP", "1"),
            ("PEBBLE_WFE_NONCEREJECT", "20"),
            ("PEBBLE_AUTHZREUSE", "0"),
        ]);
        let processes =
            [run(&mut names, "Starting challenge servers")?, run(&mut server, "ACME directory available")?];
        let hook = hook(&files, management);
        Some(Self {
            directory: format!("https://localhost:{listen}/dir"),
            root: own.cert.pem(),
            root_url: format!("https://localhost:{admin}/roots/0"),
            hook,
            files,
            _processes: processes,
        })
    }

    /// What the hook was called with.
    #[allow(dead_code, reason = "not every suite writes to the DNS")]
    pub(crate) fn hooked(&self) -> String {
        std::fs::read_to_string(self.files.path().join("hooked")).unwrap_or_default()
    }
}

/// Builds both programs beside the tests.
fn build() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pebble");
    std::fs::create_dir_all(&target).expect("directory");
    let module = "github.com/letsencrypt/pebble/v2/cmd";
    let built = Command::new("go")
        .args(["build", "-o", &format!("{}/", target.display())])
        .args([format!("{module}/pebble"), format!("{module}/pebble-challtestsrv")])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers"))
        .output();
    match built {
        Ok(output) if output.status.success() => Some(target),
        Ok(output) => {
            println!("left out: Pebble does not build: {}", String::from_utf8_lossy(&output.stderr).trim());
            None
        }
        Err(_) => {
            println!("left out: no Go");
            None
        }
    }
}

/// Starts a program and waits until it says something.
fn run(command: &mut Command, says: &str) -> Option<Running> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let running = Running(child);
    let said = lines.any(|line| line.contains(says));
    // What it says later is read and dropped, or it would stop.
    std::thread::spawn(move || lines.for_each(drop));
    said.then_some(running).or_else(|| {
        println!("left out: {command:?} ends at once");
        None
    })
}

/// A program that makes and removes records.
fn hook(files: &TempDir, management: u16) -> PathBuf {
    let path = files.path().join("hook");
    let script = format!(
        r#"#!/bin/bash
set -eu
echo "$1 $2" >> {0}/hooked
if [ "$1" = set ]; then path=set-txt; body="{{\"host\": \"$2.\", \"value\": \"$3\"}}"
else path=clear-txt; body="{{\"host\": \"$2.\"}}"; fi
exec 3<>/dev/tcp/127.0.0.1/{management}
printf 'POST /%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "$path" "${{#body}}" "$body" >&3
head -1 <&3 | grep -q ' 200 '
"#,
        files.path().display()
    );
    std::fs::write(&path, script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("executable");
    path
}

fn write(files: &TempDir, name: &str, text: &str) -> String {
    let path = files.path().join(name);
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

/// Ports that nobody listens at: these programs cannot be asked which they got.
fn free_ports<const N: usize>() -> [u16; N] {
    let sockets = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    sockets.map(|socket| socket.local_addr().expect("address").port())
}
