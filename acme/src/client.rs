//! Requests to one authority: each within a budget and a deadline, each answer's refusal with what it says about waiting.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient, Problem};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::authority::Authority;
use crate::bucket::Bucket;
use crate::environment::Environment;
use crate::failure::{Cause, Refusal};

/// The line to one authority.
pub(crate) struct Line {
    http: Http<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    bucket: Mutex<Bucket>,
    /// What the last answer said about waiting.
    pause: Mutex<Option<Duration>>,
    environment: Environment,
    /// How long a request may take with its answer.
    within: Duration,
}

/// No answer to a request, as an error that the ACME crate passes on.
#[derive(Debug)]
struct Unanswered(String);

impl Line {
    pub(crate) fn new(
        authority: &Authority,
        environment: Environment,
        within: Duration,
    ) -> Result<Arc<Self>, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots(authority)?)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config);
        // A directory on plain HTTP is a test's: the configuration asks for `https`.
        let connector = match authority.directory.starts_with("http://") {
            true => connector.https_or_http().enable_http1().build(),
            false => connector.https_only().enable_http1().build(),
        };
        let http = Http::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector);
        Ok(Arc::new(Self {
            http,
            bucket: Mutex::new(Bucket::full()),
            pause: Mutex::default(),
            environment,
            within,
        }))
    }

    /// Requests that may be made now (count).
    pub(crate) fn tokens(&self) -> f64 {
        lock(&self.bucket).left()
    }

    /// What the last answer said about waiting.
    pub(crate) fn pause(&self) -> Option<Duration> {
        *lock(&self.pause)
    }

    async fn send(&self, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        self.token().await;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        // Real time, whatever the clock says: it is about sockets.
        let answer = tokio::time::timeout(self.within, self.exchange(request)).await;
        let (parts, body) = answer
            .unwrap_or_else(|_| Err(format!("nothing within {:?}", self.within)))
            .map_err(|text| Error::Other(Box::new(Unanswered(text))))?;
        let pause = retry_after(&parts.headers, self.environment.now());
        *lock(&self.pause) = pause;
        if parts.status.is_client_error() || parts.status.is_server_error() {
            let refusal = refusal(parts.status, &body, pause);
            // The crate itself tries again with another nonce, a few times.
            if refusal.kind != BAD_NONCE {
                return Err(Error::Other(Box::new(refusal)));
            }
        }
        Ok(BytesResponse { parts, body: Box::new(body) })
    }

    /// Waits until a request may be made.
    async fn token(&self) {
        loop {
            let taken = lock(&self.bucket).take(self.environment.now());
            match taken {
                Ok(()) => return,
                Err(wait) => self.environment.clock.sleep(wait).await,
            }
        }
    }

    async fn exchange(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Result<(http::response::Parts, Bytes), String> {
        let response = self.http.request(request).await.map_err(|error| explained(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
        Ok((parts, body.to_bytes()))
    }
}

/// The line as the ACME crate takes it.
pub(crate) struct Client(pub(crate) Arc<Line>);

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let line = Arc::clone(&self.0);
        Box::pin(async move { line.send(request).await })
    }
}

/// What went wrong, by the ACME crate's account of it.
pub(crate) fn cause(error: Error) -> Cause {
    match error {
        Error::Api(problem) => Cause::Refused(refused(&problem, problem.status.unwrap_or(400), None)),
        Error::Other(error) => match error.downcast::<Refusal>() {
            Ok(refusal) => Cause::Refused(*refusal),
            Err(error) if error.is::<Unanswered>() => Cause::Unreachable(error.to_string()),
            Err(error) => Cause::Garbled(error.to_string()),
        },
        Error::Unsupported(what) => Cause::Unsupported(format!("the authority does not support {what}")),
        Error::Crypto | Error::KeyRejected => Cause::Local(error.to_string()),
        error => Cause::Garbled(error.to_string()),
    }
}

fn refusal(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Refusal {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => refused(&problem, status.as_u16(), retry_after),
        Err(_) => Refusal { status: status.as_u16(), retry_after, ..Refusal::default() },
    }
}

/// A problem document in our words.
pub(crate) fn refused(problem: &Problem, status: u16, retry_after: Option<Duration>) -> Refusal {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    let mut detail = problem.detail.clone().unwrap_or_default();
    for sub in &problem.subproblems {
        detail = format!("{detail}; {sub}");
    }
    Refusal {
        status,
        kind: kind.strip_prefix(PROBLEM).unwrap_or_default().to_owned(),
        detail: detail.chars().filter(|letter| !letter.is_control()).take(DETAIL_MAX).collect(),
        retry_after,
    }
}

/// How long an answer asks to wait. A date is taken by the clock of who wrote it, if the answer has that too: ours may differ.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|it| it.to_str().ok()).map(str::trim);
    let value = text(RETRY_AFTER)?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    Some(until.duration_since(now).unwrap_or_default())
}

fn roots(authority: &Authority) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(pem) = &authority.roots else {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            return Err(format!(
                "this system trusts nobody, so {} cannot be checked: install ca-certificates",
                authority.name
            ));
        }
        return Ok(roots);
    };
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|error| format!("the certificates to check {} with: {error}", authority.name))?;
    }
    if roots.is_empty() {
        return Err(format!("there is no certificate to check {} with", authority.name));
    }
    Ok(roots)
}

/// An error with what caused it.
fn explained(error: &dyn StdError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", explained(source)),
        None => error.to_string(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Unanswered {}

const AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));
/// The longest answer: chains are a few KiB.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The longest explanation that is kept (characters).
const DETAIL_MAX: usize = 500;
const PROBLEM: &str = "urn:ietf:params:acme:error:";
const BAD_NONCE: &str = "badNonce";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_servers_clock() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("date");
        let (soon, past) = ("Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 07:49:37 GMT");
        let (date, skewed) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:27 GMT");
        for (value, date, expected) in [
            (Some("120"), None, Some(120)),
            (Some(" 0 "), None, Some(0)),
            (Some(soon), None, Some(60)),
            (Some(soon), Some(date), Some(60)),
            (Some(soon), Some(skewed), Some(70)),
            (Some(past), Some(date), Some(0)),
            (Some("soon"), None, None),
            (Some("-5"), None, None),
            (Some("99999999999999999999999"), None, None),
            (None, Some(date), None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(RETRY_AFTER, value), (DATE, date)] {
                headers.extend(value.map(|it| (name, HeaderValue::from_str(it).expect("value"))));
            }
            let found = retry_after(&headers, now).map(|it| it.as_secs());
            assert_eq!(found, expected, "{value:?} {date:?}");
        }
    }
}
