//! The configuration as it is written; [`super::Config`] is the same, checked.

mod acme;
mod addresses;
mod answer;
mod attachments;
mod clients;
mod envoy;
mod listener;
mod rates;
mod spoe;
mod stores;
mod upstream;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use acme::{
    AcmeSpec, AuthoritySpec, ChallengeSpec, DnsChallengeSpec, DnsCommandSpec, EabSpec, NamedAuthoritySpec,
};

use crate::policy::spec::{PolicySpec, SizeSpec};
pub use addresses::{AddressListSpec, CountriesSpec, Skip, UnknownCountry};
pub use answer::{RedirectSpec, RespondSpec};
pub use attachments::{AttachmentsSpec, Dialect, InspectSpec};
pub use clients::{Forwarded, ForwardedHeader, TraceContext};
pub use envoy::{EnvoyLimitsSpec, EnvoySpec};
pub use listener::{
    AcmeCertificateSpec, CertificateSpec, ClientCertificatesSpec, HstsSpec, ListenerLimitsSpec, ListenerSpec,
    TlsSpec, TlsVersion, UnknownNames,
};
pub use rates::{ClientPrefixSpec, RateKeyPartSpec, RateKeySpec, RateLimitHeaders, RateLimitSpec};
pub use spoe::{SpoeLimitsSpec, SpoeSpec};
pub use stores::StoreSpec;
pub use upstream::{
    BalanceSpec, HashFieldSpec, HashKeySpec, HashSpec, HealthCheckSpec, OutlierSettingsSpec, OutlierSpec,
    RetriesSpec, RetryOnSpec, ServerSpec, StatusSpec, UpstreamProtocol, UpstreamSpec,
    UpstreamTlsSettingsSpec, UpstreamTlsSpec, WeightedServerSpec,
};

/// A Portcullis configuration.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigSpec {
    /// The version of this format: 1.
    pub version: u32,
    /// Where requests are accepted.
    #[serde(default)]
    pub listeners: Vec<ListenerSpec>,
    /// Ways in beside listeners: a gateway takes the requests, and asks what is to be thought of each.
    #[serde(default)]
    pub attachments: AttachmentsSpec,
    /// The applications behind, by name.
    #[serde(default)]
    pub upstreams: BTreeMap<String, UpstreamSpec>,
    /// What is protected: hosts and paths, each with an upstream and a policy. The most specific wins.
    #[serde(default)]
    pub assets: Vec<AssetSpec>,
    /// How requests are judged, by name.
    #[serde(default)]
    pub policies: BTreeMap<String, PolicySpec>,
    /// How many requests of a kind may come, by name; policies and assets name those that hold for their requests.
    #[serde(default)]
    pub rate_limits: BTreeMap<String, RateLimitSpec>,
    /// Lists of client addresses, by name; policies name those they deny and allow.
    #[serde(default)]
    pub address_lists: BTreeMap<String, AddressListSpec>,
    /// Where instances share what they count, by name; rate limits name theirs.
    #[serde(default)]
    pub stores: BTreeMap<String, StoreSpec>,
    /// The listener for metrics and health; none when absent.
    pub admin: Option<AdminSpec>,
    /// What is written about requests.
    #[serde(default)]
    pub reports: ReportsSpec,
    /// What was learned of the sites, and whether the proxy goes on learning; neither when absent.
    pub learning: Option<LearningSpec>,
    /// Where persistent collections of rules (`initcol`) are kept.
    #[serde(default)]
    pub collections: CollectionsSpec,
    /// How the proxy stops when it is told to.
    #[serde(default)]
    pub drain: DrainSpec,
    /// How lists in the DNS are asked of clients' addresses, for rules with `@rbl`; none is, and these rules never match,
    /// when absent. The first request of each client waits for the answers.
    pub rbl: Option<RblSpec>,
    /// How certificates are obtained by ACME, for the listeners that name them; none is when absent.
    pub acme: Option<AcmeSpec>,
}

/// How lists in the DNS are asked of clients' addresses (`@rbl`).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RblSpec {
    /// Name servers, `address:port` each, the next one asked where one does not answer. Default: those of the system.
    pub name_servers: Option<Vec<String>>,
    /// How long a request waits for answers, at most; `1ms` to `10s`. Default `500ms`. What comes later is kept for the
    /// client's next request; what does not come is for the policy's `on_inspection_failure` to judge.
    pub timeout: Option<String>,
    /// Questions that may be under way at once (count); of more, nothing is known. Default 256.
    #[schemars(range(min = 1, max = 10_000))]
    pub lookups_max: Option<u32>,
    /// Answers kept (count), of lists and clients; of more, the oldest are forgotten. Default 100000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub entries_max: Option<u32>,
    /// How long an answer is kept at least, whatever the list says. Default `1m`.
    pub ttl_min: Option<String>,
    /// How long it is kept at most. Default `1h`.
    pub ttl_max: Option<String>,
}

