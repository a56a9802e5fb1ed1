//! What a probe shows, and what to change.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;

use super::agent::Seen;
use super::probe::Probe;

/// A probe and what came of it.
pub(super) struct Row {
    pub(super) probe: Probe,
    pub(super) answer: Result<Response<Bytes>, String>,
    /// Once for each time that the agent was shown it.
    pub(super) seen: Vec<Seen>,
}

/// What it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// All of it was inspected and what should have happened did.
    Right,
    /// There was no answer.
    Unanswered(String),
    /// It was answered and the agent does not know of it.
    Unseen,
    /// The gateway wants to know its length, and passes it on to nobody.
    Declined,
    /// A part was not inspected, for these reasons.
    Incomplete(Vec<String>),
    /// It was inspected and not found hostile.
    Missed,
    /// The agent refused it, and the client got another answer.
    Ignored(u16),
    /// It is harmless and was found hostile.
    Wronged,
    /// The policy inspects nothing.
    Off,
    /// A listener or attachment could not read it.
    Malformed(String),
}

impl Row {
    /// The record of what the agent saw; of the first time.
    pub(super) fn record(&self) -> Option<&Value> {
        self.seen.first().map(|seen| &seen.record)
    }

    /// The status that the client got.
    pub(super) fn status(&self) -> Option<u16> {
        self.answer.as_ref().ok().map(|answer| answer.status().as_u16())
    }

    /// How it came to the agent.
    pub(super) fn way(&self) -> Option<&str> {
        self.record().map(|record| record["attachment"].as_str().unwrap_or("listener"))
    }

    /// What it shows.
    pub(super) fn shown(&self) -> Shown {
        let Some(record) = self.record() else {
            return match &self.answer {
                Ok(answer) if answer.status() == StatusCode::LENGTH_REQUIRED => Shown::Declined,
                Ok(_) => Shown::Unseen,
                Err(error) => Shown::Unanswered(error.clone()),
            };
        };
        if record["mode"] == "off" {
            return Shown::Off;
        }
        if let Some(wrong) = record["malformed"].as_str() {
            return Shown::Malformed(wrong.into());
        }
        // A refusal may come before the rest was read, which is then nobody's loss.
        let blocked = record["blocked"] == true;
        let reasons = strings(&record["inspection"]["reasons"]);
        let refused_for_it = blocked && record["reason"]["kind"] == "inspection";
        if !reasons.is_empty() && (!blocked || refused_for_it) {
            return Shown::Incomplete(reasons);
        }
        let found = record["verdict"] != "pass";
        match (self.probe.is_hostile, found) {
            (true, false) => Shown::Missed,
            (false, true) => Shown::Wronged,
            (false, false) => Shown::Right,
            (true, true) => match self.status() {
                Some(status) if blocked && status < 400 => Shown::Ignored(status),
                _ => Shown::Right,
            },
        }
    }
}

impl Shown {
    /// In JSON.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Right => "inspected",
            Self::Unanswered(_) => "unanswered",
            Self::Unseen => "unseen",
            Self::Declined => "declined",
            Self::Incomplete(_) => "incomplete",
            Self::Missed => "missed",
            Self::Ignored(_) => "ignored",
            Self::Wronged => "wronged",
            Self::Off => "off",
            Self::Malformed(_) => "malformed",
        }
    }

    /// In words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Right => "inspected".into(),
            Self::Unanswered(error) => format!("NO ANSWER: {error}"),
            Self::Unseen => "NOT SEEN by the agent".into(),
            Self::Declined => "refused by the gateway, which wants a length".into(),
            Self::Incomplete(reasons) => format!("NOT INSPECTED whole: {}", reasons.join(", ")),
            Self::Missed => "inspected, NOT FOUND hostile".into(),
            Self::Ignored(status) => format!("refused by the agent, and ANSWERED with {status}"),
            Self::Wronged => "harmless, and FOUND hostile".into(),
            Self::Off => "NOT INSPECTED: the policy is off".into(),
            Self::Malformed(wrong) => format!("NOT UNDERSTOOD: {wrong}"),
        }
    }

    /// What to change; `None` where nothing is wrong.
    pub(super) fn advice(&self, way: Option<&str>) -> Option<String> {
        Some(match self {
            Self::Right | Self::Declined => return None,
            Self::Unanswered(_) => "is the gateway up, and is its certificate trusted (--ca)? Where it answers nothing because \
                nobody answers it, the agent's log says why"
                .into(),
            Self::Unseen => "the gateway passes it without asking: the attachment is not set up for this site or path, is passed by \
                (`satisfy any`, `auth_request off`), fails open, or asks another agent than this one: run this in the same pod. \
                docs/attach/README.md has each gateway's complete configuration"
                .into(),
            Self::Incomplete(reasons) => incomplete(reasons, way.unwrap_or_default()),
            Self::Missed => "the policy for this path has no rules that find it, or an exception that holds: \
                `portcullis explain` a record of it"
                .into(),
            Self::Ignored(_) => "the gateway does not act on the agent's word: compare its configuration with the page of \
                its attachment in docs/attach"
                .into(),
            Self::Wronged => "`portcullis tune` proposes an exception; docs/tune.md".into(),
            Self::Off => "give the asset a policy of mode `detect` or `prevent`".into(),
            Self::Malformed(_) => "what the gateway sends is no request that a server should take: docs/edge.md, Request smuggling"
                .into(),
        })
    }
}

