//! What scoring parsed requests costs: all of a sample, and the requests around its median, 90th and 99th percentile.
//!
//! Requests are ranked by the bytes of them that are scored, which is the same on every machine. What was scored a moment
//! ago is cheap, so each iteration scores the whole sample once, in order, and the clock runs for a few requests of it.
//! Each iteration must find as many strange requests as the first. `cost --stage model` ranks by measured time and counts
//! instructions.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_benches::corpus::Corpus;
use portcullis_benches::scoring::{Scorer, parsed, scored_bytes};
use transaction::Transaction;

criterion_group!(benches, model);
criterion_main!(benches);

/// Ranks that are looked at, in percent.
const RANKS: [usize; 3] = [50, 90, 99];

fn model(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("model");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    for corpus in [Corpus::ordinary(), Corpus::hostile()] {
        let requests: Vec<_> = corpus.records.iter().map(parsed).collect();
        let mut scorer = Scorer::default();
        let mut strange = || requests.iter().filter(|it| scorer.is_strange(black_box(it))).count();
        let expected = strange();
        eprintln!("model: {expected} of {} {} requests are strange", requests.len(), corpus.name);
        group.throughput(Throughput::Elements(requests.len() as u64));
        group.bench_function(BenchmarkId::new("all", corpus.name), |bencher| {
            bencher.iter(|| assert_eq!(strange(), expected));
        });
        group.throughput(Throughput::Elements(1));
        for percent in RANKS {
            let is_timed = around(&requests, percent);
            let id = BenchmarkId::new(format!("one_at_{percent}_percent"), corpus.name);
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|rounds| (0..rounds).map(|_| time(&requests, &is_timed, expected)).sum());
            });
        }
    }
    group.finish();
}

/// Whether each request is among the hundredth of all that is around this rank; at least one is.
fn around(requests: &[Transaction], percent: usize) -> Vec<bool> {
    let mut by_bytes: Vec<_> = (0..requests.len()).collect();
    by_bytes.sort_by_cached_key(|index| scored_bytes(&requests[*index]));
    let at = (requests.len() - 1) * percent / 100;
    let beside = requests.len() / 200;
    let mut is_timed = vec![false; requests.len()];
    for index in &by_bytes[at.saturating_sub(beside)..requests.len().min(at + beside + 1)] {
        is_timed[*index] = true;
    }
    is_timed
}

/// Scores all requests; the median time of those that are timed.
fn time(requests: &[Transaction], is_timed: &[bool], strange: usize) -> Duration {
    let mut scorer = Scorer::default();
    // The first makes tables.
    scorer.is_strange(&Transaction::default());
    let (mut times, mut found) = (Vec::new(), 0);
    for (request, is_timed) in requests.iter().zip(is_timed) {
        let start = Instant::now();
        found += usize::from(scorer.is_strange(black_box(request)));
        if *is_timed {
            times.push(start.elapsed());
        }
    }
    assert_eq!(found, strange);
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
