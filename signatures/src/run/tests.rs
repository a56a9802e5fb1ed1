//! Semantics, as rows: rules, a request, which rules match, and what `TX` holds after phase 2.

use transaction::{Body, Connection, Fields, Limits, Processor, RequestHead, Transaction};

use super::*;
use crate::seclang::{self, MemoryFiles, Source};

fn load(rules: &str) -> Ruleset {
    let loaded = seclang::load(vec![Source::text("test.conf", rules)], &MemoryFiles::default());
    let diagnostics: Vec<_> = loaded.diagnostics.iter().map(|found| found.render(false)).collect();
    assert!(!loaded.has_errors(), "{}", diagnostics.join("\n"));
    loaded.ruleset
}

fn request(target: &str, headers: &[(&str, &str)]) -> Transaction {
    let head = RequestHead {
        method: b"GET".to_vec(),
        target: target.into(),
        protocol: b"HTTP/1.1".to_vec(),
        headers: headers.iter().copied().collect(),
    };
    Transaction::new("0a", 0, Connection::default(), head, &Limits::default())
}

fn with_form(mut transaction: Transaction, arguments: &[(&str, &str)]) -> Transaction {
    let raw = arguments.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    transaction.body = Body {
        processor: Processor::UrlEncoded,
        arguments: arguments.iter().copied().collect(),
        bytes_total: raw.len() as u64,
        raw: raw.into_bytes(),
        ..Body::default()
    };
    transaction
}

fn evaluate(ruleset: &Ruleset, transaction: &Transaction) -> RuleState {
    let mut state = RuleState::new(ruleset);
    for phase in Phase::ALL {
        ruleset.evaluate(phase, transaction, NOW_US, &mut state);
    }
    state
}

fn ids(state: &RuleState) -> Vec<u32> {
    state.matches.iter().map(|found| found.id.get()).collect()
}

/// Rules, the request target, the rules that match, and variables of `TX`; an empty value means unset.
#[track_caller]
fn check(rules: &str, target: &str, expect: &[u32], tx: &[(&str, &str)]) {
    let state = evaluate(&load(rules), &request(target, HEADERS));
    assert_eq!(ids(&state), expect, "{rules}");
    for (name, value) in tx {
        let found = String::from_utf8_lossy(state.tx(name).unwrap_or_default());
        assert_eq!(found, *value, "tx.{name} after {rules}");
    }
}

const HEADERS: &[(&str, &str)] =
    &[("Host", "shop.test:8080"), ("User-Agent", "curl/8"), ("Cookie", "sid=abc; lang=en")];
const NOW_US: i64 = 1_790_000_000_000_000;

#[test]
fn setvar_runs_for_each_value_that_matches() {
    check(
        r#"SecRule ARGS "@rx x" "id:1,phase:2,pass,nolog,setvar:tx.n=+1,setvar:tx.last=%{MATCHED_VAR_NAME}""#,
        "/?a=x&b=y&c=xx",
        &[1],
        &[("n", "2"), ("last", "ARGS:c")],
    );
    check(
        r#"SecAction "id:1,phase:1,pass,nolog,setvar:tx.a=5,setvar:tx.b=-2,setvar:tx.A=+%{tx.b},setvar:!tx.b,setvar:tx.flag""#,
        "/",
        &[1],
        &[("a", "3"), ("b", ""), ("FLAG", "1")],
    );
}

#[test]
fn names_of_variables_may_be_made_of_values() {
    check(
        r#"SecRule ARGS_NAMES "@rx ." "id:1,phase:2,pass,nolog,setvar:'tx.count_%{MATCHED_VAR_NAME}=+1'"
           SecRule TX:/count_.*/ "@gt 1" "id:2,phase:2,pass,nolog,chain"
             SecRule MATCHED_VARS_NAMES "@rx ^TX:count_(.*)$" "capture,setvar:tx.twice=%{TX.1}""#,
        "/?a=1&b=2&a=3",
        &[1, 2],
        &[("count_ARGS_NAMES:a", "2"), ("twice", "ARGS_NAMES:a")],
    );
}

#[test]
fn captures_are_of_the_last_match() {
    check(
        r#"SecRule ARGS "@rx (k)(v)?" "id:1,phase:2,pass,nolog,capture,setvar:tx.got=%{tx.1}-%{tx.2}"
           SecRule TX:1 "@streq k" "id:2,phase:2,pass,nolog""#,
        "/?a=kv&b=k",
        &[1, 2],
        &[("0", "k"), ("1", "k"), ("2", ""), ("got", "k-")],
    );
}

