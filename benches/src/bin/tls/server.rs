//! The servers: how each is configured and started.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use portcullis_benches::interrupt::go_on;
use portcullis_benches::server::{Server, free_address};
use portcullis_tests::nginx;

use super::certificate::Certificate;
use super::client::{Client, Exchange, Terms};
use super::scenario::{Asked, Connections, Protocol};

/// One of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Product {
    PortcullisDefaults,
    PortcullisOff,
    Pingora,
    Nginx,
}

impl Product {
    pub(crate) const ALL: [Self; 4] =
        [Self::PortcullisDefaults, Self::PortcullisOff, Self::Pingora, Self::Nginx];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PortcullisDefaults => "portcullis-defaults",
            Self::PortcullisOff => "portcullis-off",
            Self::Pingora => "pingora",
            Self::Nginx => "nginx",
        }
    }

    /// What it is, for readers.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::PortcullisDefaults => "Portcullis, defaults",
            Self::PortcullisOff => "Portcullis, inspection off",
            Self::Pingora => "bare Pingora",
            Self::Nginx => "nginx",
        }
    }
}

/// Where everything is that is started.
pub(crate) struct Setup {
    pub(crate) portcullis: PathBuf,
    /// Pingora alone.
    pub(crate) pingora: PathBuf,
    /// The application.
    pub(crate) origin: SocketAddr,
    pub(crate) certificate: Certificate,
    /// Takes a directory for each server.
    pub(crate) directory: PathBuf,
}

impl Setup {
    /// Starts a server with one worker thread, and waits until it has answered a request.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn start(&self, product: Product) -> Result<Server> {
        go_on()?;
        let directory = self.directory.join(product.name());
        fs::create_dir_all(&directory)?;
        let address = free_address()?;
        let command = self.command(product, address, &directory)?;
        let probe = Exchange { targets: Asked::Small.targets(), body: Vec::new(), body_bytes: 5 }.into();
        let terms = Terms::new(&self.certificate.shown, Protocol::Http1, Connections::Full)?;
        let answers = || {
            let client = Client::new(address, terms.clone(), Protocol::Http1);
            client.and_then(|mut client| client.send(&probe, 0)).is_ok()
        };
        Server::start(command, address, &directory, answers)
    }

    fn command(&self, product: Product, address: SocketAddr, directory: &Path) -> Result<Command> {
        match product {
            Product::Nginx => Ok(nginx::command(directory, &[], &self.nginx(address))?),
            Product::Pingora => {
                let mut command = Command::new(&self.pingora);
                command.args(["--listen", &address.to_string(), "--upstream", &self.origin.to_string()]);
                command.arg("--certificate").arg(&self.certificate.certificate);
                command.arg("--key").arg(&self.certificate.key);
                Ok(command)
            }
            Product::PortcullisDefaults | Product::PortcullisOff => {
                let config = directory.join("portcullis.yaml");
                fs::write(&config, self.configuration(product, address, directory))?;
                let mut command = Command::new(&self.portcullis);
                command.args(["run", "--threads", "1", "--config"]).arg(config);
                Ok(command)
            }
        }
    }

    /// nginx as a reverse proxy that is set up well: connections to the application are kept, and no body waits in
    /// a file.
    fn nginx(&self, address: SocketAddr) -> String {
        format!(
            "keepalive_requests 100000000; proxy_max_temp_file_size 0; proxy_request_buffering off;
             upstream application {{ server {}; keepalive 64; keepalive_requests 100000000; }}
             server {{ listen {address} ssl http2; ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3;
               location / {{ proxy_pass http://application; proxy_http_version 1.1;
                 proxy_set_header Connection \"\"; proxy_set_header Host $http_host; }} }}",
            self.origin,
            self.certificate.certificate.display(),
            self.certificate.key.display()
        )
    }

    fn configuration(&self, product: Product, address: SocketAddr, directory: &Path) -> String {
        let policy = match product {
            Product::PortcullisDefaults => "mode: prevent",
            _ => "mode: off, model: none, signatures: { rules: [] }",
        };
        format!(
            "version: 1\n\
             listeners: [{{ address: '{address}', tls: {{ certificates: [{{ certificate: {}, key: {} }}] }} }}]\n\
             upstreams: {{ application: {{ servers: ['{}'] }} }}\n\
             assets: [{{ name: all, hosts: ['*'], upstream: application, policy: only }}]\n\
             policies: {{ only: {{ {policy} }} }}\n\
             reports: {{ decisions: {{ to: {}/decisions.jsonl }} }}\n",
            self.certificate.certificate.display(),
            self.certificate.key.display(),
            self.origin,
            directory.display()
        )
    }
}
