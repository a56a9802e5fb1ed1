//! What other products are told, as a configuration of Portcullis.
//!
//! Two set-ups are read: the manifests of ingress-nginx ([`ingress_nginx`]) and ModSecurity's own files
//! ([`modsecurity`]). Directives that are rules go on as rule files, word for word; those that say how the engine
//! works become keys of the configuration. What has no counterpart is left out, and said: as a diagnostic with
//! its place, as a comment where it stood, and in the head of the configuration. Nothing is left out in silence.

mod directives;
mod ingress;
mod manifest;
mod modsecurity;
mod origin;
mod output;
mod plan;
mod settings;

use std::collections::BTreeMap;

use signatures::Diagnostic;

pub use ingress::ingress_nginx;
pub use modsecurity::modsecurity;

/// A file to be converted.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its path, or `-` for standard input.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// What the files themselves do not say.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of the Core Rule Set, as the configuration is to name it.
    pub crs: Option<String>,
    /// The application, for set-ups that name none: `HOST:PORT`.
    pub upstream: String,
}

/// A configuration with its rule files.
#[derive(Clone, Debug)]
pub struct Converted {
    /// `portcullis.yaml`.
    pub configuration: String,
    /// Rule files by their path beside it: `rules/NAME.conf`.
    pub rules: BTreeMap<String, String>,
    /// What could not be carried over, and what is worth knowing. An error means that an input was not read.
    pub diagnostics: Vec<Diagnostic>,
}
