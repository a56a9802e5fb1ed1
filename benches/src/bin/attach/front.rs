//! The gateways, and how each is configured and started: as the pages of docs/attach say.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use portcullis_benches::interrupt::go_on;
use portcullis_benches::server::{Server, free_address};
use portcullis_tests::nginx;

use super::client::{Client, Message};

/// A gateway, alone or with an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Front {
    Nginx,
    NginxModule,
    NginxModuleAnswers,
    NginxLua,
    NginxAuthRequest,
    Envoy,
    EnvoyProcessing,
    EnvoyUninspected,
    EnvoyProcessingAnswers,
    EnvoyDuplex,
    EnvoyCheck,
    HaProxy,
    HaProxySpoe,
    Proxy,
    ProxyAnswers,
}

impl Front {
    pub(crate) const ALL: [Self; 15] = [
        Self::Nginx,
        Self::NginxModule,
        Self::NginxModuleAnswers,
        Self::NginxLua,
        Self::NginxAuthRequest,
        Self::Envoy,
        Self::EnvoyUninspected,
        Self::EnvoyProcessing,
        Self::EnvoyProcessingAnswers,
        Self::EnvoyDuplex,
        Self::EnvoyCheck,
        Self::HaProxy,
        Self::HaProxySpoe,
        Self::Proxy,
        Self::ProxyAnswers,
    ];

    /// What it is, for readers.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::NginxModule => "nginx with [the module](nginx-module.md)",
            Self::NginxModuleAnswers => "nginx with [the module](nginx-module.md), answers inspected as well",
            Self::NginxLua => "nginx with [the Lua file](ingress-nginx.md)",
            Self::NginxAuthRequest => "nginx with [`auth_request`](inspect.md), which shows no bodies",
            Self::Envoy => "Envoy",
            Self::EnvoyUninspected => {
                "Envoy with [`ext_proc`](envoy.md), which asks and is told that nothing is inspected"
            }
            Self::EnvoyProcessing => "Envoy with [`ext_proc`](envoy.md), bodies buffered",
            Self::EnvoyProcessingAnswers => {
                "Envoy with [`ext_proc`](envoy.md), bodies buffered, answers inspected as well"
            }
            Self::EnvoyDuplex => "Envoy with [`ext_proc`](envoy.md), in full duplex",
            Self::EnvoyCheck => "Envoy with [`ext_authz`](envoy.md), with bodies",
            Self::HaProxy => "HAProxy",
            Self::HaProxySpoe => "HAProxy with [SPOE](haproxy.md)",
            Self::Proxy => "Portcullis [as the proxy](../edge.md), beside nginx alone",
            Self::ProxyAnswers => "Portcullis as the proxy, answers inspected as well, beside nginx alone",
        }
    }

    /// Whether it asks an agent, or is one.
    pub(crate) fn asks(self) -> bool {
        self.without().is_some()
    }

    /// Whether answers are inspected. What else there is to say of it is the same, so that what they cost is the difference.
    pub(crate) fn shows_answers(self) -> bool {
        matches!(self, Self::NginxModuleAnswers | Self::EnvoyProcessingAnswers | Self::ProxyAnswers)
    }

    /// Whether anything is inspected. Where nothing is, what asking alone costs is seen.
    pub(crate) fn inspects(self) -> bool {
        self.asks() && self != Self::EnvoyUninspected
    }

    /// The host that is asked for: by it the policy is chosen.
    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::EnvoyUninspected => "free.example.test",
            _ if self.shows_answers() => "sees.example.test",
            _ => "shop.example.test",
        }
    }

    fn is_proxy(self) -> bool {
        matches!(self, Self::Proxy | Self::ProxyAnswers)
    }

    /// The same without an attachment.
    pub(crate) fn without(self) -> Option<Self> {
        match self {
            Self::Nginx | Self::Envoy | Self::HaProxy => None,
            Self::EnvoyUninspected
            | Self::EnvoyProcessing
            | Self::EnvoyProcessingAnswers
            | Self::EnvoyDuplex
            | Self::EnvoyCheck => Some(Self::Envoy),
            Self::HaProxySpoe => Some(Self::HaProxy),
            Self::NginxModule | Self::NginxModuleAnswers | Self::NginxLua | Self::NginxAuthRequest => {
                Some(Self::Nginx)
            }
            Self::Proxy | Self::ProxyAnswers => Some(Self::Nginx),
        }
    }
}

