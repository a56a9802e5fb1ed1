//! Load: clients in threads of their own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use portcullis_benches::interrupt;

use super::client::{Client, Exchange};

/// Sends over each client as fast as answers come, until a moment; how many were answered.
///
/// # Errors
/// The first answer that is not as expected.
pub(crate) fn saturate(clients: &mut [Client], exchange: &Arc<Exchange>, time: Duration) -> Result<usize> {
    let (until, done) = (Instant::now() + time, AtomicUsize::new(0));
    each(clients, |client, _| {
        done.fetch_add(client.saturate(exchange, until)?, Ordering::Relaxed);
        Ok(())
    })?;
    Ok(done.into_inner())
}

/// Sends so many requests a second for a time, whether or not earlier ones are answered as long as a client is free; how long
/// each took, from when it was due.
///
/// # Errors
/// The first answer that is not as expected.
pub(crate) fn paced(
    clients: &mut [Client],
    exchange: &Arc<Exchange>,
    rate: f64,
    time: Duration,
) -> Result<Vec<Duration>> {
    let (next, taken) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let begun = Instant::now();
    each(clients, |client, failed| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let after = Duration::from_secs_f64(number as f64 / rate);
            if failed() || after >= time {
                return Ok(());
            }
            let mut due = begun + after;
            let early = due.saturating_duration_since(Instant::now());
            if !early.is_zero() {
                std::thread::sleep(early);
                // That a sleeper wakes late is not the server's doing.
                due = Instant::now();
            }
            client.send(exchange, number)?;
            let took = due.elapsed();
            taken.lock().map_err(|_| anyhow::anyhow!("a client failed"))?.push(took);
        }
    })?;
    taken.into_inner().map_err(|_| anyhow::anyhow!("a client failed"))
}

/// Runs every client in a thread of its own; all are waited for, and the first failure is told.
fn each(
    clients: &mut [Client],
    run: impl Fn(&mut Client, &dyn Fn() -> bool) -> Result<()> + Sync,
) -> Result<()> {
    let broken = AtomicBool::new(false);
    let failed = || broken.load(Ordering::Relaxed) || interrupt::is_wanted();
    let one = |client: &mut Client| {
        let result = run(client, &failed);
        if result.is_err() {
            broken.store(true, Ordering::Relaxed);
        }
        result
    };
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(|| one(client))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a client failed"))).collect()
    });
    results.into_iter().collect::<Result<()>>()?;
    interrupt::go_on()
}
