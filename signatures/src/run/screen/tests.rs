//! Screened evaluation finds what evaluation without a screen finds.

use proptest::prelude::*;
use transaction::{Body, Connection, Fields, Limits, Processor, RequestHead, Transaction};

use crate::seclang::{self, MemoryFiles, Source};
use crate::{
    InitialVariables, Match, Phase, RuleSelector, RuleState, Ruleset, Selector, Target, Trace, Variable,
};

/// Rules that are screened in every way that there is, before the built-in ones.
const RULES: &str = r#"
SecAction "id:20,phase:1,pass,nolog,setvar:tx.Level=1,setvar:tx.other=%{tx.level}"
SecRule &TX:blocking_paranoia_level "@eq 0" "id:21,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=1"
SecRule &TX:threshold "@eq 0" "id:22,phase:1,pass,nolog,setvar:tx.threshold=5"
SecRule TX:BLOCKING_PARANOIA_LEVEL "!@lt 2" "id:23,phase:1,pass,nolog,skipAfter:END-OF-LEVELS"
SecRule TX:other "@eq 1" "id:24,phase:1,pass,nolog,setvar:!tx.level,setvar:tx.other=+%{tx.threshold}"
SecMarker END-OF-LEVELS
SecAction "id:60,phase:1,pass,nolog,setvar:tx.fixed=1,setvar:tx.taken=1,setvar:tx.made_a=1,setvar:tx.late=1"
SecRule REQBODY_PROCESSOR "!@streq URLENCODED" "id:1,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On"
SecRule ARGS|!ARGS:a "@rx union\s+select" "id:2,phase:2,pass,t:none,t:urlDecodeUni,t:lowercase"
SecRule ARGS:/^b/|REQUEST_HEADERS:User-Agent "@pm passwd <SCRIPT ${" "id:3,phase:2,pass,t:none,setvar:tx.n=+1"
SecRule REQUEST_BODY|REQUEST_COOKIES "@contains alert(" "id:4,phase:2,pass,t:none,t:htmlEntityDecode"
SecRule ARGS "@rx <script" "id:5,phase:2,pass,t:none,t:lowercase,t:jsDecode,t:base64Decode,multiMatch"
SecRule ARGS "@rx ^(?:\.\./)+" "id:6,phase:2,pass,t:none,t:lowercase,t:removeNulls,chain"
SecRule MATCHED_VAR "@contains etc" "setvar:tx.n=+1"
SecRule ARGS|REQUEST_COOKIES "@rx or|\d" "id:10,phase:2,pass,t:none,t:urlDecodeUni,logdata:'%{MATCHED_VAR}',chain"
SecRule MATCHED_VARS "@rx --|/[*]" "t:none,t:htmlEntityDecode,t:lowercase,setvar:tx.n=+1"
SecRule ARGS|REQUEST_URI_RAW "@detectXSS" "id:7,phase:2,pass,t:none,t:urlDecodeUni,capture"
SecRule REQUEST_FILENAME "@validateByteRange 32-100" "id:8,phase:1,pass,ctl:requestBodyProcessor=XML"
SecRule REQUEST_BODY "@rx a" "id:9,phase:1,pass"
SecRule TX:n "@gt 1" "id:30,phase:2,pass,nolog,skip:1"
SecAction "id:31,phase:2,pass,nolog,setvar:tx.n=+10"
SecRule TX:n "@gt 1" "id:32,phase:2,pass,nolog,skipAfter:END-OF-NAMES"
SecRule ARGS_NAMES "@rx ^.*$" "id:33,phase:2,pass,capture,setvar:tx.name_%{tx.0}=/%{tx.0}/,chain"
SecRule TX:/^name_/|TX:/^[0-9]$/ "@within /a/ /user-agent/" "setvar:tx.n=+%{tx.threshold}"
SecRule &TX:/^name_*/ "@ge 2" "id:34,phase:2,pass"
SecMarker END-OF-NAMES
SecRule TX:FIXED "@lt 2" "id:61,phase:2,pass,nolog,skipAfter:END-OF-FIXED"
SecRule ARGS "@rx word" "id:62,phase:2,pass,setvar:tx.n=+1,setvar:tx.fixed=2"
SecAction "id:63,phase:2,pass,ctl:ruleRemoveById=61"
SecMarker END-OF-FIXED
SecRule ARGS "@contains select" "id:64,phase:1,pass,nolog,ctl:ruleRemoveById=65"
SecRule TX:taken "@eq 1" "id:65,phase:2,pass,nolog,skipAfter:END-OF-TAKEN"
SecRule ARGS "@rx word|select" "id:66,phase:2,pass,setvar:tx.n=+1"
SecMarker END-OF-TAKEN
SecRule ARGS "@contains cat" "id:67,phase:1,pass,nolog,ctl:ruleRemoveTargetById=69;TX:taken"
SecRule ARGS "@rx ^a" "id:68,phase:1,pass,nolog,capture,setvar:tx.made_%{tx.0}=2"
SecRule TX:taken "@eq 1" "id:69,phase:2,pass,nolog,skip:1"
SecRule ARGS|REQUEST_COOKIES "@rx cat" "id:70,phase:2,pass,setvar:tx.n=+1"
SecRule TX:made_a "@eq 1" "id:71,phase:2,pass,nolog,skip:1"
SecRule ARGS "@rx a" "id:72,phase:2,pass,setvar:tx.n=+1"
SecRule TX:late "@eq 1" "id:73,phase:2,pass,nolog,skip:1"
SecRule ARGS "@rx or" "id:74,phase:2,pass,setvar:tx.n=+1"
SecRule ARGS "@rx or" "id:75,phase:2,pass,nolog,setvar:tx.late=2"
SecRule TX:late "@eq 1" "id:76,phase:3,pass,nolog,skipAfter:END-OF-LATE"
SecRule ARGS "@rx or" "id:77,phase:3,pass"
SecMarker END-OF-LATE
SecRule TX:fixed "@eq 3" "id:78,phase:3,pass,chain"
SecRule ARGS "@rx or"
"#;

