//! What is done about it: the inline Pingora proxy, its reports and its admin listener.

mod acme;
mod admin;
mod attach;
mod collections;
pub mod demo;
mod drain;
mod files;
mod handover;
mod ids;
mod inline;
mod judging;
mod learning;
mod listen;
mod lists;
mod load;
mod open_files;
mod orders;
mod page;
mod pages;
mod rates;
mod reload;
mod report;
mod run;
mod server;
mod state;
mod token;
mod upstream;
mod watch;
mod wire;

pub use load::{Loaded, Source};
pub use run::{Options, run};
pub use server::{Server, StartError, Stop};
