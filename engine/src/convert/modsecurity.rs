//! ModSecurity's own files: `modsecurity.conf`, `crs-setup.conf`, rules, with what they include.

use std::sync::Arc;

use signatures::seclang::{FileReader, Source, crs_layout};
use signatures::{Diagnostic, SourceFile};

use super::directives::{Unit, units};
use super::ingress::without_crs;
use super::origin::Origin;
use super::plan::{Asset, Plan, Policy, Reading, beside, name_of};
use super::{Converted, Input, Options, output};

/// How deep files include each other.
const DEPTH_MAX: usize = 16;

/// Converts files of a ModSecurity set-up, read in this order; what they include is read through `reader`.
///
/// The files of the Core Rule Set are known by their names, and become one source of the policy.
#[must_use]
pub fn modsecurity(inputs: &[Input], options: &Options, reader: &dyn FileReader) -> Converted {
    let mut plan = Plan::default();
    let mut options = options.clone();
    let mut policy = Policy::default();
    let mut context = Context { reader, open: Vec::new(), files: Vec::new(), crs: None };
    for input in inputs {
        context.file(&mut policy, &mut plan.diagnostics, &input.path, &input.text);
    }
    options.crs = options.crs.or(context.crs.clone());
    match &options.crs {
        Some(directory) if policy.crs => context.leave_out_set_up(directory, &mut policy),
        Some(_) => {}
        None => plan.diagnostics.extend(without_crs(policy.crs)),
    }
    plan.records = (policy.settings.records_to.clone(), policy.settings.records_only);
    plan.upstreams.insert("app".to_owned(), options.upstream.clone());
    plan.assets.push(Asset {
        name: "all".to_owned(),
        host: "*".to_owned(),
        paths: vec!["/".to_owned()],
        upstream: "app".to_owned(),
        policy: "default".to_owned(),
    });
    plan.policies.insert("default".to_owned(), policy);
    output::write(plan, &options)
}

struct Context<'a> {
    reader: &'a dyn FileReader,
    /// The files being read: the one at the end was included by the one before.
    open: Vec<String>,
    /// All files that were read: the names they get, and their paths.
    files: Vec<(String, String)>,
    /// The directory of the Core Rule Set that was included.
    crs: Option<String>,
}

impl Context<'_> {
    fn file(&mut self, policy: &mut Policy, out: &mut Vec<Diagnostic>, path: &str, text: &str) {
        let file = Arc::new(SourceFile { path: path.to_owned(), text: text.to_owned() });
        let (origin, name) = (Origin::whole(&file), self.name(path));
        self.open.push(path.to_owned());
        let reader = self.reader;
        let (diagnostics, is_ordered) = (out, true);
        let mut reading =
            Reading { policy, diagnostics, reader, name: &name, path, origin: &origin, is_ordered };
        reading.text(text, &mut |reading, unit| {
            self.include(reading, unit);
            Some("its files are sources of the policy".to_owned())
        });
        self.open.pop();
    }

    /// The name of the rule file that a file becomes.
    fn name(&mut self, path: &str) -> String {
        let last = name_of(path.rsplit('/').next().unwrap_or(path));
        let stem = last.strip_suffix(".conf").unwrap_or(&last).to_owned();
        let others = (2..).map(|number| format!("{stem}-{number}"));
        let mut names = std::iter::once(stem.clone()).chain(others).map(|stem| format!("{stem}.conf"));
        let is_free = |name: &String| !self.files.iter().any(|(taken, _)| taken == name);
        let name = names.find(is_free).unwrap_or_default();
        self.files.push((name.clone(), path.to_owned()));
        name
    }

    fn include(&mut self, reading: &mut Reading<'_>, unit: &Unit) {
        let from = reading.path;
        for pattern in unit.words.iter().map(|word| beside(from, word)) {
            let mut paths = self.reader.glob(&pattern).unwrap_or_default();
            paths.sort();
            let directory = paths.iter().find_map(|path| crs_of(path, self.reader));
            if let Some(directory) = &directory {
                self.crs.get_or_insert(directory.clone());
            }
            let (rules, others): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| is_crs(path));
            if rules.is_empty() && others.is_empty() && !unit.name.eq_ignore_ascii_case("IncludeOptional") {
                reading.say(unit, "not-carried-over", format!("there is no file `{pattern}`"), "left out");
            }
            let is_before = |path: &String| rules.first().is_none_or(|first| path < first);
            let (before, after): (Vec<_>, Vec<_>) = others.into_iter().partition(is_before);
            before.iter().for_each(|path| self.included(reading, unit, path));
            reading.policy.crs |= !rules.is_empty();
            after.iter().for_each(|path| self.included(reading, unit, path));
        }
    }

    fn included(&mut self, reading: &mut Reading<'_>, unit: &Unit, path: &str) {
        let read = match self.open.iter().any(|open| open == path) || self.open.len() >= DEPTH_MAX {
            true => Err("it includes itself, or goes too deep".to_owned()),
            false => self.reader.read(path),
        };
        match read.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())) {
            Ok(text) => self.file(reading.policy, reading.diagnostics, path, &text),
            Err(why) => {
                reading.say(unit, "not-carried-over", format!("cannot read `{path}`: {why}"), "left out");
            }
        }
    }

    /// Leaves out files that the Core Rule Set's directory is loaded with anyway, and the version that its own
    /// set-up states too.
    fn leave_out_set_up(&self, directory: &str, policy: &mut Policy) {
        let layout = crs_layout(directory, self.reader).unwrap_or_default();
        let is_loaded = |path: &String| layout.iter().any(|source| *source == Source::path(path.clone()));
        let comes_anyway =
            |name: &String| self.files.iter().any(|(known, path)| known == name && is_loaded(path));
        for rules in [&mut policy.before, &mut policy.after] {
            rules.retain(|(name, _)| !comes_anyway(name));
            rules.iter_mut().for_each(|(_, text)| *text = without_version(text));
        }
    }
}

/// The text without rule 900990, which says for which version of the Core Rule Set a set-up is.
fn without_version(text: &str) -> String {
    let (units, _) = units(text);
    let is_version = |unit: &&Unit| {
        unit.words.last().is_some_and(|actions| actions.split(',').any(|action| action.trim() == "id:900990"))
    };
    let Some(unit) = units.iter().find(is_version) else { return text.to_owned() };
    let note = "# Rule 900990 is left out: the Core Rule Set's own set-up has it.\n";
    format!("{}{note}{}", &text[..unit.begin], &text[unit.span.end..])
}

/// The directory of a Core Rule Set that a file is of: the one above that has its set-up too.
fn crs_of(path: &str, reader: &dyn FileReader) -> Option<String> {
    let (directory, name) = path.rsplit_once('/')?;
    if name != "REQUEST-901-INITIALIZATION.conf" {
        return None;
    }
    let first = directory.strip_suffix("/rules").unwrap_or(directory);
    let above = std::iter::successors(Some(first), |it| it.rsplit_once('/').map(|(above, _)| above));
    let mut candidates = above.filter(|it| !it.is_empty()).take(3);
    let found = candidates.find(|it| crs_layout(it, reader).is_ok());
    Some(found.unwrap_or(first).to_owned())
}

/// Whether a file is one of the Core Rule Set's rules.
fn is_crs(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_numbered = |prefix: &str| {
        let number = name.strip_prefix(prefix).and_then(|rest| rest.get(..3));
        number
            .is_some_and(|number| number.starts_with('9') && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    (is_numbered("REQUEST-") || is_numbered("RESPONSE-")) && !name.contains("-EXCLUSION-RULES-")
}
