//! A new process takes over, and one that ends is started again, while requests come by every way: none fails, and none passes unseen.

use std::time::{Duration, Instant};

use portcullis_tests::ports;

use super::super::super::handover::{Successors, ends, signal};
use super::super::super::origin::Origin;
use super::super::super::process::Portcullis;
use super::clients::Clients;
use super::{NAMES, Patience, Places, Way, table};

const DRAIN: &str = "drain: { accept: 100ms, idle: 1s }";

/// One that starts another beside it on a busy machine answers late; HAProxy must not take it for gone after two checks of 300 ms.
const BUSY: Patience = Patience { ms: 15_000, falls: 10 };

#[track_caller]
fn check_handovers(places: &Places) {
    let origin = Origin::start();
    let mut agent = Portcullis::start_yaml(&places.yaml(origin.address, "", DRAIN), table::RULES);
    let ways = Way::all(&agent, &origin, BUSY);
    let clients = Clients::start(&ways, Duration::from_millis(3));
    let mut successors = Successors::default();
    std::thread::sleep(Duration::from_millis(500));
    agent.signal("USR2");
    let second = successors.newest(&agent);
    assert!(agent.ends_within(Duration::from_secs(60)), "{}", agent.said());
    std::thread::sleep(Duration::from_millis(500));
    assert!(signal(second, "USR2"));
    successors.newest(&agent);
    assert!(ends(second), "{}", agent.said());
    std::thread::sleep(Duration::from_millis(500));
    let answered = clients.stop(&ways, || agent.said());
    println!("two handovers: {answered:?}");
}

#[test]
fn no_verdict_is_lost_when_a_new_process_takes_over_unix_sockets() {
    check_handovers(&Places::unix());
}

#[test]
fn no_verdict_is_lost_when_a_new_process_takes_over_ports() {
    check_handovers(&Places::tcp());
}

/// Who holds the sockets, as systemd does, keeps connections waiting while nobody accepts them.
#[test]
fn no_verdict_is_lost_when_a_process_under_systemd_is_started_again() {
    let origin = Origin::start();
    let socket = |name: &str| (name.to_owned(), format!("unix:{{here}}/{name}.sock"));
    let mut sockets: Vec<_> = NAMES.map(socket).into();
    sockets.push(("web".to_owned(), ports::free().to_string()));
    let places = Places {
        attachments: NAMES.map(|name| format!("socket:{name}")),
        listener: "socket:web".to_owned(),
        admin: ports::free().to_string(),
    };
    let yaml = places.yaml(origin.address, "", DRAIN);
    let agent = Portcullis::start_supervised(&yaml, table::RULES, &sockets);
    // HAProxy must not take one that starts for one that is gone.
    let ways = Way::all(&agent, &origin, Patience { ms: 20_000, falls: 40 });
    let clients = Clients::start(&ways, Duration::from_millis(3));
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(500));
        let before = agent.supervised();
        assert!(signal(before, "TERM"));
        let until = Instant::now() + Duration::from_secs(60);
        while agent.supervised() == before {
            assert!(Instant::now() < until, "{}", agent.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    std::thread::sleep(Duration::from_secs(1));
    let answered = clients.stop(&ways, || agent.said());
    println!("two restarts: {answered:?}");
}
