//! What inspection costs, over real requests: parsing alone, then whole evaluations by rule source.
//!
//! The corpus is `../shared/data` where it is (the sample is spread evenly, so it is the same in every
//! run), the repository's own otherwise. Each iteration returns how many requests were flagged, and that
//! number must be the one the first pass found: a bench that computes something else measures nothing.
//! Full Core Rule Set: set `PORTCULLIS_CRS` to its directory.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::{Evaluation, Snapshot};
use portcullis_benches::corpus::{Corpus, crs_directory, snapshot};
use transaction::Limits;

criterion_group!(benches, transaction, ruleset);
criterion_main!(benches);

fn transaction(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transaction");
    for corpus in [Corpus::ordinary(), Corpus::hostile()] {
        group.throughput(Throughput::Elements(corpus.records.len() as u64));
        group.bench_function(BenchmarkId::new("head", corpus.name), |bencher| {
            bencher.iter(|| {
                let limits = Limits::default();
                let fields: usize = corpus
                    .records
                    .iter()
                    .map(|record| black_box(record.transaction(&limits)).query.len())
                    .sum();
                assert_eq!(fields, corpus.query_arguments);
            });
        });
    }
    group.finish();
}

fn ruleset(criterion: &mut Criterion) {
    let mut sources = vec![(String::from("builtin"), snapshot("builtin"))];
    if let Some(directory) = crs_directory() {
        sources.push((String::from("crs_pl1"), snapshot(&format!("crs:{directory}"))));
    }
    for (name, snapshot) in sources {
        let mut group = criterion.benchmark_group(format!("ruleset/{name}"));
        group.sample_size(10);
        for corpus in [Corpus::ordinary(), Corpus::hostile()] {
            let expected = flagged(&snapshot, &corpus);
            eprintln!("{name}: {expected} of {} {} requests flagged", corpus.records.len(), corpus.name);
            group.throughput(Throughput::Elements(corpus.records.len() as u64));
            group.bench_function(corpus.name, |bencher| {
                bencher.iter(|| assert_eq!(flagged(&snapshot, &corpus), expected));
            });
        }
        group.finish();
    }
}

/// How many requests of the corpus are found hostile.
fn flagged(snapshot: &Arc<Snapshot>, corpus: &Corpus) -> usize {
    let verdicts = corpus.records.iter().map(|record| Evaluation::judge_record(snapshot, record).verdict);
    verdicts.filter(|verdict| *verdict != "pass").count()
}