fn incomplete(reasons: &[String], way: &str) -> String {
    let has = |reason| reasons.iter().any(|it| it == reason);
    if has("body-unseen") {
        let shows = match way {
            "traefik" => {
                "set `forwardBody: true` at the ForwardAuth middleware and `bodies: true` at the attachment"
            }
            "ext-proc" => "set `request_body_mode: BUFFERED` at Envoy's filter (docs/attach/envoy.md)",
            "ext-authz" => "set `with_request_body` at Envoy's filter and `bodies: true` at the attachment",
            "external-auth" => "set `forwardBody` at the filter and `bodies: true` at the attachment",
            "nginx" | "ingress-nginx" => {
                "auth_request never sends bodies: take the Lua file or the nginx module (docs/attach/ingress-nginx.md)"
            }
            "spoe" => {
                "the ACL `portcullis_streams` in haproxy.cfg names this path: take it out (docs/attach/haproxy.md)"
            }
            _ => "this gateway sends no bodies: put Portcullis before or behind it as a proxy (docs/edge.md)",
        };
        return format!("{shows}; or have such requests refused: `on_unseen_body: block`");
    }
    if has("body-cut") {
        return "the gateway shows only the beginning of bodies: raise its limit (`maxBodySize`, `maxSize`, `max_request_bytes`, `tune.bufsize`). \
            What is cut is decided by `on_limit`"
            .into();
    }
    if has("response-unseen") && way == "native" {
        return "the gateway said that it would show the answer, and did not, or not to its end: look into its log, and at its timeout \
            (docs/attach/nginx-module.md)"
            .into();
    }
    if has("response-unseen") {
        return "the gateway shows the answer's head and not its body: set `response_body_mode: BUFFERED`, or `NONE` for both".into();
    }
    if has("released-early") {
        return "the body is longer than the policy's `hold_bytes_max`, so its beginning was passed on before its end was seen".into();
    }
    "a limit of the policy was reached: docs/policy.md, Limits; what happens then is `on_limit`".into()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::probe;
    use super::*;

    #[track_caller]
    fn check(name: &str, answer: Result<u16, &str>, record: Option<Value>, expected: &Shown) {
        let probe = probe::all().into_iter().find(|probe| probe.name == name).expect("a probe");
        let seen = record.map(|record| {
            serde_json::from_value(
                json!({ "row": name, "bodyBytes": 0, "responseBytes": null, "record": record }),
            )
            .expect("what the agent says")
        });
        let answer = answer
            .map_err(str::to_owned)
            .map(|status| Response::builder().status(status).body(Bytes::new()).expect("an answer"));
        let row = Row { probe, answer, seen: seen.into_iter().collect() };
        assert_eq!(row.shown(), *expected);
        let is_well = matches!(expected, Shown::Right | Shown::Declined);
        assert_eq!(row.shown().advice(row.way()).is_none(), is_well);
    }

    fn record(verdict: &str, reasons: &[&str]) -> Value {
        json!({ "mode": "prevent", "verdict": verdict, "blocked": verdict == "prevent", "inspection": { "reasons": reasons } })
    }

    #[test]
    fn tells_what_probes_show() {
        let cut = Shown::Incomplete(vec!["body-cut".into()]);
        let limit = json!({ "mode": "prevent", "verdict": "prevent", "blocked": true, "reason": { "kind": "inspection" },
            "inspection": { "reasons": ["body-cut"] } });
        for (name, answer, seen, expected) in [
            ("plain", Ok(200), Some(record("pass", &[])), Shown::Right),
            ("plain", Ok(404), Some(record("pass", &[])), Shown::Right),
            ("plain", Ok(403), Some(record("prevent", &[])), Shown::Wronged),
            ("plain", Ok(200), None, Shown::Unseen),
            ("chunked", Ok(411), None, Shown::Declined),
            ("plain", Err("refused"), None, Shown::Unanswered("refused".into())),
            ("plain", Ok(200), Some(json!({ "mode": "off", "verdict": "pass" })), Shown::Off),
            ("query", Ok(403), Some(record("prevent", &[])), Shown::Right),
            // A rule may drop the connection.
            ("query", Err("closed"), Some(record("prevent", &[])), Shown::Right),
            ("query", Ok(200), Some(record("prevent", &[])), Shown::Ignored(200)),
            ("query", Ok(200), Some(record("detect", &[])), Shown::Right),
            ("query", Ok(200), Some(record("pass", &[])), Shown::Missed),
            ("query", Ok(200), None, Shown::Unseen),
            (
                "form",
                Ok(200),
                Some(record("pass", &["body-unseen"])),
                Shown::Incomplete(vec!["body-unseen".into()]),
            ),
            ("form", Ok(403), Some(record("prevent", &["body-cut"])), Shown::Right),
            ("form", Ok(403), Some(limit), cut),
        ] {
            check(name, answer, seen, &expected);
        }
    }
}
