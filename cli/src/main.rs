//! `portcullis`, a web application firewall: the one binary.
//!
//! Data goes to standard output, talk to standard error. Exit status: 0 clean, 1 findings, 2 could not run.

mod batch;
mod commands;
mod input;
mod interrupt;
mod narrowest;
mod output;
mod progress;
mod settings;
mod teacher;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Memory goes back to the system from a thread of its own, and what another thread allocated is no burden when it is freed.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
#[command(name = "portcullis", version, about = "A web application firewall", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check configurations and rule files; every error at once.
    Check(commands::check::Args),
    /// Show what it does, with everything in one process.
    Demo(commands::demo::Args),
    /// Whether requests through a gateway are inspected, how much of them, and what to change.
    Doctor(commands::doctor::Args),
    /// Measure a model, signatures and both together on labelled records.
    Eval(commands::eval::Args),
    /// Judge one recorded request and say why.
    Explain(commands::explain::Args),
    /// Learn what sites usually get; show, compare, merge and forget that.
    #[command(subcommand)]
    Learn(commands::learn::Command),
    /// List, explain and install rules.
    #[command(subcommand)]
    Rules(commands::rules::Command),
    /// Run the proxy.
    Run(commands::run::Args),
    /// Judge recorded requests: one verdict a line.
    Score(commands::score::Args),
    /// Run policy tests, or go-ftw's regression tests.
    Test(commands::test::Args),
    /// Train a model from labelled records.
    Train(commands::train::Args),
    /// Propose exceptions and thresholds, each with its effect.
    Tune(commands::tune::Args),
}

/// What a command found.
pub(crate) enum Outcome {
    Clean,
    Findings,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Check(args) => commands::check::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Learn(command) => commands::learn::run(&command),
        Command::Rules(command) => commands::rules::run(&command),
        Command::Run(args) => commands::run::run(&args),
        Command::Score(args) => commands::score::run(&args),
        Command::Test(args) => commands::test::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Tune(args) => commands::tune::run(&args),
    };
    match result {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        // Who reads the output has seen enough: `portcullis score ... | head`.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis: {error:#}");
            ExitCode::from(2)
        }
    }
}