#[test]
fn chains_need_all_links_and_see_the_matches_before() {
    let rules = r#"SecRule ARGS "@rx /" "id:1,phase:2,pass,log,msg:'%{MATCHED_VAR_NAME}',chain"
                     SecRule MATCHED_VARS "@rx \s" "setvar:tx.n=+1""#;
    check(rules, "/?a=/+x&b=/&c=+", &[1], &[("n", "1")]);
    check(rules, "/?a=/&b=+", &[], &[("n", "")]);
    let state = evaluate(&load(rules), &request("/?a=/+x&b=/", &[]));
    let found = &state.matches[0];
    assert_eq!(found.msg, b"ARGS:a", "expanded when the whole chain had matched");
    let values: Vec<_> = found.values.iter().map(|value| value.target.as_str()).collect();
    assert_eq!(values, ["ARGS:a"], "the values of the last link, under their own names");
}

#[test]
fn counts_and_exclusions() {
    check(r#"SecRule &ARGS "@eq 3" "id:1,phase:2,pass,nolog""#, "/?a=1&b=2&a=3", &[1], &[]);
    check(r#"SecRule &ARGS:a "@eq 2" "id:1,phase:2,pass,nolog""#, "/?a=1&b=2&A=3", &[1], &[]);
    check(r#"SecRule &REQUEST_HEADERS:Accept "@eq 0" "id:1,phase:1,pass,nolog""#, "/", &[1], &[]);
    check(r#"SecRule ARGS|!ARGS:b "@rx x" "id:1,phase:2,pass,nolog""#, "/?b=x", &[], &[]);
    check(r#"SecRule ARGS|!ARGS:/^id_/ "@rx x" "id:1,phase:2,pass,nolog""#, "/?ID_7=x", &[], &[]);
    check(r#"SecRule ARGS|!ARGS_NAMES:b "@rx x" "id:1,phase:2,pass,nolog""#, "/?b=x", &[1], &[]);
}

#[test]
fn negation_is_about_each_value() {
    check(r#"SecRule ARGS "!@rx x" "id:1,phase:2,pass,nolog""#, "/?a=x&b=y", &[1], &[]);
    check(r#"SecRule ARGS:none "!@rx x" "id:1,phase:2,pass,nolog""#, "/?a=y", &[], &[]);
    check(r#"SecRule QUERY_STRING "!@rx x" "id:1,phase:2,pass,nolog""#, "/", &[1], &[]);
}

#[test]
fn transformations_and_multi_match() {
    check(
        r#"SecRule ARGS "@streq ab" "id:1,phase:2,pass,nolog,t:none,t:lowercase,t:removeWhitespace""#,
        "/?a=A+B",
        &[1],
        &[],
    );
    check(
        r#"SecRule ARGS "@rx ^" "id:1,phase:2,pass,nolog,multiMatch,t:none,t:lowercase,t:lowercase,t:removeWhitespace,setvar:tx.n=+1""#,
        "/?a=A+B",
        &[1],
        &[("n", "3")],
    );
}

#[test]
fn skips() {
    let rules = r#"SecAction "id:1,phase:1,pass,nolog,skipAfter:END"
                   SecAction "id:2,phase:1,pass,nolog"
                   SecAction "id:3,phase:2,pass,nolog"
                   SecMarker END
                   SecAction "id:4,phase:1,pass,nolog,skip:1"
                   SecAction "id:5,phase:1,pass,nolog"
                   SecAction "id:6,phase:1,pass,nolog""#;
    check(rules, "/", &[1, 4, 6, 3], &[]);
    check(
        r#"SecAction "id:1,phase:1,pass,nolog,skipAfter:NOWHERE"
             SecAction "id:2,phase:1,pass,nolog""#,
        "/",
        &[1],
        &[],
    );
}

#[test]
fn ctl_removes_rules_and_targets() {
    let tail = r#"
        SecRule ARGS "@rx x" "id:10,phase:2,pass,nolog,tag:'sqli'"
        SecRule ARGS "@rx x" "id:11,phase:2,pass,nolog,tag:'xss',msg:'a b'""#;
    for (ctl, expect) in [
        ("ruleRemoveById=10", vec![1, 11]),
        ("ruleRemoveById=5-11", vec![1]),
        ("ruleRemoveByTag=sqli", vec![1, 11]),
        ("ruleRemoveTargetById=10;ARGS:a", vec![1, 11]),
        ("ruleRemoveTargetById=10;ARGS:b", vec![1, 10, 11]),
        ("ruleRemoveTargetByTag=xss;ARGS", vec![1, 10]),
        ("ruleEngine=Off", vec![1]),
    ] {
        check(&format!("SecAction \"id:1,phase:1,pass,nolog,ctl:{ctl}\"{tail}"), "/?a=x", &expect, &[]);
    }
}

#[test]
fn the_first_interruption_is_kept_and_the_phase_goes_on() {
    let rules = r#"SecRule ARGS "@rx x" "id:1,phase:2,deny,status:406"
                   SecRule ARGS "@rx x" "id:2,phase:2,deny"
                   SecRule ARGS "@rx x" "id:3,phase:5,deny""#;
    for (engine, enforced) in [("On", true), ("DetectionOnly", false)] {
        let state = evaluate(&load(&format!("SecRuleEngine {engine}\n{rules}")), &request("/?a=x", &[]));
        assert_eq!(ids(&state), [1, 2, 3], "{engine}");
        let interruption = state.interruption.expect("rule 1 denies");
        assert_eq!((interruption.rule.get(), interruption.enforced), (1, enforced));
        assert_eq!(interruption.response, InterruptionResponse::Deny(406));
    }
    let off = evaluate(&load(&format!("SecRuleEngine Off\n{rules}")), &request("/?a=x", &[]));
    assert!(off.matches.is_empty() && off.interruption.is_none());
}

#[test]
fn allow_ends_as_much_as_it_says() {
    for (allow, expect) in
        [("allow:phase", vec![1, 3, 4, 5]), ("allow:request", vec![1, 4, 5]), ("allow", vec![1, 5])]
    {
        let rules = format!(
            r#"SecAction "id:1,phase:1,nolog,{allow}"
               SecAction "id:2,phase:1,pass,nolog"
               SecAction "id:3,phase:2,pass,nolog"
               SecAction "id:4,phase:3,pass,nolog"
               SecAction "id:5,phase:5,pass,nolog""#
        );
        check(&rules, "/", &expect, &[]);
    }
}

#[test]
fn a_match_says_what_it_found() {
    let rules = r#"SecAction "id:1,phase:1,pass,nolog,setvar:tx.critical_anomaly_score=5"
        SecRule ARGS|REQUEST_HEADERS "@rx evil(\d)" "id:2,phase:2,block,capture,log,t:lowercase,severity:CRITICAL,\
            msg:'Evil',logdata:'Matched %{TX.1} within %{MATCHED_VAR_NAME}',tag:'paranoia-level/2',\
            setvar:tx.inbound_anomaly_score_pl2=+%{tx.critical_anomaly_score},\
            setvar:tx.blocking_inbound_anomaly_score=+%{tx.inbound_anomaly_score_pl2}""#;
    let state = evaluate(&load(rules), &request("/?a=xEVIL1&b=ok&c=evil2", &[]));
    let found = &state.matches[1];
    assert_eq!(found.logdata, b"Matched 2 within ARGS:c");
    assert_eq!(found.score, 10, "each value scores; CRS's sums do not count again");
    assert_eq!(state.inbound_anomaly_score(), 15);
    let values: Vec<_> =
        found.values.iter().map(|value| (value.target.as_str(), value.matched.as_slice())).collect();
    assert_eq!(values, [("ARGS:a", b"evil1".as_slice()), ("ARGS:c", b"evil2")]);
}

#[test]
fn variables_of_the_request() {
    for (variable, expect) in [
        ("REQUEST_FILENAME", "/a b/c.php"),
        ("REQUEST_BASENAME", "c.php"),
        ("REQUEST_URI", "/a%20b/c.php?q=1%202&r"),
        ("REQUEST_URI_RAW", "http://h/a%20b/c.php?q=1%202&r"),
        ("REQUEST_LINE", "GET http://h/a%20b/c.php?q=1%202&r HTTP/1.1"),
        ("QUERY_STRING", "q=1%202&r"),
        ("ARGS_COMBINED_SIZE", "5"),
        ("ARGS:q", "1 2"),
        ("REQUEST_COOKIES:sid", "abc"),
        ("REQUEST_COOKIES_NAMES:lang", "lang"),
        ("SERVER_NAME", "shop.test"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("UNIQUE_ID", "0a"),
        ("TIME_YEAR", "2026"),
        ("HIGHEST_SEVERITY", "255"),
        ("REQBODY_ERROR", "0"),
        ("RULE:id", "1"),
    ] {
        let rules =
            format!(r#"SecRule {variable} "@rx ^" "id:1,phase:2,pass,nolog,setvar:tx.v=%{{MATCHED_VAR}}""#);
        check(&rules, "http://h/a%20b/c.php?q=1%202&r", &[1], &[("v", expect)]);
    }
}

#[test]
fn bodies_are_seen_from_phase_2_on() {
    let rules = load(
        r#"SecRule ARGS_POST|REQUEST_BODY "@rx x" "id:1,phase:1,pass,nolog"
           SecRule ARGS_POST:a "@streq x" "id:2,phase:2,pass,nolog"
           SecRule REQUEST_BODY "@streq a=x&b=1" "id:3,phase:2,pass,nolog"
           SecRule ARGS_COMBINED_SIZE "@eq 4" "id:4,phase:2,pass,nolog""#,
    );
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let form = with_form(request("/", &headers), &[("a", "x"), ("b", "1")]);
    assert_eq!(ids(&evaluate(&rules, &form)), [2, 3, 4]);
}

#[test]
fn xml_is_one_text_and_many_attributes() {
    let rules = load(
        r#"SecRule XML:/* "@streq ab" "id:1,phase:2,pass,nolog"
           SecRule XML://@* "@streq y" "id:2,phase:2,pass,log"
           SecRule XML:/* "@rx y" "id:3,phase:2,pass,nolog""#,
    );
    let mut transaction = request("/", &[("Content-Type", "text/xml")]);
    transaction.body.processor = Processor::Xml;
    transaction.body.xml_text = [("/n/a", "a"), ("/n/b", "b")].into_iter().collect();
    transaction.body.xml_attributes = [("/n/@x", "x"), ("/n/@y", "y")].into_iter().collect();
    assert_eq!(ids(&evaluate(&rules, &transaction)), [1, 2]);
}

#[test]
fn segments_start_alike_and_add_up() {
    let rules = load(
        r#"SecAction "id:1,phase:1,pass,nolog,setvar:tx.anomaly_score=1"
           SecRule ARGS_POST "@rx x" "id:2,phase:2,pass,log,setvar:tx.anomaly_score=+5"
           SecRule &ARGS_POST "@eq 3" "id:3,phase:2,pass,nolog"
           SecRule TX:ANOMALY_SCORE "@ge 5" "id:4,phase:2,deny""#,
    );
    let mut state = RuleState::new(&rules);
    let mut transaction = with_form(request("/", &[]), &[("a", "x"), ("b", "1")]);
    rules.evaluate(Phase::RequestHeaders, &transaction, 0, &mut state);
    state.begin_segments();
    rules.evaluate(Phase::RequestBody, &transaction, 0, &mut state);
    transaction.body.arguments = Fields::from_iter([("c", "x"), ("c", "x")]);
    transaction.body.earlier_arguments = 1;
    state.next_segment();
    rules.evaluate(Phase::RequestBody, &transaction, 0, &mut state);
    transaction.body.arguments.clear();
    state.next_segment();
    rules.evaluate(Phase::RequestBody, &transaction, 0, &mut state);
    assert_eq!(ids(&state), [1, 2, 4, 3]);
    let values: Vec<_> = state.matches[1].values.iter().map(|value| value.target.as_str()).collect();
    assert_eq!(values, ["ARGS_POST:a", "ARGS_POST:c"]);
    assert_eq!(state.inbound_anomaly_score(), 11, "the worst segment's");
    assert_eq!(state.interruption.map(|interruption| interruption.rule.get()), Some(4));
}

#[test]
fn a_state_can_be_used_again() {
    let rules = load(r#"SecRule ARGS "@rx x" "id:1,phase:2,deny,setvar:tx.n=+1""#);
    let mut state = evaluate(&rules, &request("/?a=x", &[]));
    state.reset(&rules);
    assert!(state.matches.is_empty() && state.interruption.is_none() && state.tx("n").is_none());
}

#[test]
fn a_trace_says_why() {
    let rules = load(r#"SecRule ARGS|!ARGS:b "@streq x" "id:1,phase:2,pass,t:lowercase""#);
    let mut state = RuleState { trace: Some(Trace::default()), ..RuleState::new(&rules) };
    rules.evaluate(Phase::RequestBody, &request("/?a=Y&b=x&c=X", &[]), 0, &mut state);
    let events: Vec<_> = state.trace.expect("asked for").events.into_iter().map(|event| event.kind).collect();
    let tested = |target: &str, value: &str, matched| TraceKind::Tested {
        target: target.into(),
        value: value.into(),
        matched,
    };
    let expect = [
        tested("ARGS:a", "y", false),
        TraceKind::ValueExcluded { target: "ARGS:b".into() },
        tested("ARGS:c", "x", true),
        TraceKind::RuleMatched,
    ];
    assert_eq!(events, expect);
}

#[test]
fn a_regex_that_reaches_its_limit_is_counted() {
    let rules = r#"
SecRule ARGS "@rx ^(a*)*\1b" "id:1,phase:2,pass,nolog"
SecRule MSC_PCRE_LIMITS_EXCEEDED "@eq 1" "id:2,phase:2,pass,nolog"
SecRule TX:/^MSC_/ "!@streq 0" "id:3,phase:2,pass,nolog"
SecRule MSC_PCRE_ERROR "@eq 1" "id:4,phase:2,pass,nolog"
"#;
    let long = "a".repeat(5_000);
    for (target, expect, exceeded) in [
        (format!("/?q={long}"), vec![2, 3, 4], 1),
        (format!("/?q={long}&r={long}"), vec![2, 3, 4], 2),
        ("/?q=aaab".to_owned(), vec![1], 0),
    ] {
        let state = evaluate(&load(rules), &request(&target, HEADERS));
        assert_eq!((ids(&state), state.regex_limits_exceeded()), (expect, exceeded));
    }
}

#[test]
fn macros_in_a_pattern_are_part_of_it() {
    let rules = r#"
SecAction "id:1,phase:1,pass,nolog,setvar:'tx.allowed=utf-8|iso-8859-1',setvar:'tx.broken=('"
SecRule ARGS "!@rx ^(?:%{tx.allowed})$" "id:2,phase:2,pass,nolog"
SecRule ARGS "@rx ^%{tx.broken}$" "id:3,phase:2,pass,nolog"
"#;
    for (target, expect) in [("/?q=utf-8", vec![1]), ("/?q=utf-7", vec![1, 2])] {
        let state = evaluate(&load(rules), &request(target, HEADERS));
        assert_eq!((ids(&state), state.regex_limits_exceeded()), (expect, 1), "{target}");
    }
}

#[test]
fn addresses_are_located() {
    let files = MemoryFiles::default()
        .with("etc/geo.mmdb", crate::operator::geo_lookup::writer::database())
        .with("etc/bad.mmdb", "no database");
    let rules = |file: &str| {
        let text = format!(
            r#"
            SecGeoLookupDB {file}
            SecRule ARGS:ip "@geoLookup" "id:1,phase:1,pass,nolog,chain"
              SecRule GEO:COUNTRY_CODE "@streq DE" "setvar:tx.city=%{{geo.city}}"
            SecRule ARGS:ip "!@geoLookup" "id:2,phase:1,pass,nolog"
            SecRule &GEO "@eq 0" "id:3,phase:1,pass,nolog"
            SecRule GEO:country_name "@rx ^F" "id:4,phase:1,pass,nolog""#
        );
        seclang::load(vec![Source::text("etc/test.conf", text)], &files)
    };
    let loaded = rules("geo.mmdb");
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    for (target, expected, city) in [
        ("/?ip=192.0.2.9", &[1][..], Some(&b"Bremen"[..])),
        ("/?ip=198.51.100.9", &[4], None),
        ("/?ip=203.0.113.9", &[2, 3], None),
    ] {
        let state = evaluate(&loaded.ruleset, &request(target, &[]));
        assert_eq!((ids(&state).as_slice(), state.tx("city")), (expected, city), "{target}");
    }
    for file in ["bad.mmdb", "none.mmdb"] {
        let codes: Vec<_> = rules(file).diagnostics.iter().map(|found| found.code).collect();
        assert_eq!(codes, ["unreadable-database", "unavailable-operator", "unavailable-operator"], "{file}");
    }
}
