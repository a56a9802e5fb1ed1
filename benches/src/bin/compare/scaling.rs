//! One worker thread against two.

use std::time::{Duration, Instant};

use anyhow::Result;
use portcullis_benches::account::Spent;
use portcullis_benches::figures::median;
use portcullis_benches::server::Server;

use super::agree::Agreed;
use super::client::{self, Client, Exchange};
use super::scenario::Request;
use super::server::{Product, Setup, start};

/// The same with one thread and with two.
pub(crate) struct Scaled {
    pub(crate) product: Product,
    pub(crate) scenario: &'static str,
    /// Requests a second.
    pub(crate) per_second: [f64; 2],
    /// Processor time of a request (microseconds): where threads wait for each other's writes, it grows.
    pub(crate) cpu: [f64; 2],
}

/// Where the server has more to do than who loads it.
const SCENARIOS: [&str; 2] = ["post-json", "form"];
const PRODUCTS: [Product; 2] = [Product::PortcullisCrs, Product::PortcullisBuiltin];

/// Measures both, in turns.
///
/// # Errors
/// The first answer that is not as expected.
pub(crate) fn measure(
    setup: &Setup,
    scenarios: &[Agreed<'_>],
    probe: &Request,
    rounds: usize,
    time: Duration,
) -> Result<Vec<Scaled>> {
    let mut found = Vec::new();
    for product in PRODUCTS {
        let measured = |agreed: &&Agreed<'_>| {
            SCENARIOS.contains(&agreed.scenario.name) && !agreed.exchanges(product).is_empty()
        };
        let wanted: Vec<_> = scenarios.iter().filter(measured).collect();
        if wanted.is_empty() {
            continue;
        }
        let servers = [start(setup, product, 1, probe)?, start(setup, product, 2, probe)?];
        for agreed in wanted {
            let mut figures = [Vec::new(), Vec::new()];
            for _ in 0..rounds {
                for (server, figures) in servers.iter().zip(&mut figures) {
                    figures.push(load(server, &agreed.exchanges(product)[0], time)?);
                }
            }
            let middle = |of: fn(&(f64, f64)) -> f64| {
                let each = |figures: &Vec<_>| median(&figures.iter().map(of).collect::<Vec<_>>());
                [0, 1].map(|threads| each(&figures[threads]).unwrap_or(0.0))
            };
            let (per_second, cpu) = (middle(|it| it.0), middle(|it| it.1));
            found.push(Scaled { product, scenario: agreed.scenario.title, per_second, cpu });
        }
    }
    Ok(found)
}

/// Requests a second, and processor time of each (microseconds).
fn load(server: &Server, part: &[Exchange<'_>], time: Duration) -> Result<(f64, f64)> {
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| Client::new(server.address)).collect();
    // Connections are opened before the clock runs.
    client::saturate(&mut clients, &part[..part.len().min(CONNECTIONS)], None)?;
    let (before, begun) = (Spent::of(server.process())?, Instant::now());
    let answered = client::saturate(&mut clients, part, Some(begun + time))? as f64;
    let wall = begun.elapsed();
    let spent = Spent::of(server.process())?.since(&before).unwrap_or_default();
    Ok((answered / wall.as_secs_f64(), spent.as_secs_f64() * 1e6 / answered))
}

const CONNECTIONS: usize = 8;
