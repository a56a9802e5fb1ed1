//! Where instances share what they count, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// A Redis or Valkey (version 5 or newer) in which instances share what they count. While it does not answer, each instance
/// counts by itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSpec {
    /// Where it is: `redis://127.0.0.1:6379`, `redis://host:6379/1`, `unix:///run/redis.sock`; of a cluster some of its
    /// nodes, which know the others.
    #[schemars(length(min = 1))]
    pub redis: Vec<String>,
    /// Whether it is a cluster. Default false.
    #[serde(default)]
    pub cluster: bool,
    /// The user's name, where it wants one.
    pub username: Option<String>,
    /// The file that has the password, relative to the configuration's directory; read whenever a connection begins.
    pub password_file: Option<String>,
    /// How long a request waits for it, at most; `1ms` to `1s`. Default `20ms`.
    pub timeout: Option<String>,
    /// What its keys begin with: instances that share counts have the same. Default `portcullis:`.
    pub prefix: Option<String>,
}
