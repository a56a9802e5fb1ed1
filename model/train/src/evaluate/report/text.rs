//! An evaluation as text for a terminal.

use std::fmt::Write;

use super::super::{Decider, Figures, Row, Table, Total};
use super::{About, percent};

/// Deciders that fit a terminal's width (indices into [`Decider::SHOWN`]).
const SHOWN: [usize; 5] = [0, 1, 2, 3, Decider::DEFAULT];

/// Writes tables.
#[must_use]
pub fn text(figures: &Figures, about: &About) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, figures, about);
    out
}

fn write_all(out: &mut String, figures: &Figures, about: &About) -> std::fmt::Result {
    for warning in &about.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    writeln!(out, "{}\n", about.split)?;
    write_totals(out, "in all", &figures.totals)?;
    write_totals(out, "ways to decide", &figures.fusion)?;
    write_collections(out, figures)?;
    write_table(out, figures, &figures.by_source)?;
    write_table(out, figures, &figures.by_family)?;
    write_table(out, figures, &figures.by_site)
}

fn write_totals(out: &mut String, title: &str, totals: &[Total]) -> std::fmt::Result {
    let mut scope = "";
    for total in totals {
        if total.scope != scope {
            scope = total.scope;
            writeln!(out, "{title}, {scope}:")?;
        }
        let share = |rate: Option<f64>| rate.map_or("-".to_owned(), percent);
        writeln!(
            out,
            "  TPR {:>7}  TNR {:>7}  balanced {:>7}  {}{}",
            share(total.found.map(|rate| rate.share)),
            share(total.false_positives.map(|rate| 1.0 - rate.share)),
            share(total.balanced),
            total.decider,
            if total.default { " (default)" } else { "" },
        )?;
    }
    writeln!(out)
}

fn write_collections(out: &mut String, figures: &Figures) -> std::fmt::Result {
    let Some(found) = figures.collections.get(Decider::DEFAULT) else { return Ok(()) };
    let named = |it: &Option<(String, f64)>| {
        it.as_ref().map_or("-".to_owned(), |(name, share)| format!("{} % ({name})", percent(*share)))
    };
    if found.mean_found.is_some() || found.most_false_positives.is_some() {
        writeln!(
            out,
            "over collections without sites: {} % of attacks stopped on average, least {}; ordinary requests \
             stopped, most {}\n",
            found.mean_found.map_or("-".to_owned(), percent),
            named(&found.lowest_found),
            named(&found.most_false_positives),
        )?;
    }
    Ok(())
}

fn write_table(out: &mut String, figures: &Figures, table: &Table) -> std::fmt::Result {
    for (hostile, title) in [(true, "attacks stopped, %"), (false, "ordinary requests stopped, %")] {
        let rows: Vec<&Row> = table.rows.iter().filter(|row| row.hostile == hostile).collect();
        if rows.is_empty() {
            continue;
        }
        let width =
            rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(table.by.len() + 3);
        write!(
            out,
            "{title}\n{:<width$} {:>8} {:>7} {:>6}",
            format!("by {}", table.by),
            "requests",
            "groups",
            "plain"
        )?;
        SHOWN.iter().try_for_each(|index| write!(out, " {:>14}", figures.deciders[*index]))?;
        writeln!(out, " {:>16} {:>9} {:>9}", "95 %", "weighted", "not plain")?;
        for row in rows {
            write!(out, "{:<width$} {:>8} {:>7} {:>6}", row.name, row.requests, row.groups, row.plain)?;
            SHOWN.iter().try_for_each(|index| write!(out, " {:>14}", percent(row.rates[*index].share)))?;
            let rate = row.default_rate();
            let interval = format!("{} to {}", percent(rate.interval.0), percent(rate.interval.1));
            let others = row.share_of_others.map_or("-".to_owned(), percent);
            writeln!(out, " {interval:>16} {:>9} {others:>9}", percent(rate.weighted))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
