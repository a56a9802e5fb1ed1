//! Certificates by ACME, as they are written; [`crate::config::Acme`] is the same, checked.

use schemars::JsonSchema;
use serde::Deserialize;

/// How certificates are obtained by ACME (RFC 8555), for the listeners that name them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcmeSpec {
    /// The directory that accounts, keys and certificates are kept in, relative to the configuration's. Replicas may share it.
    /// Default `/var/lib/portcullis/acme`.
    pub directory: Option<String>,
    /// Where authorities write to about certificates.
    pub email: Option<String>,
    /// Whether you agree to the authorities' terms of service; without, none makes an account.
    pub agree_to_terms: bool,
    /// Authorities, the preferred one first. Default `[lets-encrypt]`.
    #[schemars(length(min = 1))]
    pub authorities: Option<Vec<AuthoritySpec>>,
    /// Whether the authorities' staging directories are used: their certificates are trusted by nobody, and their limits are
    /// wide. What was obtained from them is replaced when this changes. Default false.
    #[serde(default)]
    pub staging: bool,
    /// How it is proved that names are ours: `http-01` (port 80), `tls-alpn-01` (port 443), or a command that writes to the
    /// DNS, which wildcards need. Default `http-01`.
    pub challenge: Option<ChallengeSpec>,
}

/// A certificate authority.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AuthoritySpec {
    /// `lets-encrypt` or `lets-encrypt-staging`.
    Known(String),
    /// Any other.
    Named(NamedAuthoritySpec),
}

/// A certificate authority by its directory.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedAuthoritySpec {
    /// What it is called in files and metrics: small letters, digits, `-` and `.`.
    pub name: String,
    /// The URL of its directory.
    pub directory: String,
    /// The URL of its staging directory; without, it is left out when `staging` is set.
    pub staging_directory: Option<String>,
    /// Binds our account to one that its web site gave you (external account binding).
    pub eab: Option<EabSpec>,
    /// A file of certificates (PEM) that its own is checked with, for a private authority. Default: those of the system.
    pub ca: Option<String>,
}

/// An external account binding.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EabSpec {
    /// The key's id.
    pub kid: String,
    /// A file with the key, in base64url as authorities give it.
    pub hmac_key_file: String,
}

/// How it is proved that names are ours.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ChallengeSpec {
    /// `http-01` or `tls-alpn-01`.
    Word(String),
    /// `dns-01`.
    Dns(DnsChallengeSpec),
}

/// Proof by the DNS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsChallengeSpec {
    /// What writes to the DNS.
    #[serde(rename = "dns-01")]
    pub dns_01: DnsCommandSpec,
}

/// What writes to the DNS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsCommandSpec {
    /// A program by its path, and its first arguments. It is called with `set NAME VALUE`, to make a TXT record beside those of the
    /// same name, and with `unset NAME VALUE` to remove it.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// How long it takes until all name servers have a record. Default `30s`.
    pub wait: Option<String>,
    /// How long one call may take. Default `60s`.
    pub timeout: Option<String>,
}
