//! `learn`, by running the binary on states that are made here.

use std::process::Command;

use model::Model;
use model::profile::{Caps, Learner, Quorum, Seen, State, When};
use transaction::{Limits, Record};

/// What requests to `/search` with that argument teach, one from each of ten sources.
fn learned(argument: &str) -> Vec<u8> {
    let model = Model::built_in();
    let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
    for source in 0..10 {
        let mut record = Record::default();
        record.request.target = format!("/search?{argument}").into_bytes();
        let mut seen = Seen::new(b"shop", b"/search");
        learner.head(&model, &record.transaction(&Limits::default()), &mut seen);
        learner.learn(&model, seen, When { source, window: 100 + source });
    }
    learner.state().to_bytes()
}

/// Forty requests of two sites.
fn records() -> String {
    let record = |number: usize| {
        format!(
            r#"{{"id":"{number}","method":"GET","url":"/item?id={number}","headers":{{"Host":"site-{}.test"}}}}"#,
            number % 2
        )
    };
    (0..40).map(|number| record(number) + "\n").collect()
}

#[test]
fn learns_from_records() {
    let directory = files();
    std::fs::write(directory.path().join("r.jsonl"), records()).expect("a file");
    let (code, _, said) = learn(&directory, &["from", "r.jsonl", "-o", "state"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("learned from 40 of 40 records"), "{said}");
    let (_, out, _) = learn(&directory, &["show", "state", "--key", "site-1.test * query id"]);
    assert!(out.contains("seen      20 requests") && out.contains("integer 100 %"), "{out}");
    // Who sent them is not recorded, so that each is taken for one of several clients.
    assert!(out.contains("anything else counts more"), "{out}");
}

#[test]
fn scores_what_comes_after_the_first_part() {
    let directory = files();
    std::fs::write(directory.path().join("r.jsonl"), records()).expect("a file");
    learn(&directory, &["from", "r.jsonl", "-o", "state"]);
    let score = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let output = command.arg("score").args(args).current_dir(&directory).output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, said) = score(&["r.jsonl", "--learn-first", "0.25"]);
    assert_eq!((code, out.lines().count()), (Some(0), 30), "{said}");
    assert!(out.starts_with(r#"{"id":"10""#) && said.contains("from 10 of 10 records"), "{out}{said}");
    let (code, out, said) = score(&["r.jsonl", "--learned", "state"]);
    assert_eq!((code, out.lines().count()), (Some(0), 40), "{said}");
    for (args, expected) in [
        (&["-", "--learn-first", "0.5"][..], "give files, not standard input"),
        (&["r.jsonl", "--learn-first", "1.5"], "expected a number between 0 and 1"),
        (&["r.jsonl", "--learned", "broken"], "cannot read `broken`: not a learned state"),
    ] {
        let (code, _, said) = score(args);
        assert_eq!(code, Some(2), "{args:?}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

/// Runs `portcullis learn` where the files `a`, `b` and `broken` are; `(exit status, output, talk)`.
fn learn(directory: &tempfile::TempDir, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.arg("learn").args(args).current_dir(directory).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, bytes) in
        [("a", learned("id=17")), ("b", learned("q=Tom+%26+Jerry%3B+%22mouse%22")), ("broken", b"x".to_vec())]
    {
        std::fs::write(directory.path().join(name), bytes).expect("a file");
    }
    directory
}

#[test]
fn shows_compares_merges_and_forgets() {
    let directory = files();
    for (args, code, out, talk) in [
        (
            &["show", "a"][..],
            0,
            "shop /search query id\n    seen      10 requests, about 10 sources, 10 windows\n",
            "3 parameters of 3",
        ),
        (
            &["show", "a", "--key", "* query id"],
            0,
            "plain     100 %: anything else counts more",
            "1 parameter of 3",
        ),
        (
            &["show", "b", "--key", "*q", "--format", "json"],
            0,
            r#""path":"/search","location":"query","name":"q","requests":10"#,
            "",
        ),
        (&["diff", "a", "a"], 0, "", "0 parameters differ"),
        (&["diff", "a", "b"], 1, "+ shop /search query q\n", "3 parameters differ"),
        (&["diff", "b", "a", "--format", "json"], 1, r#""key":"shop /search query id""#, ""),
        (&["merge", "a", "b", "-o", "both"], 0, "", "both: 4 parameters"),
        (&["merge", "b", "a", "-o", "same"], 0, "", "same: 4 parameters"),
        (&["diff", "both", "same"], 0, "", "0 parameters differ"),
        (&["forget", "both", "--key", "shop * query *"], 0, "", "2 parameters forgotten\nboth: 2 parameters"),
        (&["forget", "a", "--key", "nothing"], 2, "", "no parameter in `a` fits"),
        (&["show", "broken"], 2, "", "cannot read `broken`: not a learned state: it does not begin"),
        (&["show", "absent"], 2, "", "cannot read `absent`"),
    ] {
        let (found, output, said) = learn(&directory, args);
        assert_eq!(found, Some(code), "{args:?}: {said}");
        assert!(output.contains(out) && (!out.is_empty() || output.is_empty()), "{args:?}: {output}");
        assert!(said.contains(talk), "{args:?}: {said}");
    }
}
