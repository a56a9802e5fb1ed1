//! Where the requests of an asset go: to an upstream, or nowhere, as they are answered here.

use crate::config::{AssetSpec, At, RedirectSpec, RespondSpec};

/// Where the requests of an asset go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To this upstream.
    Upstream(String),
    /// Nowhere: all of them get this answer.
    Answer(FixedAnswer),
    /// Where the gateway sends them that asks about them; by a listener none are served.
    Elsewhere,
}

/// An answer that is the same for all requests, but for the path in its Location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedAnswer {
    /// The status.
    pub status: u16,
    /// Where clients are sent.
    pub location: Option<Location>,
    /// Headers, Content-Type among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Where clients are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    base: String,
    keep_path: bool,
}

impl Location {
    /// The URL for a request with this path and query, which begins with a slash or is `*`.
    #[must_use]
    pub fn url(&self, path_and_query: &str) -> String {
        match self.keep_path && path_and_query.starts_with('/') {
            true => format!("{}{path_and_query}", self.base),
            false => self.base.clone(),
        }
    }
}

/// Reads where requests go; `None` where that is not said.
pub(super) fn check(spec: &AssetSpec, at: &At<'_>, is_attached: bool) -> Option<Target> {
    match (&spec.upstream, &spec.redirect, &spec.respond) {
        (Some(name), None, None) => Some(Target::Upstream(name.clone())),
        (None, Some(spec), None) => Some(Target::Answer(redirect(spec, &at.key("redirect")))),
        (None, None, Some(spec)) => Some(Target::Answer(respond(spec, &at.key("respond")))),
        (None, None, None) if is_attached => Some(Target::Elsewhere),
        (None, None, None) => {
            at.error("missing-key", "`upstream` is missing")
                .label("needs `upstream`, `redirect` or `respond`")
                .report();
            None
        }
        _ => {
            at.error("contradiction", "expected exactly one of `upstream`, `redirect` and `respond`")
                .label("where do its requests go?")
                .report();
            None
        }
    }
}

fn redirect(spec: &RedirectSpec, at: &At<'_>) -> FixedAnswer {
    let status = spec.status.unwrap_or(308);
    if ![301, 302, 303, 307, 308].contains(&status) {
        at.key("status")
            .error("out-of-range", format!("expected 301, 302, 303, 307 or 308, found {status}"))
            .label("not a redirect")
            .report();
    }
    FixedAnswer { status, location: Some(location(spec, at)), headers: Vec::new(), body: String::new() }
}

/// Only a URL with an authority may have the path of a request behind it: who asks for `//elsewhere` would otherwise choose
/// the site.
fn location(spec: &RedirectSpec, at: &At<'_>) -> Location {
    let url = spec.to.strip_prefix("https://").or_else(|| spec.to.strip_prefix("http://"));
    let is_path = spec.to.starts_with('/') && !spec.to.starts_with("//");
    let printable = spec.to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let named = url.is_some_and(|rest| !rest.starts_with(['/', '?', '#', ':', '@']) && !rest.is_empty());
    if !printable || !(named || is_path) {
        at.key("to")
            .error("invalid-url", format!("expected a URL or a path, found `{}`", spec.to))
            .label("no place to send clients to")
            .help("write `https://www.example.com`, `https://www.example.com/path` or `/path`".to_owned())
            .report();
    }
    let has_path = url.is_none_or(|rest| rest.trim_end_matches('/').contains(['/', '?', '#']));
    let keep_path = spec.keep_path.unwrap_or(!has_path);
    if keep_path && (url.is_none() || spec.to.contains(['?', '#'])) {
        at.key("keep_path")
            .error("contradiction", format!("no path can come behind `{}`", spec.to))
            .at_key()
            .label("for URLs without a query")
            .report();
    }
    let base = if keep_path { spec.to.trim_end_matches('/') } else { spec.to.as_str() };
    Location { base: base.to_owned(), keep_path }
}

fn respond(spec: &RespondSpec, at: &At<'_>) -> FixedAnswer {
    let body = spec.body.clone().unwrap_or_default();
    if matches!(spec.status, 204 | 205 | 304) && !body.is_empty() {
        at.key("body")
            .error("contradiction", format!("an answer with status {} has no body", spec.status))
            .at_key()
            .label("has no effect")
            .report();
    }
    let kind = spec.content_type.clone();
    if body.is_empty() && kind.is_some() {
        at.key("content_type")
            .error("contradiction", "there is no body to have a type")
            .at_key()
            .label("has no effect")
            .report();
    }
    let kind = kind.or_else(|| (!body.is_empty()).then(|| "text/plain; charset=utf-8".to_owned()));
    if let Some(kind) = kind.as_ref().filter(|kind| !is_value(kind)) {
        bad_header("content_type", kind, &at.key("content_type"));
    }
    let mut headers: Vec<_> = kind.map(|kind| ("Content-Type".to_owned(), kind)).into_iter().collect();
    for (name, value) in &spec.headers {
        let at = at.key("headers").key(name);
        if !is_token(name) || FRAMING.contains(&name.to_ascii_lowercase().as_str()) {
            at.error("invalid-header", format!("`{name}` is no header that can be set"))
                .at_key()
                .label("not a name, or one of the framing")
                .report();
        }
        if !is_value(value) {
            bad_header(name, value, &at);
        }
        headers.push((name.clone(), value.clone()));
    }
    FixedAnswer { status: spec.status, location: None, headers, body }
}

fn bad_header(name: &str, value: &str, at: &At<'_>) {
    at.error("invalid-header", format!("`{}` is no value for `{name}`", value.escape_debug()))
        .label("has control characters")
        .report();
}

fn is_token(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token)
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// What says where a message ends, or that is set elsewhere.
const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "content-type",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_path_behind_an_authority() {
        for (base, keep_path, asked, expected) in [
            ("https://a.example", true, "/x?y=1", "https://a.example/x?y=1"),
            ("https://a.example", true, "//evil.example/", "https://a.example//evil.example/"),
            ("https://a.example/b", true, "/x", "https://a.example/b/x"),
            ("https://a.example", true, "*", "https://a.example"),
            ("https://a.example", true, "@evil.example", "https://a.example"),
            ("/new", false, "//evil.example", "/new"),
        ] {
            let location = Location { base: base.to_owned(), keep_path };
            assert_eq!(location.url(asked), expected);
        }
    }
}
