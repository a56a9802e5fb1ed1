//! An evaluation as one HTML file: no scripts, nothing loaded, readable on light and on dark ground.

use std::fmt::{self, Write};

use super::super::plot::Picture;
use super::super::{Decider, Figures, Rate, Row, Table, Total, Worst};
use super::{About, percent};

/// Writes the page.
#[must_use]
pub fn html(figures: &Figures, pictures: &[Picture], about: &About) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, figures, pictures, about);
    page
}

fn write_page(page: &mut String, figures: &Figures, pictures: &[Picture], about: &About) -> fmt::Result {
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>Evaluation</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<h1>Evaluation</h1>\n<p>{}</p>\n",
        include_str!("style.css"),
        escape(&about.split)
    )?;
    for warning in &about.warnings {
        writeln!(page, "<p class=\"warning\">{}</p>", escape(warning))?;
    }
    cards(page, figures)?;
    page.push_str(CONTENTS);
    section(page, "totals", "In all", TOTALS)?;
    totals(page, &figures.totals)?;
    section(page, "fusion", "Ways to decide", FUSION)?;
    totals(page, &figures.fusion)?;
    section(page, "pictures", "Pictures", "")?;
    show(page, pictures)?;
    for (table, id, title) in [
        (&figures.by_source, "sources", "By source"),
        (&figures.by_family, "families", "By family"),
        (&figures.by_site, "sites", "By site, where most goes wrong"),
    ] {
        section(page, id, title, TABLES)?;
        both(page, figures, table)?;
    }
    section(page, "misses", "Attacks missed", WORST)?;
    worst(page, &figures.misses)?;
    section(page, "alarms", "Ordinary requests stopped", WORST)?;
    worst(page, &figures.alarms)?;
    section(page, "models", "Models and thresholds", "Thresholds are log-odds; each model has its own.")?;
    models(page, figures)?;
    section(page, "data", "Data and command", "")?;
    data(page, about)?;
    page.push_str("</body>\n</html>\n");
    Ok(())
}

const CONTENTS: &str = "<nav><a href=\"#totals\">In all</a><a href=\"#fusion\">Ways to decide</a>\
    <a href=\"#pictures\">Pictures</a><a href=\"#sources\">Sources</a><a href=\"#families\">Families</a>\
    <a href=\"#sites\">Sites</a><a href=\"#misses\">Missed</a><a href=\"#alarms\">False positives</a>\
    <a href=\"#models\">Models</a><a href=\"#data\">Data</a></nav>\n";
const TOTALS: &str = "TPR is the share of attacks that is stopped, TNR the share of ordinary requests that passes, \
    balanced their mean. In small print the 95 % interval (Wilson), then the share when each site and each cluster of \
    near-duplicates counts once, with its interval.";
const FUSION: &str = "How signatures and model may come to one decision; the default policy's is marked.";
const TABLES: &str = "Share stopped in percent, with its 95 % interval; after the bar, the share when each site and \
    each cluster of near-duplicates counts once. Plain are requests whose values are all letters, digits and the like, \
    but for headers: there is nothing in them that a model could see.";
const WORST: &str = "One of each site or cluster, the most mistaken first. Shown is the value the model found \
    strangest, shortened, with what looks like a secret left out; requests with plain values only are not shown. The score is in log-odds above the critical threshold.";

/// Text as HTML writes it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn section(page: &mut String, id: &str, title: &str, about: &str) -> fmt::Result {
    writeln!(page, "<h2 id=\"{id}\">{}</h2>", escape(title))?;
    if about.is_empty() { Ok(()) } else { writeln!(page, "<p>{}</p>", escape(about)) }
}

