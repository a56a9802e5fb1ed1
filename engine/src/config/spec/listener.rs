//! Where requests are accepted, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::TraceContext;
use crate::policy::spec::SizeSpec;

/// Where requests are accepted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerSpec {
    /// Address and port (`0.0.0.0:8080`; `[::]:8080` is IPv4 as well), the path of a socket (`unix:/run/portcullis/http.sock`),
    /// or a socket that systemd passes, by its `FileDescriptorName=` (`socket:http`).
    pub address: String,
    /// Whether HTTP/2 without TLS is accepted beside HTTP/1.1. Default false.
    #[serde(default)]
    pub h2c: bool,
    /// TLS; none when absent.
    pub tls: Option<TlsSpec>,
    /// Who stands in front and begins each connection with a PROXY protocol header (version 1 or 2): networks
    /// (`10.0.0.0/8`), or `unix` for a unix socket. From these the header is required; nobody else's is read. Nobody when absent.
    pub proxy_protocol: Option<Vec<String>>,
    /// Whether requests are answered with a redirect to https. Default false.
    #[serde(default)]
    pub redirect_to_https: bool,
    /// Strict-Transport-Security on answers over TLS; none when absent.
    pub hsts: Option<HstsSpec>,
    /// How much clients may ask of it.
    #[serde(default)]
    pub limits: ListenerLimitsSpec,
    /// The proxies before this one that are believed of who the client is: networks (`10.0.0.0/8`), addresses, and `unix`
    /// for whoever connects over a unix socket. Default: nobody; the client is who connected.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// The header in which they say it: `x-forwarded-for`, `forwarded`, `x-real-ip`, or another one with an address, or
    /// several and the nearest last. Default `x-forwarded-for`.
    pub client_address: Option<String>,
    /// What is done about W3C Trace Context. Default `pass`.
    #[serde(default)]
    pub trace_context: TraceContext,
}

/// TLS of a listener.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSpec {
    /// The certificates. Clients get the one for the name they ask for; the first is for all other names, unless
    /// `unknown_names` says otherwise.
    #[schemars(length(min = 1))]
    pub certificates: Vec<CertificateSpec>,
    /// What clients get that ask for a name of no certificate, or for none. Default `first`.
    #[serde(default)]
    pub unknown_names: UnknownNames,
    /// The oldest version. Default `1.2`.
    #[serde(default)]
    pub min_version: TlsVersion,
    /// Whether HTTP/2 is offered. Default true.
    pub http2: Option<bool>,
    /// Certificates of clients; they are not asked for when absent.
    pub client_certificates: Option<ClientCertificatesSpec>,
}

/// A certificate: either `certificate` with `key`, or `secret`, or `acme`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateSpec {
    /// The file of the certificate, in front of those that lead to its authority (PEM), relative to the configuration's directory.
    pub certificate: Option<String>,
    /// The file of its private key (PEM).
    pub key: Option<String>,
    /// A directory with `tls.crt` and `tls.key`, as Kubernetes mounts a Secret.
    pub secret: Option<String>,
    /// Has the certificate obtained, and renewed, as `acme` at the top says.
    pub acme: Option<AcmeCertificateSpec>,
}

/// A certificate that is obtained by ACME.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcmeCertificateSpec {
    /// The names it is for; a wildcard needs the challenge `dns-01`.
    #[schemars(length(min = 1))]
    pub names: Vec<String>,
}

/// What clients get that ask for a name of no certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownNames {
    /// The first certificate.
    #[default]
    First,
    /// An alert: no handshake.
    Refuse,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// Certificates of clients.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificatesSpec {
    /// The file of the authorities that are believed (PEM).
    pub authorities: String,
    /// Whether a client without one is refused. Default true.
    pub required: Option<bool>,
    /// The header that tells the application the subject (RFC 9440 is `Client-Cert`; this is a distinguished name). What clients
    /// send under that name never reaches the application. Default `X-Client-Subject`.
    pub subject_header: Option<String>,
}

/// Strict-Transport-Security (RFC 6797).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HstsSpec {
    /// For how long browsers ask over TLS only. Default `8760h`, a year.
    pub max_age: Option<String>,
    /// Whether hosts below are meant too. Default false.
    #[serde(default)]
    pub include_subdomains: bool,
    /// Whether it may be in the lists that come with browsers. Default false.
    #[serde(default)]
    pub preload: bool,
}

/// How much clients may ask of a listener.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerLimitsSpec {
    /// Connections at once (count); more wait to be accepted. Default 16384.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: Option<u32>,
    /// Connections of one client's address at once (count; of IPv6 its /64); more are closed. No bound when absent.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_client_max: Option<u32>,
    /// How long the PROXY protocol header and the TLS handshake may take. Default `10s`.
    pub handshake_timeout: Option<String>,
    /// How long a request's head may take from its first byte to its last. Default `10s`.
    pub head_timeout: Option<String>,
    /// How many bytes a request's head may have, over HTTP/1 and HTTP/2. Default `64KiB`.
    pub head_bytes_max: Option<SizeSpec>,
    /// How long a client may send nothing of a body, or take nothing of an answer. Default `60s`.
    pub stall_timeout: Option<String>,
    /// How many bytes a second of a body a client must at least send, on average, once `rate_grace` has passed; `0` for no
    /// bound. Default `240B`, as slow as the slowest modem. Of an answer it has to take each part within `stall_timeout`.
    pub rate_min: Option<SizeSpec>,
    /// How long a client may be slower than that. Default `30s`.
    pub rate_grace: Option<String>,
    /// How long a connection may be idle between requests. Default `60s`.
    pub keepalive_timeout: Option<String>,
    /// How many requests a connection may carry (count); no bound when absent.
    #[schemars(range(min = 1))]
    pub keepalive_requests_max: Option<u32>,
    /// How long a request may take from its first byte to the last of its answer; upgraded connections and event streams are
    /// without this bound. No bound when absent.
    pub request_timeout: Option<String>,
    /// How many requests an HTTP/2 connection may carry at once (count). Default 100.
    #[schemars(range(min = 1, max = 10_000))]
    pub streams_max: Option<u32>,
    /// How many requests there may be at once over all connections (count). One more is shed: it is answered at once, with 503,
    /// and counted. Default: as many as `connections_max`; 1000 for questions of gateways.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_max: Option<u32>,
}
