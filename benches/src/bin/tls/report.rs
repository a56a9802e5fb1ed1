//! The page and its tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use portcullis_benches::figures::time;
use portcullis_benches::machine::{Machine, first_line, locked_version, nginx_version};

use super::measure::Samples;
use super::scenario::Scenario;
use super::server::Product;

/// All that the page says.
pub(crate) struct Report<'r> {
    pub(crate) machine: Machine,
    pub(crate) portcullis: &'r Path,
    pub(crate) products: &'r [Product],
    pub(crate) scenarios: &'r [&'r Scenario],
    pub(crate) samples: &'r Samples,
    /// Bytes after all rounds.
    pub(crate) resident: &'r BTreeMap<Product, u64>,
    pub(crate) rounds: usize,
    /// What else is to be said.
    pub(crate) note: Option<&'r str>,
    pub(crate) took: Duration,
    /// Processors that others used, on average.
    pub(crate) others: f64,
}

/// Who is compared with whom: inspection alone is the difference of the last two.
const PAIRS: [(Product, Product); 3] = [
    (Product::PortcullisOff, Product::Pingora),
    (Product::PortcullisOff, Product::Nginx),
    (Product::PortcullisDefaults, Product::PortcullisOff),
];
/// What inspection off may cost at most, where Pingora alone costs 1.
const OFF_MOST: f64 = 1.15;

impl Report<'_> {
    /// Writes `tls.md` into a directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)?;
        let (page, text) = (directory.join("tls.md"), self.page());
        fs::write(&page, &text).with_context(|| format!("cannot write {}", page.display()))?;
        println!("{text}");
        eprintln!("tls: written to {}", page.display());
        Ok(())
    }

    fn page(&self) -> String {
        let mut page = format!("# TLS, HTTP/1.1 and HTTP/2\n\n{}", self.introduction());
        for (title, text) in [
            ("Ratios", self.ratios()),
            ("CPU a request", self.cpu()),
            ("Bulk", self.bulk()),
            ("Answers at a fixed rate", self.latency()),
            ("Requests a second", self.per_second()),
            ("Memory", self.memory()),
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
        let (machine, minutes) = (&self.machine, self.took.as_secs_f64() / 60.0);
        let mut text = format!(
            "Written by `./x tls` in {minutes:.0} minutes: {} rounds, {} requests, every answer checked. {machine}. \
             Other work on the machine took {:.1} processors meanwhile.{}\n\n| | version | TLS |\n|---|---|---|\n",
            self.rounds,
            self.samples.requests,
            self.others.max(0.0),
            self.note.map(|note| format!(" {note}")).unwrap_or_default(),
        );
        for product in self.products {
            let version = match product {
                Product::PortcullisDefaults | Product::PortcullisOff => {
                    first_line(Command::new(self.portcullis).arg("--version"))
                }
                Product::Pingora => {
                    format!("Pingora {}, rustls {}", locked_version("pingora"), locked_version("rustls"))
                }
                Product::Nginx => nginx_version(),
            };
            let tls = self.samples.negotiated.get(product).map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "| {} | {version} | {tls} |", product.title());
        }
        text
    }

    fn ratios(&self) -> String {
        let mut text = format!(
            "How many times as much CPU a request takes, and how many times as long an answer (50th / 99th percentile). \
             The median of the rounds' ratios; in brackets the least and the most of a round. Of CPU, inspection off should be \
             at most {OFF_MOST} times bare Pingora; the rest is to be said.\n\n| |"
        );
        for (of, to) in PAIRS {
            let (of, to) = (
                of.title().trim_start_matches("Portcullis, "),
                to.title().trim_start_matches("Portcullis, "),
            );
            let _ = write!(text, " {of} / {to}: CPU | answered after |");
        }
        let _ = writeln!(text, " reached |\n|---{}|---|", "|---".repeat(PAIRS.len() * 2));
        for scenario in self.scenarios {
            let _ = write!(text, "| {} |", scenario.title);
            for (of, to) in PAIRS {
                let cpu = self.samples.ratio(scenario.name, of, to);
                let cpu = cpu.map(|[middle, least, most]| format!("{middle:.2} ({least:.2}-{most:.2})"));
                let latency = self.samples.latency_ratio(scenario.name, of, to);
                let latency = latency.map(|[half, most]| format!("{half:.2} / {most:.2}"));
                let _ = write!(text, " {} | {} |", cpu.unwrap_or_default(), latency.unwrap_or_default());
            }
            let ratio = self.samples.ratio(scenario.name, PAIRS[0].0, PAIRS[0].1);
            let reached = ratio.map_or("", |[ratio, ..]| if ratio <= OFF_MOST { "yes" } else { "**no**" });
            let _ = writeln!(text, " {reached} |");
        }
        text
    }

    fn cpu(&self) -> String {
        self.table(|scenario, product| self.samples.cpu((scenario.name, product)).map(time))
    }

    fn bulk(&self) -> String {
        let table = self.table(|scenario, product| {
            let megabytes = scenario.asked.moved()? as f64 / f64::from(1 << 20);
            let cpu = megabytes * 1e6 / self.samples.cpu((scenario.name, product))?;
            let wall = megabytes * self.samples.per_second((scenario.name, product))?;
            Some(format!("{cpu:.0} / {wall:.0}"))
        });
        format!(
            "MB in a second of the server's CPU, and by the wall while the load generator shares the processors.\n\n{table}"
        )
    }

    fn latency(&self) -> String {
        let mut text = String::from("50th / 99th percentile, the medians of the rounds.\n\n");
        text.push_str(&self.table(|scenario, product| {
            let [half, most] = self.samples.latency((scenario.name, product))?;
            Some(format!("{} / {}", time(half), time(most)))
        }));
        let rates: Vec<String> = self
            .scenarios
            .iter()
            .filter(|scenario| scenario.rate > 0.0)
            .map(|scenario| format!("{}: {}/s", scenario.title, scenario.rate))
            .collect();
        let _ = writeln!(text, "\n{}.", rates.join("; "));
        text
    }

    fn per_second(&self) -> String {
        let table = self.table(|scenario, product| {
            self.samples.per_second((scenario.name, product)).map(|figure| format!("{figure:.0}"))
        });
        format!(
            "One worker, while the load generator and the application run on the same processors: where the server takes little, \
             it is they who are measured.\n\n{table}"
        )
    }

    fn memory(&self) -> String {
        let mut text = String::from("| | resident after all rounds |\n|---|---|\n");
        for product in self.products {
            let resident = self.resident.get(product).copied().unwrap_or(0) >> 20;
            let _ = writeln!(text, "| {} | {resident} MB |", product.title());
        }
        text
    }

    /// A row for each scenario that has a figure, a column for each server.
    fn table(&self, figure: impl Fn(&Scenario, Product) -> Option<String>) -> String {
        let titles: Vec<&str> = self.products.iter().map(|product| product.title()).collect();
        let mut text = format!("| | {} |\n|---{}|\n", titles.join(" | "), "|---".repeat(titles.len()));
        for scenario in self.scenarios {
            let figures: Vec<_> = self.products.iter().map(|product| figure(scenario, *product)).collect();
            if figures.iter().any(Option::is_some) {
                let figures: Vec<String> = figures.into_iter().map(Option::unwrap_or_default).collect();
                let _ = writeln!(text, "| {} | {} |", scenario.title, figures.join(" | "));
            }
        }
        text
    }
}

