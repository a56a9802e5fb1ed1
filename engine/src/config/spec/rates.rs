//! Rate limits, and where they are counted, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

/// How many requests of a kind may come. Policies and assets name the limits that hold for their requests.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitSpec {
    /// What requests are counted by, each combination by itself: `client_address` (an IPv6 client's /64),
    /// `{client_prefix: {v4: 24, v6: 56}}`, `{header: X-Api-Key}`, `{cookie: session}`, `path`, `host`, `asset`. In
    /// place of a header or cookie that a request does not have exactly once, its client's address counts. Default
    /// `[client_address]`.
    #[schemars(length(min = 1))]
    pub key: Option<Vec<RateKeySpec>>,
    /// Paths it holds for: a prefix of whole segments, or a glob when there is a `*` in it. Default: all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Methods it holds for, in upper case. Default: all.
    #[serde(default)]
    pub methods: Vec<String>,
    /// How many may come in the long run: `10/s`, `100/m`, `1000/h`, `5/d` or `100/10s`.
    pub rate: String,
    /// How many may come at once (count), after a while without any. Default: the number of `rate`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: Option<u32>,
    /// Clients, or whatever else the key tells apart, that are remembered at once (count); of more, those are
    /// forgotten that come closest to having a clean slate anyway, and counted. 32 bytes each. Default 100000.
    #[schemars(range(min = 16, max = 10_000_000))]
    pub entries_max: Option<u32>,
    /// The store in which instances share what they count. Each counts by itself when absent.
    pub shared: Option<String>,
}

/// What requests are counted by.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RateKeySpec {
    /// `client_address`, `path`, `host` or `asset`.
    Word(String),
    /// What has a name or a length.
    Part(RateKeyPartSpec),
}

/// What has a name or a length. Exactly one of `client_prefix`, `header` and `cookie`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateKeyPartSpec {
    /// The network that the client's address is in.
    pub client_prefix: Option<ClientPrefixSpec>,
    /// The value of a header.
    pub header: Option<String>,
    /// The value of a cookie.
    pub cookie: Option<String>,
}

/// How long a network's prefix is (bits).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientPrefixSpec {
    /// Of IPv4 addresses. Default 32.
    #[schemars(range(min = 1, max = 32))]
    pub v4: Option<u8>,
    /// Of IPv6 addresses. Default 64.
    #[schemars(range(min = 1, max = 128))]
    pub v6: Option<u8>,
}

/// Which answers tell clients how they stand with rate limits, by `RateLimit` and `RateLimit-Policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RateLimitHeaders {
    /// All of them, in mode `prevent`.
    All,
    /// Those to requests that were one too many (429).
    #[default]
    Refused,
}
