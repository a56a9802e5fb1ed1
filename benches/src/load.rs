//! Load: clients in threads of their own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use crate::interrupt;

/// Sends so many requests a second for a time, whether or not earlier ones are answered as long as a client is free; how long
/// each took, from when it was due. `send` gets the client and the number of the request.
///
/// # Errors
/// The first request that fails.
pub fn paced<C: Send>(
    clients: &mut [C],
    rate: f64,
    time: Duration,
    send: impl Fn(&mut C, usize) -> Result<()> + Sync,
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
            send(client, number)?;
            let took = due.elapsed();
            taken.lock().map_err(|_| anyhow!("a client failed"))?.push(took);
        }
    })?;
    taken.into_inner().map_err(|_| anyhow!("a client failed"))
}

/// Has every client send its next request when the last is answered, for a time; how long each took.
///
/// # Errors
/// The first request that fails.
pub fn without_pause<C: Send>(
    clients: &mut [C],
    time: Duration,
    send: impl Fn(&mut C) -> Result<()> + Sync,
) -> Result<Vec<Duration>> {
    let taken = Mutex::new(Vec::new());
    let begun = Instant::now();
    each(clients, |client, failed| {
        let mut own = Vec::new();
        while !failed() && begun.elapsed() < time {
            let sent = Instant::now();
            send(client)?;
            own.push(sent.elapsed());
        }
        taken.lock().map_err(|_| anyhow!("a client failed"))?.append(&mut own);
        Ok(())
    })?;
    taken.into_inner().map_err(|_| anyhow!("a client failed"))
}

/// Runs every client in a thread of its own; all are waited for, and the first failure is told. What runs them is given
/// whether another one has failed, or the user wants an end.
///
/// # Errors
/// The first failure.
pub fn each<C: Send>(
    clients: &mut [C],
    run: impl Fn(&mut C, &dyn Fn() -> bool) -> Result<()> + Sync,
) -> Result<()> {
    let broken = AtomicBool::new(false);
    let failed = || broken.load(Ordering::Relaxed) || interrupt::is_wanted();
    let one = |client: &mut C| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_each_request_once() {
        let sent = Mutex::new(Vec::new());
        let taken = paced(&mut [(), (), ()], 1_000.0, Duration::from_millis(50), |(), number| {
            sent.lock().map_err(|_| anyhow!("poisoned"))?.push(number);
            Ok(())
        });
        let mut sent = sent.into_inner().unwrap_or_default();
        sent.sort_unstable();
        assert_eq!(sent, (0..50).collect::<Vec<_>>());
        assert_eq!(taken.map(|taken| taken.len()).ok(), Some(50));
    }

    #[test]
    fn sends_without_pause_for_a_time() {
        let sent = AtomicUsize::new(0);
        let taken = without_pause(&mut [(), ()], Duration::from_millis(20), |()| {
            sent.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        assert_eq!(taken.map(|taken| taken.len()).ok(), Some(sent.into_inner()));
    }

    #[test]
    fn tells_the_failure() {
        let found = paced(&mut [(), ()], 1_000.0, Duration::from_secs(5), |(), number| {
            anyhow::ensure!(number < 3, "number {number}");
            Ok(())
        });
        assert!(found.is_err_and(|error| error.to_string().starts_with("number ")));
    }
}