const METHOD: &str = "\
All servers run side by side with one worker each and one certificate (ECDSA, P-256), before one application, over loopback on 127.0.0.1, and \
are loaded one after the other: scenario by scenario, round by round, in another order each time. Whoever is not loaded is idle.

- **TLS**: the client offers one version, one cipher suite and one group, and checks on each connection that it got them, with the protocol \
it asked for. It takes the one certificate by its bytes and does not verify signatures, so that handshakes measure servers.
- **The same answers**: each answer's status and length is compared with what the application itself answers. Whatever differs ends \
the run.
- **Kept connections**: four of them; HTTP/2 with one request at a time on each, or with ten. Of 1 MB and more: two.
- **Handshakes**: a new connection for each request, four at a time. A resumed handshake takes a ticket of the connection before, and the \
client checks that it was resumed, as it checks that a full one was not. nginx and Portcullis keep nothing: a ticket is the session, \
encrypted. Pingora's ticket is a number of a session that it has in memory. All give tickets in full handshakes as well.
- **CPU a request** is the time on a processor of all threads of the server's processes (`/proc/PID/task/*/schedstat`) \
while it answers as fast as it can, divided by the requests; the median of the rounds. Work of the kernel for their sockets is in it.
- **Answers at a fixed rate**: a request is due whether or not the one before is answered, over four connections, and its \
time counts from when it was due; a handshake is in it where there is one.
- **Portcullis, defaults** is `mode: prevent` with the built-in rules and the model; \"inspection off\" is `mode: off` without either. \
nginx is a reverse proxy that keeps connections to the application (HTTP/1.1) and never puts a body into a file; bare Pingora is our proxy without \
anything of ours (`benches/src/bin/bare_pingora.rs`), with its own listener.
- Clients speak HTTP/2 by the `h2` crate with a browser's windows (6 MB a stream, 15 MB a connection), and TLS by rustls.
";
