//! Authorities that misbehave: every case ends in a certificate, or in a state that is stated and tried again, and an authority
//! gets no more requests than it is meant to.

#[path = "misbehaving/clock.rs"]
mod clock;
#[path = "misbehaving/lives.rs"]
mod lives;
#[path = "misbehaving/server.rs"]
mod server;
#[path = "misbehaving/world.rs"]
mod world;

use std::time::Duration;

use server::Retry::{Date, Nothing, Seconds};
use server::{Trouble, error};
use world::World;

/// One authority that misbehaves, over a day: what becomes of it, when the first certificate came (seconds), how many orders were
/// made, and the most requests.
struct Row {
    name: &'static str,
    trouble: Vec<Trouble>,
    outcome: &'static str,
    after: std::ops::RangeInclusive<u64>,
    orders: std::ops::RangeInclusive<usize>,
    requests_max: usize,
}

fn rows() -> Vec<Row> {
    let from = "certificate from ca0";
    let row = |name, trouble, outcome, after, orders, requests_max| Row {
        name,
        trouble,
        outcome,
        after,
        orders,
        requests_max,
    };
    vec![
        row("nothing wrong", vec![], from, 0..=10, 1..=1, 14),
        row(
            "429, seconds",
            vec![error("orders", 1, 429, "rateLimited", Seconds(7_200))],
            from,
            7_200..=7_300,
            1..=1,
            20,
        ),
        row(
            "429, date",
            vec![error("orders", 1, 429, "rateLimited", Date(7_200))],
            from,
            7_200..=7_300,
            1..=1,
            20,
        ),
        row("429, nothing", vec![error("orders", 1, 429, "rateLimited", Nothing)], from, 5..=60, 1..=1, 20),
        row("429, five times", vec![error("orders", 5, 429, "", Nothing)], from, 30..=1_800, 1..=1, 40),
        row(
            "rateLimited in a 403",
            vec![error("orders", 1, 403, "rateLimited", Seconds(600))],
            from,
            600..=700,
            1..=1,
            20,
        ),
        row(
            "429 for ever",
            vec![error("orders", usize::MAX, 429, "rateLimited", Nothing)],
            "429 rateLimited",
            0..=0,
            0..=0,
            150,
        ),
        row(
            "429 for ever, an hour each",
            vec![error("orders", usize::MAX, 429, "rateLimited", Seconds(3_600))],
            "429 rateLimited",
            0..=0,
            0..=0,
            80,
        ),
        row(
            "429 for the account",
            vec![error("account", 1, 429, "rateLimited", Seconds(600))],
            from,
            600..=700,
            1..=1,
            20,
        ),
        row(
            "429 for the directory",
            vec![error("directory", 1, 429, "", Seconds(600))],
            from,
            600..=700,
            1..=1,
            20,
        ),
        row(
            "429 while validating",
            vec![error("challenge", 1, 429, "rateLimited", Seconds(600))],
            from,
            600..=700,
            1..=1,
            30,
        ),
        row(
            "429 when finalizing",
            vec![error("finalize", 2, 429, "rateLimited", Seconds(600))],
            from,
            1_200..=1_400,
            1..=1,
            40,
        ),
        row("503, seconds", vec![error("finalize", 1, 503, "", Seconds(600))], from, 600..=700, 1..=1, 30),
        row("503, date", vec![error("certificate", 1, 503, "", Date(600))], from, 600..=700, 1..=1, 30),
        row("503, nothing", vec![error("order", 3, 503, "", Nothing)], from, 10..=300, 1..=1, 40),
        row(
            "500 for a while",
            vec![error("orders", 4, 500, "serverInternal", Nothing)],
            from,
            30..=600,
            1..=1,
            40,
        ),
        row(
            "502 for ever",
            vec![error("directory", usize::MAX, 502, "", Nothing)],
            "refused with 502",
            0..=0,
            0..=0,
            70,
        ),
        row("500 for one order", vec![error("order", 8, 500, "", Nothing)], from, 60..=7_200, 2..=2, 60),
        row("nonces dropped", vec![Trouble::NoNonces], from, 0..=10, 1..=1, 30),
        row("no nonce at all for a while", vec![Trouble::NoNoncesAtAll(3)], from, 10..=300, 1..=1, 30),
        row("badNonce twice", vec![Trouble::BadNonces(2)], from, 0..=10, 1..=1, 20),
        row("badNonce a while", vec![Trouble::BadNonces(7)], from, 10..=300, 1..=1, 40),
        row("badNonce for ever", vec![Trouble::BadNonces(usize::MAX)], "badNonce", 0..=0, 0..=0, 300),
        row("our binding", vec![Trouble::Binding("ours")], from, 0..=10, 1..=1, 14),
        row("another binding", vec![Trouble::Binding("theirs")], "401 unauthorized", 0..=0, 0..=0, 40),
        row("order expired", vec![Trouble::OrdersExpire(1)], from, 60..=900, 2..=2, 40),
        row("validation fails once", vec![Trouble::Invalid(1)], from, 60..=900, 2..=2, 40),
        row("validation fails", vec![Trouble::Invalid(usize::MAX)], "nobody answers", 0..=0, 5..=12, 150),
        row("accounts forgotten", vec![Trouble::ForgetsAccounts(1)], from, 5..=60, 1..=1, 30),
        row(
            "terms changed",
            vec![error("orders", 2, 403, "userActionRequired", Nothing)],
            from,
            120..=3_000,
            1..=1,
            30,
        ),
        row(
            "name rejected",
            vec![error("orders", usize::MAX, 400, "rejectedIdentifier", Nothing)],
            "rejectedIdentifier",
            0..=0,
            0..=0,
            40,
        ),
        row(
            "bad request once",
            vec![error("finalize", 1, 400, "badCSR", Nothing)],
            from,
            120..=900,
            2..=2,
            40,
        ),
        row(
            "clock a day behind",
            vec![Trouble::Skew(-86_400), error("orders", 1, 429, "", Date(600))],
            from,
            600..=700,
            1..=1,
            20,
        ),
        row(
            "clock a day ahead",
            vec![Trouble::Skew(86_400), error("orders", 1, 503, "", Date(600))],
            from,
            600..=700,
            1..=1,
            20,
        ),
        row("valid from tomorrow", vec![Trouble::Life(86_400, 90 * 86_400)], from, 0..=10, 1..=1, 20),
        row(
            "ended yesterday",
            vec![Trouble::Life(-90 * 86_400, -86_400)],
            "the clock here or there is wrong",
            0..=0,
            5..=12,
            150,
        ),
        row("ends at once", vec![Trouble::Life(-90 * 86_400, 10)], from, 0..=10, 20..=25, 300),
        row("a page", vec![Trouble::Page], "not understood", 0..=0, 0..=0, 60),
        row("a flood", vec![Trouble::Flood], "no answer", 0..=0, 0..=0, 60),
        row("silence", vec![Trouble::Silent], "no answer: nothing within 50ms", 0..=0, 0..=0, 60),
        row(
            "a page for a certificate",
            vec![error("certificate", 1, 404, "", Nothing)],
            from,
            60..=900,
            2..=2,
            40,
        ),
        row("orders that stay pending", vec![Trouble::Stuck], "does not say whether", 0..=0, 5..=12, 500),
        row(
            "another key's certificate",
            vec![Trouble::OtherKey],
            "not the certificate's",
            0..=0,
            5..=12,
            150,
        ),
        row(
            "renewal advised for the past",
            vec![Trouble::Advice(-7_200, -3_600)],
            from,
            0..=10,
            20..=25,
            400,
        ),
    ]
}