fn cards(page: &mut String, figures: &Figures) -> fmt::Result {
    let Some(total) = figures.headline() else { return Ok(()) };
    let found = total.found.map(|rate| rate.share);
    let passed = total.false_positives.map(|rate| 1.0 - rate.share);
    let collections = figures.collections.get(Decider::DEFAULT);
    let lowest = collections.and_then(|it| it.lowest_found.as_ref());
    let most = collections.and_then(|it| it.most_false_positives.as_ref());
    page.push_str("<div class=\"cards\">\n");
    for (share, name) in [
        (found, format!("attacks stopped, {}", total.scope)),
        (passed, format!("ordinary requests passed, {}", total.scope)),
        (total.balanced, "balanced accuracy".to_owned()),
        (collections.and_then(|it| it.mean_found), "attacks stopped, mean of other collections".to_owned()),
        (lowest.map(|it| it.1), format!("least of them: {}", lowest.map_or("", |it| &it.0))),
        (most.map(|it| it.1), format!("most false positives: {}", most.map_or("", |it| &it.0))),
    ] {
        if let Some(share) = share {
            let (share, name) = (percent(share), escape(&name));
            writeln!(page, "<div class=\"card\"><b>{share} %</b><small>{name}</small></div>")?;
        }
    }
    page.push_str("</div>\n");
    Ok(())
}

fn head(page: &mut String, columns: &[&str]) -> fmt::Result {
    page.push_str("<div class=\"scroll\"><table>\n<tr>");
    for (nth, column) in columns.iter().enumerate() {
        write!(page, "<th{}>{}</th>", if nth > 0 { " class=\"n\"" } else { "" }, escape(column))?;
    }
    writeln!(page, "</tr>")
}

const END: &str = "</table></div>\n";

fn totals(page: &mut String, totals: &[Total]) -> fmt::Result {
    for of_scope in totals.chunk_by(|a, b| a.scope == b.scope) {
        writeln!(page, "<h3>{}</h3>", escape(of_scope[0].scope))?;
        head(page, &["decided by", "TPR %", "TNR %", "balanced %", "attacks missed", "false positives"])?;
        for total in of_scope {
            total_row(page, total)?;
        }
        page.push_str(END);
    }
    Ok(())
}

fn total_row(page: &mut String, total: &Total) -> fmt::Result {
    let class = if total.default { " class=\"default\"" } else { "" };
    write!(
        page,
        "<tr{class}><td>{}{}</td>",
        escape(&total.decider),
        if total.default { " (default)" } else { "" }
    )?;
    let passed = total.false_positives.as_ref().map(inverted);
    for rate in [total.found.as_ref(), passed.as_ref()] {
        write!(page, "<td class=\"n\">{}</td>", rate.map_or("-".to_owned(), rate_cell))?;
    }
    let missed = total.found.map(|rate| rate.requests - rate.stopped);
    let number = |it: Option<usize>| it.map_or("-".to_owned(), |it| it.to_string());
    writeln!(
        page,
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        total.balanced.map_or("-".to_owned(), percent),
        number(missed),
        number(total.false_positives.map(|rate| rate.stopped)),
    )
}

/// What is not stopped.
fn inverted(rate: &Rate) -> Rate {
    let turned = |(low, high): (f64, f64)| (1.0 - high, 1.0 - low);
    Rate {
        requests: rate.requests,
        stopped: rate.requests - rate.stopped,
        share: 1.0 - rate.share,
        interval: turned(rate.interval),
        weighted: 1.0 - rate.weighted,
        weighted_interval: turned(rate.weighted_interval),
    }
}

fn rate_cell(rate: &Rate) -> String {
    let range = |(low, high): (f64, f64)| format!("{} to {}", percent(low), percent(high));
    format!(
        "{}<small>{}</small><small>| {} ({})</small>",
        percent(rate.share),
        range(rate.interval),
        percent(rate.weighted),
        range(rate.weighted_interval)
    )
}

fn both(page: &mut String, figures: &Figures, table: &Table) -> fmt::Result {
    for (hostile, title) in [(true, "Attacks stopped"), (false, "Ordinary requests stopped")] {
        let rows: Vec<&Row> = table.rows.iter().filter(|row| row.hostile == hostile).collect();
        if rows.is_empty() {
            continue;
        }
        writeln!(page, "<h3>{title}</h3>")?;
        let mut columns = vec![table.by, "requests", "groups", "plain"];
        columns.extend(figures.deciders.iter().map(String::as_str));
        columns.push("not plain");
        head(page, &columns)?;
        for row in rows {
            table_row(page, row)?;
        }
        page.push_str(END);
    }
    Ok(())
}

