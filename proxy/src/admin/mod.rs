//! The admin listener: metrics, health, and what is running. Never on an address that takes requests.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use engine::config;
use http::{Method, Response, StatusCode};
use model::profile::Profiles;
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use serde_json::{Value, json};

use crate::attach::{envoy, spoe};
use crate::reload::Reloader;
use crate::state::Shared;
use crate::token;

/// Answers on the admin listener.
pub(crate) struct Admin {
    settings: config::Admin,
    shared: Arc<Shared>,
    reloader: Arc<Reloader>,
}

impl Admin {
    pub(crate) fn new(settings: &config::Admin, shared: Arc<Shared>, reloader: Arc<Reloader>) -> Self {
        Self { settings: settings.clone(), shared, reloader }
    }

    /// Whether a caller holds the token. A reload may change it, but only for the address that is listened at: what another address may do
    /// without, this one may not.
    fn is_trusted(&self, authorization: &[u8]) -> bool {
        let running = self.shared.running.load();
        let wanted = running.snapshot.config().admin.as_ref();
        let wanted = wanted.filter(|it| it.address == self.settings.address).unwrap_or(&self.settings);
        token::matches(wanted.token.as_deref(), authorization)
    }

    fn respond(&self, method: &Method, path: &str, authorization: &[u8]) -> Answer {
        let mark = path.strip_prefix(PROBES);
        let reads = method == Method::GET || method == Method::HEAD;
        if !reads && (mark.is_none() || method != Method::POST) {
            return Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        }
        // Health is asked by those who hold no secrets, and says nothing but yes or no to them.
        let trusted = self.is_trusted(authorization);
        match path {
            "/livez" => Answer::text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready(trusted),
            _ if !trusted => Answer::text(StatusCode::UNAUTHORIZED, "a bearer token is needed\n"),
            "/metrics" => Answer::new(StatusCode::OK, METRICS, self.reloader.metrics().render()),
            "/api/v1/config" => Answer::json(StatusCode::OK, &self.config()),
            "/" => Answer::text(
                StatusCode::OK,
                "/livez\n/readyz\n/metrics\n/api/v1/config\n/api/v1/probes/MARK\n",
            ),
            _ => match mark {
                Some(mark) if reads => self.probed(mark),
                Some(mark) => self.expect_probes(mark),
                None => Answer::text(StatusCode::NOT_FOUND, "not found\n"),
            },
        }
    }

    /// Waits for requests with a mark.
    fn expect_probes(&self, mark: &str) -> Answer {
        if self.reloader.probes().expect(mark, Instant::now()) {
            Answer::json(StatusCode::CREATED, &self.config())
        } else {
            Answer::text(StatusCode::CONFLICT, "not 32 hexadecimal digits, or too many marks at once\n")
        }
    }

    /// What came with a mark since this was asked last.
    fn probed(&self, mark: &str) -> Answer {
        match self.reloader.probes().take(mark, Instant::now()) {
            Some(seen) => Answer::json(StatusCode::OK, &json!({ "seen": seen })),
            None => Answer::text(StatusCode::NOT_FOUND, "nobody waits for this mark\n"),
        }
    }

    fn ready(&self, trusted: bool) -> Answer {
        let ready = self.shared.drain.is_ready();
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        if !trusted {
            return Answer::json(status, &json!({ "ready": ready }));
        }
        let reload = self.reloader.status();
        Answer::json(
            status,
            &json!({
                "ready": ready,
                "draining": self.shared.drain.is_draining(),
                "inFlight": self.shared.drain.in_flight(),
                "configHash": reload.hashes.config,
                "lastReloadError": reload.last_reload_error,
                "upstreams": self.shared.running.load().upstreams.health(),
            }),
        )
    }

    fn config(&self) -> Value {
        let reload = self.reloader.status();
        let running = self.shared.running.load();
        let config = running.snapshot.config();
        let listeners: Vec<_> = config.listeners.iter().map(|it| it.address.to_string()).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "loadedAt": reload.loaded_at,
            "listeners": listeners,
            "attachments": attachments(&config.attachments),
            "hashes": {
                "config": reload.hashes.config,
                "policy": reload.hashes.policy,
                "rules": reload.hashes.rules,
                "profile": running.snapshot.profiles().map(Profiles::hash),
            },
            "lastReloadError": reload.last_reload_error,
        })
    }
}

/// Ways in beside listeners: who asks, and where.
fn attachments(config: &config::Attachments) -> Vec<Value> {
    let inspect = config.inspect.iter().map(|it| (it.dialect.as_str(), &it.listener.address));
    // At an endpoint of Envoy's both services are there.
    let envoy = config.envoy.iter().flat_map(|it| ENVOY.map(|name| (name, &it.listener.address)));
    let haproxy = config.spoe.iter().map(|it| (spoe::NAME, &it.listener.address));
    let all = inspect.chain(envoy).chain(haproxy);
    all.map(|(name, address)| json!({ "name": name, "address": address.to_string() })).collect()
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let head = session.req_header();
        let authorization =
            head.headers.get(http::header::AUTHORIZATION).map_or(&b""[..], http::HeaderValue::as_bytes);
        self.respond(&head.method, head.uri.path(), authorization).into_response(head.method == Method::HEAD)
    }
}

/// What is answered.
struct Answer {
    status: StatusCode,
    kind: &'static str,
    body: Vec<u8>,
}

impl Answer {
    fn new(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Self {
        Self { status, kind, body }
    }

    fn text(status: StatusCode, body: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body.as_bytes().to_vec())
    }

    fn json(status: StatusCode, value: &Value) -> Self {
        Self::new(status, "application/json", format!("{value:#}\n").into_bytes())
    }

    fn into_response(self, bodiless: bool) -> Response<Vec<u8>> {
        let length = self.body.len();
        let mut response = Response::new(if bodiless { Vec::new() } else { self.body });
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(self.kind));
        headers.insert(http::header::CONTENT_LENGTH, length.into());
        headers.insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
        response
    }
}

/// What Envoy may ask by.
const ENVOY: [&str; 2] = [envoy::PROCESSING, envoy::CHECKING];
/// Where probes are announced and asked for, by their mark.
const PROBES: &str = "/api/v1/probes/";
/// Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
