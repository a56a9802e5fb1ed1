//! `@detectSQLi` and `@detectXSS` beside those of libmodsecurity, which are libinjection's, and on very many values alone.
//!
//! Every difference is explained in `peers/libinjection.yaml`. `PORTCULLIS_VALUES=10000000` says how many mutated values there
//! are, `PORTCULLIS_REQUESTS=FILE` adds payloads to mutate; see `docs/testing.md`.

#[path = "../signatures/src/libinjection/inputs.rs"]
mod inputs;
#[path = "libinjection/values.rs"]
mod values;

use std::time::{Duration, Instant};

use portcullis_tests::differences::{Answers, Differences, Holds};
use portcullis_tests::modsecurity::ModSecurity;
use portcullis_tests::random::Random;
use signatures::libinjection::{sqli, xss};

/// Mutated values that both sides are asked about, unless `PORTCULLIS_VALUES` says otherwise.
const COMPARED: usize = 20_000;

/// Mutated values that the detectors are given, unless `PORTCULLIS_VALUES` says otherwise.
const MUTATED: usize = 200_000;

const SQLI: &str = "detectSQLi";
const XSS: &str = "detectXSS";

/// The difference, the class, and whether a difference is of it. The first that holds counts.
const CLASSES: &[(&str, &str, Holds)] = &[
    (XSS, "unknown-event", |it| it.ours.is_empty() && xss::detect(&with_known_events(&it.value))),
    (XSS, "ff", |it| it.value.contains(&0xff)),
];

/// Every `on`, where an event's name may begin, as the beginning of one that is known.
fn with_known_events(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in value {
        out.push(*byte);
        let name: Vec<u8> = out.iter().rev().copied().filter(|byte| *byte != 0).take(2).collect();
        if name.eq_ignore_ascii_case(b"no") {
            out.extend_from_slice(b"click");
        }
    }
    out
}

fn wanted(otherwise: usize) -> usize {
    let wanted = std::env::var_os("PORTCULLIS_VALUES");
    wanted.map_or(otherwise, |text| {
        text.to_str().and_then(|text| text.parse().ok()).expect("a number of values")
    })
}

#[test]
fn verdicts_are_those_of_the_c_library() {
    let Some(peer) = ModSecurity::build() else { return };
    let mut differences = Differences::new(include_str!("peers/libinjection.yaml"), CLASSES);
    for (place, (of, value)) in differences.examples().into_iter().enumerate() {
        differences.check_example(place, &ask(&peer, &of, vec![value])[0]);
    }
    let seeds = values::seeds();
    let mut random = Random::new(1);
    let mutated: Vec<Vec<u8>> = (0..wanted(COMPARED)).map(|_| values::mutated(&mut random, &seeds)).collect();
    for of in [SQLI, XSS] {
        for values in [&seeds, &mutated] {
            for answers in ask(&peer, of, values.clone()) {
                differences.count(of, &answers);
            }
        }
    }
    check_inputs(&peer);
    println!("{} test inputs and payloads, {} mutated values", seeds.len(), mutated.len());
    differences.assert_explained();
}

/// The C library answers its own test inputs as they say.
fn check_inputs(peer: &ModSecurity) {
    for input in inputs::all().into_iter().filter(|input| input.name.starts_with("sqli-")) {
        let answers = ask(peer, SQLI, vec![input.value]);
        assert_eq!(answers[0].theirs, input.expected, "{}", input.name);
    }
}

/// The fingerprints, or 1 for an attack by script; empty for none.
fn ask(peer: &ModSecurity, of: &str, values: Vec<Vec<u8>>) -> Vec<Answers> {
    let what = format!("@{of}");
    let theirs = peer.ask(values.iter().map(|value| (&*what, &**value)));
    let answer = |(value, theirs): (Vec<u8>, Option<Vec<u8>>)| match of {
        SQLI => {
            let ours = sqli::detect(&value).map(|found| found.to_string()).unwrap_or_default().into();
            Answers { value, ours, theirs: theirs.unwrap_or_default() }
        }
        _ => {
            let found = |is_found: bool| if is_found { b"1".to_vec() } else { Vec::new() };
            Answers { ours: found(xss::detect(&value)), theirs: found(theirs.is_some()), value }
        }
    };
    values.into_iter().zip(theirs).map(answer).collect()
}

