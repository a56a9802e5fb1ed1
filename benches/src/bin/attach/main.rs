//! What an attachment adds: time until the answer, and processor time, beside the same gateway without one, in one run.
//!
//! ```text
//! ./x attach             # everything, about nine minutes; writes docs/attach/cost.md
//! ./x attach --quick     # one short round, for checking; writes target/attach/cost.md
//! ./x attach agree       # whether all ways judge alike, about two minutes; writes docs/attach/agreement.md
//! ```
//! All gateways run side by side before one application, all attachments ask one agent: one process with every front. They are
//! asked in turns, round by round, at one rate and without pause. Each answer is checked; processor time is the kernel's account of gateway and agent.

mod agree;
mod client;
mod front;
mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use portcullis_benches::account::{self, Spent};
use portcullis_benches::figures::percentiles;
use portcullis_benches::load::{paced, without_pause};
use portcullis_benches::machine::Machine;
use portcullis_benches::server::Server;
use portcullis_benches::{interrupt, origin};

use client::{Client, Message};
use front::{Front, Setup};
use page::{Page, Samples};

/// Measures what attachments add.
#[derive(Parser)]
struct Options {
    /// Compare what ways judge, instead of what they cost.
    #[arg(value_parser = ["agree"])]
    task: Option<String>,
    /// How many requests are compared, half of them hostile.
    #[arg(long, default_value_t = 5000)]
    requests: usize,
    /// One short round, for checking: writes under `target/attach`.
    #[arg(long)]
    quick: bool,
    /// How often each is measured.
    #[arg(long, default_value_t = 7)]
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
    let (begun, before) = (Instant::now(), account::machine_and_own()?);
    let directory = tempfile::tempdir()?;
    let records = if options.task.is_some() { "all" } else { "hostile" };
    let setup = Setup::begin(&options.portcullis, origin::start()?, directory.path(), records)?;
    let mut fronts = Vec::new();
    for front in Front::ALL {
        match setup.start(front).with_context(|| front.title().to_owned())? {
            Some(server) => {
                Client::check(server.address, front).with_context(|| front.title().to_owned())?;
                fronts.push((front, server));
            }
            None => eprintln!("attach: left out, because it is not installed: {}", front.title()),
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = root.join(if options.quick { "target/attach" } else { "docs/attach" });
    if options.task.is_some() {
        return agree::write(&agree::ask(&setup, &fronts, options.requests)?, &output);
    }
    let (rounds, time) = if options.quick { (1, QUICK) } else { (options.rounds.max(1), FULL) };
    // What is built beside the first requests is built when it counts.
    round(&setup, &fronts, 0, QUICK, &mut BTreeMap::new())?;
    let mut samples = BTreeMap::new();
    for number in 0..rounds {
        eprintln!("attach: round {} of {rounds}", number + 1);
        round(&setup, &fronts, number, time, &mut samples)?;
    }
    let after = account::machine_and_own()?;
    let page = Page {
        machine: Machine::look(),
        fronts: fronts.iter().map(|(front, _)| *front).collect(),
        samples: &samples,
        rounds,
        took: begun.elapsed(),
        others: ((after.0 - before.0) - (after.1 - before.1)) / begun.elapsed().as_secs_f64(),
        note: options.note.as_deref(),
    };
    page.write(&output)
}

type All = BTreeMap<(Load, Message, Front), Samples>;

/// How it is asked: between the requests of a rate machines fall asleep and caches go cold; without a pause they do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Load {
    /// So many a second, from several clients.
    Paced,
    /// One client, which asks again as soon as it is answered.
    Ceaseless,
}

impl Load {
    const ALL: [Self; 2] = [Self::Paced, Self::Ceaseless];

    fn clients(self) -> usize {
        match self {
            Self::Paced => CLIENTS,
            Self::Ceaseless => 1,
        }
    }

    fn run(self, clients: &mut [Client], time: Duration) -> Result<Vec<Duration>> {
        match self {
            Self::Paced => paced(clients, RATE, time, |client, _| client.ask()),
            Self::Ceaseless => without_pause(clients, time, Client::ask),
        }
    }
}

/// Every front with every message; nobody is always the first, or always behind the same other.
fn round(
    setup: &Setup,
    fronts: &[(Front, Server)],
    number: usize,
    time: Duration,
    samples: &mut All,
) -> Result<()> {
    let all = Load::ALL.into_iter().flat_map(|load| Message::ALL.map(|message| (load, message)));
    for (load, message) in all {
        let mut order: Vec<_> = fronts.iter().collect();
        order.rotate_left(number % fronts.len().max(1));
        if number % 2 == 1 {
            order.reverse();
        }
        for (front, server) in order {
            let sample = samples.entry((load, message, *front)).or_default();
            cell(setup, (*front, server), (load, message), time, sample)
                .with_context(|| front.title().to_owned())?;
        }
    }
    Ok(())
}

fn cell(
    setup: &Setup,
    (front, server): (Front, &Server),
    (load, message): (Load, Message),
    time: Duration,
    samples: &mut Samples,
) -> Result<()> {
    let client = |_| Client::new(server.address, front.host(), message);
    let mut clients: Vec<Client> = (0..load.clients()).map(client).collect();
    load.run(&mut clients, WARM)?;
    let spent = || Ok::<_, anyhow::Error>((Spent::of(server.process())?, Spent::of(setup.agent.process())?));
    let before = spent()?;
    let took = load.run(&mut clients, time)?;
    let after = spent()?;
    // A thread of a pool may end now and then: other rounds have this as well.
    let gateway = after.0.since(&before.0);
    // Where the agent is the gateway, it is counted once.
    let agent = if server.process() == setup.agent.process() {
        Some(Duration::ZERO)
    } else {
        after.1.since(&before.1)
    };
    if let (Some(gateway), Some(agent)) = (gateway, agent) {
        samples.cpu.push((gateway + agent).as_secs_f64() * 1e6 / took.len() as f64);
    }
    let [half, most] = percentiles(&took, [0.5, 0.99]).context("nothing was sent")?;
    samples.half.push(half);
    samples.most.push(most);
    Ok(())
}

/// How many clients ask.
const CLIENTS: usize = 4;
/// Requests a second of all of them.
const RATE: f64 = 250.0;
const WARM: Duration = Duration::from_millis(100);
const FULL: Duration = Duration::from_millis(1500);
const QUICK: Duration = Duration::from_millis(200);
