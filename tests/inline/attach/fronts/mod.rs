//! All fronts of one process at once: a listener, and an attachment for each gateway, which stand side by side before one application.

mod clients;
mod load;
mod overload;
mod replaced;
mod together;

use std::net::SocketAddr;
use std::path::Path;

use portcullis_tests::ports;

use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::caddy::Caddy;
use super::{curl, envoy, lua, nginx, spoe, table};

/// The attachments' names, in the order in which the agent says where they are.
const NAMES: [&str; 5] = ["native", "nginx", "caddy", "envoy", "spoe"];

/// Where the attachments are asked, in that order, and the listener's address.
struct Places {
    attachments: [String; 5],
    listener: String,
    admin: String,
}

impl Places {
    /// Unix sockets beside the configuration.
    fn unix() -> Self {
        let attachments = NAMES.map(|name| format!("unix:{{here}}/{name}.sock"));
        Self { attachments, listener: "127.0.0.1:0".to_owned(), admin: "127.0.0.1:0".to_owned() }
    }

    /// Ports that are free.
    fn tcp() -> Self {
        Self { attachments: NAMES.map(|_| ports::free().to_string()), ..Self::unix() }
    }

    /// The agent's configuration, with all of them.
    fn yaml(&self, origin: SocketAddr, policy: &str, more: &str) -> String {
        let [native, nginx, caddy, envoy, spoe] = &self.attachments;
        let Self { listener, admin, .. } = self;
        format!(
            r#"version: 1
listeners: [{{ address: "{listener}" }}]
attachments:
  inspect:
    - {{ address: "{native}", dialect: native }}
    - {{ address: "{nginx}", dialect: nginx }}
    - {{ address: "{caddy}", dialect: caddy }}
  envoy: [{{ address: "{envoy}", bodies: true }}]
  spoe: [{{ address: "{spoe}" }}]
upstreams: {{ application: {{ servers: ["{origin}"] }} }}
assets: [{{ name: all, hosts: ["*"], policy: default, upstream: application }}]
policies:
  default:
    mode: prevent
    signatures: {{ rules: [{{ file: rules.conf }}] }}
    {policy}
admin: {{ address: "{admin}" }}
reports: {{ decisions: {{ to: none }} }}
{more}
"#
        )
    }
}

/// A gateway that asks, or the agent's own listener; and where clients come in.
struct Way {
    name: &'static str,
    address: SocketAddr,
    /// Whether it shows bodies.
    sees_bodies: bool,
    gateway: Gateway,
}

/// Keeps a gateway running.
enum Gateway {
    Caddy(Caddy),
    Envoy(Box<envoy::Gateway>),
    Haproxy(spoe::Gateway),
    Listener,
    Nginx(nginx::Gateway),
}

/// What gateways are set up with beside where they ask.
#[derive(Clone, Copy)]
struct Patience {
    /// How long they wait for an answer (ms).
    ms: u32,
    /// How often HAProxy's check may fail.
    falls: u32,
}

const USUAL: Patience = Patience { ms: 5_000, falls: 2 };

impl Way {
    /// All that can be had here, each before `origin`; what is not installed says so.
    fn all(agent: &Portcullis, origin: &Origin, patience: Patience) -> Vec<Self> {
        let asked: Vec<_> = agent.inspect.iter().map(String::as_str).collect();
        let [native, nginx, caddy, envoy, spoe] = asked[..] else { panic!("five attachments: {asked:?}") };
        let own =
            Self { name: "listener", address: agent.address, sees_bodies: true, gateway: Gateway::Listener };
        let ways = [
            Some(own),
            by_lua(native, patience, origin),
            by_module(native, patience, origin),
            by_auth_request(nginx, patience, origin),
            by_caddy(caddy, patience, origin),
            by_envoy(envoy, patience, origin),
            by_envoys_check(envoy, patience, origin),
            by_haproxy(spoe, patience, origin),
        ];
        ways.into_iter().flatten().collect()
    }

    /// What the gateway says that went wrong.
    fn said(&self) -> String {
        match &self.gateway {
            Gateway::Caddy(caddy) => format!("Caddy at {}", caddy.base),
            Gateway::Listener => String::new(),
            Gateway::Envoy(envoy) => envoy.said(),
            Gateway::Haproxy(haproxy) => {
                haproxy.log().lines().filter(|line| line.contains("/unasked ")).collect::<Vec<_>>().join("\n")
            }
            Gateway::Nginx(nginx) => nginx.errors(),
        }
    }

