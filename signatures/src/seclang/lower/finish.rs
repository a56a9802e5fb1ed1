//! The last step: drafts to rules, markers to places.

use std::collections::{HashMap, HashSet};

use super::super::Loaded;
use super::super::mapped::Mapped;
use super::{Item, Lowering, did_you_mean, lint};
use crate::{Diagnostic, Location, Phase, Ruleset, Skip, Step};

/// A `skipAfter` whose marker is looked for when all are known.
struct Jump {
    marker: Box<str>,
    location: Option<Location>,
    phase: Phase,
    /// The place of the rule in its phase.
    from: usize,
}

impl Lowering {
    /// Looks at the rules that would run; `finish` comes after it.
    pub(in super::super) fn lint(&mut self) {
        self.end_chain();
        let (warnings, notes) = lint::check(&self.drafts);
        self.diagnostics.extend(warnings);
        self.notes.extend(notes);
    }

    pub(in super::super) fn finish(mut self) -> Loaded {
        self.end_chain();
        let place = self.concurrent.take();
        self.diagnostics.extend(super::audit::without_storage(&self.settings.audit, place));
        let mut finishing = Finishing {
            ruleset: Ruleset { settings: self.settings, ..Ruleset::default() },
            diagnostics: self.diagnostics,
            notes: self.notes,
            wanted: HashSet::new(),
            markers: HashMap::new(),
            jumps: Vec::new(),
        };
        let mut drafts: Vec<_> = self.drafts.into_iter().map(Some).collect();
        for item in self.order {
            match item {
                Item::Marker(name) => finishing.marker(&name),
                Item::Rule(index) => {
                    if let Some(draft) = drafts.get_mut(index).and_then(Option::take) {
                        finishing.rule(draft);
                    }
                }
            }
        }
        finishing.check_jumps();
        finishing.check_markers();
        let Finishing { ruleset, diagnostics, notes, .. } = finishing;
        Loaded { ruleset, diagnostics, notes, removed: self.removed }
    }
}

struct Finishing {
    ruleset: Ruleset,
    diagnostics: Vec<Diagnostic>,
    notes: Vec<Diagnostic>,
    /// Names that something skips to.
    wanted: HashSet<Box<str>>,
    /// Where markers were written.
    markers: HashMap<Box<str>, Location>,
    jumps: Vec<Jump>,
}

impl Finishing {
    fn marker(&mut self, name: &Mapped) {
        if let Some(first) = self.markers.get(name.as_str()) {
            self.diagnostics.push(
                Diagnostic::warning("duplicate-marker", format!("marker `{}` is there twice", name.as_str()))
                    .at(name.location(), "never skipped to")
                    .related(first.clone(), "the first one counts"),
            );
            return;
        }
        self.markers.insert(name.as_str().into(), name.location());
        for (phase, places) in self.ruleset.phases.iter_mut().zip(&mut self.ruleset.markers) {
            places.insert(name.as_str().into(), phase.len());
            phase.push(Step::Marker);
        }
    }

    fn rule(&mut self, mut draft: super::draft::Draft) {
        let location = draft.skip_location.take();
        let Some(rule) = draft.finish() else { return };
        let phase = rule.phase;
        let from = self.ruleset.phases[phase.index()].len();
        if let Some(Skip::After(marker)) = &rule.skip {
            self.jumps.push(Jump { marker: marker.clone(), location, phase, from });
        }
        // Bounded by the text that was read, far below 2^32.
        let index = u32::try_from(self.ruleset.rules.len()).unwrap_or(u32::MAX);
        self.ruleset.phases[phase.index()].push(Step::Rule(index));
        self.ruleset.rules.push(rule);
    }

    fn check_jumps(&mut self) {
        for jump in std::mem::take(&mut self.jumps) {
            self.place_rule(&jump);
            self.wanted.insert(jump.marker.clone());
            match self.ruleset.markers[jump.phase.index()].get(&jump.marker) {
                Some(to) if *to > jump.from => self.check_gap(&jump, *to),
                Some(_) => self.warn(jump, "marker-before-rule", "stands before the rule"),
                None => self.warn(jump, "no-such-marker", "does not exist"),
            }
        }
    }

    /// Notes a jump over no rule.
    fn check_gap(&mut self, jump: &Jump, to: usize) {
        let steps = &self.ruleset.phases[jump.phase.index()];
        let between = steps.get(jump.from + 1..to).unwrap_or_default();
        let Some(location) = &jump.location else { return };
        if !between.iter().any(|step| matches!(step, Step::Rule(_))) {
            let phase = jump.phase as u8;
            let title = format!("no rule of phase {phase} stands before marker `{}`", jump.marker);
            self.notes.push(
                Diagnostic::note("skips-nothing", title)
                    .at(location.clone(), "skips nothing")
                    .help("skip in the phase of the rules that are meant: each phase has its own".to_owned()),
            );
        }
    }

    /// Notes markers that nothing skips to.
    fn check_markers(&mut self) {
        let unused = self.markers.iter().filter(|(name, _)| !self.wanted.contains(*name));
        let mut unused: Vec<_> = unused.collect();
        unused.sort_by_key(|(_, place)| (place.file.path.clone(), place.span.start));
        self.notes.extend(unused.into_iter().map(|(name, place)| {
            Diagnostic::note("unused-marker", format!("nothing skips to marker `{name}`"))
                .at(place.clone(), "no `skipAfter` names it")
        }));
    }

    /// A rule id may stand for a marker.
    fn place_rule(&mut self, jump: &Jump) {
        let Ok(id) = jump.marker.parse::<u32>() else { return };
        let rules = &self.ruleset.rules;
        let is_wanted = |step: &Step| match step {
            Step::Rule(index) => rules.get(*index as usize).is_some_and(|rule| rule.id.get() == id),
            Step::Marker => false,
        };
        if let Some(place) = self.ruleset.phases[jump.phase.index()].iter().position(is_wanted) {
            self.ruleset.markers[jump.phase.index()].entry(jump.marker.clone()).or_insert(place);
        }
    }

    fn warn(&mut self, jump: Jump, code: &'static str, what: &str) {
        let name = &jump.marker;
        let mut warning = Diagnostic::warning(code, format!("marker `{name}` {what}"));
        if let Some(location) = jump.location {
            warning = warning.at(location, "the rest of the phase is skipped");
        }
        let known = self.markers.keys().map(|name| &**name);
        self.diagnostics.push(warning.help(did_you_mean(name, known).filter(|_| code == "no-such-marker")));
    }
}
