//! What clients get that are refused.

use super::super::super::curl;
use super::super::super::origin::Origin;
use super::{Agent, Gateway, start};

const RULES: &str = r#"
SecRule ARGS:go "@streq away" "id:11,phase:1,redirect:https://elsewhere.test/x?y=1,status:307"
SecRule ARGS:go "@streq nowhere" "id:12,phase:1,drop"
SecRule ARGS:go "@rx ^4\d\d$" "id:13,phase:1,chain,deny,status:406"
SecRule ARGS:go "@streq 406" ""
SecRule ARGS:go "@streq 418" "id:14,phase:1,deny,status:418"
"#;

#[test]
fn the_page_is_in_the_form_that_was_asked_for() {
    let Some((_origin, _agent, gateway)) = start("prevent", &[]) else { return };
    for (accept, kind, part) in [
        ("text/html", "text/html; charset=utf-8", "<!doctype html>"),
        ("application/json", "application/json", "\"transactionId\":"),
        ("*/*", "text/plain; charset=utf-8", "Transaction: "),
    ] {
        let header = format!("-HAccept: {accept}");
        let answer = curl::run(&["-i", &header], None, &format!("{}/hostileword", gateway.base));
        let (text, head) = (&answer.body, answer.body.to_ascii_lowercase());
        assert_eq!(answer.status, 403, "{text}");
        assert!(head.contains(&format!("content-type: {kind}\r\n")) && text.contains(part), "{text}");
        assert!(head.contains("cache-control: no-store"), "{text}");
    }
}

#[test]
fn what_rules_say_is_done() {
    let origin = Origin::start();
    let agent = Agent { rules: RULES, ..Agent::default() }.start();
    let Some(gateway) = Gateway::start(&agent, origin.address, &[]) else { return };
    let go = |to: &str| curl::run(&["-i"], None, &format!("{}/?go={to}", gateway.base));
    let away = go("away");
    assert_eq!(away.status, 307, "{away:?}\n{}", gateway.log());
    assert!(away.body.contains("ocation: https://elsewhere.test/x?y=1\r\n"), "{away:?}");
    assert_eq!(go("nowhere").status, 0, "no answer at all");
    assert_eq!(go("406").status, 406);
    // HAProxy has no rule for this one.
    assert_eq!(go("418").status, 403);
    assert_eq!(go("on").status, 200);
}

#[test]
fn one_too_many_is_told_when_to_come_again() {
    let origin = Origin::start();
    let more = "rate_limits: { few: { rate: 1/h, burst: 2 } }";
    let agent = Agent { policy: "rate_limits: [few]", more, ..Agent::default() }.start();
    let Some(gateway) = Gateway::start(&agent, origin.address, &[]) else { return };
    let answers: Vec<_> = (0..4).map(|_| curl::run(&["-i"], None, &gateway.base)).collect();
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 429, 429], "{}", gateway.log());
    let refused = answers[2].body.to_ascii_lowercase();
    assert!(refused.contains("retry-after: "), "{refused}");
}

/// A page that does not fit into a frame is left out, and the request is refused all the same.
#[test]
fn a_page_that_is_too_long() {
    let origin = Origin::start();
    let page = "x".repeat(60_000);
    let policy = format!("response: {{ page: \"{page}\" }}");
    let endpoint = "limits: { frame_bytes_max: 16KiB }";
    let agent = Agent { policy: &policy, endpoint, ..Agent::default() }.start();
    let Some(gateway) = Gateway::start(&agent, origin.address, &[]) else { return };
    let answer = curl::run(&["-HAccept: text/html"], None, &format!("{}/hostileword", gateway.base));
    assert_eq!((answer.status, answer.body.len()), (403, 0), "{}", gateway.log());
}
