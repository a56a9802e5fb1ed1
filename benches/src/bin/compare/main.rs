//! Portcullis beside other proxies and firewalls, on this machine, in one run.
//!
//! ```text
//! ./x compare              # everything, about ten minutes; writes docs/performance.md
//! ./x compare --quick      # few rounds, for checking; writes target/compare/performance.md
//! ```
//! The servers run side by side and are loaded in turns, scenario by scenario and round by round, over loopback. Each answer is
//! checked: its status, its length, and that the application got the whole body. Processor time is the kernel's account of the
//! server's processes (`/proc/PID/task/*/schedstat`), which other processes on the machine disturb little; times
//! by the wall they do disturb.

mod agree;
mod client;
mod goals;
mod measure;
mod plot;
mod report;
mod scaling;
mod scenario;
mod server;
mod versions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use portcullis_benches::machine::Machine;
use portcullis_benches::server::Start;
use portcullis_benches::{account, interrupt, origin};
use portcullis_tests::core_rules::lay_out;
use portcullis_tests::nginx;

use agree::{Agreed, Servers};
use client::{Exchange, Expected};
use measure::{Samples, Times};
use report::Report;
use scenario::Request;
use server::{Product, Setup};

/// Measures Portcullis beside other proxies and firewalls.
#[derive(Parser)]
struct Options {
    /// One short round, for checking: writes under `target/compare`.
    #[arg(long)]
    quick: bool,
    /// How often each server gets each scenario.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Scenarios or servers, by name: all others are left out.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The binary that is measured.
    #[arg(long, default_value = "target/release/portcullis")]
    portcullis: PathBuf,
    /// What the page should say besides: how the binary was built, what else the machine did.
    #[arg(long)]
    note: Option<String>,
    /// Where the page and its pictures go instead of `docs`.
    #[arg(long)]
    output: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    interrupt::listen()?;
    let directory = tempfile::tempdir()?;
    let begun = Instant::now();
    let before = account::machine_and_own()?;
    let setup = set_up(&options, directory.path())?;
    let (products, names) = chosen(&options, &setup)?;
    let rounds = if options.quick { 1 } else { options.rounds.max(1) };
    let scenarios = scenario::scenarios(&names, rounds)?;
    let probe = scenario::scenarios(&["small".to_owned()], 1)?.remove(0).parts.remove(0).remove(0);

    say("starting");
    let (servers, starts) = start_all(&setup, &products, rounds, &probe)?;
    say("asking every server everything");
    let agreed =
        scenarios.iter().map(|scenario| Agreed::ask(&servers, scenario)).collect::<Result<Vec<_>>>()?;
    let warm = warm_exchange(&servers, &probe)?;
    let mut samples = Samples::default();
    let times = if options.quick { QUICK } else { FULL };
    for round in 0..rounds {
        say(&format!("round {} of {rounds}", round + 1));
        samples.round(&servers, &agreed, &warm, round, times)?;
    }
    let resident = servers.iter().map(|(product, it)| Ok((*product, account::resident(it.process())?)));
    let resident = resident.collect::<Result<BTreeMap<_, _>>>()?;
    drop(servers);
    say("scaling");
    let scaling = scaling::measure(&setup, &agreed, &probe, rounds, times.saturated)?;
    let after = account::machine_and_own()?;
    let report = Report {
        machine: Machine::look(),
        versions: versions::versions(&setup.portcullis, core_rules_version(&setup.crs)),
        products: &products,
        scenarios: &agreed,
        samples: &samples,
        starts: &starts,
        resident: &resident,
        scaling: &scaling,
        rounds,
        note: options.note.as_deref(),
        took: begun.elapsed(),
        others: ((after.0 - before.0) - (after.1 - before.1)) / begun.elapsed().as_secs_f64(),
    };
    let output = match &options.output {
        Some(output) => output.clone(),
        None if options.quick || !options.only.is_empty() => root().join("target/compare"),
        None => root().join("docs"),
    };
    report.write(&output)
}

/// Starts every server `times` times in turns; the last ones stay. How long each start took.
fn start_all(
    setup: &Setup,
    products: &[Product],
    times: usize,
    probe: &Request,
) -> Result<(Servers, BTreeMap<Product, Vec<Start>>)> {
    let (mut servers, mut starts) = (Servers::new(), BTreeMap::<Product, Vec<Start>>::new());
    for _ in 0..times {
        for product in products {
            servers.remove(product);
            let server = server::start(setup, *product, 1, probe)?;
            starts.entry(*product).or_default().push(server.start);
            servers.insert(*product, server);
        }
    }
    Ok((servers, starts))
}

