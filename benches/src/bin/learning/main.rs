//! Simulates learning: half of each site's recorded requests teach, the other half is judged.
//!
//! ```text
//! cargo run --release -p portcullis-benches --bin learning -- train /tmp/folds
//! cargo run --release -p portcullis-benches --bin learning -- simulate /tmp/folds
//! ```
//! `train` cuts the developer data into two parts by site and by cluster of attacks, and trains a model on
//! each; `simulate` judges each part with the model of the other, so that no model has seen a site or an
//! attack it is asked about.

mod attacks;
mod folds;
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
    /// Learns and judges.
    Simulate {
        /// Where the models are.
        directory: PathBuf,
        #[command(flatten)]
        assumptions: simulate::Assumptions,
    },
}

fn main() -> Result<()> {
    let options = Options::parse();
    match &options.command {
        Command::Train { directory } => folds::train_all(&options.data, directory),
        Command::Simulate { directory, assumptions } => {
            simulate::simulate(&options.data, directory, *assumptions)
        }
    }
}