fn table_row(page: &mut String, row: &Row) -> fmt::Result {
    write!(
        page,
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
        escape(&row.name),
        row.requests,
        row.groups,
        row.plain
    )?;
    for (index, rate) in row.rates.iter().enumerate() {
        // A line before the model's columns, and before those of both together.
        let class = if matches!(index, 0 | 1 | 4) { "n key" } else { "n" };
        let (low, high) = rate.interval;
        write!(
            page,
            "<td class=\"{class}\">{}<small>{} to {}</small><small>| {}</small></td>",
            percent(rate.share),
            percent(low),
            percent(high),
            percent(rate.weighted)
        )?;
    }
    let others = row.share_of_others.map_or("-".to_owned(), percent);
    writeln!(page, "<td class=\"n key\">{others}</td></tr>")
}

fn show(page: &mut String, pictures: &[Picture]) -> fmt::Result {
    page.push_str("<div class=\"pictures\">\n");
    for picture in pictures {
        // The declaration of an XML document has no place within a page.
        let svg = picture.svg.split_once("?>").map_or(picture.svg.as_str(), |(_, svg)| svg);
        writeln!(page, "<figure>{svg}<figcaption>{}</figcaption></figure>", escape(picture.caption))?;
    }
    page.push_str("</div>\n");
    Ok(())
}

fn worst(page: &mut String, found: &[Worst]) -> fmt::Result {
    if found.is_empty() {
        page.push_str("<p>None.</p>\n");
        return Ok(());
    }
    page.push_str(
        "<div class=\"scroll\"><table>\n<tr><th>record</th><th>source</th><th class=\"n\">score</th>",
    );
    page.push_str("<th class=\"n\">alike</th><th>rules</th><th>in</th><th>value</th></tr>\n");
    for it in found {
        let rules: Vec<_> = it.rules.iter().map(u32::to_string).collect();
        writeln!(
            page,
            "<tr><td>{}</td><td>{} {}</td><td class=\"n\">{:.2}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td>\
             <td><code>{}</code></td></tr>",
            escape(&it.id),
            escape(&it.source),
            escape(&it.family),
            it.margin,
            it.alike,
            rules.join(" "),
            it.location,
            escape(&it.excerpt)
        )?;
    }
    page.push_str(END);
    Ok(())
}

fn models(page: &mut String, figures: &Figures) -> fmt::Result {
    let columns = ["held out", "trained on", "judged", "medium", "high", "critical", "slope", "offset"];
    head(page, &columns)?;
    for model in &figures.models {
        let (thresholds, calibration) = (model.thresholds, model.calibration);
        write!(page, "<tr><td>{}</td>", escape(&model.held_out))?;
        let trained = model.trained.map_or("-".to_owned(), |it| it.to_string());
        write!(page, "<td class=\"n\">{trained}</td><td class=\"n\">{}</td>", model.judged)?;
        for number in
            [thresholds.medium, thresholds.high, thresholds.critical, calibration.slope, calibration.offset]
        {
            write!(page, "<td class=\"n\">{number:.3}</td>")?;
        }
        writeln!(page, "</tr>")?;
    }
    page.push_str(END);
    Ok(())
}

fn data(page: &mut String, about: &About) -> fmt::Result {
    writeln!(page, "<p><code>{}</code></p>", escape(&about.command))?;
    writeln!(
        page,
        "<p>Portcullis {}; rules: {}.</p>",
        escape(&about.version),
        escape(&about.rules.join(", "))
    )?;
    head(page, &["file", "ordinary", "attacks", "SHA-256"])?;
    for file in &about.data {
        writeln!(
            page,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\"><code>{}</code></td></tr>",
            escape(&file.file),
            file.ordinary,
            file.hostile,
            escape(&file.sha256)
        )?;
    }
    page.push_str(END);
    Ok(())
}
