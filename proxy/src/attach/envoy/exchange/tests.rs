//! Any parts in any order.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::StreamExt as _;
use proptest::prelude::*;
use transaction::Connection;

use super::*;
use crate::attach::envoy::messages::processing::{
    HttpBody, HttpHeaders, HttpTrailers, ProcessingResponse, Reply,
};
use crate::attach::envoy::messages::{HeaderMap, HeaderValue};
use crate::attach::envoy::outbox::outgoing;
use crate::drain::Drain;
use crate::ids::Ids;
use crate::inline::Hops;
use crate::state::{Running, Shared};

fn shared(policy: &str) -> Shared {
    let yaml = format!(
        "version: 1\nassets: [{{ name: a, hosts: ['*'], policy: p }}]\n\
         attachments: {{ envoy: [{{ address: 'unix:/x' }}] }}\n\
         policies: {{ p: {{ {policy}, inspect_responses: true, signatures: {{ rules: [r.conf] }} }} }}\n"
    );
    let rules = "SecRule ARGS \"@contains evil\" \"id:1,phase:2,deny\"\n\
                 SecRule RESPONSE_BODY \"@contains leak\" \"id:2,phase:4,deny\"\n";
    Shared {
        running: Arc::new(ArcSwap::from_pointee(Running::of(&yaml, rules))),
        drain: Drain::default(),
        ids: Ids::default(),
        shelf: Arc::default(),
    }
}

fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
    let headers = list.iter().map(|(key, value)| HeaderValue {
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
        raw: Bytes::new(),
    });
    HeaderMap { headers: headers.collect() }
}

