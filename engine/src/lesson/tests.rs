use std::collections::BTreeSet;

use model::Confidence;
use model::profile::{Caps, Learner, Profiles, Quorum, State, WINDOW_SECONDS};
use signatures::seclang::MemoryFiles;
use transaction::{Connection, Fields, RequestHead};

use super::*;
use crate::config::Flags;
use crate::{Disk, Evaluation, Outcome, Request, Step};

/// What the site's own search takes, and passes.
const ORDINARY: [&str; 2] = ["status+%3D+%22in+progress%22+and+project+%3D+SHOP", "order+by+created+desc"];
/// The same, put together: more than the model lets pass of a stranger.
const FALSE_POSITIVE: &str = "project+%3D+WEB+and+status+%3D+%22in+progress%22+order+by+created+desc";
const ATTACKS: [&str; 2] = ["%27+or+1%3D1+--+", "1+union+select+password+from+users"];

fn snapshot(mode: &str) -> Arc<Snapshot> {
    let flags = Flags { mode: Some(mode.to_owned()), ..Flags::default() };
    Arc::new(Snapshot::from_flags(&flags, &Disk, 0).unwrap().0)
}

/// A search by a client in a window of time, up to where its body would begin.
fn search(snapshot: &Arc<Snapshot>, text: &str, client: u8, window: u64) -> Evaluation {
    get(snapshot, &format!("/search?q={text}"), client, window)
}

fn get(snapshot: &Arc<Snapshot>, target: &str, client: u8, window: u64) -> Evaluation {
    let head = RequestHead {
        method: b"GET".to_vec(),
        target: target.into(),
        protocol: b"HTTP/1.1".to_vec(),
        headers: [("Host", "shop.test")].into_iter().collect::<Fields>(),
    };
    let connection = Connection { client_address: [192, 0, 2, client].into(), ..Connection::default() };
    let started_us = i64::try_from(window * WINDOW_SECONDS * 1_000_000).unwrap();
    let request = Request { id: "0".into(), started_us, connection, head, ..Request::default() };
    let mut evaluation = Evaluation::begin(snapshot.clone(), request);
    evaluation.request_headers();
    evaluation
}

fn verdict(snapshot: &Arc<Snapshot>, text: &str) -> &'static str {
    let mut evaluation = search(snapshot, text, 99, 400_000);
    evaluation.request_end();
    evaluation.verdict().as_str()
}

fn lesson(mut evaluation: Evaluation) -> Option<Lesson> {
    evaluation.request_end();
    evaluation.finish_with_lesson(Outcome::default()).1
}

/// What sixty searches, as a snapshot judges them, teach.
fn learned(snapshot: &Arc<Snapshot>, texts: &[&str], clients: u8, windows: u64) -> Arc<Snapshot> {
    let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
    for number in 0..60_u8 {
        let text = texts[usize::from(number) % texts.len()];
        let window = 400_000 + u64::from(number) % windows;
        if let Some(lesson) = lesson(search(snapshot, text, number / 2 % clients, window)) {
            lesson.teach(&mut learner);
        }
    }
    // What a restart would read.
    let state = State::from_bytes(&learner.state().to_bytes()).unwrap();
    Arc::new(snapshot.with_profiles(Arc::new(Profiles::new(&state, &Quorum::default()))))
}

#[test]
fn ordinary_traffic_ends_a_false_positive() {
    for (mode, found) in [("detect", "detect"), ("prevent", "prevent")] {
        let cold = snapshot(mode);
        assert_eq!(verdict(&cold, FALSE_POSITIVE), found);
        for (clients, windows, expected) in [(8, 6, "pass"), (3, 6, found), (1, 6, found), (8, 2, found)] {
            let taught = learned(&cold, &ORDINARY, clients, windows);
            assert_eq!(verdict(&taught, FALSE_POSITIVE), expected, "{mode} {clients} {windows}");
            for attack in ATTACKS {
                assert_eq!(verdict(&taught, attack), found, "{mode} {attack}");
            }
        }
    }
}

/// However many clients send them, if they do nothing else.
#[test]
fn attacks_teach_nothing() {
    for (mode, found) in [("detect", "detect"), ("prevent", "prevent")] {
        let cold = snapshot(mode);
        for texts in [&ATTACKS[..], &[ATTACKS[0], ATTACKS[1], "shoes"]] {
            let taught = learned(&cold, texts, 30, 20);
            for text in ATTACKS {
                assert_eq!(verdict(&taught, text), found, "{mode} {texts:?} {text}");
            }
            assert_eq!(verdict(&taught, "shoes"), "pass", "{mode} {texts:?}");
        }
    }
}

