use proptest::prelude::*;

use super::parameter::Value;
use super::*;
use crate::Location;

/// One request's value of a parameter, for tests.
fn value(text: &str, indicators: &[u32]) -> Value {
    let indicators = indicators.iter().map(|number| (*number, [0, 0, 0, b'x'])).collect();
    Value { look: Look::of(text.as_bytes()), indicators, log_odds: 0.0 }
}

fn key(name: &str) -> Key {
    Key::new(b"shop", b"/a", Location::Query, name.as_bytes())
}

/// Two parameters: one plain, one with indicators.
pub(super) fn sample() -> State {
    let mut state = State::default();
    for source in 0..5 {
        state.clients.saw_ordinary(When { source, window: 100 + source });
        state.clients.saw_critical(When { source: source + 3, window: 100 + source });
        state.add_critical(key("id"), &value("'--", &[7, RULE_FIRST + 1]), source, 100 + source);
        state.add(key("id"), &value("17", &[]), source, 100 + source);
        state.add(
            key("q"),
            &value("a <b>", &[3, 900, CLASS_FIRST, RULE_FIRST + 942_100]),
            source,
            100 + source,
        );
    }
    state
}

/// The number of an n-gram, of a class of words or of a rule.
fn any_number() -> impl Strategy<Value = u32> {
    prop_oneof![0..CLASS_FIRST + 40, RULE_FIRST.., RULE_FIRST..RULE_FIRST + 3]
}

/// What some requests teach.
pub(super) fn any_state() -> impl Strategy<Value = State> {
    let indicators = prop::collection::vec(any_number(), 0..5);
    let request = (0..4_u8, "[a<]{0,4}", indicators, 0..9_u32, 0..90_u32, any::<bool>());
    prop::collection::vec(request, 0..12).prop_map(|requests| {
        let mut state = State::default();
        for (name, text, indicators, source, window, is_critical) in requests {
            let source = source.wrapping_mul(0x9e37_79b9);
            let (key, value, when) =
                (key(&format!("p{name}")), value(&text, &indicators), When { source, window });
            if is_critical {
                state.clients.saw_critical(when);
                state.add_critical(key, &value, source, window);
            } else {
                state.clients.saw_ordinary(when);
                state.add(key, &value, source, window);
            }
        }
        state
    })
}

fn merged(left: &State, right: &State) -> State {
    let mut both = left.clone();
    both.merge(right);
    both
}

/// What of a state decides: all but counts.
fn sets(state: &State) -> Vec<String> {
    let of = |(key, it): (&Key, &Parameter)| {
        let indicators: Vec<_> =
            it.indicators.iter().map(|it| (it.number, it.gram, it.sources, it.windows)).collect();
        let critical = it.critical.as_ref().map(|it| {
            let indicators: Vec<_> =
                it.indicators.iter().map(|it| (it.number, it.gram, it.sources, it.windows)).collect();
            (it.sources, it.windows, indicators)
        });
        format!("{key} {:?} {:?} {:?} {indicators:?} {critical:?}", it.sources, it.rich_sources, it.windows)
    };
    let clients = state.clients().iter().map(|(source, it)| format!("{source} {:?}", it.windows));
    state.iter().map(of).chain(clients).collect()
}

proptest! {
    #[test]
    fn merging_is_associative_and_commutative(a in any_state(), b in any_state(), c in any_state()) {
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &State::default()), a);
    }

    /// Counts add up; sources, windows and indicators are sets.
    #[test]
    fn merging_twice_adds_no_evidence(a in any_state(), b in any_state()) {
        prop_assert_eq!(sets(&merged(&a, &a)), sets(&a));
        let both = merged(&a, &b);
        prop_assert_eq!(sets(&merged(&both, &b)), sets(&both));
    }

    /// Two replicas that saw a part each know together what one that saw all would.
    #[test]
    fn merging_is_learning_both(a in any_state(), cut in 0..5_usize) {
        let mut parts = [State::default(), State::default()];
        for (index, (key, parameter)) in a.iter().enumerate() {
            parts[usize::from(index < cut)].parameters.insert(key.clone(), parameter.clone());
        }
        parts[0].clients = a.clients.clone();
        prop_assert_eq!(merged(&parts[0], &parts[1]), a);
    }

    #[test]
    fn trimming_keeps_to_the_caps(state in any_state()) {
        let caps = Caps { parameters_max: 2, site_parameters_max: 2, indicators_max: 3, all_indicators_max: 4 };
        let mut trimmed = state.clone();
        trimmed.trim(&caps, &Quorum::default());
        prop_assert!(trimmed.len() <= 2 && trimmed.indicators() <= 4);
        let critical: usize = trimmed.iter().map(|(_, it)| it.critical_indicators()).sum();
        prop_assert!(critical <= 1);
        prop_assert!(trimmed.iter().all(|(key, it)| it.indicators.len() <= 3 && state.get(key).is_some()));
    }
}

