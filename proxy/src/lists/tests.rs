use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use signatures::Ruleset;
use signatures::seclang::{MemoryFiles, Source};
use tokio::net::UdpSocket;

use super::*;

/// A name server that answers `127.0.0.2` for names that begin with `2.`, and that there is no name otherwise, after a
/// while; and how often it was asked.
async fn name_server(delay: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a socket"));
    let address = socket.local_addr().expect("an address");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut buffer = [0_u8; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::SeqCst);
            let (socket, question) = (Arc::clone(&socket), buffer[..length].to_vec());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = socket.send_to(&response(&question), from).await;
            });
        }
    });
    (address, asked)
}

/// The message of RFC 1035, section 4.1: the header, the question as it came, and the answer if there is one.
fn response(question: &[u8]) -> Vec<u8> {
    let name = question[12..].iter().position(|byte| *byte == 0).expect("a name");
    let end = 12 + name + 5;
    let is_listed = question[12..14] == *b"\x012";
    let mut message = question[..end].to_vec();
    message[2..12].copy_from_slice(&[
        0x81,
        if is_listed { 0x80 } else { 0x83 },
        0,
        1,
        0,
        u8::from(is_listed),
        0,
        0,
        0,
        0,
    ]);
    if is_listed {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 2]);
    }
    message
}

fn lists(server: SocketAddr, timeout_ms: u64, lookups_max: usize) -> Lists {
    let settings = Rbl {
        name_servers: vec![server],
        timeout: Duration::from_millis(timeout_ms),
        lookups_max,
        entries_max: 100,
        ttl_min: Duration::from_secs(1),
        ttl_max: Duration::from_secs(60),
    };
    Lists::start(&settings, &Arc::new(Metrics::new().expect("metrics"))).expect("lists")
}

fn zones(names: &[&str]) -> Vec<Zone> {
    let rule = |(at, name): (usize, &&str)| {
        format!("SecRule REMOTE_ADDR \"@rbl {name}\" \"id:{},phase:1,pass\"\n", at + 1)
    };
    let text: String = names.iter().enumerate().map(rule).collect();
    let ruleset: Ruleset =
        signatures::seclang::load(vec![Source::text("r", &text)], &MemoryFiles::default()).ruleset;
    ruleset.zones()
}

async fn ask(lists: &Lists, address: &str, zones: &[Zone]) -> Vec<&'static str> {
    let listings = lists.ask(address.parse().expect(address), zones).await;
    listings.iter().map(|(_, listing)| listing.as_str()).collect()
}

#[tokio::test]
async fn asks_each_list_once() {
    let (server, asked) = name_server(Duration::from_millis(20)).await;
    let (lists, zones) = (lists(server, 5_000, 10), zones(&["a.test", "b.test"]));
    let (first, second) =
        tokio::join!(ask(&lists, "192.0.2.2", &zones), ask(&lists, "::ffff:192.0.2.2", &zones));
    assert_eq!((first, second), (vec!["listed"; 2], vec!["listed"; 2]));
    assert_eq!(asked.load(Ordering::SeqCst), 2, "one question, whoever waits");
    assert_eq!(ask(&lists, "192.0.2.2", &zones).await, ["listed"; 2]);
    assert_eq!(ask(&lists, "192.0.2.3", &zones).await, ["not-listed"; 2]);
    assert_eq!(ask(&lists, "192.0.2.3", &zones).await, ["not-listed"; 2]);
    assert_eq!(asked.load(Ordering::SeqCst), 4, "answers are kept");
}

#[tokio::test]
async fn what_comes_late_is_there_for_the_next_request() {
    let (server, asked) = name_server(Duration::from_millis(300)).await;
    let (lists, zones) = (lists(server, 30, 10), zones(&["a.test"]));
    assert_eq!(ask(&lists, "192.0.2.2", &zones).await, ["unanswered"]);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(ask(&lists, "192.0.2.2", &zones).await, ["listed"]);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn no_more_questions_are_under_way_than_there_may_be() {
    let (server, asked) = name_server(Duration::from_millis(100)).await;
    let (lists, zones) = (lists(server, 5_000, 1), zones(&["a.test"]));
    let (first, second) = tokio::join!(ask(&lists, "192.0.2.2", &zones), ask(&lists, "192.0.3.2", &zones));
    assert_eq!((first, second), (vec!["listed"], vec!["unanswered"]));
    assert_eq!(ask(&lists, "192.0.3.2", &zones).await, ["listed"], "it was not asked before");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_waited_for_again_at_once() {
    let gone = UdpSocket::bind("127.0.0.1:0").await.expect("a socket").local_addr().expect("an address");
    let (lists, zones) = (lists(gone, 5_000, 10), zones(&["a.test"]));
    assert_eq!(ask(&lists, "192.0.2.2", &zones).await, ["unanswered"]);
    let again = std::time::Instant::now();
    assert_eq!(ask(&lists, "192.0.2.2", &zones).await, ["unanswered"]);
    assert!(again.elapsed() < Duration::from_millis(100), "it is known for a while");
}

#[tokio::test]
async fn forgets_the_oldest() {
    let cache = Cache::new(8);
    let zone = zones(&["a.test"]).remove(0);
    let (now, until) = (Instant::now(), Instant::now() + Duration::from_secs(60));
    let question = |last: u8| (zone.clone(), IpAddr::from([192, 0, 2, last]));
    for last in 0..200 {
        cache.keep(question(last), Listing::Listed, until);
    }
    assert!((1..=8).contains(&cache.entries()), "{}", cache.entries());
    assert!(matches!(cache.find(&question(199), now, || false), Found::Known(Listing::Listed)));
    assert!(matches!(cache.find(&question(0), now, || false), Found::Refused));
    let expired = until + Duration::from_secs(1);
    assert!(matches!(cache.find(&question(199), expired, || false), Found::Refused));
}
