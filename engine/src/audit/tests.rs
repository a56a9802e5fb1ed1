//! Rules, a transaction, and the record that is written.

use std::sync::Arc;

use signatures::seclang::MemoryFiles;
use transaction::{RequestHead, ResponseHead};

use super::AuditRecord;
use crate::{Evaluation, Outcome, Request, Snapshot, Step};

const RULES: &str = r#"
SecRuleEngine On
SecAuditLog /tmp/audit.log
SecResponseBodyAccess On
SecRule ARGS "@contains evil" "id:1,phase:2,deny,msg:'Evil %{MATCHED_VAR}',logdata:'in %{MATCHED_VAR_NAME}',\
    severity:CRITICAL,tag:'attack',rev:'2'"
SecRule ARGS "@contains odd" "id:2,phase:2,pass,log,noauditlog"
SecRule ARGS:e "@streq all" "id:3,phase:1,pass,nolog,ctl:auditEngine=On,ctl:auditLogParts=+E,ctl:auditLogParts=-H"
SecAction "id:4,phase:1,pass,nolog"
"#;

fn records(directives: &str, target: &str, body: &str) -> Vec<AuditRecord> {
    let text = "version: 1\nupstreams: { u: { servers: ['a:1'] } }\n\
                assets: [{ name: a, hosts: ['h'], upstream: u, policy: p }]\n\
                policies: { p: { mode: prevent, model: none, signatures: { rules: [r.conf] } } }\n";
    let files = MemoryFiles::default().with("r.conf", format!("{RULES}{directives}\n"));
    let built = Snapshot::build("p.yaml", text, &files, 0)
        .map_err(|found| found.iter().map(|it| it.render(false)).collect::<String>());
    let snapshot = Arc::new(built.unwrap_or_else(|found| panic!("{found}")).0);
    let headers =
        [("Host", "h"), ("Cookie", "sid=abcdefgh"), ("Content-Type", "application/x-www-form-urlencoded")];
    let head = RequestHead {
        method: b"POST".to_vec(),
        target: target.into(),
        protocol: b"HTTP/1.1".to_vec(),
        headers: headers.into_iter().collect(),
    };
    let request = Request {
        id: "0123456789abcdef".into(),
        started_us: 1_790_000_000_000_000,
        head,
        ..Request::default()
    };
    let mut evaluation = Evaluation::begin(snapshot, request);
    let mut status = 200;
    let mut stopped = evaluation.request_headers() != Step::Continue
        || evaluation.request_body(body.as_bytes()) != Step::Continue
        || evaluation.request_end() != Step::Continue;
    if !stopped {
        let headers = [("Content-Type", "text/html"), ("Set-Cookie", "sid=12345678")].into_iter().collect();
        let head = ResponseHead { status: 200, protocol: b"HTTP/1.1".to_vec(), headers };
        stopped = evaluation.response_headers(head) != Step::Continue
            || evaluation.response_body(b"<p>") != Step::Continue
            || evaluation.response_end() != Step::Continue;
    }
    if stopped {
        status = 403;
    }
    evaluation.close();
    evaluation.audit(&Outcome { status, total_us: 20, inspect_us: 10, ..Outcome::default() })
}

#[test]
fn the_engine_says_which_transactions_are_logged() {
    for (directives, target, logged) in [
        ("", "/?q=evil", false),
        ("SecAuditEngine On", "/", true),
        ("SecAuditEngine Off", "/?q=evil", false),
        ("SecAuditEngine Off", "/?e=all", true),
        ("SecAuditEngine RelevantOnly", "/", false),
        ("SecAuditEngine RelevantOnly", "/?q=evil", true),
        ("SecAuditEngine RelevantOnly", "/?q=odd", false),
        ("SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus \"^(?:5|4(?!04))\"", "/", false),
        ("SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus ^2", "/?q=odd", true),
    ] {
        let found = records(directives, target, "a=b");
        assert_eq!(!found.is_empty(), logged, "{directives} {target}");
        assert!(found.iter().all(|it| it.log.as_deref() == Some("/tmp/audit.log") && it.file.is_none()));
    }
}

