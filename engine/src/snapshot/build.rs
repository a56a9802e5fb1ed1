//! From a configuration's text to a snapshot.

use std::collections::HashMap;
use std::sync::Arc;

use model::Model;
use model::profile::{Profiles, State};
use sha2::{Digest, Sha256};
use signatures::operator::{GeoDatabase, Zone};
use signatures::seclang::{self, FileReader, Loaded, Source};
use signatures::{
    Diagnostic, EngineMode, InitialVariables, LimitAction, ParanoiaLevel, RuleLimits, Settings, Severity,
};

use super::addresses::{self, Lists};
use super::files::HashingReader;
use super::{CompiledPolicy, CompiledSource, LoadedRules, RulesName, Snapshot, SnapshotHashes};
use crate::address::Addresses;
use crate::config::{Config, Countries, Flags, Learning};
use crate::policy::{Levels, ModelOrigin, ModelPolicy, Origin, Policy, Role, RuleSource};
use crate::tls::Keyring;

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

impl CompiledSource {
    /// Prepares rules for a policy that begins with these variables.
    fn new(
        name: String,
        role: Role,
        rules: Arc<LoadedRules>,
        variables: InitialVariables,
        policy: &Policy,
    ) -> Self {
        let ruleset = &rules.ruleset;
        let exclusions: Vec<_> = policy.exceptions.iter().map(|it| it.exclusions(ruleset)).collect();
        exclusions.iter().flatten().for_each(|it| ruleset.prepare_exclusion(&variables, it));
        Self { name, role, rules, exclusions, variables }
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

    fn source(&mut self, policy: &Policy, group: &[RuleSource]) -> CompiledSource {
        let rules = self.load(group);
        let names: Vec<_> = group.iter().map(|source| source.origin.to_string()).collect();
        let role = group.first().map_or(Role::Enforce, |source| source.role);
        let variables = self.prepared(&rules, policy.levels);
        CompiledSource::new(names.join(", "), role, rules, variables, policy)
    }

    fn prepared(&mut self, rules: &LoadedRules, levels: Levels) -> InitialVariables {
        let (_, origins) = &rules.name;
        let prepare = || rules.ruleset.prepare(&variables(levels));
        self.prepared.entry((origins.clone(), levels)).or_insert_with(prepare).clone()
    }

    fn model(&mut self, wanted: &ModelPolicy) -> Option<Arc<Model>> {
        let file = match &wanted.origin {
            ModelOrigin::Default => return Some(Model::built_in()),
            ModelOrigin::File(file) => file,
        };
        let directory = if file.starts_with('/') { "" } else { self.directory };
        let path = format!("{directory}{file}");
        if let Some(model) = self.models.get(&path) {
            return Some(model.clone());
        }
        let read =
            self.reader.read(&path).and_then(|bytes| Model::from_bytes(&bytes).map_err(|it| it.to_string()));
        match read {
            Ok(model) => Some(self.models.entry(path).or_insert(Arc::new(model)).clone()),
            Err(message) => {
                let title = format!("cannot read the model `{path}`: {message}");
                self.diagnostics.push(
                    Diagnostic::error("unreadable-model", title)
                        .at(wanted.place.clone(), "no model there")
                        .help(
                        "`default` is the one that comes with Portcullis; `portcullis train` makes others"
                            .to_owned(),
                    ),
                );
                None
            }
        }
    }

    /// Certificates, keys and authorities.
    fn keyring(&mut self, config: &Config) -> Keyring {
        let mut keyring = Keyring::default();
        for tls in config.listeners.iter().filter_map(|listener| listener.tls.as_ref()) {
            for files in &tls.certificates {
                keyring.read_identity(files, self.reader, &mut self.diagnostics);
            }
            if let Some(clients) = &tls.client_certificates {
                keyring.read_authorities(&clients.authorities, self.reader, &mut self.diagnostics);
            }
        }
        for authority in config.acme.iter().flat_map(|acme| &acme.authorities) {
            if let Some(file) = &authority.ca {
                keyring.read_authorities(file, self.reader, &mut self.diagnostics);
            }
            if let Some(eab) = &authority.eab {
                keyring.read_binding(&eab.hmac_key, self.reader, &mut self.diagnostics);
            }
        }
        for tls in config.upstreams.values().filter_map(|upstream| upstream.tls.as_ref()) {
            if let Some(files) = &tls.identity {
                keyring.read_identity(files, self.reader, &mut self.diagnostics);
            }
            if let Some(file) = &tls.authorities {
                keyring.read_authorities(file, self.reader, &mut self.diagnostics);
            }
        }
        keyring
    }

    /// Tokens that are in files of their own.
    fn tokens(&mut self, keyring: &mut Keyring, config: &mut Config) {
        for (token, file, is_token) in config.tokens() {
            *token = keyring.read_token(file, is_token, self.reader, &mut self.diagnostics);
        }
    }

    fn lists(&mut self, config: &Config) {
        for (name, wanted) in &config.address_lists {
            let before = self.lists_before.get(name);
            let loaded = addresses::load(wanted, before, self.reader, &mut self.diagnostics);
            self.lists.insert(name.clone(), loaded);
        }
    }

    /// What a policy makes of addresses, and the hashes of the files that says so.
    fn addresses(&mut self, policy: &Policy) -> (Addresses, String) {
        let mut hashes = String::new();
        let mut named = |names: &[String]| {
            let found = names.iter().filter_map(|name| Some((name, self.lists.get(name)?)));
            let list = |(name, loaded): (&String, &Arc<addresses::LoadedList>)| {
                hashes.push_str(&hex(&loaded.hash));
                (name.as_str().into(), loaded.list.clone())
            };
            found.map(list).collect()
        };
        let (allow, deny) = (named(&policy.allow_addresses), named(&policy.deny_addresses));
        let countries = policy.countries.as_ref().and_then(|wanted| {
            let (database, hash) = self.database(wanted)?;
            hashes.push_str(&hash);
            Some((database, wanted.clone()))
        });
        (Addresses { allow, deny, skips: policy.allowed_skip.clone(), countries }, hashes)
    }

    /// A database of countries, with the hash of its file.
    fn database(&mut self, wanted: &Countries) -> Option<(Arc<GeoDatabase>, String)> {
        let path = &wanted.file;
        if let Some(known) = self.countries.get(path) {
            return Some(known.clone());
        }
        let read = self.reader.read(path).and_then(|bytes| {
            let hash = hex(&Sha256::digest(&bytes));
            Ok((Arc::new(GeoDatabase::read(bytes)?), hash))
        });
        match read {
            Ok(read) => Some(self.countries.entry(path.clone()).or_insert(read).clone()),
            Err(message) => {
                let title = format!("cannot read the database `{path}`: {message}");
                let found = Diagnostic::error("unreadable-database", title)
                    .at(wanted.place.clone(), "no database there");
                let help = "a file in MaxMind's format that knows countries, such as GeoLite2-Country.mmdb";
                self.diagnostics.push(found.help(help.to_owned()));
                None
            }
        }
    }

    /// Sees that the passwords of stores can be read; they are read again whenever a connection begins.
    fn stores(&mut self, config: &Config) {
        for store in config.stores.values() {
            let Some(path) = &store.password_file else { continue };
            if let Err(message) = self.reader.read(path) {
                let title =
                    format!("cannot read the password of the store `{}`, `{path}`: {message}", store.name);
                let found = Diagnostic::error("unreadable-password", title);
                self.diagnostics.push(found.at(store.place.clone(), "no password there"));
            }
        }
    }

    /// What was learned of sites; of a state that is yet to be begun, nothing.
    fn profiles(&mut self, learning: &Learning, policies: &[CompiledPolicy]) -> Option<Arc<Profiles>> {
        let Learning { file, learns, quorum, place, .. } = learning;
        if policies.iter().all(|policy| policy.model.is_none()) {
            let found = Diagnostic::warning("learning-without-model", "no policy has a model to learn for")
                .at(place.clone(), "has no effect");
            self.diagnostics.push(found);
        }
        let is_new = *learns && self.reader.glob(file).is_ok_and(|found| found.is_empty());
        let read = match is_new {
            true => Ok(State::default()),
            false => self
                .reader
                .read(file)
                .and_then(|bytes| State::from_bytes(&bytes).map_err(|error| error.to_string())),
        };
        match read {
            Ok(state) => Some(Arc::new(Profiles::new(&state, quorum))),
            Err(message) => {
                let title = format!("cannot read what was learned, `{file}`: {message}");
                let help = match learns {
                    true => "put a copy from before in its place, or remove it: the proxy begins a new one",
                    false => "`portcullis learn from` makes such files, and so does mode `learn`",
                };
                let found = Diagnostic::error("unreadable-learned", title)
                    .at(place.clone(), "no learned state there")
                    .help(help.to_owned());
                self.diagnostics.push(found);
                None
            }
        }
    }

    fn load(&mut self, group: &[RuleSource]) -> Arc<LoadedRules> {
        let origins: Vec<_> = group.iter().map(|source| source.origin.clone()).collect();
        if let Some(loaded) = self.loaded.get(&origins) {
            return loaded.clone();
        }
        let name = (self.directory.to_owned(), origins.clone());
        let kept = self.before.remove(&name).filter(|rules| rules.reads.hold(self.reader));
        let loaded = kept.unwrap_or_else(|| Arc::new(self.read(name, group)));
        let said = |found: &&Diagnostic| !(self.asks_lists && found.code == Diagnostic::LISTS_OFF);
        self.diagnostics.extend(loaded.warnings.iter().filter(said).cloned());
        self.loaded.insert(origins, loaded.clone());
        loaded
    }

    fn read(&mut self, name: RulesName, group: &[RuleSource]) -> LoadedRules {
        let reader = HashingReader::new(self.reader);
        let mut sources = Vec::new();
        for source in group {
            match source.origin.sources(self.directory, &reader) {
                Ok(files) => sources.extend(files),
                Err(message) => self.diagnostics.push(
                    Diagnostic::error("unreadable-rules", message).at(source.place.clone(), "no rules there"),
                ),
            }
        }
        for source in &sources {
            if let Source::Text { name, text } = source {
                reader.add(name, text.as_bytes());
            }
        }
        let Loaded { ruleset, diagnostics: warnings, notes, .. } = (self.load)(sources, &reader);
        let (hash, files, reads) = reader.finish();
        LoadedRules { ruleset, hash, files, notes, warnings, name, reads }
    }
}

/// The lists that rules ask of the client's address, each once.
fn zones(sources: &[CompiledSource]) -> Vec<Zone> {
    let mut zones = Vec::new();
    for zone in sources.iter().flat_map(|source| source.rules.ruleset.zones()) {
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    zones
}

/// The directory of a file, with its slash.
fn directory(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..=at])
}