/// Rules that sum up what others found, as CRS does, and a chain that passes values on.
const SUMS: &str = r#"
SecAction "id:1,phase:1,pass,nolog,setvar:tx.level=2,setvar:tx.limit=5,setvar:tx.listed=/a/ /cat/ /bc/,setvar:tx.score=0"
SecRule REQUEST_FILENAME "@contains word" "id:2,phase:1,pass,nolog,setvar:tx.score=+3,setvar:tx.late=1"
SecRule TX:level "@ge 1" "id:3,phase:1,pass,nolog,setvar:tx.sum=+%{tx.score}"
SecRule TX:level "@ge 2" "id:4,phase:1,pass,nolog,severity:3,setvar:tx.sum=+%{tx.score},setvar:tx.SUM_of_two=%{tx.sum}"
SecRule TX:level "@ge 3" "id:5,phase:1,pass,nolog,setvar:tx.sum=+100"
SecRule TX:sum "@ge %{tx.limit}" "id:6,phase:1,deny,log"
SecRule ARGS_NAMES|!ARGS_NAMES:B|REQUEST_HEADERS_NAMES "@rx ^.*$" "id:7,phase:2,pass,capture,t:none,t:lowercase,setvar:tx.own_%{tx.0}=/%{tx.0}/,chain"
SecRule TX:/^own_/ "@within %{tx.listed}" "setvar:tx.score=+1"
SecRule TX:0 "@rx ." "id:8,phase:2,pass,log,logdata:'%{tx.0}'"
SecRule TX:/counter_.*/ "@gt 1" "id:9,phase:2,pass,log"
SecRule TX:/_a.*/ "!@rx [^/a]" "id:17,phase:2,pass,log"
SecRule TX:/word.*/ "@rx ." "id:18,phase:2,pass,log"
SecRule ARGS "@rx 1" "id:10,phase:2,pass,nolog,setvar:tx.score=+1,setvar:tx.counter_x=+1,setvar:!tx.late"
SecRule TX:level "@lt 2" "id:11,phase:2,pass,nolog,skipAfter:END"
SecRule &TX:late "@eq 0" "id:12,phase:2,pass,nolog,setvar:tx.sum=+%{tx.score},skip:1"
SecAction "id:13,phase:2,pass,nolog,setvar:tx.sum=%{tx.score}"
SecMarker END
SecRule TX:score "@gt 2" "id:14,phase:2,deny,log,setvar:tx.denied=1"
SecAction "id:15,phase:5,pass,nolog,setvar:tx.after=%{tx.sum}"
SecRule TX:after "@eq 0" "id:16,phase:5,pass,nolog,setvar:!tx.sum"
"#;

/// What attacks and ordinary values are made of.
const PARTS: &[&str] = &[
    "union",
    "SELECT",
    " ",
    "+",
    "%20",
    "<script",
    "<ScRiPt>",
    "alert(",
    "1",
    ")",
    "'",
    "\"",
    "../",
    "etc/passwd",
    "%2e%2e/",
    "\\u003c",
    "\\x3c",
    "&lt;",
    "&#x61;",
    "or",
    "=",
    "1=1",
    "--",
    "/*",
    "*/",
    ";",
    "cat ",
    "${jndi:",
    "ldap:",
    "PHNjcmlwdA==",
    "\0",
    "a",
    "word",
    "http://",
    "localhost",
    "{{",
    "}}",
    "system(",
    "onerror",
    ".php",
    "\n",
    "é",
    "%",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PARTS), 0..8).prop_map(|parts| parts.concat())
}

