//! What the commands print and return, by running the binary.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Two rules: one that denies, and one that would not load.
const RULES: &str = "SecRule ARGS:q \"@contains attack\" \"id:1001,phase:2,deny,log,msg:'an attack'\"\n";

const RECORDS: &str = concat!(
    r#"{"id":"a","request":{"method":"GET","target":"/?q=attack","protocol":"HTTP/1.1","headers":[["Host","h"]]}}"#,
    "\n\n",
    r#"{"method":"GET","url":"/?q=peace","headers":{"Host":"h"},"data":""}"#,
    "\n",
);

struct Run {
    code: Option<i32>,
    out: String,
    talk: String,
}

/// Runs `portcullis` in `directory`, with `input` on its standard input.
fn run(directory: &tempfile::TempDir, args: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(args)
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // It may end without reading: that is its right.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("the binary ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { code: status.code(), out: text(stdout), talk: text(stderr) }
}

/// A directory with those files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

#[test]
fn scores_records_in_order() {
    let directory = directory(&[("r.conf", RULES), ("r.jsonl", RECORDS)]);
    for (args, input) in [
        (&["score", "r.jsonl", "--rules", "r.conf"][..], ""),
        (&["score", "-", "--rules", "r.conf", "--threads", "3"][..], RECORDS),
    ] {
        let run = run(&directory, args, input);
        assert_eq!(run.code, Some(0), "{}", run.talk);
        let lines: Vec<serde_json::Value> =
            run.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 2, "{}", run.out);
        assert_eq!(
            (&lines[0]["id"], &lines[0]["verdict"], &lines[0]["blocked"]),
            (&"a".into(), &"prevent".into(), &true.into())
        );
        assert_eq!(lines[0]["rules"], serde_json::json!([1001]));
        assert_eq!((&lines[1]["id"], &lines[1]["verdict"]), (&"3".into(), &"pass".into()));
        let keys: Vec<_> = lines[0].as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["id", "verdict", "blocked", "score", "anomaly", "confidence", "rules", "t_us"]);
    }
}