/// What Envoy is told of an exchange.
fn told(policy: &str, modes: Modes, kind: &str, ends: bool, parts: Vec<Part>) -> Vec<ProcessingResponse> {
    let shared = shared(policy);
    let mut head = RequestHead { method: b"POST".to_vec(), target: b"/".to_vec(), ..RequestHead::default() };
    head.headers.push(b"host", b"h");
    head.headers.push(b"content-type", kind.as_bytes());
    let body = shown(modes, ends, &head);
    let told = Told { head, connection: Connection::default(), hops: Hops::default(), body };
    let outgoing = outgoing(async move |outbox| {
        let asked = Asked::new(&shared, "ext-proc");
        let (mut exchange, mut said) = Exchange::begin(asked, modes, outbox, told, ends).await;
        for part in parts {
            if !matches!(said, Ok(Flow::Goes)) {
                return;
            }
            said = exchange.show(part).await;
        }
        if matches!(said, Ok(Flow::Goes)) {
            exchange.ended();
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(outgoing.filter_map(|answer| async { answer.ok() }).collect())
}

fn any_part() -> impl Strategy<Value = Part> {
    let body = || {
        let text = prop::sample::select(&["", "a=", "ev", "il", "evil", "&b=leak", "leak", "x"][..]);
        (text, any::<bool>())
            .prop_map(|(text, ends)| HttpBody { body: Bytes::from_static(text.as_bytes()), ends })
    };
    let head = || {
        let lists = [
            &[(":status", "200"), ("content-type", "text/plain")][..],
            &[(":status", "200"), ("content-type", "text/event-stream")],
            &[(":status", "101")],
            &[(":status", "204")],
            &[],
        ];
        (prop::sample::select(lists.to_vec()), any::<bool>())
            .prop_map(|(list, ends)| HttpHeaders { headers: Some(headers(list)), ends })
    };
    let trailers = || Just(HttpTrailers { trailers: None });
    prop_oneof![
        1 => head().prop_map(Part::RequestHeaders),
        6 => body().prop_map(Part::RequestBody),
        2 => trailers().prop_map(Part::RequestTrailers),
        3 => head().prop_map(Part::ResponseHeaders),
        6 => body().prop_map(Part::ResponseBody),
        2 => trailers().prop_map(Part::ResponseTrailers),
    ]
}

fn any_modes() -> impl Strategy<Value = Modes> {
    (0..6, 0..6)
        .prop_map(|(request, answer)| Modes { request: BodyMode::of(request), answer: BodyMode::of(answer) })
}

/// What went on of the bodies of both sides where Envoy keeps nothing.
fn gone_on(answers: &[ProcessingResponse]) -> [Vec<u8>; 2] {
    let mut both = [Vec::new(), Vec::new()];
    for answer in answers {
        let (side, part) = match &answer.reply {
            Some(Reply::RequestBody(part)) => (0, part),
            Some(Reply::ResponseBody(part)) => (1, part),
            _ => continue,
        };
        let streamed = part.response.as_ref().and_then(|it| it.body.as_ref()?.streamed.as_ref());
        both[side].extend_from_slice(streamed.map_or(&[][..], |piece| &piece.body));
    }
    both
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    /// Nothing panics, whatever comes; nothing follows a refusal; what was found hostile did not go on.
    #[test]
    fn nothing_hostile_goes_on_in_any_order(
        detects in any::<bool>(),
        modes in any_modes(),
        kind in prop::sample::select(&["application/x-www-form-urlencoded", "application/grpc", ""][..]),
        ends in any::<bool>(),
        parts in prop::collection::vec(any_part(), 0..12),
    ) {
        let policy = if detects { "mode: detect" } else { "mode: prevent" };
        let answers = told(policy, modes, kind, ends, parts);
        let refused = answers.iter().position(|it| matches!(it.reply, Some(Reply::Immediate(_))));
        prop_assert!(refused.is_none_or(|at| at + 1 == answers.len()));
        let [request, answer] = gone_on(&answers);
        let form = kind.starts_with("application/x-www");
        let is_hostile = |body: &[u8], word: &[u8]| body.windows(word.len()).any(|window| window == word);
        if !detects && form && request.starts_with(b"a=") {
            let value = request[2..].split(|byte| *byte == b'&').next().unwrap_or_default();
            prop_assert!(!is_hostile(value, b"evil"), "{:?}", String::from_utf8_lossy(&request));
        }
        if detects {
            // Only what Envoy would not have is refused.
            let status = |it: &ProcessingResponse| match &it.reply {
                Some(Reply::Immediate(immediate)) => immediate.status.map(|status| status.code),
                _ => None,
            };
            prop_assert!(answers.iter().filter_map(status).all(|status| status == 500));
        }
        let _ = answer;
    }
}

fn piece(text: &'static str, ends: bool) -> HttpBody {
    HttpBody { body: Bytes::from_static(text.as_bytes()), ends }
}

/// How it goes, in a word for each answer.
fn words(policy: &str, request: BodyMode, answer: BodyMode, ends: bool, parts: Vec<Part>) -> String {
    let answers = told(policy, Modes { request, answer }, "application/x-www-form-urlencoded", ends, parts);
    let word = |answer: &ProcessingResponse| match &answer.reply {
        Some(Reply::RequestHeaders(_)) => "head".to_owned(),
        Some(Reply::ResponseHeaders(_)) => "HEAD".to_owned(),
        Some(Reply::RequestBody(_)) => "body".to_owned(),
        Some(Reply::ResponseBody(_)) => "BODY".to_owned(),
        Some(Reply::RequestTrailers(_)) => "trailers".to_owned(),
        Some(Reply::ResponseTrailers(_)) => "TRAILERS".to_owned(),
        Some(Reply::Immediate(it)) => it.status.map_or(0, |status| status.code).to_string(),
        None => "nothing".to_owned(),
    };
    answers.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn says_what_envoy_waits_for() {
    use BodyMode::{Buffered, Duplex, Partial, Streamed};
    let (body, answer) = (
        |text, ends| Part::RequestBody(piece(text, ends)),
        |text, ends| Part::ResponseBody(piece(text, ends)),
    );
    let plain = || headers(&[(":status", "200"), ("content-type", "text/plain")]);
    let head = |ends| Part::ResponseHeaders(HttpHeaders { headers: Some(plain()), ends });
    let trailers = || Part::RequestTrailers(HttpTrailers { trailers: None });
    let prevent = "mode: prevent";
    for (policy, mode, ends, parts, expected) in [
        (prevent, Buffered, true, vec![head(true)], "head HEAD"),
        (
            prevent,
            Buffered,
            false,
            vec![body("a=1", true), head(false), answer("x", true)],
            "head body HEAD BODY",
        ),
        (prevent, Buffered, false, vec![body("a=evil", true)], "head 403"),
        (prevent, Buffered, false, vec![body("a=evil", false)], "head 403"),
        (
            prevent,
            Buffered,
            false,
            vec![body("a=1", true), head(false), answer("leak", true)],
            "head body HEAD 403",
        ),
        // Envoy answers by itself: the body is longer than it keeps.
        (prevent, Buffered, false, vec![head(false)], "head HEAD"),
        (prevent, Partial, false, vec![body("a=1", false)], "head 403"),
        ("mode: prevent, on_limit: pass", Partial, false, vec![body("a=1", false)], "head body"),
        // Headers wait for the verdict.
        (prevent, Duplex, false, vec![body("a=", false), body("1", false)], ""),
        (prevent, Duplex, false, vec![body("a=", false), body("1", true)], "head body body"),
        (prevent, Duplex, false, vec![body("a=", false), trailers()], "head body trailers"),
        (prevent, Duplex, false, vec![body("a=ev", false), body("il", true)], "403"),
        (prevent, Duplex, false, vec![body("a=evil", false), trailers()], "403"),
        (
            "mode: prevent, limits: { hold_bytes_max: 0 }",
            Duplex,
            false,
            vec![body("a=1", false)],
            "head body",
        ),
        // What comes of an answer before the verdict waits as well.
        (
            prevent,
            Duplex,
            false,
            vec![head(false), answer("x", true), body("a=1", true)],
            "head body HEAD BODY",
        ),
        (prevent, Duplex, false, vec![head(false), answer("x", true), body("a=evil", true)], "403"),
        ("mode: detect", Duplex, false, vec![body("a=evil", true)], "head body"),
        ("mode: detect", Streamed, false, vec![body("a=evil", true)], "head body"),
        (prevent, Streamed, false, vec![body("a=1", true)], "500"),
        ("mode: off", Duplex, false, vec![], "head"),
        (prevent, Duplex, false, vec![body("a=1", true), body("b=2", true)], "head body 500"),
        (prevent, Duplex, true, vec![body("a=1", true)], "head 500"),
    ] {
        let case = format!("{policy} {mode:?} {parts:?}");
        assert_eq!(words(policy, mode, mode, ends, parts), expected, "{case}");
    }
}
