//! What a listener asks of each request, and adds to each answer. It is the same in every mode.

use std::time::Duration;

use engine::config::ListenerLimits;
use http::HeaderName;
use http::header::STRICT_TRANSPORT_SECURITY;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;

use super::exchange::Exchange;

/// Where the client is sent that should have asked over TLS; `None` where it may ask as it does.
pub(super) fn redirect(session: &Session, exchange: &Exchange) -> Option<String> {
    exchange.listener().filter(|settings| settings.listener.redirect_to_https)?;
    let request = session.req_header();
    let authority = || request.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = request.headers.get(http::header::HOST).map(http::HeaderValue::as_bytes).or_else(authority)?;
    let host = std::str::from_utf8(without_port(host)).ok().filter(|host| is_host(host))?;
    let target = request.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    target.starts_with('/').then(|| format!("https://{host}{target}"))
}

/// Whether a head has more bytes than its listener takes. Over HTTP/2 the codec has refused it mostly.
pub(super) fn is_too_large(exchange: &Exchange) -> bool {
    exchange.listener().is_some_and(|settings| exchange.head_bytes > settings.listener.limits.head_bytes_max)
}

/// How long a client may send or take nothing.
pub(super) fn stall_timeout(exchange: &Exchange) -> Duration {
    let usual = || ListenerLimits::default().stall_timeout;
    exchange.listener().map_or_else(usual, |settings| settings.listener.limits.stall_timeout)
}

/// Tells browsers to ask over TLS from now on.
pub(super) fn secure(exchange: &Exchange, answer: &mut ResponseHeader) -> pingora::Result<()> {
    match exchange.listener().and_then(|settings| settings.listener.hsts.as_deref()) {
        Some(value) if !answer.status.is_informational() => {
            answer.insert_header(STRICT_TRANSPORT_SECURITY, value)
        }
        _ => Ok(()),
    }
}

/// Tells the application whose certificate the client showed. What clients say of that themselves goes nowhere, by whatever
/// listener they come.
pub(super) fn introduce(request: &mut RequestHeader, exchange: &Exchange) -> pingora::Result<()> {
    let ours = &exchange.judging.running.snapshot.config().subject_headers;
    // Few configurations have any, and a look-up has its price.
    if !ours.is_empty() {
        let is_forged = |name: &&HeaderName| ours.iter().any(|header| is_taken_for(name.as_str(), header));
        let forged: Vec<HeaderName> = request.headers.keys().filter(is_forged).cloned().collect();
        for name in &forged {
            request.remove_header(name);
        }
    }
    let Some(client) = &exchange.client else { return Ok(()) };
    let asked = client.listener.listener.tls.as_ref().and_then(|tls| tls.client_certificates.as_ref());
    match asked.zip(client.subject.as_deref()) {
        Some((asked, subject)) => request.insert_header(asked.subject_header.clone(), subject),
        None => Ok(()),
    }
}

/// Whether applications may take one name for the other, as they take `_` for `-` (RFC 3875, section 4.1.18). Both are in
/// small letters.
fn is_taken_for(name: &str, meant: &str) -> bool {
    name.len() == meant.len()
        && name.bytes().zip(meant.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}

fn without_port(host: &[u8]) -> &[u8] {
    let end = host
        .iter()
        .rposition(|byte| *byte == b':')
        .filter(|at| host[at + 1..].iter().all(u8::is_ascii_digit));
    &host[..end.unwrap_or(host.len())]
}

/// Whether a text is a host and nothing else: a name, an address, or one of IPv6 in brackets.
fn is_host(host: &str) -> bool {
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inside {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_names_that_are_taken_for_others() {
        for (name, expected) in [
            ("x-client-subject", true),
            ("x_client_subject", true),
            ("x-client_subject", true),
            ("x-client-subject2", false),
            ("x-client", false),
            ("xaclientasubject", false),
        ] {
            assert_eq!(is_taken_for(name, "x-client-subject"), expected, "{name}");
        }
    }

    #[test]
    fn knows_hosts() {
        for (host, expected) in [
            ("shop.example.com:8080", Some("shop.example.com")),
            ("[::1]:80", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("evil.test/x", None),
            ("evil.test@x", None),
            ("[evil]", None),
            ("", None),
            (":80", None),
        ] {
            let found = std::str::from_utf8(without_port(host.as_bytes())).expect("text");
            assert_eq!(is_host(found).then_some(found), expected, "{host}");
        }
    }
}
