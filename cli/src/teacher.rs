//! From recorded requests to a learned state.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use engine::{Evaluation, Snapshot};
use model::profile::{Caps, Learner, Profiles, Quorum, State, WINDOW_SECONDS, When, Windows};
use sha2::{Digest, Sha256};
use transaction::{Connection, Limits, Record};

/// Clients that records without an address are taken to come from.
const VISITORS: u32 = 20;
/// Windows of time that records without a time are taken to last.
const WINDOWS: u32 = 60;

/// Learns from requests as a snapshot judges them.
pub(crate) struct Teacher {
    snapshot: Arc<Snapshot>,
    learner: Learner,
}

impl Teacher {
    /// Goes on from a state.
    pub(crate) fn new(snapshot: Arc<Snapshot>, state: State, caps: Caps) -> Self {
        Self { snapshot, learner: Learner::new(state, caps, Quorum::default()) }
    }

    /// Learns from a request, unless it is hostile; of what the model calls critical by itself, only what clients of good conduct mostly send.
    /// Says whether it was an ordinary one.
    pub(crate) fn teach(&mut self, record: &Record) -> bool {
        let evaluation = Evaluation::of_record(self.snapshot.clone(), record);
        let Some(model) = evaluation.compiled_model() else { return false };
        let Some(rules) = evaluation.lesson() else { return false };
        let site = evaluation.site();
        let mut seen = self.learner.see(model, site.as_bytes(), record, &Limits::default());
        rules.iter().for_each(|hit| seen.rule(hit.location, &hit.name, hit.rule));
        self.learner.learn(model, seen, when(record))
    }

    /// What was learned.
    pub(crate) fn state(&self) -> &State {
        self.learner.state()
    }

    /// The snapshot with what was learned.
    pub(crate) fn taught(&self) -> Arc<Snapshot> {
        let profiles = Profiles::new(self.state(), &Quorum::default());
        Arc::new(self.snapshot.with_profiles(Arc::new(profiles)))
    }
}

/// Who sent a recorded request, and when. Data sets do not say: then it is one of so many clients and
/// windows of time, by lot from what the request is.
fn when(record: &Record) -> When {
    let Connection { client_address, client_port, .. } = record.connection;
    // What a record does not say is as in the default; who connects has a port.
    let is_known = client_port != 0 || client_address != Connection::default().client_address;
    let source = match is_known && !client_address.is_unspecified() {
        true => When::source_of(client_address),
        false => mixed(lot(record, "client") % VISITORS),
    };
    let window = match u64::try_from(record.time_us) {
        Ok(time_us) if time_us > 0 => Windows::of(time_us / 1_000_000),
        _ => Windows::of(u64::from(lot(record, "time") % WINDOWS) * WINDOW_SECONDS),
    };
    When { source, window }
}

/// The hash that stands for one of the made-up clients: samples of sources rest on hashes that are spread evenly.
fn mixed(visitor: u32) -> u32 {
    When::source_of(Ipv4Addr::from_bits(visitor).into())
}

fn lot(record: &Record, of: &str) -> u32 {
    let hash = Sha256::digest([of.as_bytes(), record.id.as_bytes(), &record.request.target].concat());
    u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Reads a learned state.
pub(crate) fn read_state(path: &Path) -> anyhow::Result<State> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    State::from_bytes(&bytes).with_context(|| format!("cannot read `{}`", path.display()))
}