/// Statements that a site's own pages send: as soon as the model finds them usual, what rules say of them is learned, too.
#[test]
fn what_the_model_calls_critical_is_usual_where_the_site_sends_it() {
    let cold = snapshot("prevent");
    let usual = ATTACKS[1];
    for (visits, expected) in [(true, ["prevent", "pass"]), (false, ["prevent"; 2])] {
        let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
        let mut known = cold.clone();
        for (round, expected) in (0..).zip(expected) {
            for (client, window) in (0..12).flat_map(|client| (0..12).map(move |window| (client, window))) {
                let window = 400_000 + 12 * round + window;
                if visits {
                    assert!(
                        lesson(get(&known, "/cart?item=17", client, window)).unwrap().teach(&mut learner)
                    );
                }
                let critical = lesson(search(&known, usual, client, window)).unwrap();
                assert!(!critical.teach(&mut learner), "it is counted apart");
            }
            let profiles = Profiles::new(learner.state(), &Quorum::default());
            known = Arc::new(cold.with_profiles(Arc::new(profiles)));
            assert_eq!(verdict(&known, usual), expected, "{visits} {round}");
            assert_eq!(verdict(&known, ATTACKS[0]), "prevent", "another attack at the same place");
        }
    }
}

#[test]
fn only_what_was_seen_to_its_end_teaches() {
    let finish = |evaluation: Evaluation| evaluation.finish_with_lesson(Outcome::default()).1.is_some();
    let (detect, off) = (snapshot("detect"), snapshot("off"));
    assert!(lesson(search(&detect, "shoes", 1, 1)).is_some());
    assert!(!finish(search(&detect, "shoes", 1, 1)), "it broke off");
    let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
    let critical = lesson(search(&detect, ATTACKS[0], 1, 1)).unwrap();
    assert!(!critical.teach(&mut learner), "the model calls it critical");
    assert!(lesson(search(&off, "shoes", 1, 1)).is_none(), "it was not looked at");
    let without = Flags { model: Some("none".to_owned()), ..Flags::default() };
    let without = Arc::new(Snapshot::from_flags(&without, &Disk, 0).unwrap().0);
    assert!(lesson(search(&without, "shoes", 1, 1)).is_none(), "there is no model");
}

#[test]
fn what_the_site_had_no_use_for_teaches_nothing() {
    for (mode, status, teaches) in [
        ("detect", 0, true),
        ("detect", 200, true),
        ("detect", 403, true),
        ("detect", 404, false),
        ("prevent", 410, false),
        ("prevent", 400, false),
        ("prevent", 302, true),
    ] {
        let mut evaluation = search(&snapshot(mode), "shoes", 1, 1);
        evaluation.request_end();
        let outcome = Outcome { status, ..Outcome::default() };
        assert_eq!(evaluation.finish_with_lesson(outcome).1.is_some(), teaches, "{mode} {status}");
    }
}

#[test]
fn a_long_body_is_not_all_there() {
    let mut long = search(&snapshot("detect"), "shoes", 1, 1);
    assert_eq!(long.request_body(&b"words and words ".repeat(20_000)), Step::Continue);
    assert!(!lesson(long).unwrap().is_whole());
    let mut short = search(&snapshot("detect"), "shoes", 1, 1);
    assert_eq!(short.request_body(b"a few words"), Step::Continue);
    let short = lesson(short).unwrap();
    assert!(short.is_whole() && (300..3_000).contains(&short.bytes()), "{}", short.bytes());
}

/// What the site's own rules stop: an argument, a request as a whole, and one that says too much at once.
const RULES: &str = r#"
SecRule ARGS "@contains quarterly" "id:77,phase:2,deny,log"
SecRule ARGS:q "@contains yearly" "id:78,phase:2,pass,log,setvar:'tx.inbound_anomaly_score=+5'"
SecRule REQUEST_METHOD "@streq PUT" "id:79,phase:1,deny,log"
SecRule TX:inbound_anomaly_score "@ge 5" "id:80,phase:2,deny,log"
SecRule ARGS:q "@contains headlong" "id:81,phase:1,deny,log"
"#;

fn with_rules(mode: &str) -> Arc<Snapshot> {
    let text = format!(
        "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
         assets: [{{ name: a, hosts: ['shop.test'], upstream: u, policy: p }}]\n\
         policies: {{ p: {{ mode: {mode}, signatures: {{ rules: [r.conf] }}, model: default }} }}\n"
    );
    let files = MemoryFiles::default().with("r.conf", RULES);
    Arc::new(Snapshot::build("p.yaml", &text, &files, 0).expect("a snapshot").0)
}