#[test]
fn detects_without_blocking() {
    let directory = directory(&[("r.conf", RULES), ("r.jsonl", RECORDS)]);
    let run = run(&directory, &["score", "r.jsonl", "--rules", "r.conf", "--mode", "detect"], "");
    assert!(run.out.contains(r#""verdict":"detect","blocked":false"#), "{}", run.out);
}

#[test]
fn says_what_it_could_not_do() {
    let directory = directory(&[
        ("r.conf", RULES),
        ("empty", ""),
        ("bad.jsonl", "{}\n"),
        ("c.yaml", "version: 1\nx: 1\n"),
    ]);
    for (args, code, expected) in [
        (&["score", "absent", "--rules", "r.conf"][..], 2, "cannot open `absent`"),
        (&["score", "empty", "--rules", "r.conf"][..], 2, "there is no record in the input"),
        (&["score", "bad.jsonl", "--rules", "r.conf"][..], 2, "bad.jsonl:1: not a record"),
        (&["score", "empty", "--rules", "absent.conf"][..], 2, "there is no file `absent.conf`"),
        (&["score", "empty", "--mode", "blok", "--rules", "r.conf"][..], 2, "expected `detect`"),
        (&["score", "empty", "--config", "c.yaml"][..], 2, "unknown key `x`"),
        (&["score"][..], 2, "<FILE>"),
        (&["check", "absent"][..], 2, "cannot read `absent`"),
        (&["check", "c.yaml"][..], 1, "unknown key `x`"),
        (&["check", "r.conf"][..], 0, "clean"),
        (&["explain", "empty", "--rules", "r.conf"][..], 2, "there is no record in `empty`"),
        (&["test", "absent"][..], 2, "cannot read `absent`"),
        (&["rules", "explain", "7", "--rules", "r.conf"][..], 2, "there is no rule 7"),
        (&["rules", "install", "others"][..], 2, "possible values: crs"),
        (&["rules", "install", "crs", "--version", "4"][..], 2, "expected three numbers"),
    ] {
        let run = run(&directory, args, "");
        assert!(run.talk.contains(expected), "{args:?}: {}", run.talk);
        assert_eq!(run.code, Some(code), "{args:?}: {}", run.talk);
        assert_eq!(run.out, "", "{args:?}");
    }
}

#[test]
fn check_writes_json_and_sarif() {
    let directory = directory(&[("c.yaml", "version: 1\nlistner: []\n")]);
    for format in ["json", "sarif"] {
        let run = run(&directory, &["check", "c.yaml", "--format", format], "");
        let value: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
        assert!(value.to_string().contains("unknown-key"), "{value}");
        assert_eq!(run.code, Some(1));
    }
}

#[test]
fn explains_a_verdict() {
    let directory = directory(&[("r.conf", RULES), ("r.jsonl", RECORDS)]);
    let text = run(&directory, &["explain", "r.jsonl#a", "--rules", "r.conf"], "");
    for part in [
        "prevent: GET /?q=attack",
        "because of rule 1001 (r.conf:1): an attack",
        "ARGS_GET:q = attack",
        "mode: detect",
    ] {
        assert!(text.out.contains(part), "{part}: {}", text.out);
    }
    let json = run(&directory, &["explain", "r.jsonl#a", "--rules", "r.conf", "--json"], "");
    let value: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!((&value["verdict"], &value["matches"][0]["ruleId"]), (&"prevent".into(), &1001.into()));
    let absent = run(&directory, &["explain", "r.jsonl#zz", "--rules", "r.conf"], "");
    assert!(absent.talk.contains("there is no record `zz`"), "{}", absent.talk);
}

#[test]
fn runs_policy_tests() {
    let cases = "tests:\n\
        - { name: one, request: { target: \"/?q=attack\" }, expect: { verdict: prevent, rules: [1001], status: 403 } }\n\
        - { name: two, request: { method: POST, body: q=attack }, expect: { verdict: prevent } }\n\
        - { name: three, request: { target: / }, expect: { verdict: prevent } }\n";
    let directory = directory(&[("r.conf", RULES), ("cases.yaml", cases)]);
    let run = run(&directory, &["test", "cases.yaml", "--rules", "r.conf"], "");
    assert_eq!(run.out.lines().last(), Some("2 passed, 1 failed"), "{}{}", run.out, run.talk);
    assert!(run.out.contains("three: verdict: expected prevent, found pass"), "{}", run.out);
    assert_eq!(run.code, Some(1));
}

#[test]
fn lists_and_explains_rules() {
    let directory = directory(&[("r.conf", RULES)]);
    let list = run(&directory, &["rules", "list", "--rules", "r.conf"], "");
    assert!(list.out.contains("1001  phase 2") && list.out.contains("an attack"), "{}", list.out);
    let one = run(&directory, &["rules", "explain", "1001", "--rules", "r.conf"], "");
    assert!(one.out.contains("looks at\n  ARGS") && one.out.contains("@contains attack"), "{}", one.out);
}

#[test]
fn a_closed_output_is_not_a_panic() {
    let directory = directory(&[("r.conf", RULES), ("r.jsonl", &RECORDS.repeat(20_000))]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["score", "r.jsonl", "--rules", "r.conf"])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().expect("the binary ends");
    assert!(!String::from_utf8_lossy(&stderr).contains("panicked"));
    assert_eq!(status.code(), Some(0));
}

/// A directory laid out as a Go module proxy, with `archive` as CRS 4.1.2.
fn module_proxy(archive: &[u8]) -> tempfile::TempDir {
    let proxy = directory(&[]);
    let versions = proxy.path().join("github.com/corazawaf/coraza-coreruleset/v4/@v");
    std::fs::create_dir_all(&versions).expect("made");
    std::fs::write(versions.join("v4.1.2.zip"), archive).expect("written");
    proxy
}

/// A module's archive with these files.
fn module(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("begun");
        writer.write_all(text.as_bytes()).expect("written");
    }
    writer.finish().expect("finished").into_inner()
}

const MODULE: [(&str, &str); 5] = [
    ("m/v4@v4.1.2/LICENSE", "free"),
    ("m/v4@v4.1.2/magefile.go", "package main"),
    ("m/v4@v4.1.2/rules/@crs-setup.conf.example", ""),
    ("m/v4@v4.1.2/rules/@owasp_crs/A.conf", "SecRule ARGS \"@rx x\" \"id:1,phase:2,deny\""),
    ("m/v4@v4.1.2/tests/A/1.yaml", "---"),
];

/// Serves one answer on loopback, to each of two connections.
fn serve(answer: Vec<u8>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().take(2).filter_map(Result::ok) {
            let mut head = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut head);
            let _ = stream.write_all(&answer);
        }
    });
    format!("http://user:secret@{address}")
}

