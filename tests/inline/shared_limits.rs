//! Rate limits that two instances share through a Redis that is not ours.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};
use super::redis::Redis;
use super::steady::{Answered, Steady};

fn start(origin: &Origin, store: &str, rate: &str) -> Portcullis {
    let proxy = Portcullis::start(&Setup {
        policy: "rate_limits: [all]".to_owned(),
        more: format!(
            "stores: {{ counts: {{ {store} }} }}\n\
             rate_limits: {{ all: {{ {rate}, key: [asset], shared: counts }} }}"
        ),
        ..Setup::new(origin.address)
    });
    wait_until(&proxy, 1.0);
    proxy
}

fn redis_at(address: SocketAddr) -> String {
    format!("redis: ['redis://{address}'], timeout: 200ms")
}

fn is_up(proxy: &Portcullis) -> f64 {
    proxy.metric("portcullis_rate_limit_store_up{store=\"counts\"}")
}

fn requests(proxy: &Portcullis, result: &str) -> f64 {
    let metric =
        format!("portcullis_rate_limit_store_requests_total{{result=\"{result}\",store=\"counts\"}}");
    proxy.metric(&metric)
}

#[track_caller]
fn wait_until(proxy: &Portcullis, up: f64) {
    let until = Instant::now() + Duration::from_secs(20);
    while is_up(proxy) != up {
        assert!(
            Instant::now() < until,
            "the store's metric is {} and not {up}\n{}",
            is_up(proxy),
            proxy.said()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What comes of twelve requests that go to two instances in turn.
fn in_turn(one: &Portcullis, other: &Portcullis) -> usize {
    let proxies = [one, other].into_iter().cycle().take(12);
    proxies.filter(|proxy| curl::get(&proxy.url("/")).status == 200).count()
}

#[test]
fn two_instances_count_together() {
    let Some(redis) = Redis::start(false) else { return };
    let origin = Origin::start();
    let store = format!("{}, prefix: 'waf:'", redis_at(redis.address));
    let (one, other) =
        (start(&origin, &store, "rate: 1/h, burst: 5"), start(&origin, &store, "rate: 1/h, burst: 5"));
    assert_eq!(in_turn(&one, &other), 5, "{}", one.said());
    let keys = redis.cli(&["keys", "*"]);
    let mut keys: Vec<&str> = keys.split_whitespace().collect();
    keys.sort_unstable();
    assert!(keys.iter().all(|key| key.starts_with("waf:") && key.len() <= 4 + 4 + 32), "{keys:?}");
    let counted = keys.iter().find(|key| key.starts_with("waf:all:")).expect("what is counted");
    let lives_ms: i64 = redis.cli(&["pttl", counted]).trim().parse().expect("a number");
    assert!((1..=5 * 3_600_000 + 1).contains(&lives_ms), "{lives_ms}");
}

#[test]
fn a_cluster_counts_as_well() {
    let Some(redis) = Redis::start(true) else { return };
    let origin = Origin::start();
    let store = format!("{}, cluster: true", redis_at(redis.address));
    let (one, other) =
        (start(&origin, &store, "rate: 1/h, burst: 5"), start(&origin, &store, "rate: 1/h, burst: 5"));
    assert_eq!(in_turn(&one, &other), 5, "{}", one.said());
    assert_eq!(requests(&one, "ok") + requests(&other, "ok"), 12.0, "{}", one.said());
}

/// How many were let through in the time between two moments.
fn passed(answers: &[Answered], from: Instant, to: Instant) -> f64 {
    answers.iter().filter(|(at, status)| *status == 200 && *at > from && *at <= to).count() as f64
}

#[track_caller]
fn none_failed(answers: &[Answered], proxies: &[&Portcullis]) {
    let failed: Vec<u16> =
        answers.iter().map(|(_, status)| *status).filter(|status| ![200, 429].contains(status)).collect();
    assert!(failed.is_empty(), "{failed:?} of {}\n{}", answers.len(), proxies[0].said());
}

/// A hundred a second over both, whatever each is asked; measured from the first refusal on, when the burst is used up.
#[test]
fn a_shared_rate_holds_over_both() {
    let Some(redis) = Redis::start(false) else { return };
    let origin = Origin::start();
    let store = redis_at(redis.address);
    let (one, other) =
        (start(&origin, &store, "rate: 100/s, burst: 50"), start(&origin, &store, "rate: 100/s, burst: 50"));
    let clients = Steady::start(
        &[one.address, other.address, one.address, other.address],
        "/",
        Duration::from_millis(3),
    );
    std::thread::sleep(Duration::from_secs(6));
    let answers = clients.stop();
    none_failed(&answers, &[&one, &other]);
    let from = answers.iter().find(|(_, status)| *status == 429).expect("some are refused").0;
    let to = answers.last().expect("answers").0;
    let (seconds, passed) = ((to - from).as_secs_f64(), passed(&answers, from, to));
    println!("{passed} of {} in {seconds:.2} s: {:.1} a second", answers.len(), passed / seconds);
    assert!(passed <= 105.0 * seconds + 1.0, "{passed} in {seconds} s");
    // A machine that is too busy to ask for more than that gets no more.
    let gaps = answers.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_secs_f64());
    let idle: f64 = gaps.filter(|gap| *gap > 0.25).sum();
    let refused = answers.iter().filter(|(at, status)| *status == 429 && *at > from).count();
    assert!(refused > 0 && passed >= 95.0 * (seconds - idle) - 1.0, "{passed} in {seconds} s, {idle} s idle");
    let late = ["away", "error", "timeout"].map(|result| requests(&one, result) + requests(&other, result));
    assert_eq!(late, [0.0; 3], "every request was counted in the store");
}

#[test]
fn no_request_fails_while_the_store_is_away() {
    let Some(mut redis) = Redis::start(false) else { return };
    let origin = Origin::start();
    let store = format!("redis: ['redis://{}'], timeout: 20ms", redis.address);
    let (one, other) = (start(&origin, &store, "rate: 50/s"), start(&origin, &store, "rate: 50/s"));
    let clients = Steady::start(
        &[one.address, other.address, one.address, other.address],
        "/",
        Duration::from_millis(3),
    );
    std::thread::sleep(Duration::from_millis(500));
    redis.kill();
    wait_until(&one, 0.0);
    wait_until(&other, 0.0);
    let away = Instant::now();
    std::thread::sleep(Duration::from_secs(2));
    let back = Instant::now();
    redis.run().expect("redis-server runs again");
    wait_until(&one, 1.0);
    wait_until(&other, 1.0);
    // It may also be there and say nothing.
    redis.signal("STOP");
    wait_until(&one, 0.0);
    wait_until(&other, 0.0);
    redis.signal("CONT");
    wait_until(&one, 1.0);
    wait_until(&other, 1.0);
    let answers = clients.stop();
    none_failed(&answers, &[&one, &other]);
    // Each for itself meanwhile, and no more: the rate, and what is left of the burst.
    let (seconds, passed) = ((back - away).as_secs_f64(), passed(&answers, away, back));
    println!("{passed} in {seconds:.2} s by each for itself; {} in all, none failed", answers.len());
    assert!(passed <= 2.0 * (50.0 * seconds * 1.05 + 50.0), "{passed} in {seconds} s");
    assert!(passed > 0.0 && requests(&one, "away") > 0.0 && requests(&other, "away") > 0.0);
    assert!(requests(&one, "timeout") > 0.0, "it was waited for");
    let said = one.said();
    assert!(said.contains("the store is away") && said.contains("limits are shared"), "{said}");
}
