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
