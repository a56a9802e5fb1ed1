//! A recorded transaction, judged at once.

use std::sync::Arc;

use signatures::run::Meter;
use transaction::{Record, RequestHead, ResponseHead};

use super::{Evaluation, Outcome, Request, Step};
use crate::{DecisionRecord, Snapshot};

impl Evaluation {
    /// Judges a recorded transaction; every stage has run when it returns, `finish` excepted.
    #[must_use]
    pub fn of_record(snapshot: Arc<Snapshot>, record: &Record) -> Self {
        let response = record.response.as_ref().map(|(head, body)| (head, body.as_slice()));
        let mut evaluation = Self::begin(snapshot, request(record, record.request.clone()));
        evaluation.answer_lists(record.listings.clone());
        evaluation.answer_rates(record.rates.clone());
        evaluation.replay(&record.body, response);
        evaluation
    }

    /// The same, for those who need nothing but the verdict of it: the request is not copied.
    #[must_use]
    pub fn of_taken(snapshot: Arc<Snapshot>, mut record: Record) -> Self {
        let head = std::mem::take(&mut record.request);
        let mut evaluation = Self::begin(snapshot, request(&record, head));
        evaluation.answer_lists(std::mem::take(&mut record.listings));
        evaluation.answer_rates(std::mem::take(&mut record.rates));
        let response = record.response.as_ref().map(|(head, body)| (head, body.as_slice()));
        evaluation.replay(&record.body, response);
        evaluation
    }

    /// Judges a recorded transaction with what its rules do measured, by a meter for each source of the policy.
    #[must_use]
    pub fn of_measured(
        snapshot: Arc<Snapshot>,
        record: &Record,
        meter: impl FnMut() -> Box<dyn Meter>,
    ) -> Self {
        let response = record.response.as_ref().map(|(head, body)| (head, body.as_slice()));
        let mut evaluation = Self::begin(snapshot, request(record, record.request.clone()));
        evaluation.answer_lists(record.listings.clone());
        evaluation.answer_rates(record.rates.clone());
        evaluation.measure(meter);
        evaluation.replay(&record.body, response);
        evaluation
    }

    /// Judges a recorded transaction and says what is written down.
    #[must_use]
    pub fn judge_record(snapshot: &Arc<Snapshot>, record: &Record) -> DecisionRecord {
        let status = record.response.as_ref().map_or(0, |(head, _)| head.status);
        Self::of_record(snapshot.clone(), record).finish(Outcome { status, ..Outcome::default() })
    }

    fn replay(&mut self, body: &[u8], response: Option<(&ResponseHead, &[u8])>) {
        if !self.plan().inspects || self.request_headers() != Step::Continue {
            return;
        }
        if self.plan().request_body && !body.is_empty() && self.request_body(body) != Step::Continue {
            return;
        }
        if self.request_end() != Step::Continue {
            return;
        }
        let Some((head, body)) = response.filter(|_| self.plan().response_headers) else { return };
        if self.response_headers(head.clone()) == Step::Continue && self.response_body(body) == Step::Continue
        {
            self.response_end();
        }
    }
}

