//! How the tests of lowering load rules: with all that is said of them.

use crate::seclang::{MemoryFiles, Source, check};
use crate::{Link, Rule, Ruleset};

/// Loads what must be without fault.
pub(super) fn ruleset(text: &str) -> Ruleset {
    let loaded = check(vec![Source::text("test.conf", text)], &MemoryFiles::default());
    let drawn: Vec<_> = loaded.diagnostics.iter().map(|found| found.render(false)).collect();
    assert!(drawn.is_empty(), "{text}\n{}", drawn.join("\n"));
    loaded.ruleset
}

/// The first rule of a text.
pub(super) fn rule(text: &str) -> Rule {
    ruleset(text).rules.into_iter().next().unwrap()
}

/// The first link of the only rule with these actions, beside `id` and `phase`.
pub(super) fn link(actions: &str) -> Link {
    rule(&format!("SecRule ARGS \"@rx x\" \"id:1,phase:2,{actions}\"")).links.remove(0)
}

/// The codes of everything that is wrong with a text.
pub(super) fn codes(text: &str) -> Vec<&'static str> {
    let loaded = check(vec![Source::text("test.conf", text)], &MemoryFiles::default());
    loaded.diagnostics.iter().map(|found| found.code).collect()
}

/// The codes and help lines of everything that is wrong with a text.
pub(super) fn helps(text: &str) -> Vec<(&'static str, String)> {
    let loaded = check(vec![Source::text("test.conf", text)], &MemoryFiles::default());
    let found = loaded.diagnostics.into_iter();
    found.map(|found| (found.code, found.help.unwrap_or_default())).collect()
}
