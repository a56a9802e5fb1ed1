use super::*;
use crate::artifact::tests::sample;
use crate::decode::Steps;
use crate::profile::{Caps, Learner, Seen, When};
use crate::{Model, Scratch, View};

/// A model to which `<` is strange: stage 1 knows its n-grams, stage 2 counts it.
fn model() -> Model {
    let mut artifact = sample();
    artifact.stage1.fill(-1);
    crate::ngram::each(b"<script>", |bucket, _| artifact.stage1[bucket] = 1_000);
    (artifact.header.stage1_scale, artifact.header.stage1_bias) = (0.01, -5.0);
    artifact.header.thresholds.critical = 100.0;
    Model::new(artifact)
}

fn view(name: &'static str, value: &'static str) -> View<'static> {
    View {
        location: Location::Query,
        name: name.as_bytes(),
        value: value.as_bytes(),
        steps: Steps::default(),
    }
}

/// Learns from requests to `/page` with these arguments, each from another source in another window.
fn learned(model: &Model, arguments: &[(&str, &str)], sources: u32) -> Profiles {
    let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
    for source in 0..60 {
        let query: Vec<_> = arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let record = format!(r#"{{"method":"GET","url":"/page?{}"}}"#, query.join("&").replace('"', "%22"));
        let record = transaction::Record::from_json(record.as_bytes()).unwrap();
        let mut seen = Seen::new(b"shop", b"/page");
        learner.head(model, &record.transaction(&transaction::Limits::default()), &mut seen);
        let when = When { source: source % sources, window: 100 + source / 2 };
        assert!(learner.learn(model, seen, when));
    }
    Profiles::new(learner.state(), &Quorum::default())
}

#[test]
fn what_is_habitual_does_not_count() {
    let model = model();
    let arguments = [("rich", "<script>"), ("plain", "abc")];
    let (profiles, few) = (learned(&model, &arguments, 20), learned(&model, &arguments, 3));
    let mut scratch = Scratch::default();
    let mut at = |profiles: &Profiles, path: &str, view: View<'_>| {
        let place = Place { profiles, site: b"shop", path: path.as_bytes() };
        let (log_odds, adjustment) = model.log_odds_at(view, &place, &mut scratch);
        let cold = model.log_odds(view, &mut scratch);
        match adjustment {
            Some(Adjustment::Habitual { cold: known }) => {
                assert!(log_odds < -GATE_PENALTY_MIN && known == cold);
                "habitual"
            }
            Some(Adjustment::Novel { bonus }) => {
                assert!((log_odds - cold - bonus).abs() < 1e-6 && bonus > 1.0);
                "novel"
            }
            None => {
                assert_eq!(log_odds, cold);
                "cold"
            }
        }
    };
    for (path, name, value, expected) in [
        ("/page", "rich", "<script>", "habitual"),
        ("/page", "rich", "<script> and <script>", "habitual"),
        ("/elsewhere", "rich", "<script>", "habitual"),
        ("/page", "plain", "<script>", "novel"),
        ("/page", "other", "<script>", "cold"),
        ("/page", "rich", "abc", "cold"),
        ("/page", "plain", "abc def", "cold"),
    ] {
        assert_eq!(at(&profiles, path, view(name, value)), expected, "{path} {name}={value}");
    }
    // Three sources teach nothing.
    for name in ["rich", "plain"] {
        assert_eq!(at(&few, "/page", view(name, "<script>")), "cold", "{name}");
    }
}

/// What is taken off, less the highest score of what has nothing suspicious in it.
const GATE_PENALTY_MIN: f32 = 9.0;

/// Requests of clients, each in a window of its own: `(clients, requests of each, arguments)`.
fn of_clients(model: &Model, parts: &[(std::ops::Range<u32>, u32, &str)]) -> State {
    let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
    for (clients, requests, arguments) in parts {
        for (source, window) in clients.clone().flat_map(|source| (0..*requests).map(move |it| (source, it)))
        {
            let record = format!(r#"{{"method":"GET","url":"/page?{arguments}"}}"#);
            let record = transaction::Record::from_json(record.as_bytes()).unwrap();
            let mut seen = Seen::new(b"shop", b"/page");
            learner.head(model, &record.transaction(&transaction::Limits::default()), &mut seen);
            let is_ordinary = learner.learn(model, seen, When { source, window: 100 + window });
            assert_eq!(is_ordinary, !arguments.contains("script"), "{arguments}");
        }
    }
    learner.state().clone()
}

/// What is critical is usual only where clients that use the site as others do send hardly anything else.
#[test]
fn critical_requests_teach_where_ordinary_clients_send_them() {
    let mut artifact = model().artifact().clone();
    (artifact.header.thresholds.medium, artifact.header.thresholds.critical) = (0.5, 1.0);
    let model = Model::new(artifact);
    let (attack, other) = ("q=%3Cscript%3E", "r=1");
    for (parts, expected) in [
        (&[(0..8, 12, other), (0..8, 12, attack)][..], true),
        // Seven clients, or too short a time.
        (&[(0..7, 12, other), (0..7, 12, attack)], false),
        (&[(0..8, 12, other), (0..8, 5, attack)], false),
        // From however many addresses: they do not use the site, or look for holes more than they use it.
        (&[(0..500, 12, attack)], false),
        (&[(0..100, 9, other), (0..100, 9, attack)], false),
        (&[(0..100, 12, other), (0..100, 13, attack)], false),
        // Others send something else.
        (&[(0..8, 12, other), (0..8, 12, attack), (100..149, 2, "q=shoes")], false),
        (&[(0..8, 12, other), (0..8, 12, attack), (100..148, 2, "q=shoes")], true),
    ] {
        let state = of_clients(&model, parts);
        let state = State::from_bytes(&state.to_bytes()).unwrap();
        let profiles = Profiles::new(&state, &Quorum::default());
        let place = Place { profiles: &profiles, site: b"shop", path: b"/page" };
        let (_, adjustment) = model.log_odds_at(view("q", "<script>"), &place, &mut Scratch::default());
        let is_habitual = matches!(adjustment, Some(Adjustment::Habitual { .. }));
        assert_eq!(is_habitual, expected, "{parts:?}");
        // In a parameter that never had it, it is what it was.
        let (_, adjustment) = model.log_odds_at(view("r", "<script>"), &place, &mut Scratch::default());
        assert!(!matches!(adjustment, Some(Adjustment::Habitual { .. })), "{parts:?}");
    }
}
