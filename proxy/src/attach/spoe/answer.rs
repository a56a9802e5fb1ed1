//! What HAProxy is told: variables of the transaction, `txn.portcullis.*` where its configuration says
//! `option var-prefix portcullis`.
//!
//! | variable | says |
//! |---|---|
//! | `action` | `allow`, `deny`, `redirect`, `close`; `shed` where nobody looked |
//! | `status` | what the client is to get |
//! | `page`, `page_type` | the block page |
//! | `grpc_status`, `grpc_message` | the same for a gRPC client |
//! | `location`, `retry_after`, `ratelimit`, `ratelimit_policy` | headers, where there are any |
//! | `id` | the transaction's id, as in its decision record |
//! | `verdict` | `pass`, `detect` or `prevent` |
//! | `score`, `model`, `rules` | the anomaly score, the model's score (0 to 1), the rules that matched |
//! | `counted` | how many requests that HAProxy passed or refused unasked were counted |

use transaction::spop::{Actions, Value};

use super::notify::Whole;
use crate::attach::{Conclusion, Refused};
use crate::page::{Form, grpc_status};

/// The status that a client gets for a refusal: HAProxy's configuration has a rule for each of these, and one for the rest.
pub(super) fn told_status(status: u16) -> u16 {
    match status {
        300..=399 if REDIRECTS.contains(&status) => status,
        300..=399 => 302,
        _ if STATUSES.contains(&status) => status,
        _ => 403,
    }
}

/// What follows from a conclusion.
pub(super) fn of(
    whole: &Whole,
    conclusion: Conclusion,
    rules: &[u32],
    form: Form,
    counted: Option<u64>,
    frame_bytes_max: usize,
) -> Vec<u8> {
    let Conclusion { id, verdict, anomaly, model, rates, refused } = conclusion;
    let mut actions = Actions::about(whole.stream, whole.id, frame_bytes_max);
    let action = refused.as_ref().map_or("allow", action);
    tell(&mut actions, "action", action);
    tell(&mut actions, "id", &id);
    tell(&mut actions, "verdict", if refused.is_some() { "prevent" } else { verdict });
    if let Some(total) = counted {
        actions.set("counted", Value::Number(total));
    }
    if let Some(refused) = refused {
        refuse(&mut actions, &refused, form);
    }
    if let Some((policy, standing)) = rates {
        tell(&mut actions, "ratelimit_policy", &policy);
        tell(&mut actions, "ratelimit", &standing);
    }
    actions.set("score", Value::Number(u64::try_from(anomaly).unwrap_or(0)));
    if let Some(score) = model {
        tell(&mut actions, "model", &format!("{score:.4}"));
    }
    if !rules.is_empty() {
        let rules: Vec<String> = rules.iter().map(u32::to_string).collect();
        tell(&mut actions, "rules", &rules.join(","));
    }
    actions.into_frame()
}

fn action(refused: &Refused) -> &'static str {
    match refused {
        Refused { closes: true, .. } => "close",
        Refused { status: 300..=399, .. } => "redirect",
        _ => "deny",
    }
}

fn refuse(actions: &mut Actions, refused: &Refused, form: Form) {
    actions.set("status", Value::Number(told_status(refused.status).into()));
    if form == Form::Grpc {
        let (code, message) = grpc_status(refused.status);
        tell(actions, "grpc_status", code);
        tell(actions, "grpc_message", message);
    }
    for (name, variable) in [
        (http::header::LOCATION, "location"),
        (http::header::RETRY_AFTER, "retry_after"),
        (http::header::CONTENT_TYPE, "page_type"),
    ] {
        let value = refused.headers.iter().find(|(header, _)| *header == name);
        if let Some((_, value)) = value {
            actions.set(variable, Value::Bytes(value.as_bytes()));
        }
    }
    // One that is too long for a frame is left out: HAProxy has a page of its own.
    actions.set("page", Value::Bytes(&refused.body));
}

/// The answer to one request too many: nobody looked at it.
pub(super) fn shed(whole: &Whole, frame_bytes_max: usize) -> Vec<u8> {
    let mut actions = Actions::about(whole.stream, whole.id, frame_bytes_max);
    tell(&mut actions, "action", "shed");
    actions.into_frame()
}

/// The answer to what says nothing of a request: it must not pass as if it had been looked at.
pub(super) fn unreadable(whole: &Whole, frame_bytes_max: usize) -> Vec<u8> {
    let mut actions = Actions::about(whole.stream, whole.id, frame_bytes_max);
    tell(&mut actions, "action", "deny");
    actions.set("status", Value::Number(500));
    actions.into_frame()
}

fn tell(actions: &mut Actions, name: &str, value: &str) {
    actions.set(name, Value::Bytes(value.as_bytes()));
}

/// What packaging/haproxy/haproxy.cfg has a rule for.
const STATUSES: [u16; 16] = [400, 401, 403, 404, 405, 406, 410, 413, 414, 415, 422, 429, 431, 451, 500, 503];
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_that_is_shipped_has_a_rule_for_each() {
        let text = include_str!("../../../../packaging/haproxy/haproxy.cfg");
        for status in STATUSES {
            assert!(text.contains(&format!("return status {status} ")), "{status}");
        }
        for status in REDIRECTS {
            assert!(text.contains(&format!(" code {status} ")), "{status}");
        }
    }

    #[test]
    fn a_status_that_it_has_no_rule_for_is_another() {
        for (status, told) in [(403, 403), (418, 403), (200, 403), (429, 429), (307, 307), (304, 302)] {
            assert_eq!(told_status(status), told);
        }
    }
}
