//! Answers on their way through nginx, shown to the agent as well: what leaks does not get out, and what does not leak is as it was.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::super::super::origin::{HUGE_BYTES, Origin};
use super::super::super::process::Portcullis;
use super::super::super::streams::read_until;
use super::super::super::{curl, grpc, h2_server};
use super::super::nginx::Gateway;
use super::super::{agent, last_record, socket};
use super::{Before, module};

/// nginx that shows answers, before an application; `more` is beside the directives of the module.
pub(super) fn shows(agent: &Portcullis, more: &str) -> Option<Before> {
    shows_at(agent, more, "")
}

/// With more of the block `server`.
pub(super) fn shows_at(agent: &Portcullis, more: &str, server: &str) -> Option<Before> {
    let (module, origin) = (module()?, Origin::start());
    let address = origin.address;
    let timeout = if more.contains("_timeout") { "" } else { "portcullis_timeout 5s;" };
    let here = agent.file("files").display().to_string();
    std::fs::create_dir_all(agent.file("files")).expect("made");
    for word in ["friendlyword", "leakedword"] {
        let text = format!("{}{word}", ".".repeat(200_000));
        std::fs::write(agent.file("files").join(format!("{word}.txt")), text).expect("written");
        std::fs::write(agent.file("files").join(format!("{word}.html")), format!("<b>{word}</b>"))
            .expect("written");
    }
    let http = format!(
        "portcullis on; portcullis_responses on; portcullis_agent unix:{}; {timeout} {more}
         types {{ text/plain txt; text/html html; }} proxy_cache_path {here}/kept keys_zone=kept:1m; proxy_http_version 1.1;",
        socket(agent)
    );
    let server = format!(
        "{server} add_header X-Seen \"$portcullis_response\" always;
         location / {{ proxy_pass http://{address}; }}
         location /unbuffered/ {{ proxy_buffering off; proxy_pass http://{address}/; }}
         location /small/ {{ proxy_buffers 4 4k; proxy_buffer_size 4k; proxy_busy_buffers_size 8k; proxy_pass http://{address}/; }}
         location /spooled/ {{ proxy_max_temp_file_size 1m; proxy_buffers 4 4k; proxy_pass http://{address}/; }}
         location /unspooled/ {{ proxy_max_temp_file_size 0; proxy_buffers 4 4k; proxy_pass http://{address}/; }}
         location /kept/ {{ proxy_cache kept; proxy_cache_valid 200 1m; add_header X-Kept $upstream_cache_status;
           add_header X-Seen \"$portcullis_response\"; proxy_pass http://{address}/; }}
         location /packed/ {{ gzip on; gzip_types text/plain; gzip_min_length 1; proxy_pass http://{address}/; }}
         location /moved/ {{ rewrite ^/moved/(.*)$ /$1 last; }}
         location /page/ {{ error_page 404 = @page; root /nonexistent; }}
         location @page {{ rewrite ^/page/(.*)$ /$1 break; proxy_pass http://{address}; }}
         location /files/ {{ alias {here}/; }}
         location /copied/ {{ sendfile on; alias {here}/; }}
         location /direct/ {{ directio 512; alias {here}/; }}
         location /joined/ {{ ssi on; ssi_types text/html; alias {here}/; }}
         location /off/ {{ portcullis_responses off; proxy_pass http://{address}/; }}
         location /ws {{ proxy_pass http://{address}; proxy_set_header Upgrade $http_upgrade;
           proxy_set_header Connection upgrade; }}
         location /events {{ proxy_buffering off; proxy_pass http://{address}; }}
         location = /status {{ portcullis off; portcullis_status; }}"
    );
    let gateway = Gateway::start(&[&module], &http, &server)?;
    Some(Before { gateway, origin })
}

fn start(mode: &str, more: &str) -> Option<(Portcullis, Before)> {
    module()?;
    let agent = agent("native", mode, "inspect_responses: true", "");
    let before = shows(&agent, more)?;
    Some((agent, before))
}

const H2: &[&str] = &["--http2-prior-knowledge"];
const WAYS: [&[&str]; 2] = [&[], H2];

/// Places in an answer, and ways by which it is made; `WORD` leaks or is harmless.
const ROWS: [&str; 19] = [
    "/say/word/WORD",
    "/say/head/WORD",
    "/say/end/WORD",
    "/say/early/WORD",
    "/say/chunked/WORD",
    "/say/zstd/WORD",
    "/say/missing/WORD",
    "/say/tagged/WORD",
    "/unbuffered/say/end/WORD",
    "/unbuffered/say/chunked/WORD",
    "/unbuffered/say/early/WORD",
    "/small/say/end/WORD",
    "/spooled/say/end/WORD",
    "/unspooled/say/end/WORD",
    "/moved/say/end/WORD",
    "/page/say/word/WORD",
    "/files/WORD.txt",
    "/copied/WORD.txt",
    "/direct/WORD.txt",
];

/// The same without the module.
fn plain(before: &Before, path: &str, agent: &Portcullis) -> String {
    match path.rsplit_once('/') {
        Some(("/files" | "/copied" | "/direct", file)) => {
            std::fs::read_to_string(agent.file("files").join(file)).expect("a file")
        }
        _ => {
            let (_, said) = path.split_once("/say/").expect("of the application");
            curl::get(&format!("http://{}/say/{said}", before.origin.address)).body
        }
    }
}

/// Of each row what leaks is refused, and what does not is as it was.
#[track_caller]
pub(super) fn check_leaks(agent: &Portcullis, before: &Before, base: &str, way: &[&str]) {
    for row in ROWS {
        let leaking = row.replace("WORD", "leakedword");
        let context = || format!("{row} {way:?}\n{}\n{}", before.gateway.errors(), agent.said());
        let answer = curl::run(&[way, &["-i"]].concat(), None, &format!("{base}{leaking}"));
        assert_eq!(answer.status, 403, "{}", context());
        for left in ["leakedword", "set-cookie", "etag", "content-encoding", "x-said"] {
            assert!(!answer.body.to_lowercase().contains(left), "{left}: {} {}", answer.body, context());
        }
        let record = last_record(agent);
        let judged = (&record["verdict"], &record["status"]);
        assert_eq!(judged, (&"prevent".into(), &403.into()), "{}", context());
        let harmless = row.replace("WORD", "friendlyword");
        let answer = curl::run(way, None, &format!("{base}{harmless}"));
        let expected = if row.contains("missing") { 404 } else { 200 };
        assert_eq!(answer.status, expected, "{}", context());
        let is_same = answer.body == plain(before, &harmless, agent);
        assert!(is_same, "{} bytes {}", answer.body.len(), context());
    }
}

#[test]
fn what_leaks_does_not_get_out() {
    let Some((agent, before)) = start("prevent", "") else { return };
    for way in WAYS {
        let base = if way == H2 { &before.gateway.base2 } else { &before.gateway.base };
        check_leaks(&agent, &before, base, way);
    }
    let counts = before.counts();
    counts.add_up();
    assert_eq!((counts.answers.refused, counts.answers.passed), (38, 38), "{counts:?}");
    before.is_well();
}

/// Whatever is in an answer: in detect mode it is as it was, and written down.
#[test]
fn detect_mode_changes_nothing() {
    let Some((agent, before)) = start("detect", "") else { return };
    for way in WAYS {
        let base = if way == H2 { &before.gateway.base2 } else { &before.gateway.base };
        for row in ROWS {
            for word in ["friendlyword", "leakedword"] {
                let path = row.replace("WORD", word);
                let context = || format!("{path} {way:?}\n{}\n{}", before.gateway.errors(), agent.said());
                let answer = curl::run(way, None, &format!("{base}{path}"));
                let expected = if row.contains("missing") { 404 } else { 200 };
                assert_eq!(answer.status, expected, "{}", context());
                assert!(answer.body == plain(&before, &path, &agent), "{}", context());
                let verdict = if word == "leakedword" { "detect" } else { "pass" };
                assert_eq!(settled(&agent, &path)["verdict"], verdict, "{}", context());
            }
        }
    }
    before.counts().add_up();
    before.is_well();
}

/// The record of the last request for this path, which may be written after the client has its answer.
fn settled(agent: &Portcullis, path: &str) -> serde_json::Value {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let text = std::fs::read_to_string(agent.file("decisions.jsonl")).unwrap_or_default();
        let records =
            text.lines().rev().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        if let Some(record) = records.into_iter().next().filter(|record| record["path"] == path) {
            return record;
        }
        assert!(Instant::now() < until, "{path}:\n{text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_connection_goes_on_after_a_refusal() {
    let Some((_agent, before)) = start("prevent", "") else { return };
    for path in [
        "/say/end/leakedword",
        "/say/early/leakedword",
        "/unbuffered/say/early/leakedword",
        "/files/leakedword.txt",
    ] {
        let (refused, passing) = (before.url(path), before.url("/say/end/friendlyword"));
        let both = curl::run(&["-o", "/dev/null", &refused, "-o", "/dev/null"], None, &passing);
        assert_eq!(both.connections, 0, "{path}: the second needs none of its own: {both:?}");
    }
    before.counts().add_up();
    before.is_well();
}

/// What has no body, or only a part of one, is judged by what nginx has of it.
#[test]
fn heads_ranges_and_unchanged_answers() {
    let Some((_agent, before)) = start("prevent", "") else { return };
    let run = |arguments: &[&str], path: &str| {
        let answer = curl::run(arguments, None, &before.url(path));
        (answer.status, answer.body)
    };
    let (status, head) = run(&["-I"], "/say/end/leakedword");
    assert!(status == 200 && head.contains("Content-Length: 500010"), "{head}");
    assert_eq!(run(&["-I"], "/say/head/leakedword").0, 403);
    assert_eq!(run(&["-I"], "/files/leakedword.txt").0, 200);
    assert_eq!(run(&[], "/gone"), (204, String::new()));
    assert_eq!(run(&[], "/same"), (304, String::new()));
    // Where a range of it goes on, all of it is seen.
    assert_eq!(run(&["-r", "0-9"], "/files/friendlyword.txt"), (206, ".".repeat(10)));
    assert_eq!(run(&["-r", "0-9"], "/files/leakedword.txt").0, 403);
    assert_eq!(
        run(&["-r", "199990-200011"], "/files/friendlyword.txt"),
        (206, format!("{}friendlyword", ".".repeat(10)))
    );
    let both = run(&["-r", "0-4,200000-200003"], "/files/friendlyword.txt");
    assert!(both.0 == 206 && both.1.contains("frie") && both.1.contains("bytes 0-4/200012"), "{both:?}");
    let modified = curl::run(&["-I"], None, &before.url("/files/friendlyword.txt")).body;
    let tag = modified.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("a tag").trim().to_owned();
    assert_eq!(run(&[&format!("-HIf-None-Match: {tag}")], "/files/friendlyword.txt"), (304, String::new()));
    before.counts().add_up();
    before.is_well();
}

/// From the cache it is seen as from the application; what was refused is kept whole, and refused again.
#[test]
fn answers_that_nginx_keeps_are_seen() {
    let Some((_agent, before)) = start("prevent", "") else { return };
    for (path, expected) in [("/kept/say/cached/friendlyword", 200), ("/kept/say/cached/leakedword", 403)] {
        for kept in ["MISS", "HIT"] {
            let answer = curl::run(&["-i"], None, &before.url(path));
            assert_eq!(answer.status, expected, "{path} {kept}");
            let is_kept = answer.body.contains(&format!("X-Kept: {kept}"));
            assert!(is_kept || expected == 403, "{path}: {}", &answer.body[..300]);
            assert!(!answer.body.contains("leakedword"));
        }
    }
    assert_eq!(before.origin.seen().len(), 2, "the second of each came from the cache");
    // What nginx itself makes of an answer comes after.
    for (word, expected) in [("friendlyword", 200), ("leakedword", 403)] {
        let answer =
            curl::run(&["--compressed", "-i"], None, &before.url(&format!("/packed/say/end/{word}")));
        assert_eq!(answer.status, expected, "{word}");
        assert!(
            expected == 403 || answer.body.to_lowercase().contains("content-encoding: gzip"),
            "{}",
            answer.body
        );
        assert_eq!(answer.body.ends_with("friendlyword"), expected == 200);
    }
    before.counts().add_up();
    before.is_well();
}

/// Beyond what is looked at, an answer passes, and that is counted, or is refused if the policy wants that.
#[test]
fn of_a_long_answer_the_begin_is_judged() {
    for (policy, expected) in [("", 200), ("on_response_limit: block", 403)] {
        if module().is_none() {
            return;
        }
        let agent = agent(
            "native",
            "prevent",
            &format!("inspect_responses: true\n    {policy}"),
            "token: a-long-enough-token",
        );
        // The token is shown with answers as well.
        let Some(before) = shows(&agent, "portcullis_token a-long-enough-token;") else { return };
        for path in [
            "/say/beyond/leakedword",
            "/unbuffered/say/beyond/leakedword",
            "/unspooled/say/beyond/leakedword",
        ] {
            let answer = curl::get(&before.url(path));
            assert_eq!(
                (answer.status, answer.body.contains("leakedword")),
                (expected, expected == 200),
                "{path}"
            );
        }
        let huge = curl::get(&before.url("/huge"));
        assert_eq!((huge.status, huge.body.len() == HUGE_BYTES), (expected, expected == 200));
        assert!(agent.metric("portcullis_uninspected_total{reason=\"response-too-large\"}") > 3.5);
        before.counts().add_up();
        before.is_well();
    }
}

/// Of an answer that breaks off, nothing passes that would not pass otherwise, and it is broken off for the client as well.
#[test]
fn torn_answers_stay_torn() {
    let Some((_agent, before)) = start("prevent", "") else { return };
    for place in ["/say/torn", "/unbuffered/say/torn"] {
        for (base, way) in [(&before.gateway.base, &[][..]), (&before.gateway.base2, H2)] {
            assert_eq!(
                curl::run(way, None, &format!("{base}{place}/leakedword")).status,
                403,
                "{place} {way:?}"
            );
            let harmless = curl::run(&[way, &["-f"]].concat(), None, &format!("{base}{place}/friendlyword"));
            assert!(!harmless.body.contains("page") && harmless.body.len() < 50, "{harmless:?}");
        }
    }
    before.counts().add_up();
    before.is_well();
}

#[test]
fn what_nobody_wants_to_see_is_not_shown() {
    if module().is_none() {
        return;
    }
    let agent = agent("native", "prevent", "inspect_responses: false", "");
    let Some(before) = shows(&agent, "") else { return };
    assert_eq!(before.get("/say/end/leakedword"), 200);
    assert_eq!(before.get("/off/say/end/leakedword"), 200);
    let counts = before.counts();
    counts.add_up();
    assert_eq!((counts.answers.all, counts.answers.unwanted), (1, 1), "{counts:?}");
    let Some((agent, before)) = start("prevent", "") else { return };
    // Of other types only the head.
    assert_eq!(before.get("/say/image/leakedword"), 200);
    assert_eq!(before.get("/off/say/end/leakedword"), 200);
    assert_eq!(last_record(&agent)["status"], 0, "nobody knows");
    let counts = before.counts();
    counts.add_up();
    assert_eq!((counts.answers.all, counts.answers.passed), (1, 1), "{counts:?}");
    // What other requests put into an answer is counted.
    std::fs::write(agent.file("files").join("included.html"), "leakedword").expect("written");
    assert_eq!(before.get("/joined/friendlyword.html"), 200);
    std::fs::write(
        agent.file("files").join("joined.html"),
        "a <!--#include virtual=\"/files/included.html\" --> b",
    )
    .expect("written");
    let joined = curl::get(&before.url("/joined/joined.html"));
    assert!(joined.status == 200 && joined.body.contains("leakedword"), "{joined:?}");
    assert!(
        curl::get(&before.url("/status")).body.contains("portcullis_nginx_response_parts_unseen_total 1\n")
    );
    before.is_well();
}

#[test]
fn upgrades_and_events_pass_at_once() {
    for mode in ["prevent", "detect"] {
        let Some((_agent, before)) = start(mode, "") else { return };
        let connect = |request: &str| {
            let address = before.gateway.base.strip_prefix("http://").expect("a scheme");
            let mut stream = TcpStream::connect(address).expect("connected");
            stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
            stream.write_all(request.as_bytes()).expect("sent");
            stream
        };
        let mut stream = connect(
            "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        assert!(read_until(&mut stream, "\r\n\r\n").starts_with("HTTP/1.1 101"));
        for message in ["first", "second, leakedword"] {
            stream.write_all(message.as_bytes()).expect("sent");
            assert_eq!(read_until(&mut stream, message), message);
        }
        let begun = Instant::now();
        let mut stream = connect("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
        read_until(&mut stream, "data: 1");
        assert!(begun.elapsed() < Duration::from_secs(2), "{mode}: {:?}", begun.elapsed());
        read_until(&mut stream, "data: 2");
        before.is_well();
    }
}

/// Both directions of a gRPC stream flow, as what is said is of no end.
#[tokio::test(flavor = "multi_thread")]
async fn streams_of_grpc_flow() {
    let service = h2_server::serve(|request, respond| grpc::echo(request.into_body(), respond)).await;
    let started = tokio::task::spawn_blocking(move || {
        let module = module()?;
        let agent = agent("native", "prevent", "inspect_responses: true", "");
        let http =
            format!("portcullis on; portcullis_responses on; portcullis_agent unix:{};", socket(&agent));
        let server = format!("location / {{ portcullis_body off; grpc_pass grpc://{service}; }}");
        Some((Gateway::start(&[&module], &http, &server)?, agent))
    });
    let Some((gateway, _agent)) = started.await.expect("no panic") else { return };
    let address =
        gateway.base2.strip_prefix("http://").and_then(|text| text.parse().ok()).expect("an address");
    let trailers = grpc::exchange(address).await;
    assert_eq!(
        trailers.get("grpc-status").map(http::HeaderValue::as_bytes),
        Some(&b"0"[..]),
        "{}",
        gateway.errors()
    );
}
