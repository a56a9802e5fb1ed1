//! Time and chance, as arguments: tests run through months of schedules without waiting.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What time it is, and waiting.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> SystemTime;
    /// Waits.
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Chance.
pub trait Chance: Send + Sync {
    /// A number in `0.0..1.0`, all alike likely.
    fn unit(&self) -> f64;
}

/// Time and chance.
#[derive(Clone)]
pub struct Environment {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Spreads what many would do at once.
    pub chance: Arc<dyn Chance>,
}

impl Environment {
    /// The system's.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(System), chance: Arc::new(System) }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "this is where the clock comes from")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}

impl Chance for System {
    /// A hasher with fresh keys is random enough to spread load.
    fn unit(&self) -> f64 {
        use std::hash::BuildHasher as _;
        let random = std::hash::RandomState::new().hash_one(0_u8);
        unit_of(random)
    }
}

/// Any 64 bits as a number in `0.0..1.0`.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
pub(crate) fn unit_of(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