/// Runs `rules install crs --version 4.1.2` with these arguments and proxies.
fn install(directory: &tempfile::TempDir, args: &[&str], proxies: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["rules", "install", "crs", "--version", "4.1.2"])
        .args(args)
        .current_dir(directory.path())
        .env("GOPROXY", proxies)
        .env("no_proxy", "127.0.0.1")
        .output()
        .expect("the binary runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Go's checksum of [`MODULE`], by `sha256sum` and `base64`.
const MODULE_H1: &str = "h1:4icwN/hi28vv9FQY8S8e5AM/3m8GXQNCNUcbAmGngJE=";

fn entries(directory: &tempfile::TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(directory.path()).expect("a directory");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn installs_rules_and_tests() {
    let proxy = module_proxy(&module(&MODULE));
    let place = directory(&[]);
    // The first proxy does not have it.
    let missing = serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec());
    let proxies = format!("{missing},file://{},direct", proxy.path().display());
    let (code, said) = install(&place, &["--h1", MODULE_H1], &proxies);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("--rules crs:crs-4.1.2") && !said.contains("secret"), "{said}");
    assert_eq!(entries(&place), ["crs-4.1.2"]);
    let installed = place.path().join("crs-4.1.2");
    assert!(installed.join("rules/@owasp_crs/A.conf").is_file());
    assert!(installed.join("tests/A/1.yaml").is_file() && installed.join("LICENSE").is_file());
    assert!(!installed.join("magefile.go").exists());
    let listed = run(&place, &["rules", "list", "--rules", "crs:crs-4.1.2"], "");
    assert_eq!((listed.code, listed.talk.trim()), (Some(0), "1 rule"), "{}", listed.out);
    let (code, said) = install(&place, &["--h1", MODULE_H1], &proxies);
    assert!(code == Some(2) && said.contains("`crs-4.1.2` exists already"), "{said}");
}

#[test]
fn installs_nothing_else() {
    let archive = module(&MODULE);
    let whole = module_proxy(&archive);
    let whole = format!("file://{}", whole.path().display());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", archive.len());
    let interrupted = serve([head.as_bytes(), &archive[..archive.len() / 2]].concat());
    let escaping = module_proxy(&module(&[MODULE[3], ("m/v4@v4.1.2/../../../../tmp/x", "")]));
    let escaping = format!("file://{}", escaping.path().display());
    let wrong = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (args, proxies, expected) in [
        (&[][..], &*whole, "the checksum of 4.1.2 is not known to this build"),
        (&["--h1", wrong], &whole, "expected checksum h1:AAAA"),
        (&["--sha256", "00"], &whole, "expected SHA-256 00, found "),
        (&["--h1", MODULE_H1], "off", "GOPROXY is `off`"),
        (&["--h1", MODULE_H1], "http://127.0.0.1:1", "where there is no network"),
        (&["--h1", MODULE_H1], &interrupted, "cannot download CRS 4.1.2"),
        (&["--h1", MODULE_H1], &escaping, "it has a file at `m/v4@v4.1.2/../../../../tmp/x`"),
        (&["--from", "no.zip"], "", "cannot read `no.zip`"),
    ] {
        let place = directory(&[]);
        let (code, said) = install(&place, args, proxies);
        assert!(code == Some(2) && said.contains(expected), "{expected}:\n{said}");
        assert!(entries(&place).is_empty(), "{expected}: {:?}", entries(&place));
    }
}

