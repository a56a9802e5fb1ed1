//! Requests one after another, with what rules remember between them.

use std::sync::Arc;

use transaction::{Connection, Limits, RequestHead, Transaction};

use super::super::RuleState;
use crate::collections::{CollectionStore, MemoryStore};
use crate::seclang::{self, MemoryFiles, Source};
use crate::{Phase, Ruleset};

fn load(rules: &str) -> Ruleset {
    let loaded = seclang::load(vec![Source::text("test.conf", rules)], &MemoryFiles::default());
    let diagnostics: Vec<_> = loaded.diagnostics.iter().map(|found| found.render(false)).collect();
    assert!(diagnostics.is_empty(), "{}", diagnostics.join("\n"));
    loaded.ruleset
}

/// One request at a time (seconds since an epoch of its own); the ids that matched.
fn send(rules: &Ruleset, store: &Arc<dyn CollectionStore>, at_s: i64, target: &str) -> Vec<u32> {
    let now_us = (1_790_000_000 + at_s) * 1_000_000;
    let head = RequestHead {
        method: b"GET".to_vec(),
        target: target.into(),
        protocol: b"HTTP/1.1".to_vec(),
        headers: [("Host", "h")].into_iter().collect(),
    };
    let transaction = Transaction::new("0", now_us, Connection::default(), head, &Limits::default());
    let mut state = RuleState::new(rules);
    state.use_store(store.clone());
    for phase in Phase::ALL {
        rules.evaluate(phase, &transaction, now_us, &mut state);
    }
    state.commit(rules, now_us);
    state.matches.iter().map(|found| found.id.get()).collect()
}

/// Rules, and requests with when they come and which rules match.
#[track_caller]
fn check(rules: &str, requests: &[(i64, &str, &[u32])]) {
    let (ruleset, store) = (load(rules), Arc::new(MemoryStore::default()));
    let store: Arc<dyn CollectionStore> = store;
    for (index, (at_s, target, expected)) in requests.iter().enumerate() {
        let found = send(&ruleset, &store, *at_s, target);
        assert_eq!(&found, expected, "request {index}, {target} at {at_s} s, of {rules}");
    }
}

const OPEN: &str = r#"SecAction "id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}""#;

#[test]
fn counts_over_requests() {
    check(
        &format!(
            r#"{OPEN}
            SecRule IP:n "@ge 2" "id:2,phase:1,deny"
            SecRule ARGS:login "@rx ." "id:3,phase:2,pass,nolog,setvar:ip.n=+1"
            SecRule &IP:n "@eq 0" "id:4,phase:5,pass,nolog"
            SecRule ARGS:say "@streq %{{ip.n}}" "id:5,phase:5,pass,nolog""#
        ),
        &[
            (0, "/?a=1", &[1, 4]),
            (1, "/?login=x", &[1, 3]),
            (2, "/?login=x&say=2", &[1, 3, 5]),
            (3, "/?a=1", &[1, 2]),
        ],
    );
}

#[test]
fn keys_keep_records_apart() {
    check(
        r#"SecRule ARGS:s "@rx ." "id:1,phase:1,pass,nolog,setsid:%{MATCHED_VAR}"
           SecRule ARGS:u "@rx ." "id:2,phase:1,pass,nolog,setuid:%{MATCHED_VAR},setvar:user.seen=1"
           SecRule ARGS:r "@rx ." "id:3,phase:1,pass,nolog,setrsc:%{MATCHED_VAR},setvar:resource.seen=1"
           SecAction "id:4,phase:1,pass,nolog,initcol:global=global"
           SecRule SESSION:seen "@eq 1" "id:5,phase:1,pass,nolog"
           SecRule USER:seen|RESOURCE:seen "@eq 1" "id:6,phase:1,pass,nolog"
           SecRule GLOBAL:n "@ge 3" "id:7,phase:1,pass,nolog"
           SecAction "id:8,phase:2,pass,nolog,setvar:session.seen=1,setvar:global.n=+1"
           SecRule SESSIONID|USERID "@rx ^.$" "id:9,phase:5,pass,nolog""#,
        &[
            (0, "/?s=a", &[1, 4, 8, 9]),
            (1, "/?s=b", &[1, 4, 8, 9]),
            (2, "/?s=a&u=c", &[1, 2, 4, 5, 6, 8, 9]),
            (3, "/?r=d", &[3, 4, 6, 7, 8]),
            (4, "/?u=e&r=d", &[2, 3, 4, 6, 7, 8, 9]),
        ],
    );
}

