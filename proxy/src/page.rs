//! The page a client gets instead of an answer, in the form it asked for.

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;

/// The forms a page comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Headers and trailers alone, the status in `grpc-status`.
    Grpc,
    /// For people.
    Html,
    /// For scripts.
    Json,
    /// For everything else.
    Plain,
}

impl Form {
    /// The form that suits a request: gRPC answers gRPC; otherwise `Accept` decides, then what the
    /// request itself was.
    pub(crate) fn of(request: &RequestHeader) -> Self {
        let header = |name| request.headers.get(name).map(HeaderValue::as_bytes);
        Self::suiting(header(CONTENT_TYPE).unwrap_or_default(), header(ACCEPT).unwrap_or_default())
    }

    /// The form that suits a request with this `Content-Type` and `Accept`.
    pub(crate) fn suiting(sent: &[u8], accept: &[u8]) -> Self {
        if is_grpc(sent) {
            return Self::Grpc;
        }
        let (sent, accept) = (sent.to_ascii_lowercase(), accept.to_ascii_lowercase());
        if contains(&accept, b"text/html") || contains(&accept, b"application/xhtml") {
            Self::Html
        } else if contains(&accept, b"json") || contains(&sent, b"json") {
            Self::Json
        } else {
            Self::Plain
        }
    }

    /// The `Content-Type` of this form.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Grpc => "application/grpc",
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Plain => "text/plain; charset=utf-8",
        }
    }

    /// The headers of a page, without Content-Length.
    pub(crate) fn headers(self) -> [(HeaderName, HeaderValue); 3] {
        [
            (CONTENT_TYPE, HeaderValue::from_static(self.content_type())),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ]
    }

    /// The page; it names the transaction and gives no reason, so that nobody learns from being refused.
    pub(crate) fn render(self, status: u16, id: &str) -> Bytes {
        let (title, advice) = words(status);
        match self {
            Self::Grpc => Bytes::new(),
            Self::Html => html(status, title, advice, id).into(),
            Self::Json => {
                let page = serde_json::json!({ "status": status, "error": title, "transactionId": id });
                format!("{page}\n").into()
            }
            Self::Plain => format!("{status} {title}\n{advice}\nTransaction: {id}\n").into(),
        }
    }
}

/// The gRPC status code for an HTTP status (gRPC over HTTP/2, "HTTP to gRPC Status Code Mapping").
pub(crate) fn grpc_status(status: u16) -> (&'static str, &'static str) {
    match status {
        401 => ("16", "unauthenticated"),
        403 | 406 => ("7", "request refused"),
        404 => ("12", "no such service"),
        429 | 502..=504 => ("14", "unavailable"),
        _ => ("2", "request refused"),
    }
}

fn words(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("Bad request", "The request could not be read."),
        404 => ("Not found", "Nothing is served under this name."),
        413 => ("Request too large", "The request is larger than this site accepts."),
        429 => ("Too many requests", "Wait a moment, then try again."),
        431 => ("Request headers too large", "The request has larger headers than this site accepts."),
        500 => ("Something went wrong", "The request could not be completed. Try again in a moment."),
        502..=504 => ("Application unavailable", "The application does not answer. Try again in a moment."),
        _ => ("Request refused", "If you think this is a mistake, tell the site's owner the number below."),
    }
}

fn html(status: u16, title: &str, advice: &str, id: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><title>{title}</title>
<style>
:root{{color-scheme:light dark;--ink:#1d2530;--soft:#667085;--line:#e3e7ee;--page:#f6f7f9;--card:#fff}}
@media(prefers-color-scheme:dark){{:root{{--ink:#e8ecf2;--soft:#98a2b3;--line:#2b3440;--page:#12171d;--card:#1a212a}}}}
body{{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}}
main{{max-width:30rem;margin:1.5rem;padding:2.25rem 2.5rem;background:var(--card);border:1px solid var(--line);border-radius:14px}}
small{{color:var(--soft);letter-spacing:.04em}}h1{{margin:.25rem 0 .75rem;font-size:1.5rem;line-height:1.25}}p{{margin:0 0 1.5rem}}
code{{display:block;padding:.7rem .9rem;border:1px solid var(--line);border-radius:8px;font:13px/1.4 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}}
</style></head><body><main><small>{status}</small><h1>{title}</h1><p>{advice}</p><code>{id}</code></main></body></html>
"#
    )
}

/// Whether this `Content-Type` is one of gRPC.
pub(crate) fn is_grpc(content_type: &[u8]) -> bool {
    begins(content_type, b"application/grpc")
}

/// Whether a `Content-Type` begins so, in whatever case.
pub(crate) fn begins(content_type: &[u8], kind: &[u8]) -> bool {
    content_type.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suits_the_request() {
        for (accept, sent, form) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json", Form::Html),
            ("application/json", "", Form::Json),
            ("*/*", "application/json; charset=utf-8", Form::Json),
            ("*/*", "application/x-www-form-urlencoded", Form::Plain),
            ("", "", Form::Plain),
            ("text/html", "application/grpc+proto", Form::Grpc),
        ] {
            let mut request = RequestHeader::build("GET", b"/", None).unwrap();
            request.insert_header(ACCEPT, accept).unwrap();
            request.insert_header(CONTENT_TYPE, sent).unwrap();
            assert_eq!(Form::of(&request), form, "{accept} {sent}");
        }
    }

    #[test]
    fn names_the_transaction_only() {
        for form in [Form::Html, Form::Json, Form::Plain] {
            let page = String::from_utf8(form.render(403, "0a1b").to_vec()).unwrap();
            assert!(page.contains("0a1b") && page.contains("403"), "{page}");
            assert!(!page.contains("rule") && !page.contains("attack"), "{page}");
        }
    }
}
