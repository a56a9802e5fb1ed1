//! Records, many at a time and on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::input::{Item, Records};

/// Records of one batch (count a thread): what a thread keeps from one to the next is worth having.
const RECORDS: usize = 4_096;
/// The same, where there is one thread, which outlives its batches: few stay in the processor's cache.
const RECORDS_OF_ONE: usize = 64;
/// Bytes of them, little to hold.
const BYTES: usize = 32 << 20;

/// The next records for so many threads; none at the end.
pub(crate) fn read(records: &mut Records, threads: usize) -> anyhow::Result<Vec<Item>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let count = if threads > 1 { threads * RECORDS } else { RECORDS_OF_ONE };
    while batch.len() < count && bytes < BYTES {
        let Some(item) = records.next()? else { break };
        bytes += item.bytes();
        batch.push(item);
    }
    Ok(batch)
}

/// Does the work on several threads, of which this is one; results are in the order of the batch.
pub(crate) fn each<T: Send>(batch: Vec<Item>, threads: usize, work: impl Fn(Item) -> T + Sync) -> Vec<T> {
    let items: Vec<_> = batch.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = items.get(position) else { return done };
            let item = slot.lock().ok().and_then(|mut item| item.take());
            done.extend(item.map(|item| (position, work(item))));
        }
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        done.extend(others.into_iter().filter_map(|worker| worker.join().ok()).flatten());
        done
    });
    done.sort_by_key(|(position, _)| *position);
    done.into_iter().map(|(_, result)| result).collect()
}
