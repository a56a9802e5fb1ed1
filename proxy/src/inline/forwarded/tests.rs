use std::net::Ipv4Addr;

use super::*;

type Headers<'h> = &'h [(&'static str, &'static str)];

const ID_OURS: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const USUAL: [ForwardedHeader; 4] = [
    ForwardedHeader::XForwardedFor,
    ForwardedHeader::XForwardedProto,
    ForwardedHeader::XForwardedHost,
    ForwardedHeader::XRequestId,
];
const ALL: [ForwardedHeader; 7] = [
    ForwardedHeader::XForwardedFor,
    ForwardedHeader::XForwardedProto,
    ForwardedHeader::XForwardedHost,
    ForwardedHeader::XForwardedPort,
    ForwardedHeader::XRealIp,
    ForwardedHeader::XRequestId,
    ForwardedHeader::Forwarded,
];

fn known(is_trusted: bool) -> Known<'static> {
    Known {
        peer: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        client: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5)),
        is_trusted,
        scheme: "https",
        port: 8443,
        id: ID_OURS,
        header: "x-forwarded-for",
        trace: TraceContext::Pass,
    }
}

/// All headers that come out, in the order of their names.
#[track_caller]
fn check(
    how: Forwarded,
    headers: &[ForwardedHeader],
    known: &Known<'_>,
    sent: Headers<'_>,
    expected: Headers<'_>,
) {
    let mut request = RequestHeader::build("GET", b"/", None).unwrap();
    for (name, value) in sent {
        request.append_header(*name, *value).unwrap();
    }
    let host = |_: &RequestHeader| Some(HeaderValue::from_static("shop"));
    Telling::new(how, headers).tell(&mut request, known, host).unwrap();
    let text = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    let mut found: Vec<String> = request.headers.iter().map(text).collect();
    found.sort();
    let mut expected: Vec<String> = expected.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    expected.sort();
    assert_eq!(found, expected, "{how:?} {known:?} {sent:?}");
}

const FRESH: Headers<'_> = &[
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop"),
    ("x-request-id", ID_OURS),
];

#[test]
fn tells_what_is_known() {
    for how in [Forwarded::Append, Forwarded::Replace] {
        check(how, &USUAL, &known(false), &[], FRESH);
        check(how, &USUAL, &known(true), &[], FRESH);
        check(how, &[], &known(true), &[("x-real-ip", "198.51.100.1")], &[("x-real-ip", "198.51.100.1")]);
    }
    let all: Headers<'_> = &[
        ("forwarded", "for=192.0.2.7;host=\"shop\";proto=https"),
        ("x-forwarded-port", "8443"),
        ("x-real-ip", "203.0.113.5"),
    ];
    check(Forwarded::Replace, &ALL, &known(false), &[], &[FRESH, all].concat());
}

#[test]
fn forged_headers_are_not_kept() {
    let forged: Headers<'_> = &[
        ("X-Forwarded-For", "198.51.100.1"),
        ("X-Forwarded-For", " 127.0.0.1 "),
        ("X-Forwarded-Proto", "ftp"),
        ("X-Forwarded-Host", "admin"),
        ("X-Forwarded-Port", "1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1"),
        ("X-Request-Id", "mine"),
        ("X_Forwarded_For", "127.0.0.1"),
        ("x-real_ip", "127.0.0.1"),
        ("X-Other_Name", "kept"),
    ];
    let others: Headers<'_> = &[("x-other_name", "kept")];
    check(Forwarded::Replace, &USUAL, &known(false), forged, &[FRESH, others].concat());
    let chain: Headers<'_> = &[("x-forwarded-for", "198.51.100.1, 127.0.0.1, 192.0.2.7")];
    check(Forwarded::Append, &USUAL, &known(false), forged, &[chain, &FRESH[1..], others].concat());
    check(Forwarded::Replace, &[], &known(false), forged, others);
    let all: Headers<'_> = &[
        ("x-forwarded-port", "8443"),
        ("x-real-ip", "203.0.113.5"),
        ("forwarded", "for=127.0.0.1, for=192.0.2.7;host=\"shop\";proto=https"),
    ];
    check(Forwarded::Append, &ALL, &known(false), forged, &[chain, &FRESH[1..], all, others].concat());
    let cloud = Known { header: "cf-connecting-ip", ..known(false) };
    let claimed: Headers<'_> = &[("CF-Connecting-IP", "127.0.0.1"), ("CF_Connecting_IP", "127.0.0.1")];
    check(Forwarded::Append, &USUAL, &cloud, &claimed[..1], FRESH);
    check(
        Forwarded::Append,
        &USUAL,
        &Known { is_trusted: true, ..cloud },
        &claimed[..1],
        &[FRESH, &[("cf-connecting-ip", "127.0.0.1")]].concat(),
    );
}

#[test]
fn trusted_proxies_are_believed() {
    let sent: Headers<'_> = &[
        ("X-Forwarded-For", "203.0.113.5"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "www"),
        ("X-Forwarded-Port", "80"),
        ("X-Real-IP", "198.51.100.9"),
        ("X-Request-Id", "theirs"),
        ("Forwarded", "for=203.0.113.5"),
        ("X_Forwarded_For", "127.0.0.1"),
    ];
    let expected: Headers<'_> = &[
        ("x-forwarded-for", "203.0.113.5, 192.0.2.7"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "www"),
        ("x-forwarded-port", "80"),
        ("x-real-ip", "203.0.113.5"),
        ("x-request-id", "theirs"),
        ("forwarded", "for=203.0.113.5, for=192.0.2.7;host=\"shop\";proto=https"),
    ];
    check(Forwarded::Replace, &ALL, &known(true), sent, expected);
    check(Forwarded::Append, &ALL, &known(true), sent, expected);
    for unsafe_id in [&[("x-request-id", "a b")][..], &[("x-request-id", "a"), ("x-request-id", "b")]] {
        check(Forwarded::Append, &USUAL, &known(true), unsafe_id, FRESH);
    }
    let socket = Known { peer: None, ..known(true) };
    let chain: Headers<'_> = &[("x-forwarded-for", "203.0.113.5")];
    check(Forwarded::Append, &USUAL, &socket, chain, &[chain, &FRESH[1..]].concat());
    check(Forwarded::Replace, &USUAL, &Known { is_trusted: false, ..socket }, chain, &FRESH[1..]);
}

#[test]
fn traces_go_on_if_they_are_valid() {
    let valid: Headers<'_> = &[("traceparent", TRACE), ("tracestate", "a=1")];
    check(Forwarded::Append, &USUAL, &known(false), valid, &[FRESH, valid].concat());
    for (sent, kept) in [
        (&[("traceparent", TRACE), ("tracestate", "A=1")][..], &valid[..1]),
        (&[("traceparent", TRACE), ("traceparent", TRACE), ("tracestate", "a=1")], &[]),
        (&[("traceparent", "00-nonsense"), ("tracestate", "a=1")], &[]),
        (&[("tracestate", "a=1")], &[]),
    ] {
        check(Forwarded::Append, &USUAL, &known(false), sent, &[FRESH, kept].concat());
    }
    let starting = Known { trace: TraceContext::Start, ..known(false) };
    let begun: Headers<'_> = &[("traceparent", "00-0af7651916cd43dd8448eb211c80319c-8448eb211c80319c-01")];
    check(Forwarded::Append, &USUAL, &starting, &[("tracestate", "a=1")], &[FRESH, begun].concat());
    check(Forwarded::Append, &USUAL, &starting, valid, &[FRESH, valid].concat());
}