fn fields() -> impl Strategy<Value = Fields> {
    let name = prop_oneof![Just("a".to_owned()), Just("B".to_owned()), Just("bc".to_owned()), text()];
    prop::collection::vec((name, text()), 0..4)
        .prop_map(|pairs| pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect())
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let processor = prop::sample::select(vec![Processor::None, Processor::UrlEncoded, Processor::Json]);
    (text(), text(), text(), fields(), text(), processor).prop_map(
        |(path, agent, cookie, arguments, raw, processor)| {
            let headers =
                [("Host", "shop.test"), ("User-Agent", agent.as_str()), ("Cookie", cookie.as_str())];
            let head = RequestHead {
                method: b"POST".to_vec(),
                target: format!("/{path}?b={path}").into_bytes(),
                protocol: b"HTTP/1.1".to_vec(),
                headers: headers.into_iter().collect(),
            };
            let mut transaction = Transaction::new("0a", 0, Connection::default(), head, &Limits::default());
            let raw = raw.into_bytes();
            transaction.body =
                Body { processor, arguments, bytes_total: raw.len() as u64, raw, ..Body::default() };
            transaction
        },
    )
}

/// What matched, and the variables of `TX` after that.
type Judged = (Vec<Match>, Vec<(Vec<u8>, Vec<u8>)>);

/// Judges a transaction that begins with these variables.
fn evaluate(
    ruleset: &Ruleset,
    variables: &InitialVariables,
    transaction: &Transaction,
    trace: Option<Trace>,
) -> Judged {
    let mut state = RuleState::new(ruleset);
    state.set_variables(variables);
    state.trace = trace;
    for phase in Phase::ALL {
        ruleset.evaluate(phase, transaction, 0, &mut state);
    }
    let variables = state.memory.tx.iter().map(|entry| (entry.name.to_vec(), entry.value.to_vec()));
    (state.matches, variables.collect())
}

#[test]
fn what_no_transaction_comes_to_is_not_screened() {
    let ruleset = ruleset();
    let [prepared, _] = variables(&ruleset, 0);
    let screen = prepared.prologue.expect("was prepared").screen.clone();
    let is_there = |id: u32| {
        let index = ruleset.rules.iter().position(|rule| rule.id.get() == id).expect("is a rule");
        screen.has(index as u32)
    };
    let there: Vec<_> = [62, 66, 70, 72, 74, 77].into_iter().filter(|id| is_there(*id)).collect();
    assert_eq!(there, [66, 70, 72, 74, 77], "a rule that may run must be screened, and 62 never runs");
}

#[test]
fn an_exclusion_opens_ways_that_were_closed() {
    let ruleset = ruleset();
    let [prepared, _] = variables(&ruleset, 0);
    let fixed = Target {
        variable: Variable::Tx,
        selector: Selector::Named(b"fixed".as_slice().into()),
        count: false,
    };
    for (excluded, target, found) in
        [(None, None, false), (Some(61), None, true), (Some(61), Some(fixed), true), (Some(65), None, false)]
    {
        let mut state = RuleState::new(&ruleset);
        state.set_variables(&prepared);
        if let Some(id) = excluded {
            let exclusion = ruleset.exclusion(&RuleSelector::Ids(vec![id..=id]), target);
            ruleset.prepare_exclusion(&prepared, &exclusion);
            state.exclude(&exclusion);
        }
        let head = RequestHead { target: b"/?a=word".to_vec(), ..RequestHead::default() };
        let transaction = Transaction::new("0a", 0, Connection::default(), head, &Limits::default());
        for phase in Phase::ALL {
            ruleset.evaluate(phase, &transaction, 0, &mut state);
        }
        let is_there = state.matches.iter().any(|it| it.id.get() == 62);
        assert_eq!(is_there, found, "without {excluded:?}");
    }
}

/// The variables that transactions begin with, prepared and as they are.
fn variables(ruleset: &Ruleset, level: u8) -> [InitialVariables; 2] {
    let plain: InitialVariables = match level {
        0 => InitialVariables::default(),
        _ => [("blocking_paranoia_level", level.to_string())].into_iter().collect(),
    };
    [ruleset.prepare(&plain), plain]
}

fn ruleset() -> Ruleset {
    let mut sources = vec![Source::text("test.conf", RULES)];
    sources.extend(crate::builtin::sources());
    ruleset_of(sources)
}

fn ruleset_of(sources: Vec<Source>) -> Ruleset {
    let loaded = seclang::load(sources, &MemoryFiles::default());
    let diagnostics: Vec<_> = loaded.diagnostics.iter().map(|found| found.render(false)).collect();
    assert!(!loaded.has_errors(), "{}", diagnostics.join("\n"));
    loaded.ruleset
}

