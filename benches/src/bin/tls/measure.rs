//! Rounds: in each, every server gets every scenario, one after the other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use portcullis_benches::account::Spent;
use portcullis_benches::figures::{median, percentiles};
use portcullis_benches::load::paced;
use portcullis_benches::server::Server;
use rustls::pki_types::CertificateDer;

use super::client::{Client, Exchange, Negotiated, Terms};
use super::load;
use super::scenario::Scenario;
use super::server::Product;

/// Which scenario and which server.
pub(crate) type Cell = (&'static str, Product);

/// A scenario and what its requests are answered with.
pub(crate) type Asking<'s> = (&'s Scenario, Arc<Exchange>);

/// All that was measured.
#[derive(Default)]
pub(crate) struct Samples {
    /// Processor time of a request (microseconds), by round.
    cpu: BTreeMap<Cell, BTreeMap<usize, f64>>,
    /// Requests a second, a figure a round.
    per_second: BTreeMap<Cell, Vec<f64>>,
    /// 50th and 99th percentile at a fixed rate (microseconds), figures a round.
    latency: BTreeMap<Cell, [Vec<f64>; 2]>,
    /// What TLS came to.
    pub(crate) negotiated: BTreeMap<Product, Negotiated>,
    /// Requests that were answered in all.
    pub(crate) requests: usize,
}

/// How long each cell is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Before it counts.
    pub(crate) warm: Duration,
    /// As fast as answers come.
    pub(crate) saturated: Duration,
    /// At a fixed rate.
    pub(crate) paced: Duration,
}

impl Samples {
    /// One round.
    ///
    /// # Errors
    /// The first answer that is not as expected.
    pub(crate) fn round(
        &mut self,
        servers: &[(Product, Server)],
        asking: &[Asking<'_>],
        shown: &CertificateDer<'static>,
        round: usize,
        times: Times,
    ) -> Result<()> {
        for (nth, (scenario, exchange)) in asking.iter().enumerate() {
            // Nobody is always the first, or always behind the same other.
            let mut order: Vec<_> = servers.iter().collect();
            order.rotate_left((round + nth) % servers.len());
            if round % 2 == 1 {
                order.reverse();
            }
            for (product, server) in order {
                self.cell((scenario, exchange), *product, server, shown, (round, times))?;
            }
        }
        Ok(())
    }

    fn cell(
        &mut self,
        (scenario, exchange): (&Scenario, &Arc<Exchange>),
        product: Product,
        server: &Server,
        shown: &CertificateDer<'static>,
        (round, times): (usize, Times),
    ) -> Result<()> {
        let cell = (scenario.name, product);
        let mut clients = clients(scenario, scenario.parallel, server.address, shown)?;
        let place = || format!("{}, {}", product.title(), scenario.title);
        self.requests += load::saturate(&mut clients, exchange, times.warm).with_context(place)?;
        for negotiated in clients.iter().filter_map(Client::negotiated) {
            let known = self.negotiated.entry(product).or_insert_with(|| negotiated.clone());
            ensure!(known == negotiated, "{}: {negotiated}, and earlier {known}", place());
        }
        let (before, begun) = (Spent::of(server.process())?, Instant::now());
        let answered = load::saturate(&mut clients, exchange, times.saturated).with_context(place)?;
        let (wall, after) = (begun.elapsed(), Spent::of(server.process())?);
        self.requests += answered;
        self.per_second.entry(cell).or_default().push(answered as f64 / wall.as_secs_f64());
        // A thread of a pool may end now and then: other rounds have this as well.
        if let Some(spent) = after.since(&before) {
            self.cpu.entry(cell).or_default().insert(round, spent.as_secs_f64() * 1e6 / answered as f64);
        }
        if scenario.rate > 0.0 {
            let took = paced(&mut clients, scenario.rate, times.paced, |client, number| {
                client.send(exchange, number)
            })
            .with_context(place)?;
            self.requests += took.len();
            let latency = self.latency.entry(cell).or_default();
            let figures = percentiles(&took, [0.5, 0.99]).context("nothing was sent")?;
            latency.iter_mut().zip(figures).for_each(|(rounds, figure)| rounds.push(figure));
        }
        Ok(())
    }

    /// Processor time of a request (microseconds), the median of the rounds.
    pub(crate) fn cpu(&self, cell: Cell) -> Option<f64> {
        median(&self.cpu.get(&cell)?.values().copied().collect::<Vec<_>>())
    }

    /// How many times as much processor time one server takes as another: the median of the rounds' ratios, and the least and the
    /// most that a round had.
    pub(crate) fn ratio(&self, scenario: &'static str, of: Product, to: Product) -> Option<[f64; 3]> {
        let (of, to) = (self.cpu.get(&(scenario, of))?, self.cpu.get(&(scenario, to))?);
        let ratios: Vec<f64> = of.iter().filter_map(|(round, of)| Some(of / to.get(round)?)).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        Some([median(&ratios)?, least, ratios.iter().copied().fold(0.0, f64::max)])
    }

    /// How many times as long one server takes to answer as another, at the 50th and the 99th percentile: medians of the rounds.
    pub(crate) fn latency_ratio(&self, scenario: &'static str, of: Product, to: Product) -> Option<[f64; 2]> {
        let (of, to) = (self.latency.get(&(scenario, of))?, self.latency.get(&(scenario, to))?);
        let ratio =
            |at: usize| median(&of[at].iter().zip(&to[at]).map(|(of, to)| of / to).collect::<Vec<_>>());
        Some([ratio(0)?, ratio(1)?])
    }

    /// Requests a second, the median of the rounds.
    pub(crate) fn per_second(&self, cell: Cell) -> Option<f64> {
        median(self.per_second.get(&cell)?)
    }

    /// 50th and 99th percentile (microseconds), the medians of the rounds.
    pub(crate) fn latency(&self, cell: Cell) -> Option<[f64; 2]> {
        let [half, most] = self.latency.get(&cell)?;
        Some([median(half)?, median(most)?])
    }
}

/// Clients with sessions of their own.
pub(crate) fn clients(
    scenario: &Scenario,
    count: usize,
    address: SocketAddr,
    shown: &CertificateDer<'static>,
) -> Result<Vec<Client>> {
    let one = |_| {
        let terms = Terms::new(shown, scenario.protocol, scenario.connections)?;
        Client::new(address, terms, scenario.protocol)
    };
    (0..count).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_rounds() {
        let cpu = [
            (Product::PortcullisOff, vec![(0, 2.0), (1, 30.0), (2, 4.0), (3, 9.0)]),
            (Product::Pingora, vec![(0, 1.0), (1, 10.0), (2, 4.0)]),
        ];
        let figures = |(product, rounds): (_, Vec<_>)| (("h1", product), rounds.into_iter().collect());
        let cpu = cpu.into_iter().map(figures).collect();
        let samples = Samples { cpu, ..Samples::default() };
        let ratio = |of, to| samples.ratio("h1", of, to);
        assert_eq!(ratio(Product::PortcullisOff, Product::Pingora), Some([2.0, 1.0, 3.0]));
        assert_eq!(ratio(Product::PortcullisOff, Product::Nginx), None);
    }
}
