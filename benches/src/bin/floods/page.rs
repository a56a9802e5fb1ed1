//! The page and its table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use portcullis_benches::figures::{percentiles, time};
use portcullis_benches::machine::Machine;

use super::attack::{Attack, Doing};
use super::ordinary::{CLIENTS, RATE, REQUESTS_OF_A_CONNECTION};

/// Ordinary clients, quiet and beside an attack.
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) quiet: Vec<Duration>,
    pub(crate) attacked: Vec<Duration>,
    /// Memory (bytes), a figure a round.
    pub(crate) resident_before: Vec<u64>,
    pub(crate) resident_peak: Vec<u64>,
    /// Connections of attackers in all, and those that were thrown out.
    begun: usize,
    ended: usize,
}

impl Beside {
    pub(crate) fn add(&mut self, doing: &Doing) {
        self.begun += doing.begun.load(Ordering::Relaxed);
        self.ended += doing.ended.load(Ordering::Relaxed);
    }
}

/// All that the page says.
pub(crate) struct Page<'p> {
    pub(crate) machine: Machine,
    pub(crate) measured: &'p BTreeMap<Attack, Beside>,
    /// Bytes at the end.
    pub(crate) resident: u64,
    pub(crate) rounds: usize,
    pub(crate) took: Duration,
    /// Processors that others used, on average.
    pub(crate) others: f64,
    pub(crate) note: Option<&'p str>,
}

impl Page<'_> {
    /// Writes `floods.md` into a directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory)?;
        let (page, text) = (directory.join("floods.md"), self.text());
        std::fs::write(&page, &text).with_context(|| format!("cannot write {}", page.display()))?;
        println!("{text}");
        eprintln!("floods: written to {}", page.display());
        Ok(())
    }

    fn text(&self) -> String {
        let (machine, minutes) = (&self.machine, self.took.as_secs_f64() / 60.0);
        let mut text = format!(
            "# Ordinary clients beside floods\n\n\
             Written by `./x floods` in {minutes:.0} minutes: {} rounds, every answer to an ordinary client checked. {machine}, \
             shared by all parts. Other work took {:.1} processors meanwhile.{}\n\n\
             {CLIENTS} ordinary clients send {RATE} requests a second for a page of 11 KB, {REQUESTS_OF_A_CONNECTION} over a connection; times are from \
             when a request was due to the end of its answer, with the connection where one is made. Portcullis has its defaults (built-in rules, \
             model, prevent mode, [limits](edge.md)). Quiet and attacked are measured in turns.\n\n\
             | attack | connections at once | each | answered after, quiet (50th / 99th percentile) | beside the attack | 99th, times | memory before | at most | thrown out, of |\n\
             |---|---|---|---|---|---|---|---|---|\n",
            self.rounds,
            self.others.max(0.0),
            self.note.map(|note| format!(" {note}")).unwrap_or_default(),
        );
        for (attack, beside) in self.measured {
            text.push_str(&row(*attack, beside));
        }
        // Writing into memory cannot fail.
        let _ = writeln!(
            text,
            "\nResident after all of them: {}. What takes each of them in: [edge.md](edge.md).",
            mib(self.resident)
        );
        text
    }
}

fn row(attack: Attack, beside: &Beside) -> String {
    let at = |times: &[Duration]| percentiles(times, [0.5, 0.99]).unwrap_or_default();
    let (quiet, attacked) = (at(&beside.quiet), at(&beside.attacked));
    let most = |figures: &[u64]| figures.iter().copied().max().unwrap_or(0);
    format!(
        "| {} | {} | {} | {} / {} | {} / {} | {:.2} | {} | {} | {} of {} |\n",
        attack.title(),
        attack.connections(),
        attack.does(),
        time(quiet[0]),
        time(quiet[1]),
        time(attacked[0]),
        time(attacked[1]),
        attacked[1] / quiet[1],
        mib(most(&beside.resident_before)),
        mib(most(&beside.resident_peak)),
        beside.ended,
        beside.begun,
    )
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}
