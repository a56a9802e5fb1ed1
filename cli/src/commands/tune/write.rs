//! The part of a policy that `tune` writes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Tally;
use super::proposal::Proposal;
use crate::output::plural;

/// Writes YAML: what was measured as comments, then the exceptions by policy, what frees most first.
pub(super) fn patch(
    out: &mut impl Write,
    ordinary: &Tally,
    hostile: &Tally,
    payloads: &[Vec<u8>],
    proposals: Vec<Proposal>,
    expires: &str,
) -> io::Result<()> {
    writeln!(out, "# Of {}, {} stopped.", plural(ordinary.all, "ordinary request"), ordinary.stopped)?;
    if hostile.all > 0 {
        writeln!(out, "# Of {}, {} stopped.", plural(hostile.all, "attack"), hostile.stopped)?;
    }
    levels(out, ordinary, hostile)?;
    let (useful, useless): (Vec<_>, Vec<_>) = proposals.into_iter().partition(|it| it.freed > 0);
    let freed: usize = useful.iter().map(|it| it.freed).sum();
    writeln!(
        out,
        "#\n# The exceptions below would free {}. Look at each before you take it.",
        plural(freed, "request")
    )?;
    if payloads.is_empty() {
        writeln!(out, "# There are no attacks in the data: what they would let through was not measured.")?;
    }
    for proposal in useless {
        let narrowest = &proposal.narrowest;
        writeln!(out, "# Not freed by an exception ({}): {narrowest}", plural(proposal.stopped, "request"))?;
    }
    let mut by_policy: BTreeMap<String, Vec<Proposal>> = BTreeMap::new();
    for proposal in useful {
        by_policy.entry(proposal.policy.clone()).or_default().push(proposal);
    }
    if !by_policy.is_empty() {
        writeln!(out, "policies:")?;
    }
    for (policy, mut proposals) in by_policy {
        // What frees most first; of those that free as many, what lets the smallest share through.
        proposals.sort_by_key(|it| {
            let (tried, let_through) = it.attacks.unwrap_or((1, 1));
            (std::cmp::Reverse(it.freed), let_through * 1_000 / tried)
        });
        writeln!(out, "  {}:\n    exceptions:", serde_json::json!(policy))?;
        for proposal in proposals {
            let reason = serde_json::json!(reason(&proposal));
            writeln!(out, "      - {{ {}, reason: {reason}, expires: {expires} }}", proposal.narrowest)?;
        }
    }
    Ok(())
}

/// What each `minimum_confidence` would stop, rules included.
fn levels(out: &mut impl Write, ordinary: &Tally, hostile: &Tally) -> io::Result<()> {
    writeln!(out, "#\n# minimum_confidence   ordinary stopped   attacks stopped")?;
    for (index, level) in ["medium", "high", "critical"].into_iter().enumerate() {
        let share = |tally: &Tally| {
            let stopped = tally.by_rules + tally.by_model[index];
            format!("{stopped} ({:.2} %)", 100.0 * stopped as f64 / tally.all.max(1) as f64)
        };
        let attacks = if hostile.all > 0 { share(hostile) } else { "not known".to_owned() };
        writeln!(out, "# {level:<18}   {:<16}   {attacks}", share(ordinary))?;
    }
    Ok(())
}

fn reason(proposal: &Proposal) -> String {
    let frees = if proposal.freed == proposal.stopped {
        plural(proposal.freed, "ordinary request")
    } else {
        format!("{} of {}", proposal.freed, plural(proposal.stopped, "ordinary request"))
    };
    let price = match proposal.attacks {
        Some((tried, let_through)) => {
            format!("lets through {let_through} of {} put there", plural(tried, "attack"))
        }
        None => "what it lets through was not measured".to_owned(),
    };
    let place = if proposal.narrowest.fields.is_empty() { " in any field" } else { "" };
    format!("frees {frees}{place}; {price}")
}
