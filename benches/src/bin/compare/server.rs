//! The servers that are compared: how each is configured, started and ended.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use portcullis_tests::core_rules::SETTINGS;
use portcullis_tests::nginx;

use super::client::{Client, go_on};
use super::scenario::Request;

/// One of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Product {
    PortcullisCrs,
    PortcullisBuiltin,
    PortcullisOff,
    NginxModSecurity,
    Nginx,
    Pingora,
    Coraza,
}

impl Product {
    pub(crate) const ALL: [Self; 7] = [
        Self::PortcullisCrs,
        Self::PortcullisBuiltin,
        Self::PortcullisOff,
        Self::NginxModSecurity,
        Self::Nginx,
        Self::Pingora,
        Self::Coraza,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PortcullisCrs => "portcullis-crs",
            Self::PortcullisBuiltin => "portcullis-builtin",
            Self::PortcullisOff => "portcullis-off",
            Self::NginxModSecurity => "nginx-modsecurity",
            Self::Nginx => "nginx",
            Self::Pingora => "pingora",
            Self::Coraza => "coraza",
        }
    }

    /// What it is, for readers.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::PortcullisCrs => "Portcullis, CRS",
            Self::PortcullisBuiltin => "Portcullis, built-in + model",
            Self::PortcullisOff => "Portcullis, inspection off",
            Self::NginxModSecurity => "nginx + ModSecurity, CRS",
            Self::Nginx => "nginx",
            Self::Pingora => "bare Pingora",
            Self::Coraza => "Coraza, CRS",
        }
    }

    /// Whether it decides by the Core Rule Set: all that do must decide alike.
    pub(crate) fn has_core_rules(self) -> bool {
        matches!(self, Self::PortcullisCrs | Self::NginxModSecurity | Self::Coraza)
    }
}

/// Where everything is that is started.
pub(crate) struct Setup {
    pub(crate) portcullis: PathBuf,
    /// Pingora alone.
    pub(crate) pingora: PathBuf,
    /// The Go program, if it could be built.
    pub(crate) coraza: Option<PathBuf>,
    /// The Core Rule Set, laid out.
    pub(crate) crs: PathBuf,
    /// The application.
    pub(crate) origin: SocketAddr,
    /// Takes a directory for each server.
    pub(crate) directory: PathBuf,
}

/// A running server; ended when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What its start took.
    pub(crate) start: Start,
}

/// From the start of a process to the end of its first answer to a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Start {
    pub(crate) wall: Duration,
    /// Processor time.
    pub(crate) cpu: Duration,
}

impl Server {
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Starts a server with so many worker threads, and waits until it has answered a request.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn start(setup: &Setup, product: Product, threads: usize, probe: &Request) -> Result<Self> {
        go_on()?;
        let directory = setup.directory.join(format!("{}-{threads}", product.name()));
        fs::create_dir_all(&directory)?;
        // The port is free now and will be in a moment: nobody else is asked for one on this machine meanwhile.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = setup.command(product, threads, address, &directory)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("{} does not start", product.name()))?;
        let mut server = Self { child, address, start: Start::default() };
        while Client::new(address).send(probe).is_err() {
            go_on()?;
            if begun.elapsed() > START_MAX || server.child.try_wait()?.is_some() {
                let said = fs::read(directory.join("said")).unwrap_or_default();
                bail!("{} does not answer: {}", product.name(), String::from_utf8_lossy(&said));
            }
            std::thread::sleep(POLL);
        }
        server.start.wall = begun.elapsed();
        server.start.cpu = super::account::consumed(server.process())?;
        Ok(server)
    }
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

impl Setup {
    fn command(
        &self,
        product: Product,
        threads: usize,
        address: SocketAddr,
        directory: &Path,
    ) -> Result<Command> {
        let said = || fs::File::create(directory.join("said"));
        match product {
            Product::Nginx => self.nginx(threads, address, directory, &[], ""),
            Product::NginxModSecurity => {
                let rules = directory.join("rules.conf");
                fs::write(&rules, self.directives(directory, MODSECURITY_ONLY))?;
                let on = format!("modsecurity on; modsecurity_rules_file {};", rules.display());
                self.nginx(threads, address, directory, &[nginx::MODSECURITY], &on)
            }
            Product::Coraza => {
                let rules = directory.join("rules.conf");
                fs::write(&rules, self.directives(directory, ""))?;
                let mut command = Command::new(self.coraza.as_ref().context("no Coraza")?);
                command.env("GOMAXPROCS", threads.to_string()).stderr(said()?);
                command.args([
                    "-listen",
                    &address.to_string(),
                    "-upstream",
                    &self.origin.to_string(),
                    "-rules",
                ]);
                command.arg(rules);
                Ok(command)
            }
            Product::Pingora => {
                let mut command = Command::new(&self.pingora);
                command.args(["--listen", &address.to_string(), "--upstream", &self.origin.to_string()]);
                command.args(["--threads", &threads.to_string()]).stderr(said()?);
                Ok(command)
            }
            Product::PortcullisCrs | Product::PortcullisBuiltin | Product::PortcullisOff => {
                let config = directory.join("portcullis.yaml");
                fs::write(&config, self.configuration(product, address, directory))?;
                let mut command = Command::new(&self.portcullis);
                command
                    .args(["run", "--threads", &threads.to_string(), "--config"])
                    .arg(config)
                    .stderr(said()?);
                Ok(command)
            }
        }
    }

