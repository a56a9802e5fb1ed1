//! The servers that are compared: how each is configured, started and ended.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use portcullis_benches::interrupt::go_on;
use portcullis_benches::server::{Server, free_address};
use portcullis_tests::core_rules::SETTINGS;
use portcullis_tests::nginx;

use super::client::Client;
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

/// Starts a server with so many worker threads, and waits until it has answered a request.
///
/// # Errors
/// When it does not.
pub(crate) fn start(setup: &Setup, product: Product, threads: usize, probe: &Request) -> Result<Server> {
    go_on()?;
    let directory = setup.directory.join(format!("{}-{threads}", product.name()));
    fs::create_dir_all(&directory)?;
    let address = free_address()?;
    let command = setup.command(product, threads, address, &directory)?;
    Server::start(command, address, &directory, || Client::new(address).send(probe).is_ok())
}

impl Setup {
    fn command(
        &self,
        product: Product,
        threads: usize,
        address: SocketAddr,
        directory: &Path,
    ) -> Result<Command> {
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
                command.env("GOMAXPROCS", threads.to_string());
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
                command.args(["--threads", &threads.to_string()]);
                Ok(command)
            }
            Product::PortcullisCrs | Product::PortcullisBuiltin | Product::PortcullisOff => {
                let config = directory.join("portcullis.yaml");
                fs::write(&config, self.configuration(product, address, directory))?;
                let mut command = Command::new(&self.portcullis);
                command.args(["run", "--threads", &threads.to_string(), "--config"]).arg(config);
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
