//! Ordinary text that sites have and few of those send whose requests were recorded: drawings, scripts, pages, and events that
//! pages report. To a model that has hardly seen any they look like cross-site scripting, because that is made of the same.
//!
//! All of it is made here, by lot, and is placed in requests as browsers place it.

mod beacon;
mod drawing;
mod page;
mod template;

use transaction::Record;
use transaction::decode::percent::encode;

use crate::corpus::Corpus;
use crate::random::Random;

/// What makes a request with a sample.
type Make = fn(&mut Random) -> Record;

/// Samples of each kind (count): drawings, scripts, scripts made smaller, elements, pages, events.
const KINDS: [(Make, usize); 6] = [
    (|random| placed(&drawing::quoted(random), random), 400),
    (|random| placed(&page::script(random), random), 100),
    (|random| placed(&page::minified(random), random), 100),
    (|random| placed(&page::fragment(random), random), 200),
    (|random| placed(&page::page(random), random), 100),
    (|random| record("text/plain;charset=UTF-8", beacon::beacon(random).into_bytes()), 200),
];

/// What one value of a sample counts, compared with one of a recorded request.
pub const WEIGHT: f32 = 2.0;

/// How many samples there are.
#[must_use]
pub fn count() -> usize {
    KINDS.iter().map(|(_, count)| count).sum()
}

/// Requests with samples, other ones for each seed.
#[must_use]
pub fn corpus(seed: u64) -> Corpus {
    let mut random = Random::new(seed);
    let mut corpus = Corpus::default();
    for (make, count) in KINDS {
        for _ in 0..count {
            corpus.add(&make(&mut random));
        }
    }
    corpus
}

/// A request whose body has a text: as a field of a form, as a string in a JSON document that is a string itself, or
/// as a string in JSON.
fn placed(text: &str, random: &mut Random) -> Record {
    let json = |text: &str| serde_json::Value::from(text).to_string();
    match random.below(4) {
        0 => {
            let body = [b"html=".as_slice(), &encode(text.as_bytes())].concat();
            record("application/x-www-form-urlencoded", body)
        }
        1 => {
            let inner = format!("{{\"html\":{}}}", json(text));
            record("application/json", format!("{{\"data\":{}}}", json(&inner)).into_bytes())
        }
        _ => record("application/json", format!("{{\"html\":{}}}", json(text)).into_bytes()),
    }
}

fn record(content_type: &str, body: Vec<u8>) -> Record {
    let mut record = Record { body, label: Some(false), ..Record::default() };
    record.request.method = b"POST".to_vec();
    record.request.target = b"/".to_vec();
    record.request.headers.push(b"Content-Type", content_type.as_bytes());
    record
}

#[cfg(test)]
mod tests {
    use model::Location;

    use super::*;
    use crate::corpus::Request;

    #[test]
    fn a_seed_has_its_own_samples_and_always_the_same() {
        let (first, second) = (corpus(1), corpus(2));
        assert_eq!(first.values, corpus(1).values);
        let shared = first.values.iter().filter(|value| second.values.contains(value)).count();
        assert!(shared < first.values.len() / 4, "{shared} of {}", first.values.len());
    }

    #[test]
    fn samples_are_ordinary_requests_with_something_to_learn_from() {
        let corpus = corpus(1);
        assert_eq!(corpus.requests.len(), count());
        let says_something = |request: &&Request| {
            let mut values = corpus.values_of(request).iter().map(|index| &corpus.values[*index as usize]);
            values.any(|value| !value.location.is_envelope() && value.location != Location::Path)
        };
        assert!(corpus.requests.iter().all(|request| !request.hostile));
        // An event whose members are all plain words has nothing that is scored.
        let silent = corpus.requests.iter().filter(|request| !says_something(request)).count();
        assert!(silent < count() / 20, "{silent}");
    }

    #[test]
    fn every_kind_is_what_it_is_called() {
        let mut random = Random::new(1);
        for _ in 0..50 {
            let page = page::page(&mut random);
            for part in ["<!DOCTYPE html>", "</head>", "<body", "<svg", "</script>", "</html>"] {
                assert!(page.contains(part), "{part}: {page}");
            }
            assert!(!page.contains("%w") && !page.contains("%n"), "{page}");
            assert!(page.len() < 40_000, "{}", page.len());
            assert!(drawing::quoted(&mut random).contains("svg"));
            for make in [page::script, page::minified, page::fragment] {
                assert!(!make(&mut random).is_empty());
            }
            let beacon = beacon::beacon(&mut random);
            assert!(serde_json::from_str::<serde_json::Value>(&beacon).is_ok(), "{beacon}");
        }
    }
}