#[test]
fn a_rule_that_habitually_matches_needs_the_models_word() {
    for (mode, found) in [("detect", "detect"), ("prevent", "prevent")] {
        let cold = with_rules(mode);
        for (ordinary, attack) in
            [("quarterly+report", "quarterly%27+or+1%3D1+--+"), ("yearly+report", "yearly%27+or+1%3D1+--+")]
        {
            assert_eq!(verdict(&cold, ordinary), found);
            for (clients, windows, expected) in [(8, 6, "pass"), (3, 6, found), (1, 6, found), (8, 2, found)]
            {
                let taught = learned(&cold, &[ordinary, "shoes"], clients, windows);
                assert_eq!(verdict(&taught, ordinary), expected, "{mode} {ordinary} {clients} {windows}");
                assert_eq!(verdict(&taught, attack), found, "{mode} {attack}");
            }
        }
        let taught = learned(&cold, &["quarterly+report"], 8, 6);
        for (elsewhere, why) in [
            ("shoes&r=quarterly+report", "another parameter"),
            ("quarterly+report&r=quarterly+report", "that and another"),
            ("yearly+report", "another rule"),
        ] {
            assert_eq!(verdict(&taught, elsewhere), found, "{mode} {why}");
        }
        let mut evaluation = search(&taught, "quarterly+report", 99, 400_000);
        evaluation.request_end();
        let record = evaluation.finish(Outcome::default());
        assert!(record.matches.iter().all(|it| it.habitual) && !record.matches.is_empty());
    }
}

#[test]
fn what_rules_say_of_a_request_as_a_whole_teaches_nothing() {
    for (mode, offered) in [("detect", true), ("prevent", false)] {
        let cold = with_rules(mode);
        let put = |mut evaluation: Evaluation| {
            evaluation.request_end();
            evaluation.finish_with_lesson(Outcome::default()).1
        };
        let head = |method: &str| RequestHead {
            method: method.into(),
            target: b"/search?q=shoes".to_vec(),
            protocol: b"HTTP/1.1".to_vec(),
            headers: [("Host", "shop.test")].into_iter().collect::<Fields>(),
        };
        for (method, expected) in [("GET", true), ("PUT", false)] {
            let request = Request { id: "0".into(), head: head(method), ..Request::default() };
            let mut evaluation = Evaluation::begin(cold.clone(), request);
            evaluation.request_headers();
            assert_eq!(put(evaluation).is_some(), expected, "{mode} {method}");
        }
        // Stopped by its head, it was not read to its end.
        assert_eq!(lesson(search(&cold, "headlong", 1, 1)).is_some(), offered, "{mode}");
    }
}

/// A rule that begins to match in a parameter long known without it must do so for half as long.
#[test]
fn a_rule_that_appears_late_waits() {
    let cold = with_rules("prevent");
    let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
    let mut teach = |text: &str, windows: std::ops::Range<u64>| {
        for window in windows {
            for client in 0..8 {
                lesson(search(&cold, text, client, window)).unwrap().teach(&mut learner);
            }
        }
        let profiles = Profiles::new(learner.state(), &Quorum::default());
        verdict(&Arc::new(cold.with_profiles(Arc::new(profiles))), "quarterly+report")
    };
    assert_eq!(teach("shoes", 1..31), "prevent");
    assert_eq!(teach("quarterly+report", 31..45), "prevent");
    assert_eq!(teach("quarterly+report", 45..46), "pass");
}

/// What the model doubts may teach what values look like, but nothing of the rules that find it.
#[test]
fn doubtful_requests_do_not_make_rules_habitual() {
    let cold = with_rules("detect");
    let mut kinds = BTreeSet::new();
    for text in [
        "quarterly+report",
        "project+%3D+quarterly+and+status+order+by+created+desc",
        "status+%3D+%22in+progress%22+and+project+%3D+quarterly",
        "quarterly%27+or+1%3D1+--+",
    ] {
        let mut evaluation = search(&cold, text, 1, 1);
        evaluation.request_end();
        let confidence = evaluation.model_score().map(|(_, confidence)| confidence).unwrap();
        let of_rules = evaluation.lesson().map(|hits| !hits.is_empty());
        let expected = Some(confidence == Confidence::Low);
        assert_eq!(of_rules, expected, "{text}");
        kinds.insert(of_rules);
    }
    assert_eq!(kinds.len(), 2);
}
