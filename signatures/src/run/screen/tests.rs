//! Screened evaluation finds what evaluation without a screen finds.

use proptest::prelude::*;
use transaction::{Body, Connection, Fields, Limits, Processor, RequestHead, Transaction};

use crate::seclang::{self, MemoryFiles, Source};
use crate::{InitialVariables, Match, Phase, RuleState, Ruleset, Trace};

/// Rules that are screened in every way that there is, before the built-in ones.
const RULES: &str = r#"
SecAction "id:20,phase:1,pass,nolog,setvar:tx.Level=1,setvar:tx.other=%{tx.level}"
SecRule &TX:blocking_paranoia_level "@eq 0" "id:21,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=1"
SecRule &TX:threshold "@eq 0" "id:22,phase:1,pass,nolog,setvar:tx.threshold=5"
SecRule TX:BLOCKING_PARANOIA_LEVEL "!@lt 2" "id:23,phase:1,pass,nolog,skipAfter:END-OF-LEVELS"
SecRule TX:other "@eq 1" "id:24,phase:1,pass,nolog,setvar:!tx.level,setvar:tx.other=+%{tx.threshold}"
SecMarker END-OF-LEVELS
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
