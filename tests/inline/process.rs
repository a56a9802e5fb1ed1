//! A `portcullis run` of one's own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use portcullis_tests::files::binary;

/// A running proxy; killed when dropped.
pub(crate) struct Portcullis {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Where gateways ask, in the order of the configuration.
    pub(crate) inspect: Vec<String>,
    directory: tempfile::TempDir,
    errors: Arc<Mutex<String>>,
}

/// What is configured.
pub(crate) struct Setup {
    pub(crate) origin: String,
    pub(crate) mode: &'static str,
    pub(crate) protocol: &'static str,
    pub(crate) forwarded: &'static str,
    /// The listener, as YAML.
    pub(crate) listener: String,
    /// More keys of the upstream.
    pub(crate) upstream: String,
    /// More upstreams.
    pub(crate) upstreams: String,
    /// More assets.
    pub(crate) assets: String,
    /// More keys of the policy.
    pub(crate) policy: String,
    /// More keys of the configuration.
    pub(crate) more: String,
    /// More rules.
    pub(crate) rules: String,
    /// What is written of requests.
    pub(crate) decisions: String,
    /// Where metrics and health are.
    pub(crate) admin: String,
}

impl Setup {
    /// Prevent mode before an HTTP/1 origin.
    pub(crate) fn new(origin: SocketAddr) -> Self {
        let origin = origin.to_string();
        let (policy, more, rules) = (String::new(), String::new(), String::new());
        let listener = "{ address: \"127.0.0.1:0\", h2c: true }".to_owned();
        Self {
            origin,
            mode: "prevent",
            protocol: "http1",
            forwarded: "append",
            listener,
            upstream: String::new(),
            upstreams: String::new(),
            assets: String::new(),
            policy,
            more,
            rules,
            decisions: "to: none".to_owned(),
            admin: "127.0.0.1:0".to_owned(),
        }
    }

    pub(crate) fn yaml(&self) -> String {
        format!(
            r#"version: 1
listeners: [{}]
upstreams: {{ app: {{ servers: ["{}"], protocol: {}, forwarded: {}, connect_timeout: 1s, {} }}, {} }}
assets: [{{ name: all, hosts: ["*"], upstream: app, policy: default }}, {}]
policies:
  default:
    mode: {}
    signatures: {{ rules: [{{ file: rules.conf }}] }}
    {}
admin: {{ address: "{}" }}
reports: {{ decisions: {{ {} }} }}
{}
"#,
            self.listener,
            self.origin,
            self.protocol,
            self.forwarded,
            self.upstream,
            self.upstreams,
            self.assets,
            self.mode,
            self.policy,
            self.admin,
            self.decisions,
            self.more
        )
    }
}

/// Rules that stop one word wherever it stands.
const RULES: &str = r#"
SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain
SecRule REQUEST_URI "@contains hostileword" "id:1,phase:1,deny,status:403,msg:'in the target'"
SecRule ARGS|ARGS_NAMES|FILES|REQUEST_BODY "@contains hostileword" "id:2,phase:2,deny,status:403,msg:'in the body'"
SecRule RESPONSE_BODY "@contains leakedword" "id:3,phase:4,deny,status:403,msg:'in the answer'"
"#;

impl Portcullis {
    pub(crate) fn start(setup: &Setup) -> Self {
        Self::start_with(setup, &[])
    }

    /// With these files beside the configuration; of a file `hosts` it takes the addresses of names.
    pub(crate) fn start_with(setup: &Setup, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        Self::start_in(directory, setup)
    }

    /// Ends and starts again where it was.
    pub(crate) fn restart(mut self, setup: &Setup) -> Self {
        self.signal("TERM");
        assert!(self.ends_within(Duration::from_secs(10)), "{}", self.said());
        self.start_again(setup);
        self
    }