/// The policy with the limits that the files of its rules state.
fn with_limits(policy: &Arc<Policy>, sources: &[CompiledSource]) -> Arc<Policy> {
    let all = sources.iter().map(|source| limits_of(&source.rules.ruleset.settings));
    let stated = all.filter(|limits| *limits != RuleLimits::default());
    // The first source that states a limit is asked last, so that it has the last word.
    stated.rev().fold(policy.clone(), |policy, limits| Arc::new(policy.with_limits(&limits)))
}

/// The limits that rule files state. Rules that only detect refuse nothing that is too long either.
fn limits_of(settings: &Settings) -> RuleLimits {
    let only_detects = settings.engine == Some(EngineMode::DetectionOnly);
    let action = |action: Option<LimitAction>| {
        action.map(|it| if only_detects { LimitAction::ProcessPartial } else { it })
    };
    let limits = settings.limits;
    RuleLimits {
        on_body_limit: action(limits.on_body_limit),
        on_response_body_limit: action(limits.on_response_body_limit),
        ..limits
    }
}

/// Splits sources into those that share a rule set: the built-in rules stand alone; a CRS and files that
/// follow each other with the same role are one, as if they were included from one file, so that
/// `SecRuleRemoveById`, exclusions and `setvar` reach the CRS.
fn groups(sources: &[RuleSource]) -> Vec<&[RuleSource]> {
    let together = |left: &RuleSource, right: &RuleSource| {
        left.role == right.role && left.origin != Origin::Builtin && right.origin != Origin::Builtin
    };
    sources.chunk_by(together).collect()
}