/// A value that took long, for its length.
#[derive(Clone, Copy, Debug, Default)]
struct Slowest {
    duration: Duration,
    bytes: usize,
}

#[test]
fn mutated_values_are_read() {
    let count = wanted(MUTATED);
    let seeds = values::seeds();
    // The tables are made before time is taken.
    assert!(sqli::detect(b"1' or '1'='1").is_some());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (found, slowest) = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (share, seeds) = ((count + thread) / threads, &seeds);
                scope.spawn(move || read(Random::new(thread as u64), share, seeds))
            })
            .collect();
        let results = workers.into_iter().map(|worker| worker.join().expect("no panic"));
        results.reduce(|(a, slower), (b, other)| {
            ([a[0] + b[0], a[1] + b[1]], if other.duration > slower.duration { other } else { slower })
        })
    })
    .expect("a thread");
    println!(
        "{count} mutated values: {} read as SQL injection, {} as XSS; slowest {:?} for {} bytes",
        found[0], found[1], slowest.duration, slowest.bytes
    );
    assert!(found.iter().all(|found| *found > count / 100 && *found < count), "values are worth reading");
}

/// How many are found by each detector, and the slowest.
fn read(mut random: Random, count: usize, seeds: &[Vec<u8>]) -> ([usize; 2], Slowest) {
    let mut found = [0, 0];
    let mut slowest = Slowest::default();
    for _ in 0..count {
        let value = values::mutated(&mut random, seeds);
        let start = Instant::now();
        let fingerprint = sqli::detect(&value);
        found[1] += usize::from(xss::detect(&value));
        if start.elapsed() > slowest.duration {
            // Once more, in case that something else took the time.
            let duration = quickest(&value).min(start.elapsed());
            slowest =
                if duration > slowest.duration { Slowest { duration, bytes: value.len() } } else { slowest };
        }
        if let Some(fingerprint) = fingerprint {
            assert!((1..=5).contains(&fingerprint.as_ref().len()), "{}", value.escape_ascii());
            found[0] += 1;
        }
    }
    (found, slowest)
}

/// The time that the detectors need, not what else goes on.
fn quickest(value: &[u8]) -> Duration {
    let once = || {
        let start = Instant::now();
        std::hint::black_box((sqli::detect(value), xss::detect(value)));
        start.elapsed()
    };
    (0..3).map(|_| once()).min().unwrap_or_default()
}

/// Prints how the time grows with the length of values of one or two pieces; time is never asserted.
#[test]
#[ignore = "measures time: run alone, in release"]
fn time_grows_with_length() {
    let both = [values::SQL, values::MARKUP].into_iter().flat_map(|pieces| {
        let second = || pieces.iter().copied().chain([&b""[..]]);
        pieces.iter().flat_map(move |first| second().map(move |second| [*first, second].concat()))
    });
    let time = |piece: &[u8], bytes: usize, times: usize| {
        let value: Vec<u8> = piece.iter().copied().cycle().take(bytes).collect();
        (0..times).map(|_| quickest(&value)).min().unwrap_or_default()
    };
    let mut slow: Vec<(Duration, Vec<u8>)> = both.map(|piece| (time(&piece, LONG, 1), piece)).collect();
    slow.sort();
    // The slowest again, thoroughly: something else may have taken the time.
    let slowest = slow.into_iter().rev().take(60);
    let mut times: Vec<_> =
        slowest.map(|(_, piece)| (time(&piece, LONG, 10), time(&piece, LONG / 16, 10), piece)).collect();
    times.sort();
    for (long, short, piece) in times.iter().rev().take(20) {
        println!("`{}`: {short:?} for {} bytes, {long:?} for {LONG}", piece.escape_ascii(), LONG / 16);
    }
}

/// Bytes.
const LONG: usize = 32_000;
