//! An ACME server that misbehaves as it is told to: over real sockets, with a clock of its own.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use acme::Challenges;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair, SerialNumber,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::clock::Virtual;

/// What a server does wrong.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// It answers requests for a place with an error, so many times.
    Error {
        place: &'static str,
        times: usize,
        status: u16,
        kind: &'static str,
        retry: Retry,
    },
    /// It gives no nonces but where it is asked for one.
    NoNonces,
    /// It gives none at all, so many times.
    NoNoncesAtAll(usize),
    /// It refuses nonces, so many times.
    BadNonces(usize),
    /// It wants accounts bound to a key with this id.
    Binding(&'static str),
    /// It finds that names are not ours, so many times.
    Invalid(usize),
    /// It forgets orders once they are looked at, so many times.
    OrdersExpire(usize),
    /// It forgets accounts once.
    ForgetsAccounts(usize),
    /// Its clock is wrong by so many seconds.
    Skew(i64),
    /// It answers every request with a page, or with more than anybody wants.
    Page,
    Flood,
    /// It takes requests and never answers.
    Silent,
    /// Its certificates hold from and until these times (seconds from now).
    Life(i64, i64),
    /// It advises renewal from and until these times (seconds after issue).
    Advice(i64, i64),
    /// Its orders stay as they are.
    Stuck,
    /// It issues for another key.
    OtherKey,
    /// It is gone from this time on (seconds).
    GoneAfter(u64),
}

/// What it says about waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Retry {
    Nothing,
    Seconds(u64),
    Date(u64),
}

/// A running server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    url: String,
    clock: Virtual,
    began: SystemTime,
    troubles: Vec<Trouble>,
    challenges: Arc<Challenges>,
    nonces: HashSet<String>,
    nonce: usize,
    orders: HashMap<usize, Order>,
    issued: Vec<SystemTime>,
    accounts: usize,
    requests: Vec<SystemTime>,
    issuer: Issuer<'static, KeyPair>,
}

struct Order {
    status: &'static str,
    name: String,
    token: String,
    chain: String,
    replaces: Value,
}