/// The same as a release's archive.
fn release(files: &[(&str, &str)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut writer = tar::Builder::new(gzip);
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        writer.append_data(&mut header, name, text.as_bytes()).expect("written");
    }
    writer.into_inner().and_then(flate2::write::GzEncoder::finish).expect("finished")
}

#[test]
fn installs_a_file() {
    for (name, archive) in [("crs.zip", module(&MODULE)), ("crs.tar.gz", release(&MODULE))] {
        let place = directory(&[]);
        std::fs::write(place.path().join(name), archive).expect("written");
        let (code, said) = install(&place, &["--from", name, "--dir", "crs"], "off");
        assert!(code == Some(0) && said.contains("SHA-256 of the archive: "), "{said}");
        assert!(place.path().join("crs/rules/@owasp_crs/A.conf").is_file());
    }
}

#[test]
fn eval_says_what_is_wrong_before_it_works() {
    let one_class = r#"{"url":"/?q=a+b","label":0,"source":"s","site":"h"}"#;
    let directory = directory(&[
        ("empty", ""),
        ("r.jsonl", RECORDS),
        ("one.jsonl", one_class),
        ("m.bin", "model"),
        ("r.conf", RULES),
    ]);
    for (args, expected) in [
        (&["eval"][..], "--data <FILE>"),
        (&["eval", "--data", "r.jsonl", "--rules", "r.conf"], "no labelled record in `r.jsonl`"),
        (&["eval", "--data", "r.jsonl", "--split", "2", "--leave-out", "each"], "cannot be used with"),
        (&["eval", "--data", "absent", "--split", "2", "--rules", "r.conf"], "cannot open `absent`"),
        (&["eval", "--data", "empty", "--split", "2", "--rules", "r.conf"], "no labelled record in `empty`"),
        (
            &["eval", "--data", "r.jsonl", "--split", "2", "--rules", "r.conf"],
            "no labelled record in `r.jsonl`",
        ),
        (
            &["eval", "--data", "one.jsonl", "--split", "2", "--rules", "r.conf"],
            "all records are of one site",
        ),
        (&["eval", "--data", "one.jsonl", "--split", "1", "--rules", "r.conf"], "expected 2 to 100 parts"),
        (&["eval", "--data", "one.jsonl", "--leave-out", "t", "--rules", "r.conf"], "there is no source `t`"),
        (
            &["eval", "--data", "one.jsonl", "--leave-out", "each", "--rules", "r.conf"],
            "there is no source that",
        ),
        (&["eval", "--data", "one.jsonl", "--leave-out", "s", "--rules", "r.conf"], "there is no attack"),
        (
            &["eval", "--data", "one.jsonl", "--model", "m.bin", "--rules", "r.conf"],
            "cannot use `m.bin`: not a model",
        ),
        (&["eval", "--data", "one.jsonl", "--model", "empty", "--rules", "r.conf"], "`empty` is empty"),
        (&["eval", "--data", "r.jsonl", "--split", "2", "--html", "no/r.html"], "no directory `no`"),
        (&["eval", "--data", "r.jsonl", "--split", "2", "--rules", "absent"], "there is no file `absent`"),
    ] {
        let run = run(&directory, args, "");
        assert!(run.talk.contains(expected), "{args:?}: {}", run.talk);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{args:?}: {}", run.talk);
    }
}

