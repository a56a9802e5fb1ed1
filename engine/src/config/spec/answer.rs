//! Answers without an upstream, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Where clients are sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedirectSpec {
    /// A URL (`https://www.example.com`), or a path of the same site (`/new`).
    pub to: String,
    /// 301, 302, 303, 307 or 308. Default 308: permanent, and a POST stays one.
    pub status: Option<u16>,
    /// Whether the path and query that were asked for come behind the URL. Default: where the URL has no path of its own.
    pub keep_path: Option<bool>,
}

/// What clients are answered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RespondSpec {
    /// The status.
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// The body. Default: empty.
    pub body: Option<String>,
    /// The Content-Type of a body. Default `text/plain; charset=utf-8`.
    pub content_type: Option<String>,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}