#[test]
fn applications_share_addresses_but_no_sessions() {
    let rules = |application: &str| {
        load(&format!(
            r#"SecWebAppId {application}
            SecAction "id:1,phase:1,pass,nolog,setsid:a,initcol:ip=%{{REMOTE_ADDR}}"
            SecRule SESSION:n "@ge 1" "id:2,phase:1,pass,nolog"
            SecRule IP:n "@ge 1" "id:3,phase:1,pass,nolog"
            SecAction "id:4,phase:2,pass,nolog,setvar:session.n=+1,setvar:ip.n=+1""#
        ))
    };
    let store: Arc<dyn CollectionStore> = Arc::new(MemoryStore::default());
    for (application, expected) in
        [("shop", &[1, 4][..]), ("blog", &[1, 3, 4]), ("shop", &[1, 2, 3, 4]), ("blog", &[1, 2, 3, 4])]
    {
        assert_eq!(send(&rules(application), &store, 0, "/"), expected, "{application}");
    }
}

#[test]
fn variables_and_records_expire() {
    check(
        &format!(
            r#"SecCollectionTimeout 100
            {OPEN}
            SecRule IP:blocked "@eq 1" "id:2,phase:1,deny"
            SecRule IP:n "@ge 1" "id:3,phase:1,pass,nolog"
            SecRule ARGS:bad "@eq 1" "id:4,phase:2,pass,nolog,expirevar:ip.blocked=60,setvar:ip.blocked=1,setvar:ip.n=+1"
            SecRule ARGS:keep "@eq 1" "id:5,phase:2,pass,nolog,setvar:ip.timeout=1000,setvar:ip.n=+1""#
        ),
        &[
            (0, "/?bad=1", &[1, 4]),
            (59, "/", &[1, 2, 3]),
            (60, "/", &[1, 3]),
            (100, "/", &[1]),
            (200, "/?keep=1", &[1, 5]),
            (1199, "/", &[1, 3]),
            (1200, "/", &[1]),
        ],
    );
}

#[test]
fn counters_decay() {
    check(
        &format!(
            r#"{OPEN}
            SecAction "id:2,phase:5,pass,nolog,deprecatevar:ip.n=60/300"
            SecRule ARGS:add "@rx ." "id:3,phase:1,pass,nolog,setvar:ip.n=+%{{MATCHED_VAR}}"
            SecRule ARGS:is "@streq %{{ip.n}}" "id:4,phase:1,pass,nolog""#
        ),
        &[
            (0, "/?add=100", &[1, 3, 2]),
            (299, "/?is=100", &[1, 4, 2]),
            (301, "/?is=100", &[1, 4, 2]),
            (302, "/?is=40", &[1, 4, 2]),
            (700, "/?is=40", &[1, 4, 2]),
            (701, "/?is=0", &[1, 4, 2]),
        ],
    );
}

