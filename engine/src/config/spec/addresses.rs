//! Lists of addresses, and countries, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Prefixes of client addresses, from files, from here, or both. Policies name the lists they deny and allow.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressListSpec {
    /// Files, relative to the configuration's directory: an address (`192.0.2.7`) or a prefix (`2001:db8::/32`) a line;
    /// what is behind `#` or `;` is a comment. They are loaded anew when they change.
    #[serde(default)]
    pub files: Vec<String>,
    /// Addresses and prefixes.
    #[serde(default)]
    pub prefixes: Vec<String>,
}

/// Which countries clients may come from. Exactly one of `allow` and `deny`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountriesSpec {
    /// A database in MaxMind's format that knows countries (`GeoLite2-Country.mmdb`, or one of cities), relative to the
    /// configuration's directory. It is loaded anew when it changes.
    pub file: String,
    /// Countries from where requests are welcome (ISO 3166-1: `DE`); those from elsewhere are hostile.
    pub allow: Option<Vec<String>>,
    /// Countries from where requests are hostile.
    pub deny: Option<Vec<String>>,
    /// What becomes of clients whose country the database does not know. Default `pass`: addresses of private networks
    /// are among them.
    #[serde(default)]
    pub unknown: UnknownCountry,
}

/// What becomes of clients whose country the database does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownCountry {
    /// Their requests are hostile.
    Deny,
    /// Their requests are judged like all others.
    #[default]
    Pass,
}

/// What clients on a list of `allow_addresses` are spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// To be asked where they come from.
    Countries,
    /// Inspection: neither rules nor model look at their requests, which are counted as uninspected (`exempt`).
    Inspection,
    /// To be counted by rate limits.
    RateLimits,
}
