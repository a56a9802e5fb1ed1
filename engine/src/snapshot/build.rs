//! From a configuration's text to a snapshot.

mod data;
mod limits;
mod rules;

use std::collections::HashMap;
use std::sync::Arc;

use model::Model;
use sha2::{Digest, Sha256};
use signatures::operator::GeoDatabase;
use signatures::seclang::{self, FileReader, Loaded, Source};
use signatures::{Diagnostic, InitialVariables, Severity};

use super::addresses::Lists;
use super::{CompiledPolicy, CompiledSource, LoadedRules, RulesName, Snapshot, SnapshotHashes};
use crate::config::{Config, Flags};
use crate::policy::{Levels, Origin, Policy};
use limits::with_limits;
use rules::{groups, variables, zones};

impl Snapshot {
    /// Builds a snapshot of a configuration file. Rule files are read through `reader`, relative to the
    /// file's directory; `now_us` (microseconds since the Unix epoch) tells which exceptions have
    /// expired. Warnings come with it.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration and its rules.
    pub fn build(
        path: &str,
        text: &str,
        reader: &dyn FileReader,
        now_us: i64,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        Self::read(path, text, reader, now_us, seclang::load, None)
    }

    /// The same, with the rules of this snapshot where their files are as they were: to reload a changed policy takes as
    /// long as to read them.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration and its rules.
    pub fn rebuild(
        &self,
        path: &str,
        text: &str,
        reader: &dyn FileReader,
        now_us: i64,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        Self::read(path, text, reader, now_us, seclang::load, Some(self))
    }

    /// The same as [`Snapshot::build`], and the rules are looked at as those who write them want them to be: lints are among the
    /// warnings, and [`LoadedRules::notes`] has the rest. Takes a third as long again.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration and its rules.
    pub fn check(
        path: &str,
        text: &str,
        reader: &dyn FileReader,
        now_us: i64,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        Self::read(path, text, reader, now_us, seclang::check, None)
    }

    fn read(
        path: &str,
        text: &str,
        reader: &dyn FileReader,
        now_us: i64,
        load: LoadRules,
        before: Option<&Self>,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (config, warnings) = Config::parse(path, text, now_us)?;
        let compiler = Compiler::new(warnings, directory(path), reader);
        let lists_before = before.map(|before| before.lists.clone()).unwrap_or_default();
        let before = before.map(Self::rules_by_name).unwrap_or_default();
        let asks_lists = config.rbl.is_some();
        Self::compile(config, text, Compiler { load, before, lists_before, asks_lists, ..compiler })
    }

    /// Builds the snapshot that command line flags stand for; rule files are relative to the working
    /// directory.
    ///
    /// # Errors
    /// What is wrong with the flags and their rules.
    pub fn from_flags(
        flags: &Flags,
        reader: &dyn FileReader,
        now_us: i64,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (config, warnings) = flags.to_config(now_us)?;
        Self::compile(config, &flags.to_yaml(), Compiler::new(warnings, "", reader))
    }

    fn rules_by_name(&self) -> HashMap<RulesName, Arc<LoadedRules>> {
        let sources = self.policies.iter().flat_map(|policy| &policy.sources);
        sources.map(|source| (source.rules.name.clone(), source.rules.clone())).collect()
    }

    fn compile(
        mut config: Config,
        text: &str,
        mut compiler: Compiler<'_>,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        compiler.stores(&config);
        compiler.lists(&config);
        let policies: Vec<_> = config.policies.iter().map(|policy| compiler.policy(policy)).collect();
        let profiles = config.learning.as_ref().and_then(|learning| compiler.profiles(learning, &policies));
        let mut keyring = compiler.keyring(&config);
        compiler.tokens(&mut keyring, &mut config);
        let keyring = Arc::new(keyring);
        let Compiler { diagnostics, lists, .. } = compiler;
        if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            return Err(diagnostics);
        }
        let of_all =
            |hash: fn(&CompiledPolicy) -> &str| policies.iter().map(hash).collect::<Vec<_>>().join(" ");
        let hashes = SnapshotHashes {
            config: short(text),
            policy: short(&of_all(|policy| &policy.policy_hash)),
            rules: short(&of_all(|policy| &policy.rules_hash)),
        };
        let (config, policies) = (Arc::new(config), policies.into());
        Ok((Self { config, policies, hashes, profiles, keyring, lists }, diagnostics))
    }
}

