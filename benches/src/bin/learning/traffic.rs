//! What sites get, from whom and when.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::Result;
use model::profile::WINDOW_SECONDS;
use portcullis_benches::records;
use train::random::{Random, mix};
use transaction::Record;

use crate::folds::data_set;

/// Windows of time that a recording is taken to last: five days.
const WINDOWS: usize = 60;

/// Recorded requests by site, in the order they were recorded.
pub(crate) fn sites(data: &Path) -> Result<BTreeMap<String, Vec<Record>>> {
    let mut sites: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for record in records(&data_set(data, "wcp-legit-dev"))? {
        let record = record?;
        // `shop_part_1` and `shop_part_2` are one site.
        let site = record.site.split("_part").next().unwrap_or_default().to_owned();
        sites.entry(site).or_default().push(record);
    }
    Ok(sites)
}

/// Who sends a request, and when.
pub(crate) struct Visit {
    pub(crate) client: IpAddr,
    /// Microseconds since the Unix epoch.
    pub(crate) time_us: i64,
}

/// Clients of one kind. The data say neither who sent a request nor when: a recording is taken for a sample
/// of the traffic of so many clients over [`WINDOWS`], and each request gets one of each by lot.
#[derive(Clone, Copy)]
pub(crate) struct Clients {
    /// Tells kinds of clients apart.
    pub(crate) kind: u64,
    /// How many there are.
    pub(crate) count: usize,
}

impl Clients {
    pub(crate) fn draw(self, random: &mut Random) -> Visit {
        let client = mix(self.kind << 32 | random.below(self.count) as u64) as u32;
        let window = 100 + random.below(WINDOWS) as u64;
        let time_us = (window * WINDOW_SECONDS * 1_000_000) as i64;
        Visit { client: Ipv4Addr::from_bits(client).into(), time_us }
    }
}
