use super::*;

fn inspect(dialect: &str, more: &str) -> Inspect {
    let text = format!(
        "version: 1\nattachments: {{ inspect: [{{ address: '127.0.0.1:1', dialect: {dialect}, {more} }}] }}\n"
    );
    let (config, _) = engine::Config::parse("p", &text, 0).expect("a configuration");
    config.attachments.inspect.into_iter().next().expect("an endpoint")
}

fn arrived(target: &str, lines: &[&str]) -> RequestHead {
    let headers = lines.iter().filter_map(|line| line.split_once(": ")).collect();
    RequestHead { method: b"GET".to_vec(), target: target.into(), protocol: b"HTTP/1.0".to_vec(), headers }
}

#[track_caller]
fn check(inspect: &Inspect, target: &str, lines: &[&str], expected: &str) {
    let found = match read(inspect, &arrived(target, lines)) {
        Err(error) => format!("{error:?}"),
        Ok(read) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let body = if read.should_have_body { " body" } else { "" };
            let cut = if read.cut.is_some() { " cut" } else { "" };
            let (method, target) = (text(&read.head.method), text(&read.head.target));
            format!("{method} {target} {:?}{body}{cut}", read.head.headers)
        }
    };
    assert_eq!(found, expected, "{lines:?}");
}

const NGINX: [&str; 4] =
    ["Host: a.test", "X-Original-Method: POST", "X-Original-URI: /x?<", "X-Real-IP: ::1"];

#[test]
fn nginx_says_it_in_headers_of_its_own() {
    let nginx = inspect("nginx", "");
    check(&nginx, "/", &NGINX, "POST /x?< [Host=a.test] body");
    let mut lines = NGINX.to_vec();
    lines.extend(["X-Original-Content-Length: 12", "Connection: close", "X-Forwarded-For: 1"]);
    check(&nginx, "/", &lines, "POST /x?< [Host=a.test, Content-Length=12, X-Forwarded-For=1] body");
    // One of them is the client's, who may have said something else.
    lines.push("x-original-uri: /harmless");
    check(&nginx, "/", &lines, "Twice(\"x-original-uri\")");
    check(&nginx, "/", &NGINX[..3], "Missing(\"x-real-ip\")");
    check(&nginx, "/", &NGINX[1..2], "Missing(\"x-original-uri\")");
    // Other dialects' headers are a client's here.
    lines.pop();
    lines.push("X-Forwarded-Uri: /harmless");
    lines.push("X-Original-URL: http://b.test/harmless");
    check(
        &nginx,
        "/",
        &lines,
        "POST /x?< [Host=a.test, Content-Length=12, X-Forwarded-For=1, X-Forwarded-Uri=/harmless, \
         X-Original-URL=http://b.test/harmless] body",
    );
}

#[test]
fn a_body_is_missed_where_one_should_be() {
    let nginx = inspect("nginx", "");
    for (method, more, expected) in [
        ("GET", "A: b", ""),
        ("HEAD", "X-Original-Content-Length: 0", ""),
        ("GET", "X-Original-Content-Length: 1", " body"),
        ("GET", "X-Original-Content-Length: ?", " body"),
        ("GET", "X-Original-Transfer-Encoding: chunked", " body"),
        ("GET", "Content-Type: text/plain", " body"),
        ("DELETE", "A: b", " body"),
        // What a client claims cannot make a body unseen go uncounted.
        ("POST", "X-Original-Content-Length: 0", " body"),
    ] {
        let method_line = format!("X-Original-Method: {method}");
        let lines = [&*method_line, "X-Original-URI: /", "X-Real-IP: ::1", more];
        let read = read(&nginx, &arrived("/", &lines)).expect("understood");
        assert_eq!(if read.should_have_body { " body" } else { "" }, expected, "{method} {more}");
    }
}

#[test]
fn ingress_nginx_says_it_as_a_url() {
    let ingress = inspect("ingress-nginx", "");
    let with = |url: &str, expected: &str| {
        let url = format!("X-Original-URL: {url}");
        check(
            &ingress,
            "/",
            &["Host: 127.0.0.1:9081", &url, "X-Original-Method: GET", "X-Real-IP: ::1", "X-Sent-From: n"],
            expected,
        );
    };
    with("https://a.test/x?y=http://z/", "GET /x?y=http://z/ [Host=a.test]");
    with("http://a.test:80//x", "GET //x [Host=a.test:80]");
    // A host with anything but a slash in it is a host.
    with("http://a?b/x", "GET /x [Host=a?b]");
    with("http:///x", "GET /x [Host=]");
    with("/x", "Malformed(\"x-original-url\")");
    with("http://a.test", "Malformed(\"x-original-url\")");
    let lines = ["X-Original-URI: /x", "X-Original-Method: GET", "X-Real-IP: ::1"];
    check(&ingress, "/", &lines, "Missing(\"x-original-url\")");
}