impl CompiledPolicy {
    /// The same rules and model for another policy.
    pub(super) fn with(&self, policy: Policy) -> Self {
        let source = |it: &CompiledSource| {
            let variables = it.rules.ruleset.prepare(&variables(policy.levels));
            CompiledSource::new(it.name.clone(), it.role, it.rules.clone(), variables, &policy)
        };
        Self {
            sources: self.sources.iter().map(source).collect(),
            zones: self.zones.clone(),
            addresses: self.addresses.clone(),
            model: self.model.clone(),
            policy_hash: short(&format!("{}{}", policy.fingerprint(), self.data_hash)),
            data_hash: self.data_hash.clone(),
            rules_hash: self.rules_hash.clone(),
            policy: Arc::new(policy),
        }
    }
}

/// How rule files are read: with lints or without.
type LoadRules = fn(Vec<Source>, &dyn FileReader) -> Loaded;

struct Compiler<'a> {
    reader: &'a dyn FileReader,
    directory: &'a str,
    /// How rules are loaded: with lints or without.
    load: LoadRules,
    /// Whether lists in the DNS are asked (`@rbl`).
    asks_lists: bool,
    /// The same origins are the same rules: compiled once, shared by policies.
    loaded: HashMap<Vec<Origin>, Arc<LoadedRules>>,
    /// Rules of the snapshot before, which are taken where their files did not change.
    before: HashMap<RulesName, Arc<LoadedRules>>,
    /// What the first rules do at some levels, found out once for all policies that have both.
    prepared: HashMap<(Vec<Origin>, Levels), InitialVariables>,
    /// Lists of addresses, by their names, and those of the snapshot before.
    lists: Lists,
    lists_before: Lists,
    /// Databases of countries by their paths, with their hashes.
    countries: HashMap<String, (Arc<GeoDatabase>, String)>,
    /// Models by their paths, likewise.
    models: HashMap<String, Arc<Model>>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Compiler<'a> {
    fn new(warnings: Vec<Diagnostic>, directory: &'a str, reader: &'a dyn FileReader) -> Self {
        Self {
            reader,
            directory,
            load: seclang::load,
            asks_lists: false,
            loaded: HashMap::new(),
            before: HashMap::new(),
            prepared: HashMap::new(),
            lists: Lists::new(),
            lists_before: Lists::new(),
            countries: HashMap::new(),
            models: HashMap::new(),
            diagnostics: warnings,
        }
    }

    fn policy(&mut self, policy: &Arc<Policy>) -> CompiledPolicy {
        let groups = groups(&policy.sources);
        let sources: Vec<_> = groups.into_iter().map(|group| self.source(policy, group)).collect();
        let hashes: Vec<_> = sources.iter().map(|source| source.rules.hash.as_str()).collect();
        let policy = &with_limits(policy, &sources);
        let (addresses, data_hash) = self.addresses(policy);
        CompiledPolicy {
            policy_hash: short(&format!("{}{data_hash}", policy.fingerprint())),
            data_hash,
            addresses,
            rules_hash: short(&hashes.join(" ")),
            zones: if self.asks_lists { zones(&sources) } else { Vec::new() },
            model: policy.model.as_ref().and_then(|model| self.model(model)),
            policy: policy.clone(),
            sources,
        }
    }
}

/// The directory of a file, with its slash.
fn directory(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..=at])
}

/// The first 16 hexadecimal digits of the SHA-256 of `text`.
fn short(text: &str) -> String {
    let mut hash = hex(&Sha256::digest(text.as_bytes()));
    hash.truncate(16);
    hash
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