#[test]
fn native_records_have_the_parts_that_are_asked_for() {
    let text = |directives: &str, target: &str, body: &str| {
        let found = records(&format!("SecAuditEngine On\n{directives}"), target, body);
        assert_eq!(found.len(), 1, "{directives} {target}");
        found[0].text.clone()
    };
    let parts = |text: &str| -> String {
        let sections = text.lines().filter(|line| line.starts_with("--fedcba98-"));
        sections.filter_map(|line| line.chars().nth(11)).collect()
    };
    for (directives, target, expected) in [
        ("", "/", "ABCFHZ"),
        ("SecAuditLogParts ABZ", "/", "ABZ"),
        ("SecAuditLogParts ABCEFHIJKZ", "/", "ABCEFHKZ"),
        ("SecAuditLogParts ABIZ", "/", "ABIZ"),
        ("", "/?e=all", "ABCEFZ"),
    ] {
        assert_eq!(parts(&text(directives, target, "a=b")), expected, "{directives} {target}");
    }
    let whole = text("SecAuditLogParts ABCEFHKZ", "/?q=evil&password=hunter22", "pin=1234&b=hunter22");
    for line in [
        "[21/Sep/2026:14:13:20 +0000] 0123456789abcdef 127.0.0.1 0 127.0.0.1 80",
        "POST /?q=evil&password=[masked] HTTP/1.1",
        "Cookie: [masked]",
        "pin=[masked]&b=[masked]",
        "HTTP/1.1 403",
        "Message: Warning. Matched \"evil\" at ARGS:q. [file \"r.conf\"] [line \"5\"] [id \"1\"] [rev \"2\"] \
         [msg \"Evil evil\"] [data \"in ARGS:q\"] [severity \"2\"] [ver \"\"] [tag \"attack\"]",
        "Action: Intercepted (phase 2)",
        "Engine-Mode: \"Enabled\"",
        "SecAction \"id:4,phase:1,pass,nolog\"",
    ] {
        assert!(whole.lines().any(|found| found == line), "`{line}` is not in\n{whole}");
    }
    assert!(!whole.contains("hunter22") && !whole.contains("1234&"), "{whole}");
    let forged = text("", "/", "a=b\n--fedcba98-Z--\nx");
    assert_eq!(parts(&forged), "ABCFHZ", "no request writes a section\n{forged}");
}

#[test]
fn what_rules_want_hidden_is_hidden() {
    for (actions, target, body) in [
        ("sanitiseArg:card", "/?q=evil&card=visible1", "x=visible1"),
        ("sanitiseRequestHeader:X-Key", "/?q=evil", "x=visible1"),
        ("sanitiseMatched", "/?q=evil-visible1", "x=1"),
        ("sanitiseMatchedBytes:1/4", "/?q=evil-visible1", "x=1"),
    ] {
        let rule = format!(
            "SecRule ARGS|REQUEST_HEADERS \"@contains visible1\" \"id:9,phase:2,pass,log,{actions}\""
        );
        let directives = format!("SecAuditEngine On\nSecAuditLogParts ABCEFHJKZ\n{rule}");
        let text = &records(&directives, target, body)[0].text;
        let without_rules = text.replace(&rule, "");
        let is_hidden = !without_rules.contains("visible1");
        assert_eq!(is_hidden, !actions.contains("Header"), "{actions}\n{text}");
    }
}

#[test]
fn json_records_are_one_line() {
    let directives = "SecAuditEngine On\nSecAuditLogFormat JSON\nSecAuditLogParts ABCEFHJKZ";
    let found = records(directives, "/?q=odd", "password=hunter22");
    let text = &found[0].text;
    assert_eq!((text.matches('\n').count(), text.ends_with('\n')), (1, true));
    let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let transaction = &value["transaction"];
    for (pointer, expected) in [
        ("/unique_id", "\"0123456789abcdef\""),
        ("/time_stamp", "\"Mon Sep 21 14:13:20 2026\""),
        ("/request/method", "\"POST\""),
        ("/request/http_version", "\"1.1\""),
        ("/request/uri", "\"/?q=odd\""),
        ("/request/headers/Cookie", "\"[masked]\""),
        ("/request/body", "\"password=[masked]\""),
        ("/response/http_code", "200"),
        ("/response/headers/Set-Cookie", "\"[masked]\""),
        ("/response/body", "\"<p>\""),
        ("/is_interrupted", "false"),
        ("/producer/secrules_engine", "\"Enabled\""),
        ("/messages/0/details/ruleId", "\"2\""),
        ("/messages/0/details/lineNumber", "\"7\""),
        ("/matched_rules", "[4,2]"),
    ] {
        let found = transaction.pointer(pointer).map(ToString::to_string);
        assert_eq!(found.as_deref(), Some(expected), "{pointer} of {text}");
    }
}

#[test]
fn concurrent_records_are_files_with_a_line_in_the_index() {
    let directives = "SecAuditEngine On\nSecAuditLogType Concurrent\nSecAuditLogStorageDir /var/audit\n\
                      SecAuditLogDirMode 0750\nSecAuditLogFileMode 0640";
    let found = records(directives, "/?q=%22evil&password=hunter22", "");
    let (record, file) = (&found[0], found[0].file.as_ref().expect("a file"));
    assert_eq!(
        (&*file.storage, file.directory_mode, record.file_mode),
        ("/var/audit", Some(0o750), Some(0o640))
    );
    assert_eq!(file.directories, ["20260921", "20260921/20260921-1413"]);
    assert_eq!(file.path, "20260921/20260921-1413/20260921-141320-0123456789abcdef");
    let line = file.index(&file.path, "abc");
    let expected = "h 127.0.0.1 - - [21/Sep/2026:14:13:20 +0000] \"POST /?q=\\\"evil&password=[masked] HTTP/1.1\" 403 0 \
                    \"-\" \"-\" 0123456789abcdef \"-\" /20260921/20260921-1413/20260921-141320-0123456789abcdef 0 3 \
                    md5:900150983cd24fb0d6963f7d28e17f72\n";
    assert_eq!(line, expected);
}