/// What all of them need.
pub(crate) struct Setup {
    /// The agent of all attachments.
    pub(crate) agent: Server,
    portcullis: PathBuf,
    origin: SocketAddr,
    /// Where HAProxy asks.
    spoe: SocketAddr,
    records: &'static str,
    /// Takes a directory for each server.
    directory: PathBuf,
}

impl Setup {
    /// Starts the agent, which writes records of `hostile` requests or of `all`.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn begin(
        portcullis: &Path,
        origin: SocketAddr,
        directory: &Path,
        records: &'static str,
    ) -> Result<Self> {
        let portcullis = portcullis.canonicalize().with_context(|| format!("no {}", portcullis.display()))?;
        let (here, spoe) = (directory.display(), free_address()?);
        let attachments = format!(
            "attachments:\n\
             \x20 inspect: [{{ address: 'unix:{here}/native.sock', dialect: native }}, \
             {{ address: 'unix:{here}/nginx.sock', dialect: nginx }}]\n\
             \x20 envoy: [{{ address: 'unix:{here}/envoy.sock', bodies: true }}]\n\
             \x20 spoe: [{{ address: '{spoe}' }}]\n"
        );
        let agent = proxy(&portcullis, origin, directory, &attachments, records)?;
        Ok(Self { agent, portcullis, origin, spoe, records, directory: directory.into() })
    }

    /// Starts a gateway, and waits until it has answered a request; `None` when it is not installed.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(&self, front: Front) -> Result<Option<Server>> {
        go_on()?;
        let directory = self.directory.join(format!("{front:?}"));
        fs::create_dir_all(&directory)?;
        if front.is_proxy() {
            return proxy(&self.portcullis, self.origin, &directory, "", self.records).map(Some);
        }
        let address = free_address()?;
        let command = match front {
            Front::Envoy
            | Front::EnvoyUninspected
            | Front::EnvoyProcessing
            | Front::EnvoyProcessingAnswers
            | Front::EnvoyDuplex
            | Front::EnvoyCheck => self.envoy(front, address, &directory)?,
            Front::HaProxy | Front::HaProxySpoe => self.haproxy(front, address, &directory)?,
            _ => self.nginx(front, address, &directory)?,
        };
        let Some(command) = command else { return Ok(None) };
        let answers = || Client::new(address, front.host(), Message::Page).ask().is_ok();
        Server::start(command, address, &directory, answers).map(Some)
    }

    /// Where the records are of what comes by it.
    pub(crate) fn decisions(&self, front: Front) -> PathBuf {
        let directory =
            if front == Front::Proxy { self.directory.join("Proxy") } else { self.directory.clone() };
        directory.join("decisions.jsonl")
    }

    /// What is shipped, with other addresses, and another filter or none where that is measured.
    fn envoy(&self, front: Front, address: SocketAddr, directory: &Path) -> Result<Option<Command>> {
        let Some(program) = envoy() else { return Ok(None) };
        let shipped = fs::read_to_string(root().join("packaging/envoy/envoy.yaml"))?;
        let mut config = shipped
            .replace("0.0.0.0, port_value: 8080", &format!("127.0.0.1, port_value: {}", address.port()))
            .replace("port_value: 9901", "port_value: 0")
            .replace("port_value: 3000", &format!("port_value: {}", self.origin.port()))
            .replace("/run/portcullis/envoy.sock", &self.directory.join("envoy.sock").display().to_string())
            .replace("/dev/stdout", "/dev/null");
        config = match front {
            Front::Envoy => with_filter(&config, "")?,
            Front::EnvoyCheck => with_filter(&config, CHECK)?,
            Front::EnvoyDuplex => config
                .replace("request_body_mode: BUFFERED", "request_body_mode: FULL_DUPLEX_STREAMED")
                .replace(
                    "response_header_mode: SEND",
                    "request_trailer_mode: SEND\n                        response_header_mode: SEND",
                ),
            _ => config,
        };
        let path = directory.join("envoy.yaml");
        fs::write(&path, config)?;
        let mut command = Command::new(program);
        command.args(["--concurrency", "1", "-l", "error", "--disable-hot-restart", "-c"]).arg(path);
        Ok(Some(command))
    }

    /// What is shipped, with other addresses; where HAProxy is alone, what is needed to pass requests on.
    fn haproxy(&self, front: Front, address: SocketAddr, directory: &Path) -> Result<Option<Command>> {
        let Some(program) = HAPROXY.iter().map(Path::new).find(|path| path.exists()) else { return Ok(None) };
        let (config, engine) = (directory.join("haproxy.cfg"), directory.join("spoe.conf"));
        let shipped = root().join("packaging/haproxy");
        let text = match front {
            Front::HaProxySpoe => {
                fs::copy(shipped.join("portcullis-spoe.conf"), &engine)?;
                fs::read_to_string(shipped.join("haproxy.cfg"))?
                    .replace("127.0.0.1:8080", &address.to_string())
                    .replace("127.0.0.1:3000", &self.origin.to_string())
                    .replace("127.0.0.1:9083", &self.spoe.to_string())
                    .replace("/etc/haproxy/portcullis-spoe.conf", &engine.display().to_string())
            }
            _ => format!(
                "defaults\n  mode http\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n\
                 frontend web\n  bind {address}\n  default_backend application\n\
                 backend application\n  server application {}\n",
                self.origin
            ),
        };
        // One thread, as every gateway here.
        fs::write(&config, format!("global\n    nbthread 1\n\n{text}"))?;
        let mut command = Command::new(program);
        command.args(["-db", "-q", "-f"]).arg(config);
        Ok(Some(command))
    }

    fn nginx(&self, front: Front, address: SocketAddr, directory: &Path) -> Result<Option<Command>> {
        let modules = modules(front);
        if nginx::program().is_none() || modules.iter().any(|module| !Path::new(module).exists()) {
            return Ok(None);
        }
        let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
        Ok(Some(nginx::command(directory, &modules, &self.nginx_http(front, address)?)?))
    }

    fn nginx_http(&self, front: Front, address: SocketAddr) -> Result<String> {
        let here = self.directory.display();
        let (http, server, location) = match front {
            Front::NginxModule | Front::NginxModuleAnswers => {
                let responses = if front.shows_answers() { "on" } else { "off" };
                let http = format!(
                    "portcullis on; portcullis_responses {responses}; portcullis_agent unix:{here}/native.sock;"
                );
                (http, String::new(), "")
            }
            Front::NginxLua => (lua(&here.to_string())?, String::new(), ""),
            Front::NginxAuthRequest => (
                format!(
                    "upstream portcullis {{ server unix:{here}/nginx.sock; keepalive 32; keepalive_requests 100000000; }}"
                ),
                AUTH_REQUEST.into(),
                "auth_request /portcullis;",
            ),
            _ => (String::new(), String::new(), ""),
        };
        Ok(format!(
            "keepalive_requests 100000000; {http}
             upstream application {{ server {}; keepalive 64; keepalive_requests 100000000; }}
             server {{ listen {address}; {server}
               location / {{ {location} proxy_pass http://application; proxy_http_version 1.1;
                 proxy_set_header Connection \"\"; proxy_set_header Host $http_host; }} }}",
            self.origin
        ))
    }
}

/// Portcullis before the application, with its defaults in prevent mode; of one host answers are inspected.
fn proxy(
    portcullis: &Path,
    origin: SocketAddr,
    directory: &Path,
    attachments: &str,
    records: &str,
) -> Result<Server> {
    let (address, config) = (free_address()?, directory.join("portcullis.yaml"));
    // By this one it is seen that answers are inspected ([`Client::check`]).
    fs::write(
        directory.join("small.conf"),
        "SecRule RESPONSE_BODY \"@beginsWith done\" \"id:1,phase:4,deny\"\n",
    )?;
    fs::write(
        &config,
        format!(
            "version: 1\n\
             listeners: [{{ address: '{address}' }}]\n{attachments}\
             upstreams: {{ application: {{ servers: ['{origin}'] }} }}\n\
             assets: [{{ name: all, hosts: ['*'], upstream: application, policy: usual }}, \
             {{ name: answers, hosts: ['{answers}'], upstream: application, policy: answers }}, \
             {{ name: nothing, hosts: ['{nothing}'], upstream: application, policy: nothing }}]\n\
             policies:\n\
             \x20 usual: {{ mode: prevent }}\n\
             \x20 nothing: {{ mode: off }}\n\
             \x20 answers: {{ mode: prevent, inspect_responses: true, signatures: {{ rules: [builtin, {{ file: small.conf }}] }} }}\n\
             reports: {{ decisions: {{ to: {}/decisions.jsonl, only: {records} }} }}\n",
            directory.display(),
            answers = Front::ProxyAnswers.host(),
            nothing = Front::EnvoyUninspected.host(),
        ),
    )?;
    let mut command = Command::new(portcullis);
    command.args(["run", "--threads", "1", "--config"]).arg(config);
    let answers = || Client::new(address, Front::Proxy.host(), Message::Page).ask().is_ok();
    Server::start(command, address, directory, answers)
}

fn modules(front: Front) -> Vec<String> {
    match front {
        Front::NginxModule | Front::NginxModuleAnswers => {
            let built = root().join("target/nginx-module/ngx_http_portcullis_module.so");
            vec![built.display().to_string()]
        }
        Front::NginxLua => ["ndk_http_module.so", "ngx_http_lua_module.so"]
            .map(|file| format!("/usr/lib/nginx/modules/{file}"))
            .to_vec(),
        _ => Vec::new(),
    }
}

/// The `http-snippet` of the values that are shipped, with another socket and another place of the file.
fn lua(here: &str) -> Result<String> {
    let directory = root().join("packaging/ingress-nginx");
    let values = fs::read_to_string(directory.join("values.yaml"))?;
    let (_, rest) = values.split_once("http-snippet: |\n").context("no snippet")?;
    let lines: Vec<_> = rest
        .lines()
        .take_while(|line| line.starts_with("      "))
        .filter(|line| !line.contains("client_max_body_size"))
        .collect();
    let snippet = lines
        .join("\n")
        .replace("/run/portcullis/inspect.sock", &format!("{here}/native.sock"))
        .replace("/etc/nginx/portcullis", &directory.display().to_string());
    Ok(format!("lua_package_path '/usr/share/lua/5.1/?.lua;;'; {snippet}"))
}

/// Envoy's configuration with another filter in place of `ext_proc`.
fn with_filter(config: &str, filter: &str) -> Result<String> {
    let (before, rest) = config.split_once("- name: envoy.filters.http.ext_proc").context("no filter")?;
    let (_, after) = rest.split_once("- name: envoy.filters.http.router").context("no router")?;
    Ok(format!("{before}{filter}- name: envoy.filters.http.router{after}"))
}

/// Where the tests install Envoy.
fn envoy() -> Option<PathBuf> {
    let versions = fs::read_dir(root().join("target/tmp/envoy-1.40.0/lib")).ok()?;
    let mut programs =
        versions.flatten().map(|version| version.path().join("site-packages/envoy/_bin/envoy"));
    programs.find(|program| program.exists())
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap_or(root)
}

/// What docs/attach/envoy.md has for Contour's Envoy, with bodies.
const CHECK: &str = r#"- name: envoy.filters.http.ext_authz
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
                      transport_api_version: V3
                      grpc_service: { envoy_grpc: { cluster_name: portcullis }, timeout: 1s }
                      status_on_error: { code: 503 }
                      encode_raw_headers: true
                      with_request_body: { max_request_bytes: 1048576, allow_partial_message: true, pack_as_bytes: true }
                  "#;
const HAPROXY: [&str; 2] = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"];
/// What docs/attach/inspect.md has for nginx.
const AUTH_REQUEST: &str = "location = /portcullis { internal; proxy_pass http://portcullis; proxy_http_version 1.1;
    proxy_set_header Connection \"\"; proxy_connect_timeout 100ms; proxy_read_timeout 500ms; proxy_pass_request_body off;
    proxy_set_header Content-Length \"\"; proxy_set_header Host $http_host; proxy_set_header X-Original-Method $request_method;
    proxy_set_header X-Original-URI $request_uri; proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Original-Content-Length $http_content_length;
    proxy_set_header X-Original-Transfer-Encoding $http_transfer_encoding; }";
