//! Rounds: in each, every server gets every scenario, one after the other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use portcullis_benches::account::Spent;
use portcullis_benches::figures::{median, percentiles};
use portcullis_benches::load::paced;

use super::agree::{Agreed, Servers};
use super::client::{self, Client, Exchange};
use super::server::Product;

/// Which scenario and which server.
pub(crate) type Cell = (&'static str, Product);

/// All that was measured under load.
#[derive(Default)]
pub(crate) struct Samples {
    /// Processor time of a request (microseconds), by part of the scenario, a figure a round.
    cpu: BTreeMap<Cell, BTreeMap<usize, Vec<f64>>>,
    /// Requests a second, a figure a round.
    per_second: BTreeMap<Cell, Vec<f64>>,
    /// How long answers took at a fixed rate.
    latency: BTreeMap<Cell, Vec<Duration>>,
    /// Requests that were answered in all.
    pub(crate) requests: usize,
}

/// How long each cell is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
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
        servers: &Servers,
        scenarios: &[Agreed<'_>],
        warm: &Exchange<'_>,
        round: usize,
        times: Times,
    ) -> Result<()> {
        for agreed in scenarios {
            // Whoever came first comes last in the next round.
            let order = servers.iter().cycle().skip(round % servers.len()).take(servers.len());
            for (product, server) in order {
                let mut load = Load {
                    cell: (agreed.scenario.name, *product),
                    process: server.process(),
                    clients: (0..PACED_CONNECTIONS).map(|_| Client::new(server.address)).collect(),
                };
                load.warm_up(warm)?;
                self.saturate(&mut load, agreed, round, times.saturated)?;
                if agreed.scenario.rate > 0.0 {
                    let parts = agreed.exchanges(*product);
                    let part = &parts[round % parts.len()];
                    let took =
                        paced(&mut load.clients, agreed.scenario.rate, times.paced, |client, number| {
                            client.check(&part[number % part.len()])
                        })?;
                    self.requests += took.len();
                    self.latency.entry(load.cell).or_default().extend(took);
                }
            }
        }
        Ok(())
    }

    fn saturate(&mut self, load: &mut Load, agreed: &Agreed<'_>, round: usize, time: Duration) -> Result<()> {
        let parts = agreed.exchanges(load.cell.1);
        let scenario = agreed.scenario;
        let until = Instant::now() + time;
        let (mut done, mut wall) = (0, Duration::ZERO);
        // The part of this round first: who is slow has gone through all of them when the rounds are over. Who is fast goes through
        // them again and again: a part alone takes it so little time that its sleep before would be measured.
        for number in (0..).map(|nth: usize| (round + nth) % parts.len()) {
            if done > 0 && Instant::now() >= until {
                break;
            }
            let begun = Instant::now();
            let before = Spent::of(load.process)?;
            let clients = &mut load.clients[..scenario.connections];
            let answered = client::saturate(clients, &parts[number], (!scenario.whole).then_some(until))?;
            let spent = Spent::of(load.process)?.since(&before);
            wall += begun.elapsed();
            done += answered;
            // A thread of a pool may end now and then: other rounds have this part as well.
            if let Some(spent) = spent {
                let each = spent.as_secs_f64() * 1e6 / answered.max(1) as f64;
                self.cpu.entry(load.cell).or_default().entry(number).or_default().push(each);
            }
        }
        self.per_second.entry(load.cell).or_default().push(done as f64 / wall.as_secs_f64());
        self.requests += done;
        Ok(())
    }

    /// Processor time of a request (microseconds): the mean over parts of the median over rounds.
    pub(crate) fn cpu(&self, cell: Cell) -> Option<f64> {
        let parts = self.cpu.get(&cell)?;
        Some(parts.values().filter_map(|rounds| median(rounds)).sum::<f64>() / parts.len() as f64)
    }

    /// The least and the most that a round had, as shares of [`Self::cpu`]; of scenarios with one part only.
    pub(crate) fn spread(&self, cell: Cell) -> Option<(f64, f64)> {
        let parts = self.cpu.get(&cell)?;
        let rounds = parts.values().next().filter(|_| parts.len() == 1)?;
        let middle = self.cpu(cell)?;
        let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = rounds.iter().copied().fold(0.0, f64::max);
        Some((least / middle, most / middle))
    }

    /// Requests a second, the median of the rounds.
    pub(crate) fn per_second(&self, cell: Cell) -> Option<f64> {
        median(self.per_second.get(&cell)?)
    }

    /// How long answers took (microseconds) at these shares of all, and how many were looked at.
    pub(crate) fn latency<const N: usize>(&self, cell: Cell, shares: [f64; N]) -> Option<([f64; N], usize)> {
        let all = self.latency.get(&cell)?;
        Some((percentiles(all, shares)?, all.len()))
    }
}

/// A server under load.
struct Load {
    cell: Cell,
    process: u32,
    clients: Vec<Client>,
}

impl Load {
    /// Opens the connections and has the process awake.
    fn warm_up(&mut self, warm: &Exchange<'_>) -> Result<()> {
        self.clients.iter_mut().try_for_each(|client| client.check(warm))
    }
}

/// Connections at a time where requests are sent at a rate: no more wait for an answer than that.
const PACED_CONNECTIONS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_count_the_same() {
        let cell = ("mix", Product::Nginx);
        let parts = BTreeMap::from([(0, vec![1.0, 2.0, 90.0]), (1, vec![4.0])]);
        let latency = (1..=100).map(Duration::from_micros).collect();
        let samples = Samples {
            cpu: BTreeMap::from([(cell, parts)]),
            latency: BTreeMap::from([(cell, latency)]),
            ..Samples::default()
        };
        assert_eq!(samples.cpu(cell), Some(3.0));
        assert_eq!(samples.latency(cell, [0.5, 0.99]), Some(([50.0, 99.0], 100)));
    }
}