/// What the CRS and the built-in rules read of a policy. The CRS's own initialisation (901) sets these
/// only when they are not set, so that the policy wins over its defaults; a `crs-setup.conf` whose
/// `SecAction`s set them wins over the policy. The second of each kind is the name in CRS 3.
fn variables(levels: Levels) -> InitialVariables {
    let level = |level: ParanoiaLevel| (level as u8).to_string().into_bytes();
    let number = |number: u32| number.to_string().into_bytes();
    let variables = [
        ("blocking_paranoia_level", level(levels.paranoia)),
        ("paranoia_level", level(levels.paranoia)),
        ("detection_paranoia_level", level(levels.detection_paranoia)),
        ("executing_paranoia_level", level(levels.detection_paranoia)),
        ("inbound_anomaly_score_threshold", number(levels.inbound_threshold)),
        ("outbound_anomaly_score_threshold", number(levels.outbound_threshold)),
    ];
    variables.into_iter().collect()
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

#[cfg(test)]
mod tests {
    use signatures::seclang::MemoryFiles;

    use super::*;
    use crate::policy::OnLimit;

    /// The hash of what was learned, or the codes of the errors.
    fn profile(learning: &str, files: &MemoryFiles) -> Result<Option<String>, Vec<&'static str>> {
        let text = format!(
            "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
             assets: [{{ name: a, hosts: ['*'], upstream: u, policy: p }}]\npolicies: {{ p: {{}} }}\n{learning}\n"
        );
        match Snapshot::build("etc/p.yaml", &text, files, 0) {
            Ok((snapshot, _)) => Ok(snapshot.profiles().map(|profiles| profiles.hash().to_owned())),
            Err(found) => {
                let errors = found.iter().filter(|it| it.severity == Severity::Error);
                Err(errors.map(|it| it.code).collect())
            }
        }
    }

    #[test]
    fn rule_files_state_limits_where_the_policy_states_none() {
        let files = MemoryFiles::default()
            .with("a.conf", "SecRequestBodyLimit 1000\nSecRequestBodyLimitAction ProcessPartial\n")
            .with(
                "b.conf",
                "SecRequestBodyLimit 2000\nSecArgumentsLimit 10\nSecRequestBodyJsonDepthLimit 9\n",
            );
        for (policy, body_bytes_max, on_limit, arguments_max, json_depth_max) in [
            ("signatures: { rules: [builtin] }", 1 << 40, OnLimit::Block, 1000, 128),
            ("signatures: { rules: [a.conf] }", 1000, OnLimit::Pass, 1000, 128),
            // One configuration, as if both were included from one file: the later says it.
            ("signatures: { rules: [a.conf, b.conf] }", 2000, OnLimit::Pass, 10, 9),
            // Two configurations.
            ("signatures: { rules: [a.conf, { file: b.conf, as: evidence }] }", 1000, OnLimit::Pass, 10, 9),
            (
                "signatures: { rules: [b.conf] }, on_limit: detect, \
                 limits: { body_bytes_max: 5, query_arguments_max: 6, json_depth_max: 7 }",
                5,
                OnLimit::Detect,
                6,
                7,
            ),
        ] {
            let text = format!(
                "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
                 assets: [{{ name: a, hosts: ['*'], upstream: u, policy: p }}]\npolicies: {{ p: {{ {policy} }} }}\n"
            );
            let (snapshot, warnings) = Snapshot::build("p.yaml", &text, &files, 0).expect(policy);
            assert!(warnings.is_empty(), "{policy}: {warnings:?}");
            let found = &snapshot.policies()[0].policy;
            let limits = &found.limits;
            assert_eq!(
                (limits.body_bytes_max, found.on_limit, limits.query_arguments_max, limits.json_depth_max),
                (body_bytes_max, on_limit, arguments_max, json_depth_max),
                "{policy}"
            );
        }
    }

    /// What is loaded anew when a file changes between two snapshots.
    #[test]
    fn keeps_rules_whose_files_did_not_change() {
        const RULES: &str =
            "SecRule ARGS \"@pmFromFile words.data\" \"id:1,phase:2,pass\"\nInclude more/*.conf\n";
        let files = || {
            MemoryFiles::default()
                .with("etc/r.conf", RULES)
                .with("etc/words.data", "one\n")
                .with("etc/more/a.conf", "SecAction \"id:2,phase:1,pass,nolog\"\n")
        };
        let text = |mode: &str| {
            format!(
                "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
                 assets: [{{ name: a, hosts: ['*'], upstream: u, policy: p }}]\n\
                 policies: {{ p: {{ mode: {mode}, model: none, signatures: {{ rules: [r.conf] }} }} }}\n"
            )
        };
        let (before, _) = Snapshot::build("etc/p.yaml", &text("detect"), &files(), 0).expect("a snapshot");
        for (path, changed, is_kept) in [
            ("etc/p.yaml", files(), true),
            ("etc/p.yaml", files().with("etc/other.conf", "x"), true),
            ("etc/p.yaml", files().with("etc/r.conf", [RULES, "\n"].concat()), false),
            ("etc/p.yaml", files().with("etc/words.data", "two\n"), false),
            ("etc/p.yaml", files().with("etc/more/b.conf", "# empty\n"), false),
        ] {
            let (after, _) = before.rebuild(path, &text("prevent"), &changed, 0).expect("a snapshot");
            let (fresh, _) = Snapshot::build(path, &text("prevent"), &changed, 0).expect("a snapshot");
            assert_eq!(after.hashes(), fresh.hashes());
            let rules = |snapshot: &Snapshot| snapshot.policies()[0].sources[0].rules.clone();
            assert_eq!(Arc::ptr_eq(&rules(&before), &rules(&after)), is_kept, "{changed:?}");
            assert_eq!(after.policies()[0].policy.mode, crate::policy::Mode::Prevent);
        }
    }

    #[test]
    fn reads_what_was_learned() {
        let empty = State::default();
        let files = MemoryFiles::default().with("etc/good", empty.to_bytes()).with("etc/bad", "no state");
        let hash = Ok(Some(empty.hash()));
        let unreadable = Err(vec!["unreadable-learned"]);
        for (learning, expected) in [
            ("", &Ok(None)),
            ("learning: { file: good }", &hash),
            ("learning: { file: good, mode: use }", &hash),
            ("learning: { file: new }", &hash),
            ("learning: { file: new, mode: use }", &unreadable),
            ("learning: { file: bad }", &unreadable),
            ("learning: { file: /etc/good, mode: use }", &unreadable),
        ] {
            assert_eq!(&profile(learning, &files), expected, "{learning}");
        }
    }
}
