//! What becomes of a transaction on which the engine fails, wherever it does.

use signatures::seclang::MemoryFiles;

use super::*;

const RULES: &str = "SecResponseBodyAccess On\n\
    SecRule ARGS \"@contains evil\" \"id:1,phase:2,deny,log\"\n";

/// The stages in their order; `Begin` is before the first.
const STAGES: [&str; 7] = ["begin", "head", "body", "end", "response head", "response body", "response end"];

fn snapshot(mode: &str, on_inspection_failure: &str) -> Arc<Snapshot> {
    let text = format!(
        "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
         assets: [{{ name: a, hosts: ['*'], upstream: u, policy: p }}]\n\
         policies: {{ p: {{ mode: {mode}, on_inspection_failure: {on_inspection_failure}, \
         signatures: {{ rules: [r.conf] }} }} }}\n"
    );
    let files = MemoryFiles::default().with("r.conf", RULES);
    Arc::new(Snapshot::build("p.yaml", &text, &files, 0).expect("a snapshot").0)
}

fn request(target: &str) -> Request {
    let head = RequestHead {
        method: b"POST".to_vec(),
        target: target.into(),
        protocol: b"HTTP/1.1".to_vec(),
        headers: [("Host", "h"), ("Content-Type", "application/x-www-form-urlencoded")].into_iter().collect(),
    };
    Request { id: "0".into(), head, ..Request::default() }
}

/// Runs every stage; the one named panics. The steps from there on.
fn run(snapshot: &Arc<Snapshot>, target: &str, fails_at: &str) -> (Vec<Step>, Evaluation) {
    let snapshot = Arc::clone(snapshot);
    let mut evaluation = if fails_at == "begin" {
        Evaluation::begin_with(snapshot, request(target), |_, _, _, _, _| panic!("on purpose"))
    } else {
        Evaluation::begin(snapshot, request(target))
    };
    let steps = STAGES[1..].iter().map(|stage| match *stage {
        stage if stage == fails_at => evaluation.stage(|_| panic!("on purpose")),
        "head" => evaluation.request_headers(),
        "body" => evaluation.request_body(b"x=1"),
        "end" => evaluation.request_end(),
        "response head" => evaluation.response_headers(ResponseHead::default()),
        "response body" => evaluation.response_body(b"x"),
        _ => evaluation.response_end(),
    });
    let failed = STAGES[1..].iter().position(|stage| *stage == fails_at).unwrap_or(0);
    let steps: Vec<Step> = steps.collect();
    (steps[failed..].to_vec(), evaluation)
}

#[test]
fn a_failure_is_for_the_policy_at_every_stage() {
    for (mode, on_failure, verdict) in [
        ("prevent", "pass", "pass"),
        ("prevent", "block", "prevent"),
        ("detect", "pass", "pass"),
        ("detect", "block", "detect"),
    ] {
        let snapshot = snapshot(mode, on_failure);
        for stage in STAGES {
            let (steps, evaluation) = run(&snapshot, "/", stage);
            let refused = |step: &Step| *step == Step::Refuse(Refusal::Page { status: 403 });
            let blocked = verdict == "prevent";
            assert!(
                steps.iter().all(|step| refused(step) == blocked),
                "{mode} {on_failure} {stage}: {steps:?}"
            );
            assert_eq!(evaluation.plan(), Plan { inspects: true, ..Plan::NOTHING }, "{stage}");
            assert_eq!(evaluation.upstream(), Some("u"), "{stage}");
            let record = serde_json::to_value(evaluation.finish(Outcome::default())).expect("a record");
            assert_eq!(record["verdict"], verdict, "{mode} {on_failure} {stage}");
            assert_eq!(record["inspection"]["reasons"], serde_json::json!(["engine-failure"]), "{stage}");
        }
    }
}

#[test]
fn a_failure_after_a_refusal_changes_nothing() {
    let (steps, evaluation) = run(&snapshot("prevent", "pass"), "/?q=evil", "response end");
    assert_eq!(steps, [Step::Refuse(Refusal::Page { status: 403 })]);
    assert_eq!(evaluation.verdict().as_str(), "prevent");
}

#[test]
fn off_stays_off() {
    let evaluation = run(&snapshot("off", "block"), "/", "begin").1;
    assert_eq!((evaluation.plan(), evaluation.verdict().as_str()), (Plan::NOTHING, "pass"));
}