#[test]
fn records_say_what_they_are() {
    check(
        &format!(
            r#"SecRule &IP "@eq 0" "id:10,phase:1,pass,nolog"
            {OPEN}
            SecRule IP:IS_NEW "@eq 1" "id:2,phase:1,pass,nolog"
            SecRule IP:KEY "@streq 127.0.0.1" "id:3,phase:1,pass,nolog"
            SecRule IP:UPDATE_COUNTER "@eq 2" "id:4,phase:1,pass,nolog"
            SecRule IP:CREATE_TIME "@eq 1790000000" "id:5,phase:1,pass,nolog"
            SecRule IP:LAST_UPDATE_TIME "@eq 1790000030" "id:6,phase:1,pass,nolog"
            SecRule IP:UPDATE_RATE "@eq 2" "id:7,phase:1,pass,nolog"
            SecRule IP:TIMEOUT "@eq 3600" "id:8,phase:1,pass,nolog"
            SecRule ARGS:change "@rx ." "id:9,phase:2,pass,nolog,setvar:ip.x=1,setvar:ip.create_time=5""#
        ),
        &[
            // What no rule changed is not kept, and new the next time.
            (-9, "/", &[10, 1, 2, 3, 8]),
            (0, "/?change=1", &[10, 1, 2, 3, 5, 8, 9]),
            (30, "/?change=1", &[10, 1, 3, 5, 7, 8, 9]),
            (60, "/", &[10, 1, 3, 4, 5, 6, 7, 8]),
        ],
    );
}

#[test]
fn the_order_of_opening_and_setting_does_not_matter() {
    for actions in ["initcol:ip=a,setvar:ip.n=+1", "setvar:ip.n=+1,initcol:ip=a,initcol:ip=b"] {
        check(
            &format!(
                r#"SecAction "id:1,phase:1,pass,nolog,{actions}"
                SecRule IP:n "@eq 2" "id:2,phase:1,pass,nolog""#
            ),
            &[(0, "/", &[1]), (1, "/", &[1, 2])],
        );
    }
    check(
        r#"SecRule ARGS:a "@rx ." "id:1,phase:1,pass,nolog,initcol:ip=a,chain"
             SecRule ARGS:b "@rx ." "setvar:ip.n=+1"
           SecRule IP:n "@eq 2" "id:2,phase:1,pass,nolog""#,
        &[(0, "/?a=1", &[]), (1, "/?a=1&b=1", &[1]), (2, "/?a=1&b=1", &[1, 2])],
    );
}

#[test]
fn a_body_in_segments_counts_once() {
    let rules = load(&format!(
        r#"{OPEN}
        SecRule ARGS:x "@rx ." "id:2,phase:2,pass,nolog,setvar:ip.n=+1"
        SecRule ARGS:y "@rx ." "id:3,phase:2,pass,nolog,setvar:ip.m=+1"
        SecAction "id:4,phase:5,pass,nolog,setvar:ip.n=+10""#
    ));
    let memory = Arc::new(MemoryStore::default());
    let store: Arc<dyn CollectionStore> = memory.clone();
    let head = |target: &str| RequestHead { target: target.into(), ..RequestHead::default() };
    let request =
        |target: &str| Transaction::new("0", 0, Connection::default(), head(target), &Limits::default());
    let mut state = RuleState::new(&rules);
    state.use_store(store.clone());
    rules.evaluate(Phase::RequestHeaders, &request("/"), 0, &mut state);
    state.begin_segments();
    for (index, target) in ["/?x=1&y=1", "/?x=2", "/"].into_iter().enumerate() {
        if index > 0 {
            state.next_segment();
        }
        rules.evaluate(Phase::RequestBody, &request(target), 0, &mut state);
    }
    rules.evaluate(Phase::Logging, &request("/"), 0, &mut state);
    state.commit(&rules, 0);
    let key = crate::collections::CollectionKey::new(
        crate::collections::PersistentCollection::Ip,
        None,
        b"127.0.0.1",
    );
    let record = memory.load(&key, 0).expect("two rules changed it");
    let value = |name: &str| record.get(name.as_bytes()).map(|value| value.to_vec());
    assert_eq!((value("n"), value("m")), (Some(b"11".to_vec()), Some(b"1".to_vec())));
}
