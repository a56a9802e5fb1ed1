//! The page, its tables and its pictures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use portcullis_benches::figures::{median, time};
use portcullis_benches::machine::Machine;
use portcullis_benches::server::Start;

use super::agree::Agreed;
use super::goals::goals;
use super::measure::Samples;
use super::plot::{Row, dots};
use super::scaling::Scaled;
use super::scenario::SEED;
use super::server::Product;
use super::versions::Versions;

/// All that a page says.
pub(crate) struct Report<'r> {
    pub(crate) machine: Machine,
    pub(crate) versions: Versions,
    pub(crate) products: &'r [Product],
    pub(crate) scenarios: &'r [Agreed<'r>],
    pub(crate) samples: &'r Samples,
    /// All starts.
    pub(crate) starts: &'r BTreeMap<Product, Vec<Start>>,
    /// Bytes after all rounds.
    pub(crate) resident: &'r BTreeMap<Product, u64>,
    pub(crate) scaling: &'r [Scaled],
    pub(crate) rounds: usize,
    /// What else is to be said.
    pub(crate) note: Option<&'r str>,
    pub(crate) took: Duration,
    /// Processors that others used, on average.
    pub(crate) others: f64,
}

impl Report<'_> {
    /// Writes `performance.md` and the pictures into a directory.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let pictures = directory.join("pictures");
        fs::create_dir_all(&pictures)?;
        fs::write(pictures.join("compare-cpu.svg"), dots(&self.cpu_rows(), "CPU a request")?)?;
        let latencies = self.latency_rows();
        if !latencies.is_empty() {
            let axis = "answered after, 50th percentile; requests at a fixed rate";
            fs::write(pictures.join("compare-latency.svg"), dots(&latencies, axis)?)?;
        }
        let page = directory.join("performance.md");
        let text = self.page(!latencies.is_empty());
        fs::write(&page, &text).with_context(|| format!("cannot write {}", page.display()))?;
        println!("{text}");
        eprintln!("compare: written to {}", page.display());
        Ok(())
    }

    /// The median start by the wall and its processor time (microseconds).
    pub(crate) fn start(&self, product: Product) -> Option<(f64, f64)> {
        let starts = self.starts.get(&product)?;
        let middle = |of: fn(&Start) -> Duration| {
            median(&starts.iter().map(|start| of(start).as_secs_f64() * 1e6).collect::<Vec<_>>())
        };
        Some((middle(|start| start.wall)?, middle(|start| start.cpu)?))
    }

    fn page(&self, latency: bool) -> String {
        let mut page = format!("# Performance\n\n{}", self.introduction());
        for (title, text) in [
            ("Goals", self.goals()),
            ("CPU a request", self.cpu()),
            ("Answers at a fixed rate", if latency { self.latency() } else { String::new() }),
            ("Requests a second", self.per_second()),
            ("Memory and start", self.memory_and_start()),
            ("Two threads", self.scaling()),
            ("How it is measured", METHOD.to_owned()),
        ] {
            if !text.is_empty() {
                // Writing into memory cannot fail.
                let _ = write!(page, "\n## {title}\n\n{text}");
            }
        }
        page
    }

    fn introduction(&self) -> String {
        let machine = &self.machine;
        let mut text = format!(
            "Written by `./x compare` in {:.0} minutes: {} rounds, {} requests, every answer checked. {machine}. \
             Other work on the machine took {:.1} processors meanwhile, so figures of CPU count, and times by the wall are upper \
             bounds.{}\n\n| | version |\n|---|---|\n",
            self.took.as_secs_f64() / 60.0,
            self.rounds,
            self.samples.requests,
            self.others.max(0.0),
            self.note.map(|note| format!(" {note}")).unwrap_or_default(),
        );
        for (name, version) in &self.versions {
            let _ = writeln!(text, "| {name} | {version} |");
        }
        text
    }

    fn goals(&self) -> String {
        let mut text = String::from("| what | goal | measured | reached |\n|---|---|---|---|\n");
        for goal in goals(self) {
            let reached = match goal.reached {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "",
            };
            let _ = writeln!(text, "| {} | {} | {} | {reached} |", goal.what, goal.goal, goal.measured);
        }
        text
    }

    fn cpu(&self) -> String {
        let mut text = format!(
            "![CPU a request](pictures/compare-cpu.svg)\n\n{}",
            self.table(|scenario, product| self.samples.cpu((scenario, product)).map(time))
        );
        for agreed in self.scenarios.iter().filter(|agreed| agreed.scenario.whole) {
            let refused: Vec<String> = agreed
                .refused
                .iter()
                .map(|(product, count)| format!("{} {count}", product.title()))
                .collect();
            let _ = writeln!(
                text,
                "\nThe {}: {} requests drawn with seed {SEED}, and {} more left out because the servers do not answer \
                 them alike. Refused: {}.",
                agreed.scenario.title,
                agreed.count(),
                agreed.left_out,
                if refused.is_empty() { "none".to_owned() } else { refused.join(", ") }
            );
        }
        let spreads = self.scenarios.iter().flat_map(|agreed| {
            self.products.iter().filter_map(|product| self.samples.spread((agreed.scenario.name, *product)))
        });
        let (least, most) = spreads.fold((1.0, 1.0), |(a, b): (f64, f64), (c, d)| (a.min(c), b.max(d)));
        let _ = writeln!(
            text,
            "\nNo single round was below {:.0} % or above {:.0} % of its median.",
            least * 100.0,
            most * 100.0
        );
        text
    }

    fn latency(&self) -> String {
        let mut text = String::from(
            "![Answers at a fixed rate](pictures/compare-latency.svg)\n\n50th, 90th and 99th percentile; the 99th of few \
             requests is about the slowest of them.\n\n",
        );
        text.push_str(&self.table(|scenario, product| {
            let ([half, most, all], _) = self.samples.latency((scenario, product), [0.5, 0.9, 0.99])?;
            Some(format!("{} / {} / {}", time(half), time(most), time(all)))
        }));
        for agreed in self.scenarios {
            let count = self.products.first().and_then(|product| {
                self.samples.latency((agreed.scenario.name, *product), [0.5]).map(|(_, count)| count)
            });
            if let Some(count) = count {
                let _ = write!(
                    text,
                    "\n{}: {}/s, {count} requests to each.",
                    agreed.scenario.title, agreed.scenario.rate
                );
            }
        }
        text.push('\n');
        text
    }

    fn per_second(&self) -> String {
        let table = self.table(|scenario, product| {
            self.samples.per_second((scenario, product)).map(|figure| format!("{figure:.0}"))
        });
        format!(
            "One worker, four connections (one for the large bodies), while the load generator and the application run on the same processors.\n\n{table}"
        )
    }

    fn memory_and_start(&self) -> String {
        let mut text = String::from(
            "| | resident after all rounds | start to first answer | CPU of that |\n|---|---|---|---|\n",
        );
        for product in self.products {
            let resident = self.resident.get(product).copied().unwrap_or(0) >> 20;
            let (wall, cpu) = self.start(*product).unwrap_or_default();
            let (wall, cpu) = (time(wall), time(cpu));
            let _ = writeln!(text, "| {} | {resident} MB | {wall} | {cpu} |", product.title());
        }
        text
    }

    fn scaling(&self) -> String {
        if self.scaling.is_empty() {
            return String::new();
        }
        let mut text = String::from(
            "Requests a second with one worker thread and with two. The load generator and the application run on the \
             same processors, so two threads cannot reach twice as much on two processors; that a request \
             costs no more CPU with two says that they do not wait for each other.\n\n\
             | | one | two | factor | CPU a request, one | two |\n|---|---|---|---|---|---|\n",
        );
        for scaled in self.scaling {
            let [one, two] = scaled.per_second;
            let [cpu_one, cpu_two] = scaled.cpu.map(time);
            let (title, scenario) = (scaled.product.title(), scaled.scenario);
            let _ = writeln!(
                text,
                "| {title}, {scenario} | {one:.0} | {two:.0} | {:.2} | {cpu_one} | {cpu_two} |",
                two / one
            );
        }
        text
    }

    /// A row for each scenario that has a figure, a column for each server.
    fn table(&self, figure: impl Fn(&'static str, Product) -> Option<String>) -> String {
        let titles: Vec<&str> = self.products.iter().map(|product| product.title()).collect();
        let mut text = format!("| | {} |\n|---{}|\n", titles.join(" | "), "|---".repeat(titles.len()));
        for scenario in self.scenarios.iter().map(|agreed| agreed.scenario) {
            let figures: Vec<Option<String>> =
                self.products.iter().map(|product| figure(scenario.name, *product)).collect();
            if figures.iter().any(Option::is_some) {
                let figures: Vec<String> = figures.into_iter().map(Option::unwrap_or_default).collect();
                let _ = writeln!(text, "| {} | {} |", scenario.title, figures.join(" | "));
            }
        }
        text
    }

    fn cpu_rows(&self) -> Vec<Row> {
        self.rows(|cell| self.samples.cpu(cell))
    }

    fn latency_rows(&self) -> Vec<Row> {
        self.rows(|cell| self.samples.latency(cell, [0.5]).map(|([half], _)| half))
    }

    fn rows(&self, figure: impl Fn(super::measure::Cell) -> Option<f64>) -> Vec<Row> {
        let row = |agreed: &Agreed<'_>| {
            let figures = self
                .products
                .iter()
                .filter_map(|product| Some((*product, figure((agreed.scenario.name, *product))?)));
            Row { name: agreed.scenario.title.to_owned(), figures: figures.collect() }
        };
        self.scenarios.iter().map(row).filter(|row| !row.figures.is_empty()).collect()
    }
}

