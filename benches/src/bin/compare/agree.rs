//! Every request once to every server: a comparison is of servers that answer alike.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use portcullis_benches::http::Received;
use portcullis_benches::interrupt::go_on;
use portcullis_benches::server::Server;

use super::client::{Client, Exchange, Expected, describe, is_whole};
use super::scenario::{Request, Scenario};
use super::server::Product;

/// The running servers.
pub(crate) type Servers = BTreeMap<Product, Server>;

/// What to send to one server, part by part.
pub(crate) type Exchanges<'r> = Vec<Vec<Exchange<'r>>>;

/// What each server answers in one scenario.
pub(crate) struct Agreed<'r> {
    pub(crate) scenario: &'r Scenario,
    by_product: BTreeMap<Product, Exchanges<'r>>,
    /// Requests that were left out because the servers do not answer them alike.
    pub(crate) left_out: usize,
    /// Requests that each server refuses.
    pub(crate) refused: BTreeMap<Product, usize>,
}

impl<'r> Agreed<'r> {
    /// Asks all servers.
    ///
    /// # Errors
    /// When an answer does not come, or made-up requests are not answered by the application itself.
    pub(crate) fn ask(servers: &Servers, scenario: &'r Scenario) -> Result<Self> {
        let by_product = servers.keys().map(|product| (*product, Vec::new())).collect();
        let mut agreed = Self { scenario, by_product, left_out: 0, refused: BTreeMap::new() };
        let mut clients: Vec<(Product, Client)> =
            servers.iter().map(|(product, server)| (*product, Client::new(server.address))).collect();
        for part in &scenario.parts {
            agreed.by_product.values_mut().for_each(|parts| parts.push(Vec::new()));
            for request in part {
                go_on()?;
                let answers =
                    clients.iter_mut().map(|(product, client)| Ok((*product, client.send(request)?)));
                let answers = answers.collect::<Result<BTreeMap<_, _>>>()?;
                agreed.take(request, &answers)?;
            }
        }
        Ok(agreed)
    }

    fn take(&mut self, request: &'r Request, answers: &BTreeMap<Product, Received>) -> Result<()> {
        if !alike(request, answers) {
            ensure!(self.scenario.whole, "{} is not answered alike: {answers:?}", describe(request));
            self.left_out += 1;
            return Ok(());
        }
        for (product, answer) in answers {
            let expected = Expected { status: answer.status, body_bytes: answer.body_bytes };
            if answer.status != 200 {
                ensure!(self.scenario.whole, "{} is refused by {}", describe(request), product.name());
                *self.refused.entry(*product).or_default() += 1;
            }
            if let Some(part) = self.by_product.get_mut(product).and_then(|parts| parts.last_mut()) {
                part.push(Exchange { request, expected });
            }
        }
        Ok(())
    }

    /// What to send to a server.
    pub(crate) fn exchanges(&self, product: Product) -> &[Vec<Exchange<'r>>] {
        self.by_product.get(&product).map_or(&[], Vec::as_slice)
    }

    /// Requests in all parts.
    pub(crate) fn count(&self) -> usize {
        self.by_product.values().next().map_or(0, |parts| parts.iter().map(Vec::len).sum())
    }
}

/// Whether servers that inspect nothing pass a request on, those with the Core Rule Set decide alike, and all bodies that the
/// application sent are of one length.
fn alike(request: &Request, answers: &BTreeMap<Product, Received>) -> bool {
    let passive = [Product::Nginx, Product::Pingora, Product::PortcullisOff];
    let passes = passive.iter().filter_map(|product| answers.get(product)).all(|answer| answer.status == 200);
    let mut decisions =
        answers.iter().filter(|(product, _)| product.has_core_rules()).map(|(_, it)| it.status);
    let first = decisions.next();
    let mut lengths = answers.values().filter(|answer| answer.status == 200).map(|answer| answer.body_bytes);
    let length = lengths.next();
    passes
        && decisions.all(|status| Some(status) == first)
        && lengths.all(|bytes| Some(bytes) == length)
        && answers.values().all(|answer| is_whole(request, answer))
}