/// Status, body, and headers.
type Answer = (u16, String, Vec<(&'static str, String)>);

impl Server {
    /// Starts one.
    pub(crate) async fn start(clock: Virtual, challenges: Arc<Challenges>, troubles: Vec<Trouble>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(params, KeyPair::generate().expect("key"));
        let state = State {
            url: url.clone(),
            began: clock.time(),
            clock,
            troubles,
            challenges,
            nonces: HashSet::new(),
            nonce: 0,
            orders: HashMap::new(),
            issued: Vec::new(),
            accounts: 0,
            requests: Vec::new(),
            issuer,
        };
        let server = Self { url, state: Arc::new(Mutex::new(state)) };
        let accepting = server.clone();
        tokio::spawn(async move { accepting.accept(listener).await });
        server
    }

    async fn accept(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let server = self.clone();
            if server.state().is_gone() {
                continue;
            }
            tokio::spawn(async move {
                let service = service_fn(move |request| server.clone().serve(request));
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn serve(self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if self.state().is_gone() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.state().has(|it| matches!(it, Trouble::Silent)) {
            self.state().count();
            std::future::pending::<()>().await;
        }
        let (status, text, headers) = self.state().answer(parts.method.as_str(), parts.uri.path(), &body);
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        Ok(response.body(Full::new(Bytes::from(text))).expect("a response"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When requests came.
    pub(crate) fn requests(&self) -> Vec<SystemTime> {
        self.state().requests.clone()
    }

    /// Orders made (count).
    pub(crate) fn orders(&self) -> usize {
        self.state().orders.len()
    }

    /// When certificates were issued.
    pub(crate) fn issued(&self) -> Vec<SystemTime> {
        self.state().issued.clone()
    }

    /// Accounts made (count).
    pub(crate) fn accounts(&self) -> usize {
        self.state().accounts
    }
}

impl State {
    fn has(&self, is: impl Fn(&Trouble) -> bool) -> bool {
        self.troubles.iter().any(is)
    }

    fn is_gone(&self) -> bool {
        let now = self.clock.time();
        self.has(|it| matches!(it, Trouble::GoneAfter(seconds) if now >= self.began + Duration::from_secs(*seconds)))
    }

    /// Whether a trouble that is counted comes once more.
    fn strikes(&mut self, pick: impl Fn(&mut Trouble) -> Option<&mut usize>) -> bool {
        let times = self.troubles.iter_mut().find_map(pick);
        times.is_some_and(|times| {
            let strikes = *times > 0;
            *times = times.saturating_sub(1);
            strikes
        })
    }

    fn count(&mut self) {
        let now = self.clock.time();
        self.requests.push(now);
    }

    fn answer(&mut self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.count();
        let place = path.split('/').nth(1).unwrap_or_default().to_owned();
        let (status, text, mut headers) = self.routed(method, &place, path, body);
        headers.push(("date", self.date(0)));
        let none = self.has(|it| matches!(it, Trouble::NoNonces)) && place != "nonce"
            || place == "nonce"
                && self.strikes(|it| if let Trouble::NoNoncesAtAll(n) = it { Some(n) } else { None });
        if !none && place != "directory" {
            self.nonce += 1;
            let nonce = format!("nonce{}", self.nonce);
            self.nonces.insert(nonce.clone());
            headers.push(("replay-nonce", nonce));
        }
        (status, text, headers)
    }

    fn routed(&mut self, method: &str, place: &str, path: &str, body: &[u8]) -> Answer {
        if self.has(|it| matches!(it, Trouble::Page)) {
            return (200, "<html>maintenance</html>".into(), Vec::new());
        }
        if self.has(|it| matches!(it, Trouble::Flood)) {
            return (200, "x".repeat(2 << 20), Vec::new());
        }
        if let Some(answer) = self.told_error(place) {
            return answer;
        }
        if method != "POST" {
            return self.plain(place);
        }
        let jws: Value = serde_json::from_slice(body).expect("a signed request");
        let header = decoded(&jws["protected"]);
        let used = self.nonces.remove(header["nonce"].as_str().unwrap_or_default());
        let bad = self.strikes(|it| if let Trouble::BadNonces(n) = it { Some(n) } else { None });
        if !used || bad {
            return problem(400, "badNonce");
        }
        if place != "account"
            && self.strikes(|it| if let Trouble::ForgetsAccounts(n) = it { Some(n) } else { None })
        {
            return problem(400, "accountDoesNotExist");
        }
        self.signed(place, path, &decoded(&jws["payload"]))
    }

    fn told_error(&mut self, wanted: &str) -> Option<Answer> {
        let found = self.troubles.iter_mut().find_map(|it| match it {
            Trouble::Error { place, times, status, kind, retry } if *times > 0 && *place == wanted => {
                *times -= 1;
                Some((*status, *kind, *retry))
            }
            _ => None,
        });
        let (status, kind, retry) = found?;
        let (status, text, mut headers) = problem(status, kind);
        headers.extend(match retry {
            Retry::Nothing => None,
            Retry::Seconds(seconds) => Some(("retry-after", seconds.to_string())),
            Retry::Date(seconds) => Some(("retry-after", self.date(seconds))),
        });
        Some((status, text, headers))
    }

    fn plain(&self, place: &str) -> Answer {
        let url = |path: &str| format!("{}/{path}", self.url);
        let advice = self.troubles.iter().find_map(|it| match it {
            Trouble::Advice(from, until) => Some((*from, *until)),
            _ => None,
        });
        match place {
            "directory" => {
                let mut directory = json!({
                    "newNonce": url("nonce"), "newAccount": url("account"), "newOrder": url("orders"),
                });
                if advice.is_some() {
                    directory["renewalInfo"] = url("advice").into();
                }
                (200, directory.to_string(), Vec::new())
            }
            "nonce" => (200, String::new(), Vec::new()),
            "advice" => {
                let (from, until) = advice.unwrap_or_default();
                let issued = self.issued.last().copied().unwrap_or(self.began);
                let window = json!({"start": rfc3339(issued, from), "end": rfc3339(issued, until)});
                (200, json!({"suggestedWindow": window}).to_string(), vec![("retry-after", "21600".into())])
            }
            _ => problem(404, "malformed"),
        }
    }

    fn signed(&mut self, place: &str, path: &str, payload: &Value) -> Answer {
        let id: usize = path.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or_default();
        match place {
            "account" => self.account(payload),
            "orders" => self.new_order(payload),
            "order" => self.order(id),
            "authorization" => self.authorization(id),
            "challenge" => self.challenge(id),
            "finalize" => self.finalize(id, payload),
            "certificate" => {
                let chain = self.orders.get(&id).map(|it| it.chain.clone()).unwrap_or_default();
                (200, chain, Vec::new())
            }
            _ => problem(404, "malformed"),
        }
    }

    fn account(&mut self, payload: &Value) -> Answer {
        let wanted = self.troubles.iter().find_map(|it| match it {
            Trouble::Binding(kid) => Some(*kid),
            _ => None,
        });
        let binding = &payload["externalAccountBinding"];
        match wanted {
            Some(_) if binding.is_null() => return problem(403, "externalAccountRequired"),
            Some(kid) if decoded(&binding["protected"])["kid"] != kid => return problem(401, "unauthorized"),
            _ => {}
        }
        self.accounts += 1;
        (201, json!({"status": "valid"}).to_string(), vec![("location", format!("{}/account/1", self.url))])
    }

    fn new_order(&mut self, payload: &Value) -> Answer {
        let id = self.orders.len() + 1;
        let name = payload["identifiers"][0]["value"].as_str().unwrap_or_default().to_owned();
        let (token, chain, replaces) = (format!("token{id}"), String::new(), payload["replaces"].clone());
        self.orders.insert(id, Order { status: "pending", name, token, chain, replaces });
        let (_, text, _) = self.order(id);
        (201, text, vec![("location", format!("{}/order/{id}", self.url))])
    }

    fn order(&mut self, id: usize) -> Answer {
        let url = self.url.clone();
        let Some(order) = self.orders.get(&id) else { return problem(404, "malformed") };
        if order.status == "ready"
            && self.strikes(|it| if let Trouble::OrdersExpire(n) = it { Some(n) } else { None })
        {
            return problem(404, "malformed");
        }
        let order = &self.orders[&id];
        let mut value = json!({
            "status": order.status,
            "authorizations": [format!("{url}/authorization/{id}")],
            "finalize": format!("{url}/finalize/{id}"),
            "certificate": format!("{url}/certificate/{id}"),
        });
        if !order.replaces.is_null() {
            value["replaces"] = order.replaces.clone();
        }
        (200, value.to_string(), Vec::new())
    }

    fn authorization(&mut self, id: usize) -> Answer {
        let Some(order) = self.orders.get(&id) else { return problem(404, "malformed") };
        let status = match order.status {
            "pending" | "invalid" => order.status,
            _ => "valid",
        };
        let mut challenge = json!({
            "type": "http-01", "url": format!("{}/challenge/{id}", self.url), "token": order.token, "status": status,
        });
        if status == "invalid" {
            let kind = "urn:ietf:params:acme:error:connection";
            challenge["error"] = json!({"type": kind, "detail": "nobody answers", "status": 400});
        }
        let identifier = json!({"type": "dns", "value": order.name});
        let value = json!({"identifier": identifier, "status": status, "challenges": [challenge]});
        (200, value.to_string(), Vec::new())
    }

    fn challenge(&mut self, id: usize) -> Answer {
        let fails = self.strikes(|it| if let Trouble::Invalid(n) = it { Some(n) } else { None });
        let stuck = self.has(|it| matches!(it, Trouble::Stuck));
        let Some(order) = self.orders.get_mut(&id) else { return problem(404, "malformed") };
        let answer = self.challenges.http01(&order.token);
        let proved = answer.is_some_and(|it| it.starts_with(&format!("{}.", order.token)));
        if !stuck {
            order.status = if proved && !fails { "ready" } else { "invalid" };
        }
        let value = json!({
            "type": "http-01", "url": format!("{}/challenge/{id}", self.url), "token": order.token,
            "status": "processing",
        });
        (200, value.to_string(), Vec::new())
    }

    fn finalize(&mut self, id: usize, payload: &Value) -> Answer {
        let now = self.clock.time();
        let (from, until) = self
            .troubles
            .iter()
            .find_map(|it| if let Trouble::Life(from, until) = it { Some((*from, *until)) } else { None })
            .unwrap_or((-3_600, 90 * 86_400));
        let der = BASE64.decode(payload["csr"].as_str().unwrap_or_default()).expect("base64");
        let mut csr = CertificateSigningRequestParams::from_der(&der.into()).expect("a request");
        csr.params.not_before = offset(now, from).into();
        csr.params.not_after = offset(now, until).into();
        csr.params.serial_number = Some(SerialNumber::from(id as u64));
        csr.params.use_authority_key_identifier_extension = true;
        let chain = if self.has(|it| matches!(it, Trouble::OtherKey)) {
            let key = KeyPair::generate().expect("key");
            csr.params.signed_by(&key, &self.issuer).expect("a certificate").pem()
        } else {
            csr.signed_by(&self.issuer).expect("a certificate").pem()
        };
        self.issued.push(now);
        if let Some(order) = self.orders.get_mut(&id) {
            (order.status, order.chain) = ("valid", chain);
        }
        self.order(id)
    }

    fn date(&self, seconds: u64) -> String {
        let skew =
            self.troubles.iter().find_map(|it| if let Trouble::Skew(by) = it { Some(*by) } else { None });
        let now = offset(self.clock.time(), skew.unwrap_or_default());
        httpdate::fmt_http_date(now + Duration::from_secs(seconds))
    }
}

/// Errors in answers for a place.
pub(crate) fn error(
    place: &'static str,
    times: usize,
    status: u16,
    kind: &'static str,
    retry: Retry,
) -> Trouble {
    Trouble::Error { place, times, status, kind, retry }
}

fn problem(status: u16, kind: &str) -> Answer {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    (status, json!({"type": kind, "detail": "as it was told to", "status": status}).to_string(), Vec::new())
}

fn decoded(value: &Value) -> Value {
    let bytes = BASE64.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn offset(time: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { time - by } else { time + by }
}

fn rfc3339(time: SystemTime, seconds: i64) -> String {
    jiff::Timestamp::try_from(offset(time, seconds)).expect("a time").to_string()
}
