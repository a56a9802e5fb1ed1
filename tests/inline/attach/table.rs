//! The same requests through every gateway: an attack in each place, and beside it one that is the same but for it.

use super::super::curl;
use super::super::process::Portcullis;

/// Beside the rules of every test: headers and cookies are looked at as well.
pub(super) const RULES: &str = r#"
SecRule REQUEST_HEADERS|REQUEST_COOKIES "@contains hostileword" "id:4,phase:1,deny,status:403,msg:'in a header'"
SecRule RESPONSE_HEADERS:X-Said "@contains leakedword" "id:15,phase:3,deny,status:403,msg:'in a header of the answer'"
"#;

/// A request; `WORD` in it is hostile or harmless.
pub(super) struct Row {
    pub(super) name: &'static str,
    arguments: &'static [&'static str],
    path: &'static str,
    body: Option<Vec<u8>>,
}

impl Row {
    fn of(name: &'static str, arguments: &'static [&'static str], path: &'static str, body: &str) -> Self {
        Self { name, arguments, path, body: (!body.is_empty()).then(|| body.into()) }
    }

    pub(super) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// Sends it to a gateway; the status.
    pub(super) fn send(&self, word: &str, base: &str, more: &[&str]) -> u16 {
        let arguments: Vec<String> =
            self.arguments.iter().chain(more).map(|argument| argument.replace("WORD", word)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let body = self.body.as_ref().map(|body| String::from_utf8_lossy(body).replace("WORD", word));
        let url = format!("{base}{}", self.path.replace("WORD", word));
        curl::run(&arguments, body.as_ref().map(String::as_bytes), &url).status
    }
}

pub(super) fn rows() -> Vec<Row> {
    let long = format!("a={}&b=WORD", "x".repeat(500_000));
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nWORD\r\n--b--\r\n";
    vec![
        Row::of("path", &[], "/a/WORD", ""),
        Row::of("query", &[], "/?a=WORD", ""),
        Row::of("header", &["-HX-A: WORD"], "/", ""),
        Row::of("cookie", &["-HCookie: a=WORD"], "/", ""),
        Row::of("form", &[], "/", "a=WORD"),
        Row::of("JSON", &["-HContent-Type: application/json"], "/", "{\"a\":\"WORD\"}"),
        Row::of("multipart", &["-HContent-Type: multipart/form-data; boundary=b"], "/", multipart),
        Row::of("end of 500 KB", &[], "/", &long),
        Row::of("chunked", &["-HTransfer-Encoding: chunked"], "/", "a=WORD"),
        Row::of("PUT", &["-XPUT"], "/", "a=WORD"),
        Row::of("GET with a body", &["-XGET"], "/", "a=WORD"),
    ]
}

/// Sends all rows but some, hostile and harmless; `more` goes to curl. Where bodies are not seen, what is in them passes and is counted.
#[track_caller]
pub(super) fn check(agent: &Portcullis, base: &str, sees_bodies: bool, more: &[&str], skips: &[&str]) {
    for row in rows() {
        // Over HTTP/2 there is no such thing.
        if more.contains(&"--http2-prior-knowledge") && row.name == "chunked" {
            continue;
        }
        if skips.contains(&row.name) {
            continue;
        }
        let unseen = || agent.metric("portcullis_uninspected_total{reason=\"body-unseen\"}");
        let before = unseen();
        let harmless = row.send("friendlyword", base, more);
        let hostile = row.send("hostileword", base, more);
        let is_seen = sees_bodies || !row.has_body();
        let context = format!("{} {more:?}\n{}", row.name, agent.said());
        assert_eq!((harmless, hostile), (200, if is_seen { 403 } else { 200 }), "{context}");
        let counted = if is_seen { 0.0 } else { 2.0 };
        assert!((unseen() - before - counted).abs() < 0.1, "uncounted: {context}");
    }
}