#[test]
fn forward_auth_says_it_in_forwarded_headers() {
    for dialect in ["traefik", "caddy"] {
        let inspect = inspect(dialect, "");
        let lines = [
            "Host: auth.test",
            "X-Forwarded-Method: PUT",
            "X-Forwarded-Uri: /x",
            "X-Forwarded-Host: a.test",
            "X-Forwarded-For: 192.0.2.1",
            "X-Forwarded-Proto: https",
            "X-Original-URI: /harmless",
            "Cookie: a=b",
        ];
        check(&inspect, "/", &lines, "PUT /x [Host=a.test, X-Original-URI=/harmless, Cookie=a=b] body");
        check(&inspect, "/", &lines[..4], "Missing(\"x-forwarded-for\")");
        check(&inspect, "/", &lines[2..], "Missing(\"x-forwarded-method\")");
    }
}

#[test]
fn external_auth_is_the_request_itself() {
    let external = inspect("external-auth", "path_prefix: /inspect");
    let lines = ["host: a.test", "x-forwarded-for: 192.0.2.1"];
    let told = "[host=a.test, x-forwarded-for=192.0.2.1]";
    check(&external, "/inspect/x?y", &lines, &format!("GET /x?y {told}"));
    check(&external, "/other", &lines, "Malformed(\"the path\")");
    let cut = [lines[0], lines[1], "x-envoy-auth-partial-body: true"];
    check(&external, "/inspect/x", &cut, &format!("GET /x {told} cut"));
}

/// Whatever a client sends, what its gateway says of the request is what is read: a gateway replaces what it sets.
mod whatever_clients_send {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 14] = [
        "X-Original-URI",
        "X-Original-URL",
        "X-Original-Method",
        "X-Original-Content-Length",
        "X-Original-Transfer-Encoding",
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
        "X-Forwarded-Host",
        "X-Forwarded-For",
        "X-Real-IP",
        "x_original_uri",
        "Connection",
        "Host",
        "x-envoy-auth-partial-body",
    ];

    fn gateways(dialect: &str) -> &'static [(&'static str, &'static str)] {
        match dialect {
            "nginx" => {
                &[("Host", "a"), ("X-Original-URI", "/x"), ("X-Original-Method", "PUT"), ("X-Real-IP", "::1")]
            }
            "ingress-nginx" => &[
                ("Host", "b"),
                ("X-Original-URL", "http://a/x"),
                ("X-Original-Method", "PUT"),
                ("X-Real-IP", "::1"),
            ],
            _ => &[
                ("Host", "b"),
                ("X-Forwarded-Uri", "/x"),
                ("X-Forwarded-Method", "PUT"),
                ("X-Forwarded-Host", "a"),
                ("X-Forwarded-For", "::1"),
            ],
        }
    }

    proptest! {
        #[test]
        fn the_gateway_is_heard(
            dialect in prop::sample::select(&["nginx", "ingress-nginx", "traefik", "caddy"][..]),
            sent in prop::collection::vec((prop::sample::select(&NAMES[..]), "[ -~]{0,12}"), 0..8),
        ) {
            let own = gateways(dialect);
            let is_own = |name: &str| own.iter().any(|(set, _)| set.eq_ignore_ascii_case(name));
            let kept = sent.iter().filter(|(name, _)| !is_own(name)).map(|(name, value)| (*name, value.as_str()));
            let headers: Fields = kept.chain(own.iter().copied()).collect();
            let arrived = RequestHead { method: b"GET".to_vec(), target: b"/".to_vec(), headers, ..RequestHead::default() };
            let read = read(&inspect(dialect, ""), &arrived).expect("understood");
            prop_assert_eq!(&read.head.target, b"/x");
            prop_assert_eq!(&read.head.method, b"PUT");
            prop_assert_eq!(read.head.headers.first(b"host"), Some(&b"a"[..]));
            prop_assert!(read.should_have_body);
        }
    }
}
