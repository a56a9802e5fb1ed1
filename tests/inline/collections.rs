//! What rules remember between requests, and what they have written of them.

use super::curl;
use super::nginx::Nginx;
use super::process::{Portcullis, Setup};

const RULES: &str = r#"
SecAction "id:100,phase:1,pass,nolog,initcol:global=all"
SecRule GLOBAL:n "@ge 20" "id:101,phase:1,deny,status:429,msg:'too many'"
SecRule ARGS:count "@rx ." "id:102,phase:1,pass,nolog,setvar:global.n=+1"
"#;

#[test]
fn counts_are_shared_by_all_threads_and_outlive_the_process() {
    let Some(nginx) = Nginx::start() else { return };
    let setup = Setup {
        more: "collections: { file: kept, entries_max: 1000 }".to_owned(),
        rules: RULES.to_owned(),
        ..Setup::new(nginx.address)
    };
    let proxy = Portcullis::start(&setup);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..4 {
                    assert_eq!(curl::get(&proxy.url("/early?count=1")).status, 200);
                }
            });
        }
    });
    assert_eq!(proxy.metric("portcullis_collections_entries"), 1.0);
    let proxy = proxy.restart(&setup);
    assert!(proxy.file("kept").is_file(), "{}", proxy.said());
    for _ in 16..20 {
        assert_eq!(curl::get(&proxy.url("/early?count=1")).status, 200);
    }
    assert_eq!(curl::get(&proxy.url("/early")).status, 429, "all twenty were counted");
}

#[test]
fn audit_records_are_written_when_a_rule_asks_for_them() {
    let Some(nginx) = Nginx::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("audit.log");
    let rules = format!(
        "SecAuditEngine RelevantOnly\nSecAuditLogFormat JSON\nSecAuditLogParts ABHZ\nSecAuditLog {}\n",
        log.display()
    );
    let mut proxy = Portcullis::start(&Setup { rules, ..Setup::new(nginx.address) });
    assert_eq!(curl::get(&proxy.url("/early")).status, 200);
    assert_eq!(curl::get(&proxy.url("/early?a=hostileword&password=hunter22")).status, 403);
    proxy.signal("TERM");
    assert!(proxy.ends_within(std::time::Duration::from_secs(10)), "{}", proxy.said());
    let text = std::fs::read_to_string(&log).expect("a log");
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(records.len(), 1, "{text}");
    let transaction = &records[0]["transaction"];
    assert_eq!(transaction["response"]["http_code"], 403);
    assert_eq!(transaction["messages"][0]["details"]["ruleId"], "1");
    assert!(!text.contains("hunter22"), "{text}");
}