/// What was learned from `requests` of (source, window, whether it has indicator 1).
fn parameter(requests: impl IntoIterator<Item = (u32, u32, bool)>) -> Parameter {
    let mut parameter = Parameter::default();
    for (source, window, is_rich) in requests {
        let seen = if is_rich { value("<a>", &[1]) } else { value("a", &[]) };
        parameter.add(&seen, source, window);
    }
    parameter
}

#[test]
fn habits_need_a_quorum() {
    // One request of `step` has it.
    let every = |step: u32, sources: u32, windows: u32| -> Vec<(u32, u32, bool)> {
        (0..110).map(|it| (it / step % sources, it / step % windows, it % step == 0)).collect()
    };
    // Sixty windows without it, then some with it.
    let late = |windows: u32| -> Vec<(u32, u32, bool)> {
        (0..60 + windows).map(|it| (it % 7, it, it >= 60)).collect()
    };
    for (requests, habitual) in [
        (every(2, 4, 3), true),
        (every(9, 4, 3), true),
        (every(12, 4, 3), false),
        (every(2, 3, 50), false),
        (every(2, 50, 2), false),
        (late(20), false),
        (late(21), true),
        (vec![(1, 1, true), (2, 2, true)], false),
    ] {
        let parameter = parameter(requests.clone());
        let indicator = &parameter.indicators[0];
        assert_eq!(Quorum::default().is_habitual(&parameter, indicator), habitual, "{:?}", requests.last());
    }
}

#[test]
fn few_clients_do_not_end_plainness() {
    for (plain, rich, expected) in [
        (0..100, 0..0, true),
        (0..9, 0..0, false),
        (0..100, 0..3, true),
        (0..100, 0..4, false),
        (0..500, 0..4, true),
    ] {
        let requests =
            plain.clone().map(|it| (it, it % 60, false)).chain(rich.clone().map(|it| (it, 9, true)));
        let parameter = parameter(requests);
        assert_eq!(Quorum::default().is_always_plain(&parameter), expected, "{plain:?} {rich:?}");
    }
}

/// Names that one client makes up do not push out what many clients send.
#[test]
fn made_up_names_displace_nothing() {
    let quorum = Quorum::default();
    let caps = Caps { parameters_max: 20, site_parameters_max: 20, ..Caps::default() };
    let mut state = sample();
    for made_up in 0..500_u32 {
        state.add(
            key(&format!("x{}", "y".repeat(made_up as usize % 60))),
            &value("1", &[]),
            77,
            200 + made_up,
        );
        if state.len() > caps.parameters_max {
            state.trim(&caps, &quorum);
        }
    }
    assert!(state.len() <= 20 && state.get(&key("id")).is_some() && state.get(&key("q")).is_some());
}

/// 10,000 parameters with as many indicators as are kept.
#[test]
fn memory_is_bounded() {
    let (caps, quorum) = (Caps::default(), Quorum::default());
    let mut state = State::default();
    for site in 0..3 {
        for number in 0..4_000_u32 {
            let name: String = format!("{:b}", number + 10_000).replace('0', "a").replace('1', "b");
            let key = Key::new(
                format!("site-{site}.example.com").as_bytes(),
                format!("/some/path/of/usual/length/{name}").as_bytes(),
                Location::Query,
                name.as_bytes(),
            );
            let indicators: Vec<u32> = (0..90).map(|it| (it * 613 + number) % 65_000).collect();
            state.add(key, &value("some text", &indicators), number, 1);
        }
    }
    assert_eq!(state.len(), 12_000);
    state.trim(&caps, &quorum);
    assert!((9_000..=caps.parameters_max).contains(&state.len()), "{}", state.len());
    assert!(state.bytes() <= 32 << 20, "{}", state.bytes());
    assert!(state.to_bytes().len() <= 32 << 20);
}
