//! A running Envoy, set up as docs/attach/envoy.md says.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::super::curl;
use super::installed;

/// A running Envoy; killed when dropped.
pub(in super::super) struct Gateway {
    child: Child,
    /// HTTP/1.1 and HTTP/2.
    pub(in super::super) base: String,
    pub(in super::super) address: SocketAddr,
    admin: String,
    directory: tempfile::TempDir,
}

/// How it asks.
#[derive(Clone)]
pub(in super::super) struct Setup {
    /// Its filter, in place of what [`Setup::process`] makes.
    pub(in super::super) filter: String,
    /// What else the listener has.
    pub(in super::super) listener: &'static str,
    /// What else the connection manager has.
    pub(in super::super) manager: &'static str,
    /// All of it, but for addresses.
    whole: Option<&'static str>,
}

impl Setup {
    /// `ext_proc`, with bodies of requests and answers in such modes, and more keys of the filter.
    pub(in super::super) fn process(request: &str, answer: &str, more: &str) -> Self {
        let filter = format!(
            r#"
          - name: envoy.filters.http.ext_proc
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor
              grpc_service: {{ envoy_grpc: {{ cluster_name: portcullis }} }}
              message_timeout: 1s
              allow_mode_override: true
              allow_content_length_header: true
              request_attributes: [source.address, destination.address, request.protocol]
              metadata_options: {{ receiving_namespaces: {{ untyped: [portcullis] }} }}
              processing_mode:
                request_header_mode: SEND
                request_body_mode: {request}
                request_trailer_mode: {}
                response_header_mode: SEND
                response_body_mode: {answer}
                response_trailer_mode: {}
              {more}"#,
            trailers(request),
            trailers(answer),
        );
        Self { filter, listener: "", manager: "", whole: None }
    }

    /// `ext_authz`, with bodies of so many bytes; without bodies when that is 0.
    pub(in super::super) fn check(body: usize, fails_open: bool) -> Self {
        let body = match body {
            0 => String::new(),
            most => format!(
                "with_request_body: {{ max_request_bytes: {most}, allow_partial_message: true, pack_as_bytes: true }}"
            ),
        };
        let filter = format!(
            r#"
          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              grpc_service: {{ envoy_grpc: {{ cluster_name: portcullis }}, timeout: 1s }}
              failure_mode_allow: {fails_open}
              status_on_error: {{ code: 503 }}
              encode_raw_headers: true
              {body}"#
        );
        Self { filter, listener: "", manager: "", whole: None }
    }

    /// As packaging/envoy/envoy.yaml has it.
    pub(in super::super) fn shipped() -> Self {
        let whole = Some(include_str!("../../../../packaging/envoy/envoy.yaml"));
        Self { filter: String::new(), listener: "", manager: "", whole }
    }

    fn yaml(&self, socket: &str, origin: SocketAddr, grpc: Option<SocketAddr>, log: &str) -> String {
        let Self { filter, listener, manager, whole } = self;
        if let Some(whole) = whole {
            return whole
                .replace("0.0.0.0, port_value: 8080", "127.0.0.1, port_value: 0")
                .replace("port_value: 9901", "port_value: 0")
                .replace("port_value: 3000", &format!("port_value: {}", origin.port()))
                .replace("/run/portcullis/envoy.sock", socket)
                .replace("/dev/stdout", log);
        }
        let cluster = |name: &str, address: SocketAddr, protocol: &str| {
            format!(
                "  - name: {name}\n    connect_timeout: 1s\n{protocol}    load_assignment:\n      cluster_name: {name}\n      \
                 endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: {}, port_value: {} }} }} }} }}] }}]\n",
                address.ip(),
                address.port()
            )
        };
        let services = grpc.map_or(String::new(), |address| cluster("services", address, HTTP2));
        let services_route = grpc.map_or(
            "",
            |_| "{ match: { prefix: /shop.Orders/ }, route: { cluster: services, timeout: 0s } },",
        );
        format!(
            r#"
admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
static_resources:
  listeners:
  - name: front
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    {listener}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          use_remote_address: true
          upgrade_configs: [{{ upgrade_type: websocket }}]
          {manager}
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {log}
              log_format: {{ text_format_source: {{ inline_string: "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %DYNAMIC_METADATA(portcullis)% %DYNAMIC_METADATA(envoy.filters.http.ext_authz)%\n" }} }}
          route_config:
            virtual_hosts:
            - {{ name: all, domains: ["*"], routes: [{services_route} {{ match: {{ prefix: / }}, route: {{ cluster: application, timeout: 0s }} }}] }}
          http_filters:{filter}
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: portcullis
    connect_timeout: 1s
{HTTP2}    load_assignment:
      cluster_name: portcullis
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ {} }} }} }}] }}]
{}{services}"#,
            place(socket),
            cluster("application", origin, "")
        )
    }
}

