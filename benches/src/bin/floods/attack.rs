//! What attackers do, and how often they could.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use portcullis_benches::interrupt;
use tokio::runtime::Runtime;

use super::{http2, slow};

/// A way to ask for more than one is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attack {
    SlowHead,
    SlowBody,
    SlowRead,
    Idle,
    RapidReset,
    Continuation,
}

impl Attack {
    pub(crate) const ALL: [Self; 6] =
        [Self::SlowHead, Self::SlowBody, Self::SlowRead, Self::Idle, Self::RapidReset, Self::Continuation];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::SlowHead => "slow heads (slowloris)",
            Self::SlowBody => "slow bodies",
            Self::SlowRead => "slow readers",
            Self::Idle => "idle connections",
            Self::RapidReset => "rapid reset",
            Self::Continuation => "CONTINUATION flood",
        }
    }

    /// What each connection does, for readers.
    pub(crate) fn does(self) -> &'static str {
        match self {
            Self::SlowHead => "sends a header line each half second, and never the last",
            Self::SlowBody => "sends 100 bytes a second of a body of 1 MB",
            Self::SlowRead => "asks for 16 MB and reads 1 KB each half second, with a receive buffer of 4 KB",
            Self::Idle => "has had one answer and sends nothing",
            Self::RapidReset => "sends 5,000 requests a second over HTTP/2 and takes each back at once",
            Self::Continuation => "sends 4 MB a second of a head over HTTP/2 that does not end",
        }
    }

    /// How many there are at once.
    pub(crate) fn connections(self) -> usize {
        match self {
            Self::SlowHead => 1_000,
            Self::SlowBody => 500,
            Self::SlowRead => 200,
            Self::Idle => 10_000,
            Self::RapidReset | Self::Continuation => 8,
        }
    }

    async fn connect(self, address: SocketAddr, doing: &Doing) -> std::io::Result<()> {
        match self {
            Self::SlowHead => slow::head(address, doing).await,
            Self::SlowBody => slow::body(address, doing).await,
            Self::SlowRead => slow::read(address, doing).await,
            Self::Idle => slow::idle(address, doing).await,
            Self::RapidReset => http2::reset(address, doing).await,
            Self::Continuation => http2::continuation(address, doing).await,
        }
    }
}

/// What attackers have done, and whether it is over.
#[derive(Debug, Default)]
pub(crate) struct Doing {
    is_over: AtomicBool,
    /// Connections that were made and do what they should.
    pub(crate) begun: AtomicUsize,
    /// Those that the other side ended.
    pub(crate) ended: AtomicUsize,
}

impl Doing {
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || interrupt::is_wanted()
    }

    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }
}

/// An attack that goes on.
pub(crate) struct Flood {
    runtime: Runtime,
    doing: Arc<Doing>,
}

impl Flood {
    /// Begins one, and waits until all its connections were made once.
    ///
    /// # Errors
    /// When they cannot be.
    pub(crate) fn begin(attack: Attack, address: SocketAddr) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let doing = Arc::new(Doing::default());
        for number in 0..attack.connections() {
            let doing = Arc::clone(&doing);
            runtime.spawn(async move {
                // Not all at once: the queue of connections that wait to be accepted would be what is measured.
                tokio::time::sleep(SPREAD.mul_f64(number as f64 / attack.connections() as f64)).await;
                while !doing.is_over() {
                    if attack.connect(address, &doing).await.is_err() {
                        doing.ended.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            });
        }
        let until = Instant::now() + SPREAD * 5;
        while doing.begun.load(Ordering::Relaxed) < attack.connections() {
            interrupt::go_on()?;
            anyhow::ensure!(Instant::now() < until, "the attacker cannot connect: {doing:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { runtime, doing })
    }

    /// Ends it; what was done.
    pub(crate) fn end(self) -> Arc<Doing> {
        self.doing.is_over.store(true, Ordering::Relaxed);
        self.runtime.shutdown_timeout(Duration::from_secs(2));
        self.doing
    }
}

/// Over how long connections are made.
const SPREAD: Duration = Duration::from_secs(4);
/// How long an attacker waits who was thrown out.
const AGAIN: Duration = Duration::from_millis(100);
