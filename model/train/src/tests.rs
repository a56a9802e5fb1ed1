//! The recipe on a corpus small enough for a test.

use std::sync::OnceLock;

use model::artifact::Source;
use model::{Model, Scratch, Setting, Strangest};
use transaction::{Limits, Record};

use crate::{Corpus, Request, Trained, train};

const WORDS: [&str; 12] = [
    "red", "house", "garden", "blue", "light", "paper", "green", "window", "summer", "bread", "stone",
    "river",
];

/// Ordinary requests to ten sites, and attacks of ten kinds.
fn corpus() -> Corpus {
    let mut corpus = Corpus::default();
    let mut add = |json: String| assert!(corpus.add(&Record::from_json(json.as_bytes()).unwrap()), "{json}");
    for index in 0..600_usize {
        let word = |shift: usize| WORDS[(index / (shift + 1) + shift * 5) % WORDS.len()];
        let query = format!("{}+{},+{}%21", word(0), word(1), word(2));
        add(format!(r#"{{"url":"/s?q={query}","label":0,"site":"site{}","source":"own"}}"#, index % 10));
    }
    for index in 0..200_usize {
        let table = WORDS[index % WORDS.len()];
        let attack = match index % 4 {
            0 => format!("'+or+{index}%3D{index}+--+"),
            1 => format!("1+union+select+{table},2+from+{table}"),
            2 => format!("%3Cscript%3Ealert({index})%3C/script%3E"),
            _ => format!("../../../../etc/{table}"),
        };
        add(format!(r#"{{"url":"/s?q={attack}","label":1,"cluster":"c{}","source":"own"}}"#, index % 10));
    }
    corpus
}

fn log_odds(model: &Model, target: &str) -> f32 {
    let mut record = Record::default();
    record.request.target = target.into();
    let mut strangest = Strangest::above(f32::MAX);
    let transaction = record.transaction(&Limits::default());
    model.score_head(&transaction, &mut Scratch::default(), &mut strangest, &Setting::default());
    strangest.log_odds().unwrap_or(f32::NEG_INFINITY)
}

/// A model of [`corpus`], made once.
fn base() -> &'static Trained {
    static BASE: OnceLock<Trained> = OnceLock::new();
    BASE.get_or_init(|| {
        let corpus = corpus();
        let requests: Vec<&Request> = corpus.requests.iter().collect();
        train(&corpus, &requests, Vec::new(), 3, &|_, _| {}).unwrap()
    })
}

#[test]
fn learns_and_repeats_itself() {
    let corpus = corpus();
    let requests: Vec<&Request> = corpus.requests.iter().collect();
    let first = base();
    let again = train(&corpus, &requests, Vec::new(), 3, &|_, _| {}).unwrap();
    assert_eq!(first.artifact.to_bytes(), again.artifact.to_bytes());
    let mut artifact = first.artifact.clone();
    artifact.header.manifest = ["a.jsonl", "b.jsonl"].map(source).into();
    let licences = [("a.jsonl".to_owned(), "MIT".to_owned())].into();
    let card = crate::card(&corpus, &requests, &first.log_odds, &artifact, false, &licences);
    assert!(card.contains("| a.jsonl | MIT |\n| b.jsonl | not stated |"), "{card}");
    assert!(card.contains("| own |  | 200 |"), "{card}");
    let model = Model::new(first.artifact.clone());
    let attack = log_odds(&model, "/x?y=%27+or+7%3D7+--+");
    let ordinary = log_odds(&model, "/x?y=green+river,+stone%21");
    assert!(attack > 0.0 && ordinary < 0.0, "{attack} {ordinary}");
}

fn source(file: &str) -> Source {
    Source { file: file.to_owned(), sha256: String::new(), ordinary: 1, hostile: 1 }
}

#[test]
fn takes_verdicts() {
    let base = base().artifact.clone();
    // What looks like an attack and is none here, and the other way round.
    let mut verdicts = Corpus::default();
    for (query, label) in [("1+union+select+river,2+from+bread", 0), ("red+bread,+paper%21", 1)] {
        let json = format!(r#"{{"url":"/s?q={query}","label":{label},"source":"team"}}"#);
        verdicts.add_weighted(&Record::from_json(json.as_bytes()).unwrap(), 20.0);
    }
    let of_team: Vec<&Request> = verdicts.requests.iter().collect();
    let adapted = crate::adapt(&base, &verdicts, &of_team, Vec::new(), 3).artifact;
    assert_eq!(adapted.header.thresholds, base.header.thresholds);
    let (base, adapted) = (Model::new(base), Model::new(adapted));
    let moved = |target| log_odds(&adapted, target) - log_odds(&base, target);
    assert!(moved("/s?q=1+union+select+river,2+from+bread") < -1.0);
    assert!(moved("/s?q=red+bread,+paper%21") > 1.0);
    assert!(log_odds(&adapted, "/s?q=%3Cscript%3Ealert(7)%3C/script%3E") > 0.0);
}

#[test]
fn refuses_what_nothing_can_be_learned_from() {
    let corpus = corpus();
    for hostile in [true, false] {
        let requests: Vec<&Request> = corpus.requests.iter().filter(|it| it.hostile == hostile).collect();
        assert!(train(&corpus, &requests, Vec::new(), 3, &|_, _| {}).is_err());
    }
}
