//! Rules: read once for all policies that name the same, and prepared for what each begins with.

use std::sync::Arc;

use signatures::operator::Zone;
use signatures::seclang::{Loaded, Source};
use signatures::{Diagnostic, InitialVariables, ParanoiaLevel};

use super::super::files::HashingReader;
use super::super::{CompiledSource, LoadedRules, RulesName};
use super::Compiler;
use crate::policy::{Levels, Origin, Policy, Role, RuleSource};

impl Compiler<'_> {
    pub(super) fn source(&mut self, policy: &Policy, group: &[RuleSource]) -> CompiledSource {
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

impl CompiledSource {
    /// Prepares rules for a policy that begins with these variables.
    pub(super) fn new(
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

/// The lists that rules ask of the client's address, each once.
pub(super) fn zones(sources: &[CompiledSource]) -> Vec<Zone> {
    let mut zones = Vec::new();
    for zone in sources.iter().flat_map(|source| source.rules.ruleset.zones()) {
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    zones
}

/// Splits sources into those that share a rule set: the built-in rules stand alone; a CRS and files that
/// follow each other with the same role are one, as if they were included from one file, so that
/// `SecRuleRemoveById`, exclusions and `setvar` reach the CRS.
pub(super) fn groups(sources: &[RuleSource]) -> Vec<&[RuleSource]> {
    let together = |left: &RuleSource, right: &RuleSource| {
        left.role == right.role && left.origin != Origin::Builtin && right.origin != Origin::Builtin
    };
    sources.chunk_by(together).collect()
}

/// What the CRS and the built-in rules read of a policy. The CRS's own initialisation (901) sets these
/// only when they are not set, so that the policy wins over its defaults; a `crs-setup.conf` whose
/// `SecAction`s set them wins over the policy. The second of each kind is the name in CRS 3.
pub(super) fn variables(levels: Levels) -> InitialVariables {
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

#[cfg(test)]
mod tests {
    use signatures::seclang::MemoryFiles;

    use super::super::Snapshot;
    use super::*;

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
}
