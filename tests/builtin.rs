//! The built-in rules against their own cases, in process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::ftw::{Case, FtwFile, Runner};
use engine::{Evaluation, Snapshot};
use signatures::Ruleset;
use signatures::builtin;
use signatures::seclang::{self, MemoryFiles, Source};
use transaction::{Limits, Record, RequestHead, Shortfall};

#[test]
fn every_case_comes_out_as_written() {
    let levels = [ruleset(1), ruleset(2)];
    let limits = Limits::default();
    let mut failures = Vec::new();
    for (rule, file) in files() {
        let ruleset = &levels[usize::from(is_level_two(&levels[0], rule))];
        for case in &file.tests {
            if let Err(reason) = (Runner { ruleset, limits: &limits }).run(case) {
                failures.push(format!("{rule}-{}: {reason}", case.test_id));
            }
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_rule_has_a_case_it_catches_and_one_it_spares() {
    let files = files();
    let expects = |file: &FtwFile, rule, list: fn(&Case) -> Vec<u32>| {
        file.tests.iter().any(|case| list(case).contains(&rule))
    };
    let incomplete: BTreeSet<u32> = logging_rules(&ruleset(1))
        .into_iter()
        .filter(|rule| {
            !files.get(rule).is_some_and(|file| expects(file, *rule, caught) && expects(file, *rule, spared))
        })
        .collect();
    assert!(incomplete.is_empty(), "without a case of either kind: {incomplete:?}");
}

#[test]
fn every_file_of_cases_belongs_to_a_rule() {
    let rules = logging_rules(&ruleset(1));
    let strays: Vec<u32> = files().into_keys().filter(|rule| !rules.contains(rule)).collect();
    assert!(strays.is_empty(), "cases without a rule: {strays:?}");
}

fn caught(case: &Case) -> Vec<u32> {
    case.stages.iter().flat_map(|stage| stage.output.log.expect_ids.clone()).collect()
}

fn spared(case: &Case) -> Vec<u32> {
    case.stages.iter().flat_map(|stage| stage.output.log.no_expect_ids.clone()).collect()
}

/// The rules as a policy with this paranoia level has them, responses inspected.
fn ruleset(paranoia: u8) -> Ruleset {
    let level = format!(
        "SecResponseBodyAccess On
        SecAction \"id:1,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={paranoia}\""
    );
    let sources = [Source::text("level", level)].into_iter().chain(builtin::sources()).collect();
    let loaded = seclang::load(sources, &MemoryFiles::default());
    assert!(!loaded.has_errors());
    loaded.ruleset
}

fn is_level_two(ruleset: &Ruleset, id: u32) -> bool {
    let rule = ruleset.rules.iter().find(|rule| rule.id.get() == id);
    rule.is_some_and(|rule| rule.meta.tags.iter().any(|tag| tag.as_literal() == Some(b"paranoia-level/2")))
}

/// The rules that say something: those with a message.
fn logging_rules(ruleset: &Ruleset) -> BTreeSet<u32> {
    let speaking = ruleset.rules.iter().filter(|rule| rule.meta.msg.is_some());
    speaking.map(|rule| rule.id.get()).collect()
}

/// The case files by rule.
fn files() -> BTreeMap<u32, FtwFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signatures/rules/tests");
    std::fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a readable case");
            let file = FtwFile::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let file = file.unwrap_or_else(|| panic!("{}: no tests", path.display()));
            assert_eq!(
                path.file_stem().and_then(|stem| stem.to_str()),
                Some(file.rule_id.to_string().as_str())
            );
            (file.rule_id, file)
        })
        .collect()
}

fn judge(policy: &str, content_type: &str, body: &str) -> Evaluation {
    let text = format!(
        "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
         assets: [{{ name: a, hosts: ['*'], upstream: u, policy: p }}]\n\
         policies: {{ p: {{ mode: prevent, model: none, {policy} }} }}\n"
    );
    let built = Snapshot::build("p.yaml", &text, &MemoryFiles::default(), 0);
    let (snapshot, _) = built.unwrap_or_else(|found| panic!("{}", found[0].render(false)));
    let headers = [("Host", "h"), ("User-Agent", "Mozilla/5.0"), ("Content-Type", content_type)];
    let request = RequestHead {
        method: b"POST".to_vec(),
        target: b"/".to_vec(),
        protocol: b"HTTP/1.1".to_vec(),
        headers: headers.into_iter().collect(),
    };
    let record = Record { id: "0".into(), request, body: body.into(), ..Record::default() };
    Evaluation::of_record(snapshot.into(), &record)
}

