//! What an evaluation leaves behind: a page, figures, pictures.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use train::evaluate::Figures;
use train::evaluate::plot::{self, Picture};
use train::evaluate::report::{self, About, Report};

use super::super::train::write;
use super::{Args, Format};
use crate::output;

/// Notices before the work that its result could not be written.
pub(super) fn check(args: &Args) -> anyhow::Result<()> {
    if let Some(parent) = args.html.as_deref().and_then(Path::parent) {
        let exists = parent.as_os_str().is_empty() || parent.is_dir();
        ensure!(exists, "there is no directory `{}` for the report", parent.display());
    }
    if let Some(directory) = &args.output {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make `{}`", directory.display()))?;
    }
    Ok(())
}

/// Writes everything that was asked for.
pub(super) fn all(args: &Args, figures: &Figures, about: &About) -> anyhow::Result<()> {
    let report = Report { about, figures };
    if args.html.is_some() || args.output.is_some() {
        let pictures = plot::pictures(figures)?;
        let page = report::html(figures, &pictures, about);
        if let Some(path) = &args.html {
            write(path, page.as_bytes())?;
        }
        if let Some(directory) = &args.output {
            files(directory, &page, &pictures, report)?;
        }
    }
    let mut out = output::stdout();
    match args.format {
        Format::Text => out.write_all(report::text(figures, about).as_bytes())?,
        Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
    }
    out.flush()?;
    Ok(())
}

fn files(directory: &Path, page: &str, pictures: &[Picture], report: Report<'_>) -> anyhow::Result<()> {
    write(&directory.join("report.html"), page.as_bytes())?;
    write(&directory.join("figures.json"), serde_json::to_string_pretty(&report)?.as_bytes())?;
    for picture in pictures {
        write(&directory.join(picture.name).with_extension("svg"), picture.file().as_bytes())?;
    }
    Ok(())
}
