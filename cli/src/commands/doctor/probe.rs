//! What is sent: one request for each place that an attack may be in, and a harmless one of each kind.

use anyhow::Context;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

use super::client::Body;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    /// Its name in marks and JSON.
    pub(super) name: &'static str,
    /// What it is, for people.
    pub(super) title: &'static str,
    /// Whether it should be found hostile.
    pub(super) is_hostile: bool,
    sent: Sent,
}

#[derive(Clone, Copy, Debug)]
enum Sent {
    Query(&'static str),
    Cookie(&'static str),
    /// A Content-Type and what comes with it, behind filling of so many bytes.
    Body {
        kind: &'static str,
        before: &'static str,
        filling: usize,
        after: &'static str,
        chunked: bool,
    },
}

impl Probe {
    /// Whether it is a GET.
    pub(super) fn is_get(&self) -> bool {
        !matches!(self.sent, Sent::Body { .. })
    }

    /// Bytes of its body.
    pub(super) fn body_bytes(&self) -> u64 {
        match self.sent {
            Sent::Body { before, filling, after, .. } => (before.len() + filling + after.len()) as u64,
            Sent::Query(_) | Sent::Cookie(_) => 0,
        }
    }

    /// The request, marked.
    pub(super) fn request(&self, target: &Uri, mark: &str) -> anyhow::Result<Request<Body>> {
        let query = match self.sent {
            Sent::Query(query) => query,
            Sent::Cookie(_) | Sent::Body { .. } => "",
        };
        let path = if target.path().is_empty() { "/" } else { target.path() };
        let name = self.name;
        let mut parts = target.clone().into_parts();
        parts.path_and_query = Some(format!("{path}?portcullis-probe={mark}.{name}{query}").parse()?);
        let request = Request::builder()
            .uri(Uri::from_parts(parts)?)
            .header(USER_AGENT, concat!("portcullis-doctor/", env!("CARGO_PKG_VERSION")));
        let request = match self.sent {
            Sent::Query(_) => request.body(Full::default().boxed()),
            Sent::Cookie(value) => request.header(COOKIE, value).body(Full::default().boxed()),
            Sent::Body { kind, before, filling, after, chunked } => {
                let whole = Bytes::from([before, &"a".repeat(filling), after].concat());
                let body = if chunked { in_chunks(&whole) } else { Full::new(whole).boxed() };
                request.method(Method::POST).header(CONTENT_TYPE, kind).body(body)
            }
        };
        request.context("cannot make a probe")
    }
}

/// A body whose length is not told.
fn in_chunks(whole: &Bytes) -> Body {
    let half = whole.len() / 2;
    let halves = [whole.slice(..half), whole.slice(half..)];
    let frames = halves.map(|part| Ok::<_, std::convert::Infallible>(Frame::data(part)));
    StreamBody::new(futures_util::stream::iter(frames)).boxed()
}

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=portcullis";

/// All, in the order in which they are sent: the first on a connection is harmless, as a client that means harm would begin.
pub(super) fn all() -> Vec<Probe> {
    let form = |before, filling, after, chunked| Sent::Body { kind: FORM, before, filling, after, chunked };
    let body = |kind, before| Sent::Body { kind, before, filling: 0, after: "", chunked: false };
    let hostile = |name, title, sent| Probe { name, title, is_hostile: true, sent };
    let harmless = |name, title, sent| Probe { name, title, is_hostile: false, sent };
    vec![
        harmless("plain", "harmless request", Sent::Query("&q=garden+roses")),
        // In the clear, so that nothing that decodes it could find anything else.
        hostile("query", "attack in the query", Sent::Query("&q=%3Cscript%3Ealert(1)%3C/script%3E")),
        hostile("cookie", "attack in a cookie", Sent::Cookie("note=1'%20union%20select%201,2,3--%20-")),
        harmless("form-plain", "harmless form", form("q=garden+roses", 0, "", false)),
        hostile("form", "attack in a form", form("q=%3Cscript%3Ealert(1)%3C/script%3E", 0, "", false)),
        hostile("json", "attack in JSON", body("application/json", r#"{"q":"<script>alert(1)</script>"}"#)),
        hostile(
            "multipart",
            "attack in a multipart form",
            body(
                MULTIPART,
                "--portcullis\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n<script>alert(1)</script>\r\n--portcullis--\r\n",
            ),
        ),
        hostile(
            "chunked",
            "attack in a chunked form",
            form("q=%3Cscript%3Ealert(1)%3C/script%3E", 0, "", true),
        ),
        hostile(
            "end-100k",
            "attack at the end of 100 KB",
            form("a=", 100_000, "&q=%3Cscript%3Ealert(1)%3C/script%3E", false),
        ),
        hostile(
            "end-1m",
            "attack at the end of 1 MB",
            form("a=", 1_000_000, "&q=%3Cscript%3Ealert(1)%3C/script%3E", false),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_each_probe() {
        let target: Uri = "https://shop.example.com/a".parse().expect("a URL");
        for probe in all() {
            let request = probe.request(&target, "0123").expect("a request");
            let query = request.uri().query().expect("a query");
            assert!(query.starts_with(&format!("portcullis-probe=0123.{}", probe.name)), "{query}");
            assert_eq!(request.method() == Method::GET, probe.is_get(), "{}", probe.name);
            assert_eq!(request.uri().path(), "/a");
        }
    }

    #[test]
    fn begins_harmless() {
        assert!(all().first().is_some_and(|probe| !probe.is_hostile));
    }
}