#[test]
fn finds_what_is_found_without_it() {
    let ruleset = ruleset();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(600));
    let variables = [0, 1, 2].map(|level| variables(&ruleset, level));
    runner
        .run(
            &(transaction(), prop::sample::select(variables.to_vec())),
            |(transaction, [prepared, plain])| {
                let screened = evaluate(&ruleset, &prepared, &transaction, None);
                // Whoever is traced is not screened, nor is anything of what is known beforehand used.
                let all = evaluate(&ruleset, &plain, &transaction, Some(Trace::default()));
                prop_assert_eq!(&screened, &all);
                // Nor does what is remembered of its values change anything.
                prop_assert_eq!(&evaluate(&ruleset, &plain, &transaction, None), &all);
                Ok(())
            },
        )
        .unwrap();
    let attack = RequestHead { target: b"/?b=%3CSCRIPT%3Ealert(1)".to_vec(), ..RequestHead::default() };
    let transaction = Transaction::new("0a", 0, Connection::default(), attack, &Limits::default());
    assert!(evaluate(&ruleset, &variables[0][1], &transaction, None).0.len() > 2, "nothing was screened in");
}

#[test]
fn outcomes_that_are_known_change_nothing() {
    let ruleset = ruleset_of(vec![Source::text("test.conf", SUMS)]);
    let plain = InitialVariables::default();
    let prepared = ruleset.prepare(&plain);
    let known = prepared.prologue.clone().expect("was prepared");
    let id = |index: u32| ruleset.rules[index as usize].id.get();
    let begins: Vec<_> = known.routines.keys().map(|rule| id(*rule)).collect();
    let passed: Vec<_> = known.passed_on.iter().map(|(rule, _)| id(*rule)).collect();
    assert_eq!((begins.as_slice(), passed.as_slice()), ([3, 11, 15].as_slice(), [7].as_slice()));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(600));
    let mut judge = |transaction: &Transaction, from: &InitialVariables, trace| {
        let (matches, mut variables) = evaluate(&ruleset, from, transaction, trace);
        variables.retain(|(name, _)| !name.starts_with(b"own_"));
        (matches, variables)
    };
    let judge = std::cell::RefCell::new(&mut judge);
    runner
        .run(&transaction(), |transaction| {
            let mut judge = judge.borrow_mut();
            let known = judge(&transaction, &prepared, None);
            prop_assert_eq!(known, judge(&transaction, &plain, Some(Trace::default())));
            Ok(())
        })
        .unwrap();
}

#[test]
fn variables_that_others_look_at_are_made() {
    let chain = "SecRule ARGS_NAMES \"@rx ^.*$\" \"id:1,phase:2,pass,capture,setvar:tx.own_%{tx.0}=/%{tx.0}/,chain\"\n\
                 SecRule TX:/^own_/ \"@within /a/\" \"setvar:tx.n=+1\"\n";
    for (other, is_private) in [
        ("SecRule TX:other|TX:/^other_/ \"@rx .\" \"id:2,phase:2,pass\"", true),
        ("SecRule TX:/_a/ \"@gt 0\" \"id:2,phase:2,pass\"", true),
        ("SecRule TX:/_a/ \"!@gt 0\" \"id:2,phase:2,pass\"", true),
        ("SecRule TX:/_*/ \"@gt 0\" \"id:2,phase:2,pass\"", true),
        ("SecRule TX:/_*/ \"@lt 1\" \"id:2,phase:2,pass\"", false),
        ("SecRule TX:/_*/ \"!@gt 0\" \"id:2,phase:2,pass\"", false),
        ("SecRule TX:/^own_a$/ \"@rx .\" \"id:2,phase:2,pass\"", false),
        ("SecRule TX \"@rx .\" \"id:2,phase:2,pass\"", false),
        ("SecRule &TX \"@gt 20\" \"id:2,phase:2,pass\"", false),
        ("SecRule TX:Own_a \"@rx .\" \"id:2,phase:5,pass\"", false),
        ("SecRule TX:/^ow/ \"@rx .\" \"id:2,phase:2,pass\"", false),
        ("SecAction \"id:2,phase:2,pass,msg:'%{tx.OWN_b}'\"", false),
        ("SecAction \"id:2,phase:1,pass,setvar:tx.own_b=/a/\"", false),
        ("SecRule ARGS \"@rx .\" \"id:2,phase:1,pass,capture,setvar:tx.o%{tx.0}=/a/\"", false),
        ("SecRule ARGS \"@rx .\" \"id:2,phase:1,pass,capture,setvar:tx.b%{tx.0}=/a/\"", true),
    ] {
        let ruleset = ruleset_of(vec![Source::text("test.conf", format!("{chain}{other}\n"))]);
        let known = ruleset.prepare(&InitialVariables::default()).prologue.expect("was prepared");
        assert_eq!(!known.passed_on.is_empty(), is_private, "{other}");
    }
}