const FORM: &str = "multipart/form-data; boundary=B";
const PART: &str = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n";
/// One for each way in which a body can be broken; `@` is where the attack stands.
const BROKEN: [(&str, &str); 25] = [
    ("application/json", r#"{"a": @"#),
    ("application/json", r#"{"a": "@"#),
    ("application/json", r#"{"a": "x", @}"#),
    ("application/json", r#"{'a': '@'}"#),
    ("application/json", r#"{"a":1} @"#),
    ("application/json", "[1, tr@]"),
    ("application/json", "[-@]"),
    ("application/json", r#"{"@"#),
    ("application/json", r#"{"@" 1}"#),
    ("application/json", "q=@"),
    ("application/x-ndjson", "{\"a\":1}\n{\"a\":@}\n{\"a\":2}\n"),
    ("application/xml", "<a>@"),
    ("application/xml", "<a/>@"),
    ("application/xml", "<a></a @"),
    ("application/xml", "<a b=\"@"),
    ("application/xml", "<a></b><c>@</c></a>"),
    ("application/xml", "q=@"),
    (FORM, "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n@"),
    (FORM, "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n@\r\n"),
    (FORM, "--B\r\n@\r\n\r\nx\r\n--B--\r\n"),
    (FORM, "--B\r\n\r\n@\r\n--B--\r\n"),
    (FORM, "@\r\n--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--B--\r\n"),
    (FORM, "--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--B--\r\n@"),
    ("multipart/form-data", "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n@\r\n--B--\r\n"),
    ("application/x-www-form-urlencoded", "a=%zz%@&%"),
];

#[test]
fn attacks_behind_syntax_errors_are_found() {
    for (content_type, text) in BROKEN {
        for attack in
            ["-1' UNION SELECT user,password FROM users-- -", "<script>alert(document.cookie)</script>"]
        {
            let evaluation = judge("on_limit: pass", content_type, &text.replace('@', attack));
            // A nul byte ends an XML name early; a tag in XML is a tag.
            let is_markup = content_type.ends_with("xml") && attack.starts_with('<');
            let found = evaluation.verdict().is_blocked();
            assert!(found || is_markup, "{content_type} {text}: {attack}");
        }
    }
}

#[test]
fn malformed_bodies_are_for_the_policy() {
    let malformed = [
        ("application/json", "eyJ0a24iOm51bGx9"),
        ("application/json", "{ lang : \"en\" }"),
        ("application/xml", "<a>x</b>"),
        (FORM, PART),
    ];
    for (policy, verdict) in [
        ("on_malformed: pass", "pass"),
        ("on_limit: block", "pass"),
        ("on_malformed: detect", "detect"),
        ("on_malformed: block, on_limit: pass", "prevent"),
    ] {
        for (content_type, body) in malformed {
            let evaluation = judge(policy, content_type, body);
            assert_eq!(evaluation.verdict().as_str(), verdict, "{policy} {body}");
            assert!(evaluation.transaction().inspection.has(Shortfall::BodyMalformed), "{body}");
        }
    }
    for (on_limit, verdict) in [("block", "prevent"), ("pass", "pass")] {
        let policy = format!("on_limit: {on_limit}");
        for (content_type, body) in [
            ("application/json", r"{'a': '\u0041'}"),
            ("application/json", "{\0\"\0a\0\"\0"),
            ("application/xml", "<\0a\0>\0"),
        ] {
            let evaluation = judge(&policy, content_type, body);
            assert_eq!(evaluation.verdict().as_str(), verdict, "{on_limit} {body:?}");
            assert!(evaluation.transaction().inspection.has(Shortfall::BodyEncoding), "{body:?}");
        }
    }
}
