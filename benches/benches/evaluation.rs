//! What inspection costs, over real requests: parsing, transformations and libinjection alone, then whole
//! evaluations by rule source, and what a request costs from its record to its decision record. A few minutes. The
//! model has a bench of its own.
//!
//! The corpus is `../shared/data` where it is (the sample is spread evenly, so it is the same in every
//! run), the repository's own otherwise. Each iteration returns how many requests were flagged, and that
//! number must be the one the first pass found: a bench that computes something else measures nothing.
//! The Core Rule Set is found in Go's module cache or Debian's package; `PORTCULLIS_CRS` names another.

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::{Evaluation, Outcome, Snapshot};
use portcullis_benches::body::Sample;
use portcullis_benches::corpus::{Corpus, crs_directory, snapshot, snapshot_at, snapshot_with};
use signatures::libinjection::{sqli, xss};
use signatures::transformation::Transformation;
use transaction::Limits;

criterion_group!(benches, transaction, transformation, operator, ruleset, end_to_end);
criterion_main!(benches);

/// Sizes of bodies: a form, an upload within one segment, one of several segments (bytes).
const BODY_BYTES: [usize; 3] = [1 << 10, 64 << 10, 1 << 20];

fn transaction(criterion: &mut Criterion) {
    let mut group = short(criterion, "transaction");
    let limits = Limits::default();
    for corpus in [Corpus::ordinary(), Corpus::hostile()] {
        group.throughput(Throughput::Elements(corpus.records.len() as u64));
        group.bench_function(BenchmarkId::new("head", corpus.name), |bencher| {
            let parse =
                || corpus.records.iter().map(|record| black_box(record.transaction(&limits)).query.len());
            bencher.iter(|| assert_eq!(parse().sum::<usize>(), corpus.query_arguments));
        });
    }
    for sample in BODY_BYTES.into_iter().flat_map(Sample::all) {
        let arguments = sample.parse(&limits);
        group.throughput(Throughput::Bytes(sample.len() as u64));
        group.bench_function(BenchmarkId::new(sample.name, sample.len()), |bencher| {
            bencher.iter(|| assert_eq!(black_box(&sample).parse(&limits), arguments));
        });
    }
    group.finish();
}

/// Each transformation over the values of real query arguments.
fn transformation(criterion: &mut Criterion) {
    let mut group = short(criterion, "transformation");
    let corpus = Corpus::ordinary();
    let values = corpus.query_values();
    group.throughput(Throughput::Bytes(values.iter().map(|value| value.len() as u64).sum()));
    for transformation in Transformation::ALL {
        let bytes = || -> usize {
            values.iter().map(|value| transformation.apply(Cow::Borrowed(black_box(value))).len()).sum()
        };
        let expected = bytes();
        group.bench_function(transformation.name(), |bencher| {
            bencher.iter(|| assert_eq!(bytes(), expected));
        });
    }
    group.finish();
}

type Detector = fn(&[u8]) -> bool;

/// libinjection over the values of real query arguments.
fn operator(criterion: &mut Criterion) {
    let mut group = short(criterion, "operator");
    let detectors: [(&str, Detector); 2] =
        [("detect_sqli", |value| sqli::detect(value).is_some()), ("detect_xss", xss::detect)];
    for corpus in [Corpus::ordinary(), Corpus::hostile()] {
        let values = corpus.query_values();
        group.throughput(Throughput::Bytes(values.iter().map(|value| value.len() as u64).sum()));
        for (name, detect) in detectors {
            let count = || values.iter().filter(|value| detect(black_box(value))).count();
            let expected = count();
            eprintln!("{name}: {expected} of {} {} values", values.len(), corpus.name);
            group.bench_function(BenchmarkId::new(name, corpus.name), |bencher| {
                bencher.iter(|| assert_eq!(count(), expected));
            });
        }
    }
    group.finish();
}

/// A group of quick functions, which need no long look.
fn short<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    group
}

fn ruleset(criterion: &mut Criterion) {
    let mut sources = vec![
        (String::from("builtin"), snapshot("builtin")),
        (String::from("builtin_and_model"), snapshot_with("builtin", "default")),
    ];
    if let Some(directory) = crs_directory() {
        let at = |level| snapshot_at(&format!("crs:{directory}"), "none", level);
        sources.extend((1..=4).map(|level| (format!("crs_pl{level}"), at(level))));
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

/// From the record of a request to the decision record, by the default policy.
fn end_to_end(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("end_to_end");
    group.sample_size(10);
    let snapshot = snapshot_with("builtin", "default");
    for corpus in [Corpus::ordinary(), Corpus::hostile()] {
        let blocked = || {
            let evaluations = corpus.records.iter().map(|it| Evaluation::of_record(snapshot.clone(), it));
            evaluations.filter(|it| it.verdict().is_blocked()).count()
        };
        let recorded = || {
            let evaluations = corpus.records.iter().map(|it| Evaluation::of_record(snapshot.clone(), it));
            evaluations.map(|it| it.finish(Outcome::default())).filter(|record| record.blocked).count()
        };
        let expected = blocked();
        eprintln!("end to end: {expected} of {} {} requests blocked", corpus.records.len(), corpus.name);
        group.throughput(Throughput::Elements(corpus.records.len() as u64));
        group.bench_function(BenchmarkId::new("verdict", corpus.name), |bencher| {
            bencher.iter(|| assert_eq!(blocked(), expected));
        });
        group.bench_function(BenchmarkId::new("decision_record", corpus.name), |bencher| {
            bencher.iter(|| assert_eq!(recorded(), expected));
        });
    }
    group.finish();
}

/// How many requests of the corpus are found hostile.
fn flagged(snapshot: &Arc<Snapshot>, corpus: &Corpus) -> usize {
    let verdicts = corpus.records.iter().map(|record| Evaluation::judge_record(snapshot, record).verdict);
    verdicts.filter(|verdict| *verdict != "pass").count()
}
