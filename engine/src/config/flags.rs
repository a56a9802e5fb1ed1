//! The configuration that command line flags stand for.

use std::fmt::Write as _;

use serde_json::json;
use signatures::Diagnostic;

use super::Config;

/// What `run`, `score`, `explain` and `test` take instead of a configuration file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen ADDR`.
    pub listen: Option<String>,
    /// `--upstream URL`: a server, with or without `http://`.
    pub upstream: Option<String>,
    /// `--mode`. Default `detect`.
    pub mode: Option<String>,
    /// `--rules`, in order; empty means `builtin`.
    pub rules: Vec<String>,
    /// `--model`.
    pub model: Option<String>,
    /// `--paranoia`.
    pub paranoia: Option<u8>,
    /// The path of a file for decision records, `stdout` or `none`.
    pub decisions: Option<String>,
    /// `--learned FILE`: what was learned of the sites.
    pub learned: Option<String>,
    /// `--learn`: whether the proxy goes on learning.
    pub learn: bool,
    /// Whether responses are inspected.
    pub inspect_responses: Option<bool>,
}

impl Flags {
    /// The configuration as it would be written: one asset for every host.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut yaml = String::from("version: 1\n");
        // Writing to a string cannot fail; JSON strings and lists are YAML.
        if let Some(address) = &self.listen {
            let address = address.strip_prefix(':').map_or(address.clone(), |port| format!("[::]:{port}"));
            let _ = writeln!(yaml, "listeners: [{{ address: {} }}]", json!(address));
        }
        let server = self.upstream.as_deref().unwrap_or("127.0.0.1:9");
        let server = server.strip_prefix("http://").unwrap_or(server).trim_end_matches('/');
        let _ = writeln!(yaml, "upstreams: {{ app: {{ servers: [{}] }} }}", json!(server));
        yaml.push_str("assets: [{ name: default, hosts: [\"*\"], upstream: app, policy: default }]\n");
        yaml.push_str("policies:\n  default:\n");
        let _ = writeln!(yaml, "    mode: {}", json!(self.mode.as_deref().unwrap_or("detect")));
        let builtin = ["builtin".to_owned()];
        let rules = if self.rules.is_empty() { &builtin[..] } else { &self.rules };
        let _ = writeln!(yaml, "    signatures:\n      rules: {}", json!(rules));
        if let Some(level) = self.paranoia {
            let _ = writeln!(yaml, "      paranoia: {level}");
        }
        if let Some(model) = self.model.as_deref() {
            let _ = writeln!(yaml, "    model: {}", json!(model));
        }
        if let Some(inspect) = self.inspect_responses {
            let _ = writeln!(yaml, "    inspect_responses: {inspect}");
        }
        if let Some(to) = &self.decisions {
            let _ = writeln!(yaml, "reports: {{ decisions: {{ to: {} }} }}", json!(to));
        }
        if let Some(file) = &self.learned {
            let mode = if self.learn { "learn" } else { "use" };
            let _ = writeln!(yaml, "learning: {{ file: {}, mode: {mode} }}", json!(file));
        }
        yaml
    }

    /// The checked configuration, with warnings.
    ///
    /// # Errors
    /// What is wrong with the flags, as if they had been written into a file.
    pub fn to_config(&self, now_us: i64) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
        Config::parse(Self::PATH, &self.to_yaml(), now_us)
    }

    /// The path that diagnostics about flags show.
    pub const PATH: &'static str = "flags";
}
