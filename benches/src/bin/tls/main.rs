//! TLS, HTTP/1.1 and HTTP/2 beside nginx and Pingora alone, on this machine, in one run.
//!
//! ```text
//! ./x tls              # everything, about six minutes; writes docs/tls.md
//! ./x tls --quick      # one short round, for checking; writes target/tls/tls.md
//! ```
//! The servers run side by side with one certificate and are loaded in turns, scenario by scenario and round by round, over
//! loopback. Each answer is checked, its status and its length, and each handshake: version, cipher suite, group, and whether a session
//! was resumed. Processor time is the kernel's account of the server's processes, as in `compare`.

mod certificate;
mod client;
mod load;
mod measure;
mod report;
mod scenario;
mod server;

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use portcullis_benches::http::read_answer;
use portcullis_benches::machine::Machine;
use portcullis_benches::server::Server;
use portcullis_benches::{account, interrupt, origin};
use portcullis_tests::nginx;

use certificate::Certificate;
use client::Exchange;
use measure::{Asking, Samples, Times};
use report::Report;
use scenario::{HOST, SCENARIOS, Scenario};
use server::{Product, Setup};

/// Measures TLS beside nginx and Pingora.
#[derive(Parser)]
struct Options {
    /// One short round, for checking: writes under `target/tls`.
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
    /// Where the page goes instead of `docs`.
    #[arg(long)]
    output: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    interrupt::listen()?;
    let directory = tempfile::tempdir()?;
    let begun = Instant::now();
    let before = account::machine_and_own()?;
    let (products, scenarios) = chosen(&options)?;
    let setup = set_up(&options, directory.path())?;
    let asking = scenarios.iter().map(|scenario| ask(scenario, setup.origin)).collect::<Result<Vec<_>>>()?;

    say("starting");
    let servers: Vec<(Product, Server)> =
        products.iter().map(|product| Ok((*product, setup.start(*product)?))).collect::<Result<_>>()?;
    let (rounds, times) = if options.quick { (1, QUICK) } else { (options.rounds.max(1), FULL) };
    // A round that does not count: what servers build beside their first requests is built.
    Samples::default().round(&servers, &asking, &setup.certificate.shown, 0, QUICK)?;
    let mut samples = Samples::default();
    for round in 0..rounds {
        say(&format!("round {} of {rounds}", round + 1));
        samples.round(&servers, &asking, &setup.certificate.shown, round, times)?;
    }
    let first = samples.negotiated.values().next().context("nothing was measured")?;
    ensure!(samples.negotiated.values().all(|it| it == first), "TLS differs: {:?}", samples.negotiated);
    let resident = servers.iter().map(|(product, it)| Ok((*product, account::resident(it.process())?)));
    let resident = resident.collect::<Result<_>>()?;
    drop(servers);
    let after = account::machine_and_own()?;
    let report = Report {
        machine: Machine::look(),
        portcullis: &setup.portcullis,
        products: &products,
        scenarios: &scenarios,
        samples: &samples,
        resident: &resident,
        rounds,
        note: options.note.as_deref(),
        took: begun.elapsed(),
        others: ((after.0 - before.0) - (after.1 - before.1)) / begun.elapsed().as_secs_f64(),
    };
    report.write(&match &options.output {
        Some(output) => output.clone(),
        None if options.quick || !options.only.is_empty() => root().join("target/tls"),
        None => root().join("docs"),
    })
}

/// The servers and the scenarios that `--only` leaves.
fn chosen(options: &Options) -> Result<(Vec<Product>, Vec<&'static Scenario>)> {
    let is_product = |name: &String| Product::ALL.iter().any(|product| product.name() == name);
    let (servers, names): (Vec<&String>, Vec<&String>) =
        options.only.iter().partition(|name| is_product(name));
    let unknown = names.iter().find(|name| !SCENARIOS.iter().any(|scenario| scenario.name == **name));
    ensure!(unknown.is_none(), "no scenario and no server is called {unknown:?}");
    let mut products = Product::ALL.to_vec();
    products.retain(|product| servers.is_empty() || servers.iter().any(|name| *name == product.name()));
    if nginx::program().is_none() && products.contains(&Product::Nginx) {
        say("left out, because it is not installed: nginx");
        products.retain(|product| *product != Product::Nginx);
    }
    let wanted = |it: &&Scenario| names.is_empty() || names.iter().any(|name| *name == it.name);
    Ok((products, SCENARIOS.iter().filter(wanted).collect()))
}

fn set_up(options: &Options, directory: &Path) -> Result<Setup> {
    let portcullis = options.portcullis.canonicalize();
    let portcullis = portcullis.with_context(|| format!("no {}", options.portcullis.display()))?;
    let pingora = std::env::current_exe()?.with_file_name("bare_pingora");
    ensure!(pingora.exists(), "{} is not built", pingora.display());
    Ok(Setup {
        portcullis,
        pingora,
        origin: origin::start()?,
        certificate: Certificate::make(directory)?,
        directory: directory.into(),
    })
}

/// A scenario, with what the application itself answers.
fn ask<'s>(scenario: &'s Scenario, origin: SocketAddr) -> Result<Asking<'s>> {
    let targets = scenario.asked.targets();
    let mut stream = BufReader::new(TcpStream::connect(origin)?);
    let head = format!("GET {} HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/html\r\n\r\n", targets[0]);
    stream.get_mut().write_all(head.as_bytes())?;
    let body_bytes = read_answer(&mut stream, b"GET")?.body_bytes;
    Ok((scenario, Arc::new(Exchange { targets, body: scenario.asked.body(), body_bytes })))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn say(what: &str) {
    eprintln!("tls: {what}");
}

const FULL: Times = Times {
    warm: Duration::from_millis(100),
    saturated: Duration::from_millis(700),
    paced: Duration::from_millis(1000),
};
const QUICK: Times = Times {
    warm: Duration::from_millis(50),
    saturated: Duration::from_millis(150),
    paced: Duration::from_millis(200),
};
