//! Ordinary clients beside clients that are slow on purpose, or ask for more than they are due.
//!
//! ```text
//! ./x floods              # everything, about seven minutes; writes docs/floods.md
//! ./x floods --quick      # one short round, for checking; writes target/floods/floods.md
//! ```
//! Attacker, ordinary clients, application and Portcullis with its defaults share this machine. Ordinary clients are measured while it is
//! quiet and beside each attack in turns, round by round, at one rate; each of their answers is checked. What is resident is
//! asked of the kernel all the time.

mod attack;
mod http2;
mod memory;
mod ordinary;
mod page;
mod slow;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use portcullis_benches::machine::Machine;
use portcullis_benches::server::{Server, free_address};
use portcullis_benches::{account, interrupt, origin};

use attack::{Attack, Flood};
use memory::Peak;
use page::{Beside, Page};

/// Measures ordinary clients beside hostile ones.
#[derive(Parser)]
struct Options {
    /// One short round, for checking: writes under `target/floods`.
    #[arg(long)]
    quick: bool,
    /// How often each attack is run.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The binary that is measured.
    #[arg(long, default_value = "target/release/portcullis")]
    portcullis: PathBuf,
    /// What the page should say besides.
    #[arg(long)]
    note: Option<String>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    interrupt::listen()?;
    let begun = Instant::now();
    let before = account::machine_and_own()?;
    let directory = tempfile::tempdir()?;
    let server = start(&options.portcullis, directory.path())?;
    let (rounds, time) = if options.quick { (1, QUICK) } else { (options.rounds.max(1), FULL) };
    // What is built beside the first requests is built when it counts.
    ordinary::latencies(server.address, QUICK)?;
    let mut measured = BTreeMap::new();
    for round in 0..rounds {
        for attack in Attack::ALL {
            eprintln!("floods: round {} of {rounds}, {}", round + 1, attack.title());
            beside(attack, &server, time, measured.entry(attack).or_default())?;
        }
    }
    let after = account::machine_and_own()?;
    let page = Page {
        machine: Machine::look(),
        measured: &measured,
        resident: account::resident(server.process())?,
        rounds,
        took: begun.elapsed(),
        others: ((after.0 - before.0) - (after.1 - before.1)) / begun.elapsed().as_secs_f64(),
        note: options.note.as_deref(),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    page.write(&if options.quick { root.join("target/floods") } else { root.join("docs") })
}

/// Ordinary clients while it is quiet, then beside an attack.
fn beside(attack: Attack, server: &Server, time: Duration, measured: &mut Beside) -> Result<()> {
    let resident = || account::resident(server.process());
    measured.quiet.extend(ordinary::latencies(server.address, time)?);
    measured.resident_before.push(resident()?);
    let peak = Peak::watch(server.process());
    let flood = Flood::begin(attack, server.address)?;
    measured.attacked.extend(ordinary::latencies(server.address, time)?);
    measured.add(&flood.end());
    measured.resident_peak.push(peak.end());
    // What is left of it goes on for a while: thousands of connections that are closed at once, buffers that are given back.
    std::thread::sleep(BREATHER);
    Ok(())
}

/// Portcullis with its defaults in prevent mode.
fn start(portcullis: &Path, directory: &Path) -> Result<Server> {
    let portcullis = portcullis.canonicalize().with_context(|| format!("no {}", portcullis.display()))?;
    let (address, application) = (free_address()?, origin::start()?);
    let config = directory.join("portcullis.yaml");
    std::fs::write(
        &config,
        format!(
            "version: 1\n\
             listeners: [{{ address: '{address}', h2c: true }}]\n\
             upstreams: {{ application: {{ servers: ['{application}'] }} }}\n\
             assets: [{{ name: all, hosts: ['*'], upstream: application, policy: only }}]\n\
             policies: {{ only: {{ mode: prevent }} }}\n\
             reports: {{ decisions: {{ to: {}/decisions.jsonl }} }}\n",
            directory.display()
        ),
    )?;
    let mut command = Command::new(portcullis);
    command.args(["run", "--config"]).arg(config);
    Server::start(command, address, directory, || ordinary::Client::new(address).ask().is_ok())
}

/// How long ordinary clients are measured, quiet and beside an attack.
const FULL: Duration = Duration::from_secs(6);
const QUICK: Duration = Duration::from_secs(1);
/// How long it is quiet after an attack before anything is measured.
const BREATHER: Duration = Duration::from_secs(8);