#[test]
fn eval_judges_with_a_model() {
    let line = |query: &str, label: u8| {
        format!(r#"{{"url":"/?q={query}","label":{label},"source":"s{label}","family":"f","site":""}}"#)
            + "\n"
    };
    let records: String = [line("a+b,+c", 0), line("%3Cscript%3Ealert(1)%3C/script%3E", 1)].concat();
    let directory = directory(&[("r.jsonl", &records), ("r.conf", RULES)]);
    let text = run(&directory, &["eval", "--data", "r.jsonl", "--rules", "r.conf", "--output", "out"], "");
    assert_eq!(text.code, Some(0), "{}", text.talk);
    assert!(text.out.contains("All records were judged by one model"), "{}", text.out);
    for file in ["report.html", "figures.json", "roc.svg", "scores.svg"] {
        assert!(directory.path().join("out").join(file).is_file(), "{file}");
    }
    let json = run(&directory, &["eval", "--data", "r.jsonl", "--rules", "r.conf", "--format", "json"], "");
    let report: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(report["about"]["data"][0]["hostile"], 1);
    assert_eq!(report["figures"]["models"][0]["judged"], 2);
    let rows = report["figures"]["by_source"]["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &rows[0]["rates"][3]["stopped"]), (2, &1.into()), "{rows:?}");
}

#[test]
fn tune_proposes_what_frees() {
    let capture = r#"{"id":"a","url":"/forum?q=%27+or+1%3D1+--+","label":0}
{"id":"b","url":"/forum?q=garden"}
{"id":"c","url":"/x?q=%3Cscript%3Ealert(1)%3C/script%3E","label":1}"#;
    let place = directory(&[
        ("r.jsonl", capture),
        ("l.jsonl", "{\"id\":\"a\",\"label\":1}"),
        ("bad", "{}"),
        ("empty", ""),
    ]);
    for (args, code, expected) in [
        (&["--data", "r.jsonl"][..], 0, "# Of 2 ordinary requests, 1 stopped."),
        (&["--data", "r.jsonl"], 0, "- { paths: [\"/forum\"], rules: ["),
        (&["--data", "r.jsonl"], 0, "parameters: [\"q\"], reason: \"frees 1 ordinary request; lets through "),
        (&["--data", "r.jsonl", "--labels", "l.jsonl"], 0, "would free 0 requests"),
        (&["--data", "r.jsonl", "--labels", "bad"], 2, "bad:1: not a label"),
        (&["--data", "empty"], 2, "there is no ordinary request in the data"),
        (&["--data", "absent"], 2, "cannot open `absent`"),
        (&[], 2, "--data <FILE>"),
    ] {
        let found = run(&place, &[&["tune"], args].concat(), "");
        let said = [found.out, found.talk].concat();
        assert!(found.code == Some(code) && said.contains(expected), "{args:?}: {expected}:\n{said}");
    }
    let patch = run(&place, &["tune", "--data", "r.jsonl"], "").out;
    let config = format!("version: 1\n{patch}");
    std::fs::write(place.path().join("p.yaml"), config.replace("\"default\":", "p:")).expect("written");
    let checked = run(&place, &["check", "p.yaml"], "");
    assert_eq!(checked.code, Some(0), "{}\n{}", checked.out, checked.talk);
}

#[test]
fn train_says_what_is_wrong_before_it_works() {
    let place = directory(&[("r.jsonl", "{\"url\":\"/?q=a\",\"label\":0}"), ("bad.bin", "no model")]);
    for (args, expected) in [
        (&["-o", "m.bin"][..], "--data <FILE>"),
        (&["--warm-start", "default", "-o", "m.bin"], "there is nothing to learn from"),
        (&["--warm-start", "bad.bin", "--feedback", "r.jsonl", "-o", "m.bin"], "cannot read `bad.bin`"),
        (&["--data", "r.jsonl", "--feedback-weight", "0", "-o", "m.bin"], "must be 1 to 1000"),
        (&["--data", "r.jsonl", "-o", "no/m.bin"], "there is no directory `no`"),
        (&["--data", "r.jsonl", "-o", "m.md"], "a model cannot have its card's name"),
        (&["--data", "r.jsonl", "-o", "m.bin"], "there is no attack among the records"),
    ] {
        let found = run(&place, &[&["train"], args].concat(), "");
        assert!(found.code == Some(2) && found.talk.contains(expected), "{expected}:\n{}", found.talk);
        assert!(!place.path().join("m.bin").exists());
    }
    let adapted =
        run(&place, &["train", "--warm-start", "default", "--feedback", "r.jsonl", "-o", "m.bin"], "");
    assert_eq!(adapted.code, Some(0), "{}", adapted.talk);
    let scored = run(&place, &["score", "--model", "m.bin", "r.jsonl"], "");
    assert_eq!(scored.code, Some(0), "{}", scored.talk);
}
