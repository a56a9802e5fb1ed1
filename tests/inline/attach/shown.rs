//! Answers that a gateway of one's own shows, as docs/attach/inspect.md says: over the connection on which it asked.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::super::process::Portcullis;
use super::{agent, last_record, socket};

/// A gateway's connection.
struct Line(UnixStream);

/// What the agent answers.
#[derive(Debug)]
struct Said {
    status: u16,
    head: String,
}

impl Said {
    fn named(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Line {
    fn to(agent: &Portcullis) -> Self {
        let stream = UnixStream::connect(socket(agent)).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        Self(stream)
    }

    /// Asks about a request whose answer will be shown.
    fn ask(&mut self, target: &str) -> Said {
        let message = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        self.send(&format!(
            "POST / HTTP/1.1\r\nHost: portcullis\r\nX-Portcullis-Client: 192.0.2.7\r\nX-Portcullis-Responses: shown\r\n\
             Content-Length: {}\r\n\r\n{message}",
            message.len()
        ));
        self.hear()
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("sent");
    }

    /// Begins to show an answer, in chunks.
    fn show(&mut self, id: &str, head: &str) {
        self.send(&format!(
            "POST / HTTP/1.1\r\nHost: portcullis\r\nX-Portcullis-Response-To: {id}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
        self.chunk(head);
    }

    fn chunk(&mut self, text: &str) {
        self.send(&format!("{:x}\r\n{text}\r\n", text.len()));
    }

    /// An answer, and its body, which is left out.
    fn hear(&mut self) -> Said {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(self.0.read(&mut byte).expect("more"), 1, "{}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let said = Said { status, head };
        let length = said.named("content-length").map_or(0, |length| length.parse().expect("a length"));
        self.0.read_exact(&mut vec![0; length]).expect("a body");
        said
    }

    fn is_open(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(1..))
    }
}

const TEXT: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";

/// What is answered to the request for `/`, and shown by `show`, gets this verdict: before its body, or after it.
#[track_caller]
fn check(mode: &str, head: &str, body: &[&str], expected: &str) {
    let agent =
        agent("native", mode, "inspect_responses: true\n    limits: { response_body_bytes_max: 1000 }", "");
    let mut line = Line::to(&agent);
    // Whether the gateway waits to be asked for the body, or does not.
    for waits in [true, false] {
        let asked = line.ask("/");
        let way = if mode == "prevent" { "hold=1048576" } else { "copy=1000" };
        assert_eq!((asked.status, asked.named("x-portcullis-responses")), (200, Some(way)), "{asked:?}");
        line.show(asked.named("x-portcullis-id").expect("an id"), head);
        let mut said = waits.then(|| line.hear());
        let is_wanted = said.as_ref().is_none_or(|said| said.status == 100);
        if is_wanted {
            body.iter().for_each(|piece| line.chunk(piece));
        }
        line.send("0\r\n\r\n");
        while said.as_ref().is_none_or(|said| said.status == 100) {
            said = Some(line.hear());
        }
        let said = said.expect("an answer");
        let found = format!("{} {}", said.status, said.named("x-portcullis-verdict").unwrap_or("none"));
        let at_once = if waits && !is_wanted { " at once" } else { "" };
        let expected = if waits { expected } else { expected.trim_end_matches(" at once") };
        assert_eq!(format!("{found}{at_once}"), expected, "{head} {waits}");
        let verdict = expected.split(' ').nth(1).expect("a verdict");
        assert_eq!(last_record(&agent)["verdict"], verdict, "{head}");
    }
}

#[test]
fn answers_are_judged_as_they_are_shown() {
    let page = TEXT.replace("text/plain", "image/png");
    let leaks = TEXT.replace("\r\n\r\n", "\r\nX-Said: leakedword\r\n\r\n");
    let long = "x".repeat(2000);
    for (head, body, expected) in [
        (TEXT, &["friendly", "word"][..], "200 pass"),
        (TEXT, &["leaked", "word"], "403 prevent"),
        (TEXT, &[], "200 pass"),
        (&leaks, &["friendlyword"], "403 prevent at once"),
        (&page, &["leakedword"], "200 pass at once"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
            &["leakedword"],
            "200 pass at once",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", &["leakedword"], "200 pass at once"),
        ("HTTP/1.1 304 Not Modified\r\nContent-Type: text/plain\r\n\r\n", &[], "200 pass at once"),
        // The beginning is judged, and more is not waited for.
        (TEXT, &["leakedword", &long], "403 prevent"),
        (TEXT, &[&long, "leakedword"], "200 pass"),
    ] {
        check("prevent", head, body, expected);
    }
    check("detect", TEXT, &["leaked", "word"], "200 detect");
    check("detect", &leaks, &["friendlyword"], "200 detect");
}

#[test]
fn an_answer_belongs_to_the_request_before_it() {
    let agent = agent("native", "prevent", "inspect_responses: true", "");
    let unseen = |expected: f64| {
        let name = "portcullis_uninspected_total{reason=\"response-unseen\"}";
        let until = Instant::now() + Duration::from_secs(10);
        while agent.metric(name) < expected - 0.1 {
            assert!(Instant::now() < until, "{expected}\n{}", agent.admin("/metrics"));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!((agent.metric(name) - expected).abs() < 0.1, "{}", agent.admin("/metrics"));
    };
    // What nobody asked about, or asked about elsewhere.
    let elsewhere = Line::to(&agent).ask("/").named("x-portcullis-id").expect("an id").to_owned();
    for id in ["", "0a", &elsewhere] {
        let mut line = Line::to(&agent);
        line.ask("/");
        line.show(id, TEXT);
        let said = line.hear();
        assert_eq!((said.status, said.named("x-portcullis-verdict")), (500, None), "{id}");
        assert!(!line.is_open(), "{id}");
    }
    unseen(4.0);
    // Another request comes instead.
    let mut line = Line::to(&agent);
    line.ask("/first");
    assert_eq!(line.ask("/second").status, 200);
    unseen(5.0);
    // It breaks off, or is none.
    let id = line.ask("/third").named("x-portcullis-id").expect("an id").to_owned();
    line.show(&id, TEXT);
    assert_eq!(line.hear().status, 100);
    line.chunk("leaked");
    drop(line);
    let mut line = Line::to(&agent);
    let id = line.ask("/fourth").named("x-portcullis-id").expect("an id").to_owned();
    line.show(&id, "GET / HTTP/1.1\r\n\r\n");
    assert_eq!(line.hear().status, 500);
    drop(line);
    // The second, the third and the fourth.
    unseen(8.0);
    // Where the request is refused, or the gateway says nothing of answers, none is wanted.
    let mut line = Line::to(&agent);
    let refused = line.ask("/hostileword");
    assert_eq!((refused.status, refused.named("x-portcullis-responses")), (403, None));
    line.send("POST / HTTP/1.1\r\nHost: p\r\nX-Portcullis-Client: 192.0.2.7\r\nContent-Length: 27\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let silent = line.hear();
    assert_eq!((silent.status, silent.named("x-portcullis-responses")), (200, None), "{silent:?}");
}
