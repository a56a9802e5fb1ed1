//! Clients that ask by every way at once and know what they should get.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::super::steady::Steady;
use super::Way;

/// Clients of all ways: two that are harmless and one that is hostile, or all of them with forms where bodies are seen.
pub(super) struct Clients(Vec<Client>);

struct Client {
    way: &'static str,
    expected: u16,
    steady: Steady,
}

/// How often each way answered.
pub(super) type Answered = BTreeMap<&'static str, usize>;

impl Clients {
    /// They begin, and go on until they are told to stop.
    pub(super) fn start(ways: &[Way], gap: Duration) -> Self {
        let mut clients = Vec::new();
        for way in ways {
            for (word, expected) in [("friendlyword", 200), ("hostileword", 403)] {
                let request = if way.sees_bodies { form(word) } else { query(word) };
                let steady = Steady::sending(&[way.address], &request, gap);
                clients.push(Client { way: way.name, expected, steady });
            }
        }
        Self(clients)
    }

    /// They stop. Each got what it should have got every time; how often, by way.
    #[track_caller]
    pub(super) fn stop(self, ways: &[Way], said: impl Fn() -> String) -> Answered {
        let mut answered = Answered::new();
        for Client { way, expected, steady } in self.0 {
            let answers = steady.stop();
            let wrong: Vec<_> =
                answers.iter().map(|(_, status)| *status).filter(|it| *it != expected).collect();
            let gateway = ways.iter().find(|it| it.name == way).map(Way::said).unwrap_or_default();
            assert!(
                wrong.is_empty(),
                "{way}: {} of {} are not {expected}: {wrong:?}\n{gateway}\n{}",
                wrong.len(),
                answers.len(),
                said()
            );
            *answered.entry(way).or_default() += answers.len();
        }
        answered
    }
}

fn query(word: &str) -> String {
    format!("GET /?a={word} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn form(word: &str) -> String {
    let body = format!("a={word}");
    format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
