//! Ways in beside listeners, as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EnvoySpec, ListenerLimitsSpec, SpoeSpec};

/// Ways in beside listeners: a gateway takes the requests and answers them, and asks what is to be thought of each.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentsSpec {
    /// Endpoints that a gateway asks over HTTP/1.1 or HTTP/2 without TLS: nginx (`auth_request`, Lua), Traefik, Caddy, gateways
    /// with the filter `ExternalAuth`.
    #[serde(default)]
    pub inspect: Vec<InspectSpec>,
    /// Endpoints that Envoy asks over gRPC (`ext_proc`, `ext_authz`): Envoy Gateway, Istio, kgateway, Contour.
    #[serde(default)]
    pub envoy: Vec<EnvoySpec>,
    /// Endpoints that HAProxy asks over its Stream Processing Offload Protocol.
    #[serde(default)]
    pub spoe: Vec<SpoeSpec>,
}

/// An endpoint that a gateway asks about each request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectSpec {
    /// Address and port, the path of a socket (`unix:/run/portcullis/inspect.sock`), or a socket that systemd passes
    /// (`socket:inspect`). Only the gateway should reach it.
    pub address: String,
    /// Who asks, and so which headers say what the request was.
    pub dialect: Dialect,
    /// Who may ask: networks (`10.0.0.0/8`), addresses, and `unix` for whoever connects over a unix socket. They are believed
    /// in everything they say of a request. Default: `[127.0.0.0/8, "::1", unix]`.
    pub gateways: Option<Vec<String>>,
    /// What the gateway must send beside that, as the header `X-Portcullis-Token`, or as the path it asks (`/TOKEN`). Nothing when
    /// absent. Letters, digits, `-` and `_`, 16 of them at least.
    pub token: Option<String>,
    /// The file that has the token instead, relative to the configuration's directory. A changed file is loaded at once.
    pub token_file: Option<String>,
    /// The proxies before the gateway that are believed of who the client is. Default: nobody; the client is who connected to
    /// the gateway.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// Whether the gateway sends the bodies of requests: `forwardBody` of Traefik and of `ExternalAuth`. Where it does not, a
    /// request that should have one counts as not inspected whole (`body-unseen`). Default: true for `native`, else false.
    pub bodies: Option<bool>,
    /// What `external-auth` puts in front of the path of each request. Default: nothing.
    pub path_prefix: Option<String>,
    /// How long the body may take to come. What has not come then counts as cut off (`body-cut`). Default `10s`.
    pub body_timeout: Option<String>,
    /// How much the gateway may ask.
    #[serde(default)]
    pub limits: ListenerLimitsSpec,
}

/// Who asks, and so which headers say what the request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Caddy's `forward_auth`.
    Caddy,
    /// The filter `ExternalAuth` of the Gateway API with protocol HTTP, and Envoy's `ext_authz` over HTTP: the request itself,
    /// its path behind `path_prefix`.
    ExternalAuth,
    /// `auth-url` and `global-auth-url` of ingress-nginx.
    IngressNginx,
    /// The request as a message in the body: `portcullis.lua`, and whoever writes something new.
    Native,
    /// nginx's `auth_request`, set up as docs/attach/inspect.md says.
    Nginx,
    /// Traefik's ForwardAuth.
    Traefik,
}

impl Dialect {
    /// Its name in the configuration, in records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caddy => "caddy",
            Self::ExternalAuth => "external-auth",
            Self::IngressNginx => "ingress-nginx",
            Self::Native => "native",
            Self::Nginx => "nginx",
            Self::Traefik => "traefik",
        }
    }
}
