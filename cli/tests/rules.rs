//! `rules explain`, `rules convert` and the lints of `check`, as a user calls them.

use std::path::Path;
use std::process::{Command, Output};

const RULES: &str = r#"SecRule TX:LEVEL "@lt 2" "id:1000,phase:2,pass,nolog,skipAfter:END"
SecRule ARGS|!ARGS:editor "@rx union\s+select" \
    "id:1001,phase:2,deny,status:429,t:urlDecodeUni,t:lowercase,msg:'SQL in %{MATCHED_VAR_NAME}',severity:CRITICAL,\
    tag:'paranoia-level/2',setvar:'tx.score=+5',chain"
    SecRule REQUEST_METHOD "!@streq GET" "t:none"
SecRule ARGS "@rx etc/passwd" "id:1002,phase:2,deny"
SecMarker END
SecRuleUpdateTargetById 1001 "!ARGS:/^html_/"
SecRuleRemoveById 1002
"#;

const RECORDS: &str = r#"{"id":"a","request":{"method":"POST","target":"/?q=1+union+select+2&p=plain","protocol":"HTTP/1.1","headers":[["Host","a.test"]]}}
"#;

struct Run {
    code: Option<i32>,
    out: String,
    talk: String,
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

fn run(directory: &tempfile::TempDir, args: &[&str]) -> Run {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(args)
        .current_dir(directory.path())
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Run { code: status.code(), out: text(stdout), talk: text(stderr) }
}

#[test]
fn explains_a_rule_in_words() {
    let directory = directory(&[("r.conf", RULES), ("r.jsonl", RECORDS)]);
    let args = ["rules", "explain", "1001", "--rules", "r.conf", "--records", "r.jsonl"];
    let Run { out, talk, .. } = run(&directory, &args);
    for part in [
        "1001 SQL in %{matched_var_name}",
        "r.conf:2, phase 2",
        "severity critical",
        "active at paranoia level 2 and above",
        "skipped to END when TX:LEVEL is less than 2 (rule 1000)",
        "changed by r.conf:8: SecRuleUpdateTargetById 1001",
        "ARGS  query and body arguments",
        "but not at ARGS:editor, ARGS:/^html_/",
        "lowercase     Folds ASCII upper case",
        "matches when the value matches `union\\s+select`",
        "and then looks at\n  REQUEST_METHOD  the method\nmatches when the value is not `GET`",
        "adds 5 to tx.score",
        "stops the transaction with status 429",
        "asked only about values that hold `",
        "linear in the length",
        "measured on 1 requests",
        "SecRule ARGS|!ARGS:editor",
    ] {
        assert!(out.contains(part), "{part}\n{out}{talk}");
    }
}

#[test]
fn explains_a_rule_for_programs() {
    let directory = directory(&[("r.conf", RULES)]);
    let run = run(&directory, &["rules", "explain", "1001", "--rules", "r.conf", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!((&value["id"], &value["paranoia"]), (&1001.into(), &2.into()));
    assert_eq!(value["tests"].as_array().map(Vec::len), Some(2));
    assert_eq!(value["cost"]["screened"], true);
    assert_eq!(value["gates"][0]["rule"], 1000);
}

#[test]
fn says_who_removed_a_rule() {
    let directory = directory(&[("r.conf", RULES)]);
    let Run { code, talk, .. } = run(&directory, &["rules", "explain", "1002", "--rules", "r.conf"]);
    assert!(talk.contains("rule 1002 was removed by r.conf:9: `SecRuleRemoveById 1002`"), "{talk}");
    assert_eq!(code, Some(2));
}

#[test]
fn check_lints() {
    let one = "SecRule ARGS \"@rx etc/passwd\" \"id:1,phase:2,deny\"\n";
    let other = "SecRuleRemoveById 1\n";
    let configuration = "version: 1\nupstreams: { u: { servers: ['127.0.0.1:1'] } }\n\
        assets: [{ name: a, hosts: ['*'], upstream: u, policy: p }]\n\
        policies: { p: { signatures: { rules: [one.conf] } } }\n";
    let directory = directory(&[("one.conf", one), ("other.conf", other), ("c.yaml", configuration)]);
    for (args, expected, code) in [
        (&["check", "one.conf"][..], "1 file checked: clean", 0),
        (&["check", "one.conf", "--pedantic"], "note[case-evadable]", 0),
        (&["check", "c.yaml"], "1 file checked: clean", 0),
        (&["check", "c.yaml", "--pedantic"], "1 file checked: 1 note", 0),
        (&["check", "one.conf", "other.conf"], "warning[no-such-rule]", 0),
        (&["check", "one.conf", "other.conf", "--together"], "2 files checked: clean", 0),
        (&["check", "c.yaml", "--together"], "`--together` is for rule files", 2),
    ] {
        let run = run(&directory, args);
        assert!(run.talk.contains(expected), "{args:?}: {}", run.talk);
        assert_eq!(run.code, Some(code), "{args:?}");
    }
    for format in ["json", "sarif"] {
        let run = run(&directory, &["check", "one.conf", "--pedantic", "--format", format]);
        let value: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
        assert!(value.to_string().contains("\"note\""), "{value}");
    }
}

const MANIFEST: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: shop\n  annotations:\n    \
    nginx.ingress.kubernetes.io/enable-modsecurity: \"true\"\n    \
    nginx.ingress.kubernetes.io/modsecurity-snippet: |\n      SecRuleEngine On\n      \
    SecRule ARGS \"@rx A\" \"id:1,phase:2,deny\"\nspec:\n  \
    defaultBackend: { service: { name: shop, port: { number: 80 } } }\n";

#[test]
fn converts_and_does_not_overwrite() {
    let directory = directory(&[("ingress.yaml", MANIFEST)]);
    let args = ["rules", "convert", "ingress.yaml", "-o", "made"];
    let first = run(&directory, &args);
    assert_eq!(first.code, Some(0), "{}", first.talk);
    let made = directory.path().join("made");
    let rules = std::fs::read_to_string(made.join("rules/default-shop.conf")).expect("a rule file");
    assert!(rules.contains("@rx A") && Path::new(&made.join("portcullis.yaml")).exists());
    let check = run(&directory, &["check", "made/portcullis.yaml"]);
    assert_eq!((check.code, check.talk.contains("clean")), (Some(0), true), "{}", check.talk);
    let again = run(&directory, &args);
    assert!(again.talk.contains("exists already: `--force` overwrites it"), "{}", again.talk);
    assert_eq!(again.code, Some(2));
    let forced = run(&directory, &["rules", "convert", "ingress.yaml", "-o", "made", "--force"]);
    assert_eq!(forced.code, Some(0), "{}", forced.talk);
    let printed = run(&directory, &["rules", "convert", "ingress.yaml"]);
    assert!(printed.out.contains("version: 1") && printed.out.contains("# ---- rules/default-shop.conf"));
}