#[tokio::test]
async fn every_case_ends_in_a_certificate_or_is_tried_again() {
    let mut wrong = Vec::new();
    for row in rows() {
        let world = World::new(86_400, &[Some(&row.trouble)]).await;
        let is_silent = row.trouble.iter().any(|it| matches!(it, Trouble::Silent));
        world.run_within(if is_silent { Duration::from_millis(50) } else { world::ANSWER_WITHIN }).await;
        let server = &world.servers[0];
        let (outcome, orders, requests) = (world.outcome(), server.orders(), server.requests().len());
        let after = world.obtained().first().map_or(0, |it| it.0);
        let found = format!("{}: {outcome} after {after} s, {orders} orders, {requests} requests", row.name);
        println!("{found}");
        let holds = outcome.contains(row.outcome)
            && row.after.contains(&after)
            && row.orders.contains(&orders)
            && requests <= row.requests_max;
        if !holds {
            wrong.push(found);
        }
        world.assert_bounded(row.name);
        assert!(world.challenges.is_empty(), "{}: something is still answered", row.name);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A row with two authorities: how long (days), what the first does, whether there is one; what the second does. Who issues, with the
/// times of the first certificate (seconds), and of the last (days).
type Pair = (&'static str, u64, Option<Vec<Trouble>>, Vec<Trouble>, &'static [&'static str], u64, u64);

fn pairs() -> Vec<Pair> {
    let rejects = || error("orders", usize::MAX, 400, "rejectedIdentifier", Nothing);
    let busy = |seconds| error("orders", usize::MAX, 429, "rateLimited", Seconds(seconds));
    vec![
        // While the first works, nobody else is asked: certificates of 90 days are renewed at 60 to 63.
        ("both well", 200, Some(vec![]), vec![], &["ca0", "ca0", "ca0", "ca0"], 5, 180),
        (
            "the first wants another binding",
            30,
            Some(vec![Trouble::Binding("theirs")]),
            vec![],
            &["ca1"],
            5,
            0,
        ),
        ("the first rejects the name", 30, Some(vec![rejects()]), vec![], &["ca1"], 10, 0),
        ("nobody is the first", 30, None, vec![], &["ca1"], 100, 0),
        (
            "the first has an outage",
            30,
            Some(vec![error("directory", 2, 503, "", Nothing)]),
            vec![],
            &["ca0"],
            100,
            0,
        ),
        // There is no certificate, so an hour is too long, and a minute is not.
        ("the first asks for an hour", 30, Some(vec![busy(3_600)]), vec![], &["ca1"], 10, 0),
        (
            "the first asks for a minute",
            30,
            Some(vec![error("orders", 2, 429, "", Seconds(60))]),
            vec![],
            &["ca0"],
            140,
            0,
        ),
        // There is one until the 90th day.
        (
            "the first goes for good",
            85,
            Some(vec![Trouble::GoneAfter(86_400)]),
            vec![],
            &["ca0", "ca1"],
            5,
            60,
        ),
        ("the second is none either", 10, None, vec![Trouble::Page], &[], 0, 0),
    ]
}

#[tokio::test]
async fn another_authority_is_asked_by_the_criteria() {
    let mut wrong = Vec::new();
    for (name, days, first, second, issuers, seconds_max, last_day) in pairs() {
        let world = World::new(days * 86_400, &[first.as_deref(), Some(&second)]).await;
        world.run().await;
        let obtained = world.obtained();
        let found: Vec<&str> = obtained.iter().map(|it| it.1.as_str()).collect();
        let first = obtained.first().map_or(0, |it| it.0);
        let last = obtained.last().map_or(0, |it| it.0) / 86_400;
        println!("{name}: {obtained:?} {}", world.outcome());
        if found != issuers || first > seconds_max || !(last_day..=last_day + 9).contains(&last) {
            wrong.push(format!("{name}: {obtained:?}"));
        }
        world.assert_bounded(name);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
