//! A clock that goes as far as somebody sleeps, at once, and stops at an end.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use acme::{Chance, Clock, Environment};
use tokio::sync::Notify;

#[derive(Clone)]
pub(crate) struct Virtual {
    now: Arc<Mutex<SystemTime>>,
    end: Arc<Mutex<SystemTime>>,
    /// Somebody wants to sleep past the end.
    pub(crate) over: Arc<Notify>,
}

impl Virtual {
    /// One that stops after so many seconds.
    pub(crate) fn until(seconds: u64) -> Self {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let end = now + Duration::from_secs(seconds);
        Self { now: Arc::new(Mutex::new(now)), end: Arc::new(Mutex::new(end)), over: Arc::default() }
    }

    pub(crate) fn time(&self) -> SystemTime {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another end, so many seconds later.
    pub(crate) fn extend(&self, seconds: u64) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) += Duration::from_secs(seconds);
    }

    pub(crate) fn environment(&self) -> Environment {
        Environment { clock: Arc::new(self.clone()), chance: Arc::new(Half) }
    }
}

impl Clock for Virtual {
    fn now(&self) -> SystemTime {
        self.time()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let then = {
                let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
                *now += time;
                *now
            };
            if then > *self.end.lock().unwrap_or_else(PoisonError::into_inner) {
                self.over.notify_one();
                std::future::pending::<()>().await;
            }
            tokio::task::yield_now().await;
        })
    }
}

/// Chance that is always in the middle.
struct Half;

impl Chance for Half {
    fn unit(&self) -> f64 {
        0.5
    }
}
