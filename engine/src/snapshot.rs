//! Everything a verdict depends on besides the transaction, immutable and hashed.

mod addresses;
mod build;
mod files;

use std::sync::Arc;

use model::Model;
use model::profile::Profiles;
use signatures::operator::Zone;
use signatures::{Exclusion, InitialVariables, Ruleset};

use crate::address::Addresses;
use crate::config::Config;
use crate::policy::{Origin, Policy, Role};
use crate::tls::Keyring;
use files::Reads;

/// Policy, compiled rules, models and learned profiles. A reload builds a new one beside the old; a request
/// keeps the one it began with.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    config: Arc<Config>,
    policies: Arc<[CompiledPolicy]>,
    hashes: SnapshotHashes,
    profiles: Option<Arc<Profiles>>,
    keyring: Arc<Keyring>,
    lists: addresses::Lists,
}

/// What a snapshot is made of: SHA-256, shortened to 16 hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotHashes {
    /// Of the configuration's text.
    pub config: String,
    /// Of all policies.
    pub policy: String,
    /// Of all rules.
    pub rules: String,
}

/// The asset and policy that a request falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Index of the asset in the configuration.
    pub asset: usize,
    /// Index of its policy.
    pub policy: usize,
}

/// A policy with its rules.
#[derive(Debug)]
pub struct CompiledPolicy {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Its rules, in order; each source has its own `TX`.
    pub sources: Vec<CompiledSource>,
    /// The lists in the DNS that its rules ask of the client's address; empty where the configuration asks none.
    pub zones: Vec<Zone>,
    /// What it makes of clients' addresses.
    pub(crate) addresses: Addresses,
    /// Its model; shared between policies that have the same.
    pub model: Option<Arc<Model>>,
    /// SHA-256 of the policy, shortened.
    pub policy_hash: String,
    /// The hashes of the lists and databases that it names.
    pub(crate) data_hash: String,
    /// SHA-256 of its rules' texts, shortened.
    pub rules_hash: String,
}

/// Rules that share a `TX`.
#[derive(Debug)]
pub struct CompiledSource {
    /// Where they come from: `builtin`, `crs:DIR, local.conf`.
    pub name: String,
    /// What they are for.
    pub role: Role,
    /// The rules; shared between policies that have the same.
    pub rules: Arc<LoadedRules>,
    /// What each exception of the policy excludes, in their order.
    pub(crate) exclusions: Vec<Vec<Exclusion>>,
    /// `TX` variables set before phase 1.
    pub(crate) variables: InitialVariables,
}

/// Rules with the hash of their texts.
#[derive(Debug)]
pub struct LoadedRules {
    /// The rules.
    pub ruleset: Ruleset,
    /// SHA-256 of their texts and data files.
    pub hash: String,
    /// The files they were read from, data files included.
    pub files: Vec<String>,
    /// What is worth a thought in them; all of it where [`Snapshot::check`] loaded them. `check --pedantic` shows it.
    pub notes: Vec<signatures::Diagnostic>,
    /// What was doubtful about them.
    warnings: Vec<signatures::Diagnostic>,
    /// What a configuration names them by.
    name: RulesName,
    reads: Reads,
}

/// What rules are known by: the directory of the configuration, and the origins.
type RulesName = (String, Vec<Origin>);

impl Snapshot {
    /// Builds what the first requests that need it would otherwise wait for: the automata of patterns. It changes
    /// nothing else, and takes a while: to be called beside requests, or before there are any.
    pub fn build_matchers(&self) {
        for source in self.policies.iter().flat_map(|policy| &policy.sources) {
            source.rules.ruleset.build_matchers(&source.variables);
        }
    }

    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The policies, as [`Config::policies`] orders them.
    #[must_use]
    pub fn policies(&self) -> &[CompiledPolicy] {
        &self.policies
    }

    /// The same with what was learned of sites.
    #[must_use]
    pub fn with_profiles(&self, profiles: Arc<Profiles>) -> Self {
        Self { profiles: Some(profiles), ..self.clone() }
    }

    /// The same with changed policies. Rules and models stay as they were loaded.
    #[must_use]
    pub fn with_policies(&self, change: impl Fn(&mut Policy)) -> Self {
        let changed = |compiled: &CompiledPolicy| {
            let mut policy = Policy::clone(&compiled.policy);
            change(&mut policy);
            compiled.with(policy)
        };
        Self { policies: self.policies.iter().map(changed).collect(), ..self.clone() }
    }

    /// What was learned of sites.
    #[must_use]
    pub fn profiles(&self) -> Option<&Profiles> {
        self.profiles.as_deref()
    }

    /// The certificates, keys and authorities that the configuration names.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// What it is made of.
    #[must_use]
    pub fn hashes(&self) -> &SnapshotHashes {
        &self.hashes
    }

    /// The rule, data and certificate files, lists and databases it was read from; one that several policies use comes up
    /// several times. A file
    /// that the proxy itself writes is none of them.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let sources = self.policies.iter().flat_map(|policy| &policy.sources);
        let learned = self.config.learning.iter().filter(|it| !it.learns).map(|it| &it.file);
        let lists = self.lists.values().flat_map(|list| &list.files);
        let countries =
            self.config.policies.iter().filter_map(|policy| Some(&policy.countries.as_ref()?.file));
        let rules = sources.flat_map(|source| &source.rules.files);
        rules.chain(learned).chain(lists).chain(countries).chain(self.keyring.files()).map(String::as_str)
    }

    /// Which asset and policy a request falls under, by its `Host` header and raw path.
    #[must_use]
    pub fn select(&self, host: &[u8], path: &[u8]) -> Option<Selection> {
        self.config.index.select(&crate::host::normalised(host), &crate::policy::normalised(path))
    }
}
