//! `rules list`: one line a rule.

use std::io::Write;

use signatures::Ruleset;

use super::msg;
use crate::{Outcome, output};

pub(super) fn run(ruleset: &Ruleset) -> anyhow::Result<Outcome> {
    let mut out = output::stdout();
    for rule in &ruleset.rules {
        let severity =
            rule.meta.severity.map_or("-".to_owned(), |severity| format!("{severity:?}").to_lowercase());
        let level = rule.meta.paranoia.map_or("-".to_owned(), |level| format!("PL{}", level as u8));
        writeln!(
            out,
            "{:>8}  phase {}  {severity:<9}  {level:<3}  {}",
            rule.id,
            rule.phase as u8,
            msg(rule)
        )?;
    }
    out.flush()?;
    eprintln!("{}", output::plural(ruleset.rules.len(), "rule"));
    Ok(Outcome::Clean)
}