/// The path of a socket, or an address and port, as Envoy has it.
fn place(socket: &str) -> String {
    match socket.parse::<SocketAddr>() {
        Ok(address) => {
            format!("socket_address: {{ address: {}, port_value: {} }}", address.ip(), address.port())
        }
        Err(_) => format!("pipe: {{ path: {socket} }}"),
    }
}

/// In full duplex the end of a body that has trailers is told by these.
fn trailers(mode: &str) -> &'static str {
    if mode == "FULL_DUPLEX_STREAMED" { "SEND" } else { "SKIP" }
}

const HTTP2: &str = r#"    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
"#;

impl Gateway {
    /// Starts it, or says that it is left out. Requests for `/shop.Orders/` go to `grpc`.
    pub(in super::super) fn start(
        setup: &Setup,
        socket: &str,
        origin: SocketAddr,
        grpc: Option<SocketAddr>,
    ) -> Option<Self> {
        let program = installed::program()?;
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let yaml = setup.yaml(socket, origin, grpc, &path("access").display().to_string());
        std::fs::write(path("envoy.yaml"), yaml).expect("written");
        let log = std::fs::File::create(path("log")).expect("a file");
        let child = Command::new(program)
            .arg("-c")
            .arg(path("envoy.yaml"))
            .arg("--admin-address-path")
            .arg(path("admin"))
            .args([
                "--concurrency",
                "1",
                "--disable-hot-restart",
                "-l",
                "info",
                "--file-flush-interval-msec",
                "50",
            ])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("Envoy starts");
        let (base, admin) = (String::new(), String::new());
        let mut gateway = Self { child, base, address: SocketAddr::from(([0; 4], 0)), admin, directory };
        gateway.wait_until_it_listens();
        Some(gateway)
    }

    fn wait_until_it_listens(&mut self) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < until, "{}", self.said());
            std::thread::sleep(Duration::from_millis(25));
            let Ok(admin) = std::fs::read_to_string(self.directory.path().join("admin")) else { continue };
            self.admin = format!("http://{}", admin.trim());
            if curl::get(&format!("{}/ready", self.admin)).status != 200 {
                continue;
            }
            let listeners = curl::get(&format!("{}/listeners", self.admin)).body;
            if let Some(address) =
                listeners.lines().find_map(|line| line.strip_prefix("front::")?.parse().ok())
            {
                self.address = address;
                self.base = format!("http://{address}");
                return;
            }
        }
    }

    /// The process.
    pub(in super::super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said.
    pub(in super::super) fn said(&self) -> String {
        let text = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().filter(|line| !line.contains("[info]")).collect();
        lines.join("\n")
    }

    /// A counter of its own that ends in `name`.
    pub(in super::super) fn counter(&self, name: &str) -> u64 {
        let stats = curl::get(&format!("{}/stats?filter={name}", self.admin)).body;
        let values = stats.lines().filter_map(|line| line.rsplit_once(": "));
        values.filter(|(key, _)| key.ends_with(name)).filter_map(|(_, value)| value.parse::<u64>().ok()).sum()
    }

    /// Its access log, once it has so many lines.
    pub(in super::super) fn access(&self, lines: usize) -> Vec<String> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let text = std::fs::read_to_string(self.directory.path().join("access")).unwrap_or_default();
            if text.lines().count() >= lines {
                return text.lines().map(str::to_owned).collect();
            }
            assert!(Instant::now() < until, "{lines} lines wanted:\n{text}\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