    /// nginx as a reverse proxy that is set up well: connections to the application are kept, a body does not
    /// go to a file.
    fn nginx(
        &self,
        threads: usize,
        address: SocketAddr,
        directory: &Path,
        modules: &[&str],
        more: &str,
    ) -> Result<Command> {
        anyhow::ensure!(threads == 1, "nginx is measured with one worker");
        let http = format!(
            "keepalive_requests 1000000; client_body_buffer_size 256k; large_client_header_buffers 8 64k;
             underscores_in_headers on; ignore_invalid_headers off; {more}
             upstream application {{ server {}; keepalive 64; keepalive_requests 1000000; }}
             server {{ listen {address}; location / {{ proxy_pass http://application; proxy_http_version 1.1;
               proxy_set_header Connection \"\"; proxy_set_header Host $http_host; }} }}",
            self.origin
        );
        Ok(nginx::command(directory, modules, &http)?)
    }

    /// The Core Rule Set for an engine that reads ModSecurity's directives.
    fn directives(&self, directory: &Path, more: &str) -> String {
        let (here, crs) = (directory.display(), self.crs.display());
        format!(
            "{SETTINGS}SecRequestBodyLimit 13107200\nSecRequestBodyNoFilesLimit 131072\n\
             SecResponseBodyLimit 524288\nSecResponseBodyLimitAction ProcessPartial\nSecAuditEngine Off\n\
             SecDataDir {here}\n{more}Include {crs}/crs-setup.conf\nInclude {crs}/rules/*.conf\n"
        )
    }

    fn configuration(&self, product: Product, address: SocketAddr, directory: &Path) -> String {
        let policy = match product {
            Product::PortcullisCrs => format!(
                "mode: prevent, model: none, inspect_responses: true, signatures: {{ rules: [{{ crs: {} }}] }}",
                self.crs.display()
            ),
            Product::PortcullisBuiltin => "mode: prevent".to_owned(),
            _ => "mode: off, model: none, signatures: { rules: [] }".to_owned(),
        };
        format!(
            "version: 1\nlisteners: [{{ address: '{address}' }}]\n\
             upstreams: {{ application: {{ servers: ['{}'] }} }}\n\
             assets: [{{ name: all, hosts: ['*'], upstream: application, policy: only }}]\n\
             policies: {{ only: {{ {policy} }} }}\n\
             reports: {{ decisions: {{ to: {}/decisions.jsonl }} }}\n",
            self.origin,
            directory.display()
        )
    }
}

/// What Coraza does not know.
const MODSECURITY_ONLY: &str =
    "SecTmpDir /tmp\nSecPcreMatchLimit 100000\nSecPcreMatchLimitRecursion 100000\n";