/// What connections are opened with: the same answer from all.
fn warm_exchange<'r>(servers: &Servers, probe: &'r Request) -> Result<Exchange<'r>> {
    let server = servers.values().next().context("nothing to compare")?;
    let received = client::Client::new(server.address).send(probe)?;
    let expected = Expected { status: received.status, body_bytes: received.body_bytes };
    Ok(Exchange { request: probe, expected })
}

/// The servers and the scenarios that `--only` leaves; what is not installed is said and left out.
fn chosen(options: &Options, setup: &Setup) -> Result<(Vec<Product>, Vec<String>)> {
    let is_product = |name: &String| Product::ALL.iter().any(|product| product.name() == name);
    let (products, scenarios): (Vec<String>, Vec<String>) =
        options.only.iter().cloned().partition(is_product);
    let unknown = scenarios.iter().find(|name| !scenario::names().any(|known| known == name.as_str()));
    ensure!(unknown.is_none(), "no scenario and no server is called {unknown:?}");
    let mut wanted: Vec<Product> = Product::ALL.to_vec();
    wanted.retain(|product| products.is_empty() || products.iter().any(|name| name == product.name()));
    wanted.retain(|product| {
        let missing = match product {
            Product::Nginx => nginx::program().is_none(),
            Product::NginxModSecurity => {
                nginx::program().is_none() || !Path::new(nginx::MODSECURITY).exists()
            }
            Product::Coraza => setup.coraza.is_none(),
            _ => false,
        };
        if missing {
            say(&format!("left out, because it is not installed: {}", product.title()));
        }
        !missing
    });
    ensure!(!wanted.is_empty(), "nothing to compare");
    Ok((wanted, scenarios))
}

fn set_up(options: &Options, directory: &Path) -> Result<Setup> {
    let portcullis = options.portcullis.canonicalize();
    let portcullis = portcullis.with_context(|| format!("no {}", options.portcullis.display()))?;
    let crs = directory.join("crs");
    lay_out(&core_rules(&portcullis)?, &crs, "").context("the Core Rule Set, as its Go module has it")?;
    let pingora = std::env::current_exe()?.with_file_name("bare_pingora");
    ensure!(pingora.exists(), "{} is not built", pingora.display());
    let coraza = build_coraza(&directory.join("coraza"));
    Ok(Setup { portcullis, pingora, coraza, crs, origin: origin::start()?, directory: directory.into() })
}

/// The Core Rule Set as a Go module: where `PORTCULLIS_CRS` or Go has it, or what Portcullis installs, once.
fn core_rules(portcullis: &Path) -> Result<PathBuf> {
    let found = portcullis_benches::corpus::crs_directory().map(PathBuf::from);
    if let Some(found) = found.filter(|found| found.join("rules/@owasp_crs").is_dir()) {
        return Ok(found);
    }
    let directory = root().join(format!("target/crs-{CRS_VERSION}"));
    if !directory.is_dir() {
        let mut install = Command::new(portcullis);
        install.args(["rules", "install", "crs", "--version", CRS_VERSION, "--dir"]).arg(&directory);
        ensure!(install.status()?.success(), "the Core Rule Set is not installed");
    }
    Ok(directory)
}

/// The release of rules that are laid out, by the first line of their settings.
fn core_rules_version(crs: &Path) -> String {
    let settings = std::fs::read_to_string(crs.join("crs-setup.conf")).unwrap_or_default();
    let line = settings.lines().find_map(|line| line.split_once("CRS ver."));
    line.map_or_else(|| "unknown".to_owned(), |(_, version)| version.trim().to_owned())
}

/// Builds the Go program, if there is Go and it finds its modules.
fn build_coraza(target: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("coraza");
    let built = Command::new("go").args(["build", "-o"]).arg(target).arg(".").current_dir(source).status();
    built.is_ok_and(|status| status.success()).then(|| target.to_path_buf())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn say(what: &str) {
    eprintln!("compare: {what}");
}

/// The release that is installed where there is none.
const CRS_VERSION: &str = "4.25.0";
const FULL: Times = Times { saturated: Duration::from_millis(500), paced: Duration::from_millis(2500) };
const QUICK: Times = Times { saturated: Duration::from_millis(200), paced: Duration::from_millis(500) };
