//! One configuration with every front: the same request gets the same verdict by each, and a reload is one for all.

use std::time::{Duration, Instant};

use super::super::super::origin::Origin;
use super::super::super::process::Portcullis;
use super::clients::Clients;
use super::{Places, USUAL, Way, table};

#[test]
fn the_same_request_gets_the_same_verdict_by_every_way() {
    let origin = Origin::start();
    let agent = Portcullis::start_yaml(&Places::unix().yaml(origin.address, "", ""), table::RULES);
    for way in Way::all(&agent, &origin, USUAL) {
        let base = format!("http://{}", way.address);
        // Longer than HAProxy's buffer, and what Caddy makes of a GET with a body, are rows of their own.
        let skips: &[&str] = match way.name {
            "HAProxy" => &["end of 500 KB"],
            "Caddy" => &["GET with a body"],
            _ => &[],
        };
        table::check(&agent, &base, way.sees_bodies, &[], skips);
    }
}

#[test]
fn a_reload_is_one_for_every_way() {
    let origin = Origin::start();
    let agent = Portcullis::start_yaml(&Places::unix().yaml(origin.address, "", ""), table::RULES);
    let ways = Way::all(&agent, &origin, USUAL);
    let clients = Clients::start(&ways, Duration::from_millis(5));
    let rules = std::fs::read_to_string(agent.file("rules.conf")).expect("rules");
    for (round, word) in ["firstword", "secondword"].into_iter().enumerate() {
        let path = format!("/?a={word}");
        for way in &ways {
            assert_eq!(way.get(&path), 200, "{}: not a rule yet", way.name);
        }
        let rule = format!("SecRule ARGS \"@streq {word}\" \"id:2{round},phase:2,deny,status:403\"\n");
        std::fs::write(agent.file("rules.conf"), format!("{rules}{rule}")).expect("written");
        agent.signal("HUP");
        let loaded = || agent.metric("portcullis_reloads_total{result=\"ok\"}");
        let until = Instant::now() + Duration::from_secs(20);
        while way_by(&ways, "listener").get(&path) != 403 {
            assert!(Instant::now() < until, "{} reloads: {}", loaded(), agent.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        // By one way it holds: from then on it holds by all of them.
        for way in &ways {
            assert_eq!(way.get(&path), 403, "{}: {}", way.name, way.said());
        }
    }
    let answered = clients.stop(&ways, || agent.said());
    println!("right by every way while the rules changed: {answered:?}");
}

fn way_by<'w>(ways: &'w [Way], name: &str) -> &'w Way {
    ways.iter().find(|way| way.name == name).expect("always there")
}