    /// Starts again where it was. It has ended, or another process that ends has taken over.
    pub(crate) fn start_again(&mut self, setup: &Setup) {
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().expect("a directory"));
        *self = Self::start_in(directory, setup);
    }

    /// With a configuration as it is written; `{here}` is its directory.
    pub(crate) fn start_yaml(yaml: &str, rules: &str) -> Self {
        Self::start_yaml_with(yaml, rules, &[])
    }

    /// With these files beside it.
    pub(crate) fn start_yaml_with(yaml: &str, rules: &str, files: &[(&str, String)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        let yaml = yaml.replace("{here}", &directory.path().display().to_string());
        std::fs::write(directory.path().join("rules.conf"), format!("{RULES}{rules}")).expect("written");
        std::fs::write(directory.path().join("portcullis.yaml"), yaml).expect("written");
        Self::launch(directory)
    }

    /// In a directory with everything in it, the configuration as `portcullis.yaml`.
    pub(crate) fn start_prepared(directory: tempfile::TempDir) -> Self {
        Self::launch(directory)
    }

    /// Under one that holds its sockets (their names, and where they are) and starts it again whenever it ends, as systemd does.
    pub(crate) fn start_supervised(yaml: &str, rules: &str, sockets: &[(String, String)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let here = directory.path().display().to_string();
        let lines =
            sockets.iter().map(|(name, address)| format!("{name} {}\n", address.replace("{here}", &here)));
        std::fs::write(directory.path().join("sockets"), lines.collect::<String>()).expect("written");
        std::fs::write(directory.path().join("rules.conf"), format!("{RULES}{rules}")).expect("written");
        std::fs::write(directory.path().join("portcullis.yaml"), yaml).expect("written");
        Self::launch(directory)
    }

    /// The process that such a one has started last.
    pub(crate) fn supervised(&self) -> u32 {
        let text = std::fs::read_to_string(self.file("supervised")).expect("a process");
        text.trim().parse().expect("a process")
    }

    /// Ends.
    pub(crate) fn stop(mut self) -> Stopped {
        self.signal("TERM");
        assert!(self.ends_within(Duration::from_secs(10)), "{}", self.said());
        Stopped(std::mem::replace(&mut self.directory, tempfile::tempdir().expect("a directory")))
    }

    /// Ends at once, whatever it was about.
    pub(crate) fn kill(mut self) -> Stopped {
        self.child.kill().and_then(|()| self.child.wait()).expect("a child");
        Stopped(std::mem::replace(&mut self.directory, tempfile::tempdir().expect("a directory")))
    }

    fn start_in(directory: tempfile::TempDir, setup: &Setup) -> Self {
        let rules = format!("{RULES}{}", setup.rules);
        std::fs::write(directory.path().join("rules.conf"), rules).expect("written");
        std::fs::write(directory.path().join("portcullis.yaml"), setup.yaml()).expect("written");
        Self::launch(directory)
    }

    fn launch(directory: tempfile::TempDir) -> Self {
        let mut child = beside(directory.path())
            .args(["run", "--threads", "2", "--config"])
            .arg(directory.path().join("portcullis.yaml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("portcullis starts");
        let errors = Arc::new(Mutex::new(String::new()));
        let (lines, said) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let kept = Arc::clone(&errors);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().expect("not poisoned").push_str(&format!("{line}\n"));
                let _ = lines.send(line);
            }
        });
        let (mut address, mut inspect) = (None, Vec::new());
        let admin = loop {
            let line = said.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| {
                panic!("portcullis did not start:\n{}", errors.lock().expect("not poisoned"))
            });
            if let Some((_, found)) =
                line.strip_prefix("listening on ").and_then(|rest| rest.split_once("://"))
            {
                // A unix socket has no port.
                let found = found.split(' ').next().and_then(|text| text.parse().ok());
                address = Some(found.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0))));
            }
            if let Some((_, found)) =
                line.strip_prefix("inspecting for ").and_then(|rest| rest.split_once("://"))
            {
                inspect.push(found.to_owned());
            }
            if let Some(found) = line.strip_prefix("admin on http://") {
                break found.split(": ").next().and_then(|text| text.parse().ok()).expect("an address");
            }
        };
        let address = address.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
        Self { child, address, admin, inspect, directory, errors }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address of the first listener of this scheme.
    pub(crate) fn address_of(&self, scheme: &str) -> SocketAddr {
        let (said, prefix) = (self.said(), format!("listening on {scheme}://"));
        let mut found =
            said.lines().filter_map(|line| line.strip_prefix(&*prefix)?.split(' ').next()?.parse().ok());
        found.next().expect("a listener")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What it said on standard error.
    pub(crate) fn said(&self) -> String {
        self.errors.lock().expect("not poisoned").clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Memory that is resident (KiB).
    pub(crate) fn resident_kib(&self) -> i64 {
        resident_kib(self.child.id())
    }

    /// Whether the process ended by itself within `limit`, and with success.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// The admin listener's answer.
    pub(crate) fn admin(&self, path: &str) -> String {
        super::curl::get(&format!("http://{}{path}", self.admin)).body
    }

    /// The value of a metric line that starts with `name`; 0 when there is none.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.admin("/metrics");
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    }
}

/// The program, as what is beside its configuration wants it: with sockets that are held for it, or a file `hosts` of its own.
fn beside(directory: &Path) -> Command {
    if !directory.join("sockets").exists() {
        return program(&directory.join("hosts"));
    }
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("inline/supervise.py"));
    command.arg(directory).arg(binary());
    command
}

/// The program; where there is a file `hosts` beside its configuration, it sees that in place of the system's.
pub(crate) fn program(hosts: &Path) -> Command {
    if !hosts.exists() {
        return Command::new(binary());
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]);
    command.arg(hosts).arg(binary());
    command
}

impl Drop for Portcullis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One that was stopped.
pub(crate) struct Stopped(tempfile::TempDir);

impl Stopped {
    /// Starts it again where it was.
    pub(crate) fn start(self) -> Portcullis {
        Portcullis::launch(self.0)
    }
}

/// Memory of a process that is resident (KiB).
pub(crate) fn resident_kib(process: u32) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