/// Where persistent collections of rules (`initcol`, `setsid`, `setuid`, `setrsc`) are kept, and how much of
/// them. Changes take effect at the next start.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectionsSpec {
    /// The file they are written to, relative to the configuration's directory, and read from at the start. In
    /// memory alone when absent.
    pub file: Option<String>,
    /// How often the file is written. Default `1m`.
    pub every: Option<String>,
    /// Records kept (count); of more, those changed longest ago are forgotten, and counted. Default 100000.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub entries_max: Option<u32>,
    /// Memory of all records. Default `64MiB`.
    pub bytes_max: Option<SizeSpec>,
}

/// How the proxy stops when it is told to (SIGTERM). Where another process has taken over (SIGUSR2), `accept` does not
/// matter: that one accepts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainSpec {
    /// How long connections are still accepted once `/readyz` says no: as long as who balances load needs to see that.
    /// Default `1s`.
    pub accept: Option<String>,
    /// How long idle connections are kept after that, for a last request whose answer closes them. Default `5s`.
    pub idle: Option<String>,
    /// When the process ends, counted from the order to stop, whatever is in flight; requests that are cut off are counted
    /// in the log. Default `30s`. Who ends it by force (`TimeoutStopSec`, `terminationGracePeriodSeconds`) must wait longer.
    pub deadline: Option<String>,
}

/// What is protected.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetSpec {
    /// A unique name, for records and metrics.
    pub name: String,
    /// Host names: exact, `*.example.com` (any depth below it) or `*`.
    #[schemars(length(min = 1))]
    pub hosts: Vec<String>,
    /// Path prefixes; they match whole segments: `/api` matches `/api/x`, not `/apis`. Default `[/]`.
    pub paths: Option<Vec<String>>,
    /// The upstream that requests go to. Exactly one of `upstream`, `redirect` and `respond`; none of them where only
    /// attachments ask, as the gateway knows where its requests go.
    pub upstream: Option<String>,
    /// Where clients are sent instead.
    pub redirect: Option<RedirectSpec>,
    /// What clients are answered instead.
    pub respond: Option<RespondSpec>,
    /// The policy that judges them.
    pub policy: String,
    /// Rate limits that hold for its requests, beside those that its policy names.
    #[serde(default)]
    pub rate_limits: Vec<String>,
}

/// The listener for metrics and health.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminSpec {
    /// Address and port; loopback unless there is a token.
    pub address: String,
    /// What callers must send as `Authorization: Bearer TOKEN`.
    pub token: Option<String>,
    /// The file that has the token instead, relative to the configuration's directory. A changed file is loaded at once.
    pub token_file: Option<String>,
}

/// What is written about requests.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportsSpec {
    /// Decision records, one JSON line each.
    #[serde(default)]
    pub decisions: DecisionsSpec,
}

/// Where decision records go.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionsSpec {
    /// `stdout`, `none` or the path of a file to append to. Default `stdout`.
    pub to: Option<String>,
    /// Which transactions are written. Default `hostile`.
    #[serde(default)]
    pub only: DecisionsOnly,
}

/// Which transactions are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecisionsOnly {
    /// All of them.
    All,
    /// Those that were stopped.
    Blocked,
    /// Those found hostile, stopped or not, and those not inspected whole.
    #[default]
    Hostile,
}

/// What was learned of the sites, and whether the proxy goes on learning.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearningSpec {
    /// The file that holds it, relative to the configuration's directory.
    pub file: String,
    /// Whether the proxy goes on learning. Default `learn`.
    #[serde(default)]
    pub mode: LearningMode,
    /// How often what was learned takes effect and is written to the file. Default `1m`.
    pub every: Option<String>,
    /// Requests a second that are learned from at most; of more, a fair sample. Default 100.
    #[schemars(range(min = 1, max = 1000))]
    pub requests_per_second_max: Option<u32>,
    /// How much must be seen of something before it is usual.
    #[serde(default)]
    pub quorum: QuorumSpec,
}

/// Whether the proxy goes on learning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LearningMode {
    /// It learns from the requests that pass, and writes the file, which need not exist yet.
    #[default]
    Learn,
    /// It judges with what the file holds, and leaves it alone.
    Use,
}

/// How much must be seen of something before it is usual.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuorumSpec {
    /// Different clients, at least. Default 4.
    #[schemars(range(min = 1, max = 6))]
    pub sources: Option<u32>,
    /// Windows of two hours, at least. Default 3.
    #[schemars(range(min = 1, max = 64))]
    pub windows: Option<u32>,
}