fn request(record: &Record, head: RequestHead) -> Request {
    Request {
        id: record.id.clone(),
        started_us: record.time_us,
        connection: record.connection,
        client_subject: None,
        head,
        collections: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Verdict;
    use proptest::prelude::*;
    use signatures::seclang::MemoryFiles;

    const RULES: &str = r#"
SecRule ARGS "@contains evil" "id:1,phase:2,pass,log,tag:'attack-x',setvar:'tx.blocking_inbound_anomaly_score=+5'"
SecRule ARGS:q "@contains bad" "id:2,phase:2,pass,log,setvar:'tx.blocking_inbound_anomaly_score=+3'"
SecRule REQUEST_HEADERS:User-Agent "@contains scan" "id:3,phase:1,deny,status:429,log"
SecRule REQBODY_PROCESSOR "@streq JSON" "id:4,phase:2,deny,log"
SecRule ARGS "@rx ^(z*)*\1y" "id:5,phase:2,pass,log"
SecRule TX:blocking_inbound_anomaly_score "@ge %{tx.inbound_anomaly_score_threshold}" "id:9,phase:2,deny,log"
"#;

    /// A snapshot of one policy with `RULES`.
    fn snapshot(policy: &str) -> Arc<Snapshot> {
        let text = format!(
            "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
             assets: [{{ name: a, hosts: ['h'], upstream: u, policy: p }}]\n\
             policies: {{ p: {{ signatures: {{ rules: [r.conf] }}, {policy} }} }}\n"
        );
        let files = MemoryFiles::default().with("r.conf", RULES);
        let built = Snapshot::build("p.yaml", &text, &files, 0);
        let render = |found: Vec<signatures::Diagnostic>| -> String {
            found.iter().map(|it| it.render(false)).collect()
        };
        Arc::new(built.unwrap_or_else(|found| panic!("{}", render(found))).0)
    }

    fn record(target: &str, agent: &str, body: &str) -> Record {
        let headers =
            [("Host", "h"), ("User-Agent", agent), ("Content-Type", "application/x-www-form-urlencoded")];
        let request = RequestHead {
            method: b"POST".to_vec(),
            target: target.into(),
            protocol: b"HTTP/1.1".to_vec(),
            headers: headers.into_iter().collect(),
        };
        Record { id: "0".into(), request, body: body.into(), ..Record::default() }
    }

    fn ids(evaluation: &Evaluation) -> BTreeSet<u32> {
        evaluation.matches().map(|found| found.id.get()).collect()
    }

    #[test]
    fn judges_by_policy() {
        for (policy, target, agent, body, verdict, rules) in [
            ("mode: prevent", "/?q=peace", "", "", "pass", &[][..]),
            ("mode: prevent", "/?q=evil", "", "", "prevent", &[1, 9]),
            ("mode: detect", "/?q=evil", "", "", "detect", &[1, 9]),
            ("mode: off", "/?q=evil", "", "", "pass", &[]),
            ("mode: prevent", "/", "", "x=evil", "prevent", &[1, 9]),
            ("mode: prevent", "/?q=bad", "", "", "pass", &[2]),
            ("mode: prevent", "/?q=evil", "scan", "", "prevent", &[3]),
            ("mode: detect", "/?q=evil", "scan", "", "detect", &[1, 3, 9]),
            (
                "mode: prevent, exceptions: [{ rules: [1], reason: r, expires: never }]",
                "/?q=evil",
                "",
                "",
                "pass",
                &[],
            ),
            (
                "mode: prevent, exceptions: [{ tags: [attack-*], reason: r, expires: never }]",
                "/?q=evil",
                "",
                "",
                "pass",
                &[],
            ),
            (
                "mode: prevent, exceptions: [{ parameters: [Q], reason: r, expires: never }]",
                "/?q=evil",
                "",
                "",
                "pass",
                &[],
            ),
            (
                "mode: prevent, exceptions: [{ parameters: [q], reason: r, expires: never }]",
                "/?r=evil",
                "",
                "",
                "prevent",
                &[1, 9],
            ),
            (
                "mode: prevent, exceptions: [{ paths: [/a], reason: r, expires: never }]",
                "/a/b?q=evil",
                "",
                "",
                "pass",
                &[],
            ),
            (
                "mode: prevent, exceptions: [{ paths: [/a], reason: r, expires: never }]",
                "/a/../?q=evil",
                "",
                "",
                "prevent",
                &[1, 9],
            ),
            (
                "mode: prevent, exceptions: [{ paths: [/], reason: r, expires: 1970-01-01 }]",
                "/?q=evil",
                "",
                "",
                "prevent",
                &[1, 9],
            ),
            ("mode: prevent, limits: { query_arguments_max: 1 }", "/?a=1&b=2", "", "", "prevent", &[]),
            (
                "mode: prevent, on_limit: detect, limits: { query_arguments_max: 1 }",
                "/?a=1&b=2",
                "",
                "",
                "detect",
                &[],
            ),
            (
                "mode: prevent, on_limit: pass, limits: { query_arguments_max: 1 }",
                "/?a=1&b=2",
                "",
                "",
                "pass",
                &[],
            ),
        ] {
            let evaluation = Evaluation::of_record(snapshot(policy), &record(target, agent, body));
            let found: Vec<u32> = ids(&evaluation).into_iter().collect();
            assert_eq!(
                (evaluation.verdict().as_str(), found.as_slice()),
                (verdict, rules),
                "{policy} {target}"
            );
        }
    }

    #[test]
    fn what_rules_could_not_say_is_for_the_policy() {
        let target = format!("/?q={}", "z".repeat(5_000));
        for (on_limit, verdict) in [("block", "prevent"), ("detect", "detect"), ("pass", "pass")] {
            let snapshot = snapshot(&format!("mode: prevent, on_limit: {on_limit}"));
            let judged = Evaluation::judge_record(&snapshot, &record(&target, "", ""));
            let value = serde_json::to_value(judged).unwrap();
            assert_eq!(value["verdict"], verdict, "{on_limit}");
            let inspection = serde_json::json!({ "complete": false, "reasons": ["rule-limit"] });
            assert_eq!(value["inspection"], inspection);
        }
    }

    #[test]
    fn writes_down_what_it_found() {
        let snapshot = snapshot("mode: prevent");
        let json = |target| {
            serde_json::to_value(Evaluation::judge_record(&snapshot, &record(target, "", ""))).unwrap()
        };
        let value = json("/p?q=evil&password=evil-secret");
        assert_eq!(value["time"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(
            (&value["transactionId"], &value["verdict"], &value["blocked"]),
            (&"0".into(), &"prevent".into(), &true.into())
        );
        assert_eq!((&value["path"], &value["scores"]["anomaly"]), (&"/p".into(), &10.into()));
        assert_eq!(
            (&value["matches"][0]["ruleId"], &value["matches"][0]["target"]),
            (&1.into(), &"ARGS:q".into())
        );
        assert!(!value.to_string().contains("evil-secret"), "{value}");
        assert_eq!(json("/p")["inspection"], serde_json::json!({ "complete": true, "reasons": [] }));
    }

    #[test]
    fn can_be_moved_between_threads() {
        fn is_send<T: Send>() {}
        is_send::<Evaluation>();
        is_send::<Arc<Snapshot>>();
    }

    fn any_request() -> impl Strategy<Value = Record> {
        let name = prop::sample::select(&["q", "r", "s"][..]);
        let value = prop::sample::select(&["evil", "bad", "peace", "evilbad"][..]);
        let pairs = prop::collection::vec((name, value), 0..4);
        let agent = prop::sample::select(&["scan", "browser"][..]);
        (pairs, agent).prop_map(|(pairs, agent)| {
            let query: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            record(&format!("/?{}", query.join("&")), agent, &query.join("&"))
        })
    }

    fn any_exception() -> impl Strategy<Value = String> {
        let scope = prop::sample::select(
            &[
                "rules: [1]",
                "rules: [1-3]",
                "tags: ['attack-*']",
                "parameters: [q]",
                "rules: [2], parameters: ['*']",
            ][..],
        );
        scope.prop_map(|scope| format!("exceptions: [{{ {scope}, reason: r, expires: never }}]"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_exception_never_adds_a_match(record in any_request(), exception in any_exception()) {
            let without = Evaluation::of_record(snapshot("mode: detect"), &record);
            let with = Evaluation::of_record(snapshot(&format!("mode: detect, {exception}")), &record);
            prop_assert!(ids(&with).is_subset(&ids(&without)), "{:?} {:?}", ids(&with), ids(&without));
        }

        #[test]
        fn modes_find_the_same_evidence(record in any_request()) {
            let detect = Evaluation::of_record(snapshot("mode: detect"), &record);
            let prevent = Evaluation::of_record(snapshot("mode: prevent"), &record);
            prop_assert_eq!(prevent.verdict().is_blocked(), detect.verdict().as_str() == "detect");
            if let (Verdict::Detect(detected), Verdict::Prevent(prevented, _)) = (detect.verdict(), prevent.verdict()) {
                prop_assert_eq!(format!("{detected:?}"), format!("{prevented:?}"));
            }
        }
    }
}
