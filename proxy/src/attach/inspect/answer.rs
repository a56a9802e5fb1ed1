//! What a gateway is told.
//!
//! | header | says |
//! |---|---|
//! | `X-Portcullis-Id` | the transaction's id, as in its decision record |
//! | `X-Portcullis-Verdict` | `pass`, `detect` or `prevent`; there is no verdict without it |
//! | `X-Portcullis-Score` | the anomaly score |
//! | `X-Portcullis-Model` | the model's score, 0 to 1 |
//! | `X-Portcullis-Status` | the status that the policy wants its client to get |
//! | `X-Portcullis-Action` | `close` where the client is to get no answer at all |
//! | `X-Portcullis-Responses` | that the answer is wanted ([`super::response`]) |

use bytes::Bytes;
use engine::config::Dialect;
use http::{HeaderName, HeaderValue, Method};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;

use crate::attach::{Conclusion, Refused};

/// What a gateway is told.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    /// Whether the connection is of no more use.
    pub(super) closes: bool,
    /// Whether it may be sent before all of the question is there, which goes on to its end.
    pub(super) is_early: bool,
}

/// The status that a gateway's client gets for a refusal. `auth_request` takes 401 and 403 for a no, and everything else
/// for a failure (ngx_http_auth_request_module).
pub(super) fn told_status(dialect: Dialect, refused: &Refused) -> u16 {
    match dialect {
        Dialect::IngressNginx | Dialect::Nginx => 403,
        Dialect::Caddy | Dialect::ExternalAuth | Dialect::Native | Dialect::Traefik => refused.status,
    }
}

impl Answer {
    /// What follows from a conclusion.
    pub(super) fn of(dialect: Dialect, conclusion: Conclusion) -> Self {
        let Conclusion { id, verdict, anomaly, model, rates, refused } = conclusion;
        let mut headers = Vec::with_capacity(8);
        let mut tell = |name: &'static str, value: &str| {
            let value = HeaderValue::from_str(value);
            headers.extend(value.ok().map(|value| (HeaderName::from_static(name), value)));
        };
        tell("x-portcullis-id", &id);
        tell("x-portcullis-verdict", if refused.is_some() { "prevent" } else { verdict });
        // Some gateways hand a refusal on as it is, and who is refused must not learn why.
        if refused.is_none() || !hands_on(dialect) {
            tell("x-portcullis-score", &anomaly.to_string());
            model.into_iter().for_each(|score| tell("x-portcullis-model", &format!("{score:.4}")));
        }
        if let Some((policy, standing)) = rates {
            tell("ratelimit-policy", &policy);
            tell("ratelimit", &standing);
        }
        let Some(refused) = refused else {
            return Self { status: 200, headers, body: Bytes::new(), closes: false, is_early: false };
        };
        let status = told_status(dialect, &refused);
        if !hands_on(dialect) {
            tell("x-portcullis-status", &refused.status.to_string());
            if refused.closes {
                tell("x-portcullis-action", "close");
            }
        }
        // nginx reads nothing of it, and keeps no connection that something is left on.
        if matches!(dialect, Dialect::IngressNginx | Dialect::Nginx) {
            return Self { status, headers, body: Bytes::new(), closes: false, is_early: false };
        }
        headers.extend(refused.headers);
        Self { status, headers, body: refused.body, closes: false, is_early: false }
    }

    /// The answer to the request is wanted, in this way.
    pub(super) fn wanting(mut self, way: &str) -> Self {
        let value = HeaderValue::from_str(way).ok();
        self.headers.extend(value.map(|value| (HeaderName::from_static("x-portcullis-responses"), value)));
        self
    }

    /// It does not wait for the end of the question.
    pub(super) fn early(self) -> Self {
        Self { is_early: true, ..self }
    }

    /// What a gateway is told that asks about too many at once. It has no verdict, and its connection goes on.
    pub(super) fn shed() -> Self {
        let again = (http::header::RETRY_AFTER, HeaderValue::from_static("1"));
        let mut answer = Self::closing(503, "too many requests at once\n");
        answer.headers.push(again);
        answer.closes = false;
        answer
    }

    /// What a gateway is told that cannot be helped. It has no verdict.
    pub(super) fn closing(status: u16, text: &'static str) -> Self {
        let kind = (http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let body = Bytes::from_static(text.as_bytes());
        Self { status, headers: vec![kind], body, closes: true, is_early: false }
    }

    /// Sends it.
    pub(super) async fn send(&self, session: &mut ServerSession) -> pingora::Result<()> {
        let mut header = ResponseHeader::build(self.status, Some(self.headers.len() + 1))?;
        for (name, value) in &self.headers {
            header.append_header(name.clone(), value.clone())?;
        }
        header.insert_header(http::header::CONTENT_LENGTH, self.body.len())?;
        session.write_response_header(Box::new(header)).await?;
        if !self.body.is_empty() && session.req_header().method != Method::HEAD {
            session.write_response_body(self.body.clone(), true).await?;
        }
        Ok(())
    }
}

/// Whether clients get what this gateway is answered.
fn hands_on(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Caddy | Dialect::ExternalAuth | Dialect::Traefik)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(dialect: Dialect, refused: Option<u16>) -> String {
        let refused = refused.map(|status| Refused {
            status,
            body: Bytes::from_static(b"page"),
            closes: true,
            ..Refused::default()
        });
        let conclusion = Conclusion {
            id: "0a".to_owned(),
            verdict: "detect",
            anomaly: 5,
            model: Some(0.25),
            rates: None,
            refused,
        };
        let answer = Answer::of(dialect, conclusion);
        let names: Vec<_> = answer
            .headers
            .iter()
            .filter_map(|(name, value)| {
                Some(format!("{}={}", name.as_str().strip_prefix("x-portcullis-")?, value.to_str().ok()?))
            })
            .collect();
        format!("{} {} {}", answer.status, names.join(" "), answer.body.len())
    }

    #[test]
    fn tells_each_gateway_what_it_understands() {
        for (dialect, refused, expected) in [
            (Dialect::Nginx, None, "200 id=0a verdict=detect score=5 model=0.2500 0"),
            (Dialect::Traefik, None, "200 id=0a verdict=detect score=5 model=0.2500 0"),
            (
                Dialect::Nginx,
                Some(429),
                "403 id=0a verdict=prevent score=5 model=0.2500 status=429 action=close 0",
            ),
            (
                Dialect::Native,
                Some(406),
                "406 id=0a verdict=prevent score=5 model=0.2500 status=406 action=close 4",
            ),
            // Clients get this.
            (Dialect::Traefik, Some(406), "406 id=0a verdict=prevent 4"),
            (Dialect::Caddy, Some(403), "403 id=0a verdict=prevent 4"),
            (Dialect::ExternalAuth, Some(302), "302 id=0a verdict=prevent 4"),
        ] {
            assert_eq!(told(dialect, refused), expected, "{dialect:?} {refused:?}");
        }
    }
}
