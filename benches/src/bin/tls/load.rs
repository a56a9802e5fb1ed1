//! Load of one scenario.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use portcullis_benches::load::each;

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