    /// The status of a GET.
    fn get(&self, path: &str) -> u16 {
        curl::get(&format!("http://{}{path}", self.address)).status
    }
}

fn address(base: &str) -> SocketAddr {
    base.trim_start_matches("http://").parse().expect("an address")
}

fn nginx_way(name: &'static str, sees_bodies: bool, gateway: nginx::Gateway) -> Way {
    Way { name, address: address(&gateway.base), sees_bodies, gateway: Gateway::Nginx(gateway) }
}

fn by_lua(place: &str, patience: Patience, origin: &Origin) -> Option<Way> {
    let gateway = lua::gateway_at(place, &patience.ms.to_string(), origin.address, "closed", "")?;
    Some(nginx_way("Lua", true, gateway))
}

fn by_module(place: &str, patience: Patience, origin: &Origin) -> Option<Way> {
    let module =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/nginx-module/ngx_http_portcullis_module.so");
    let named = std::env::var_os("PORTCULLIS_NGINX_MODULE").map_or(module, Into::into);
    if !named.exists() {
        println!("left out: no module, which `./x nginx-module` builds");
        return None;
    }
    let http = format!("portcullis on; portcullis_agent {place}; portcullis_timeout {}ms;", patience.ms);
    let server = format!("location / {{ proxy_pass http://{}; }}", origin.address);
    let gateway = nginx::Gateway::start(&[&named.display().to_string()], &http, &server)?;
    Some(nginx_way("nginx module", true, gateway))
}

fn by_auth_request(place: &str, patience: Patience, origin: &Origin) -> Option<Way> {
    let gateway = nginx::auth_request_at(place, &format!("{}ms", patience.ms), origin.address)?;
    Some(nginx_way("auth_request", false, gateway))
}

fn by_caddy(place: &str, patience: Patience, origin: &Origin) -> Option<Way> {
    let place = place.replace("unix:", "unix/");
    let caddy = Caddy::start_at(&place, &format!("{}ms", patience.ms), origin.address)?;
    Some(Way { name: "Caddy", address: caddy.address, sees_bodies: false, gateway: Gateway::Caddy(caddy) })
}

fn by_envoy(place: &str, patience: Patience, origin: &Origin) -> Option<Way> {
    let setup = envoy::Setup::process("BUFFERED", "NONE", "failure_mode_allow: false");
    envoy_way("Envoy", setup, "message_timeout: 1s", place, patience, origin)
}

/// By `ext_authz`.
fn by_envoys_check(place: &str, patience: Patience, origin: &Origin) -> Option<Way> {
    let setup = envoy::Setup::check(1 << 20, false);
    envoy_way("Envoy, ext_authz", setup, "timeout: 1s", place, patience, origin)
}

/// `usual` is how long it waits otherwise.
fn envoy_way(
    name: &'static str,
    mut setup: envoy::Setup,
    usual: &str,
    place: &str,
    patience: Patience,
    origin: &Origin,
) -> Option<Way> {
    assert!(setup.filter.contains(usual));
    let (key, _) = usual.split_once(": ").expect("a key");
    let time = format!("{key}: {:.3}s", f64::from(patience.ms) / 1e3);
    setup.filter = setup.filter.replace(usual, &time);
    let envoy = envoy::Gateway::start(&setup, place.trim_start_matches("unix:"), origin.address, None)?;
    Some(Way { name, address: envoy.address, sees_bodies: true, gateway: Gateway::Envoy(Box::new(envoy)) })
}

fn by_haproxy(place: &str, patience: Patience, origin: &Origin) -> Option<Way> {
    let place = place.replace("unix:", "unix@");
    let Patience { ms, falls } = patience;
    let (hello, falls) = (format!("timeout hello {ms}ms"), format!("fall {falls}"));
    let processing = format!("timeout processing {ms}ms");
    let changes =
        [("timeout hello 100ms", &*hello), ("timeout processing 500ms", &*processing), ("fall 2", &*falls)];
    let haproxy = spoe::Gateway::start_at(&place, origin.address, "closed", &changes)?;
    let address = address(&haproxy.base);
    Some(Way { name: "HAProxy", address, sees_bodies: true, gateway: Gateway::Haproxy(haproxy) })
}
