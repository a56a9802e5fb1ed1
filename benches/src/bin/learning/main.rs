//! Simulates learning: half of each site's recorded requests teach, the other half is judged.
//!
//! ```text
//! cargo run --release -p portcullis-benches --bin learning -- train /tmp/folds
//! cargo run --release -p portcullis-benches --bin learning -- simulate /tmp/folds
//! cargo run --release -p portcullis-benches --bin learning -- context /tmp/folds
//! ```
//! `train` cuts the developer data into two parts by site and by cluster of attacks, and trains a model on
//! each; `simulate` judges each part with the model of the other, so that no model has seen a site or an
//! attack it is asked about; `context` compares attacks alone with attacks in real requests.

mod attacks;
mod context;
mod folds;
mod judge;
mod mistakes;
mod simulate;
mod tally;
mod traffic;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Simulates learning a site.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
    /// Where the data sets are.
    #[arg(long, global = true, default_value = "../shared/data")]
    data: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Trains one model for each half of the data.
    Train {
        /// Where the models go.
        directory: PathBuf,
    },
    /// Judges attacks alone, in real requests and within ordinary text.
    Context {
        /// Where the models are.
        directory: PathBuf,
        /// Attacks of each part.
        #[arg(long, default_value_t = 5_000)]
        attacks: usize,
        /// The most ordinary text around an attack (bytes).
        #[arg(long, default_value_t = 100_000)]
        longest: usize,
        /// Where the decision records go of attacks that are stopped alone and not elsewhere.
        #[arg(long)]
        mistakes: Option<PathBuf>,
    },
    /// Learns and judges.
    Simulate {
        /// Where the models are.
        directory: PathBuf,
        #[command(flatten)]
        assumptions: simulate::Assumptions,
        /// Where the decision records go of ordinary requests that are stopped, and of attacks that are not.
        #[arg(long)]
        mistakes: Option<PathBuf>,
    },
}

fn main() -> Result<()> {
    let options = Options::parse();
    match &options.command {
        Command::Train { directory } => folds::train_all(&options.data, directory),
        Command::Context { directory, attacks, longest, mistakes } => {
            context::measure(&options.data, directory, *attacks, *longest, mistakes.as_deref())
        }
        Command::Simulate { directory, assumptions, mistakes } => {
            simulate::simulate(&options.data, directory, *assumptions, mistakes.as_deref())
        }
    }
}