const METHOD: &str = "\
All servers run side by side with one worker each, before one application, over loopback on 127.0.0.1, and are loaded one \
after the other: scenario by scenario, round by round, in another order each round. Whoever is not loaded is idle.

- **The rules** are one copy of the same release of the Core Rule Set at paranoia level 1 with its own thresholds (5 and 4), \
blocking, request and response bodies read, audit log off. Portcullis writes its decision records to a file, as the others write \
what matched to their error log.
- **The same answers**: before the rounds every request goes to every server once. Servers with the Core Rule Set must decide \
alike, those that inspect nothing must pass it, and all answers must have one length; in the rounds every answer's status and \
length is compared with that, and the application says how much of a body it got. A made-up request that is refused ends the run.
- **CPU a request** is the time on a processor of all threads of the server's processes (`/proc/PID/task/*/schedstat`) \
while it answers as fast as it can, divided by the requests; the median of the rounds. Work of the kernel for their sockets is in it. \
Made-up requests differ in their words. The browsing mix has parts of 100 requests, one for each round: each part is measured by itself, \
the figure is the mean of the parts, and whoever is fast goes through more of them in a round.
- **Answers at a fixed rate**: a request is due whether or not the one before is answered, over up to eight connections, and its \
time counts from when it was due. The rate is the same for all, and below what the slowest can do.
- **Memory**: what is resident of the server's largest process, and what its other processes have for themselves.
- **Start**: from the start of the process until the first request is answered; asked every half millisecond; the median of as \
many starts as rounds. Its CPU is exact to a hundredth of a second.
- nginx keeps connections to the application and keeps bodies in memory; Pingora alone is our proxy without anything of ours \
(`benches/src/bin/bare_pingora.rs`); Coraza is its HTTP handler around Go's reverse proxy (`benches/coraza`).
";
