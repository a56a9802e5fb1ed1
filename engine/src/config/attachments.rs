//! Ways in beside listeners.

mod envoy;
mod spoe;

use std::time::Duration;

use super::listener::{Listener, Peers, endpoint, peers};
use super::quantity::duration_at;
use super::spec::{AttachmentsSpec, InspectSpec};
use super::{At, Clients, Dialect, token};
use crate::tls::NamedFile;
pub use envoy::Envoy;
pub use spoe::Spoe;

/// Ways in beside listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachments {
    /// Endpoints that a gateway asks about each request.
    pub inspect: Vec<Inspect>,
    /// Endpoints that Envoy asks about each request.
    pub envoy: Vec<Envoy>,
    /// Endpoints that HAProxy asks about each request.
    pub spoe: Vec<Spoe>,
}

/// An endpoint that a gateway asks about each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspect {
    /// Where it is asked, how much, and who the client is.
    pub listener: Listener,
    /// Who asks.
    pub dialect: Dialect,
    /// Who may.
    pub gateways: Peers,
    /// What they must send beside that. Of a file, it is read when a snapshot is built.
    pub token: Option<String>,
    /// The file it is in.
    pub token_file: Option<NamedFile>,
    /// Whether they send bodies.
    pub bodies: bool,
    /// What is in front of each path.
    pub path_prefix: String,
    /// How long a body may take to come.
    pub body_timeout: Duration,
}

/// Checks them. `listeners` have their addresses already.
pub(super) fn check(spec: &AttachmentsSpec, at: &At<'_>, listeners: &[Listener]) -> Attachments {
    let mut taken: Vec<_> = listeners.iter().map(|listener| listener.address.clone()).collect();
    let mut is_free = |listener: &Listener, at: &At<'_>| {
        if taken.contains(&listener.address) {
            at.key("address")
                .error("duplicate-address", format!("two listeners at `{}`", listener.address))
                .label("again")
                .report();
        }
        taken.push(listener.address.clone());
    };
    let mut attachments = Attachments::default();
    for (index, spec) in spec.inspect.iter().enumerate() {
        let at = at.key("inspect").item(index);
        let Some(checked) = check_inspect(spec, &at) else { continue };
        is_free(&checked.listener, &at);
        attachments.inspect.push(checked);
    }
    for (index, spec) in spec.envoy.iter().enumerate() {
        let at = at.key("envoy").item(index);
        let Some(checked) = envoy::check(spec, &at) else { continue };
        is_free(&checked.listener, &at);
        attachments.envoy.push(checked);
    }
    for (index, spec) in spec.spoe.iter().enumerate() {
        let at = at.key("spoe").item(index);
        let Some(checked) = spoe::check(spec, &at) else { continue };
        is_free(&checked.listener, &at);
        attachments.spoe.push(checked);
    }
    attachments
}

/// Whether any is there, also where what is there has errors of its own.
pub(super) fn are_there(at: &At<'_>) -> bool {
    ["inspect", "envoy", "spoe"].into_iter().any(|kind| at.key(kind).node().is_some())
}

fn check_inspect(spec: &InspectSpec, at: &At<'_>) -> Option<Inspect> {
    let gateways = gateways(spec.gateways.as_ref(), at);
    let mut trusted = peers(&spec.trusted_proxies, &at.key("trusted_proxies"));
    trusted.networks.extend(&gateways.networks);
    trusted.unix |= gateways.unix;
    check_token(spec.token.as_deref(), at);
    check_bodies(spec, at);
    let clients = Clients::trusting(&trusted, client_header(spec.dialect));
    let mut limits = spec.limits.clone();
    limits.requests_max.get_or_insert(QUESTIONS);
    Some(Inspect {
        listener: endpoint(&spec.address, &limits, clients, at)?,
        dialect: spec.dialect,
        gateways,
        token: spec.token.clone(),
        token_file: token::file(spec.token.as_deref(), spec.token_file.as_deref(), at),
        bodies: spec.bodies.unwrap_or(spec.dialect == Dialect::Native),
        path_prefix: path_prefix(spec, at),
        body_timeout: duration_at(spec.body_timeout.as_deref(), BODY_TIMEOUT, &at.key("body_timeout")),
    })
}

/// The header in which a gateway says who the client is.
fn client_header(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Nginx | Dialect::IngressNginx => "x-real-ip",
        Dialect::Native => "x-portcullis-client",
        Dialect::Caddy | Dialect::ExternalAuth | Dialect::Traefik => "x-forwarded-for",
    }
}

/// Who may ask.
fn gateways(spec: Option<&Vec<String>>, at: &At<'_>) -> Peers {
    let at = at.key("gateways");
    if spec.is_some_and(Vec::is_empty) {
        at.error("nobody-trusted", "nobody may ask").label("names nobody").report();
    }
    spec.map_or_else(|| peers(&USUAL_GATEWAYS.map(str::to_owned), &at), |texts| peers(texts, &at))
}

fn check_token(token: Option<&str>, at: &At<'_>) {
    if token.is_some_and(|token| token::of_gateway(token).is_err()) {
        at.key("token")
            .error("invalid-token", "no token that could be a secret and a path")
            .label(format!("expected {} or more letters, digits, `-` or `_`", token::LENGTH_MIN))
            .help("`openssl rand -hex 16` writes one".to_owned())
            .report();
    }
}

fn check_bodies(spec: &InspectSpec, at: &At<'_>) {
    let never = matches!(spec.dialect, Dialect::Caddy | Dialect::IngressNginx | Dialect::Nginx);
    let Some(bodies) = spec.bodies else { return };
    let name = spec.dialect.as_str();
    if bodies && never {
        at.key("bodies")
            .error("contradiction", format!("`{name}` sends no bodies"))
            .at_key()
            .label("would be believed of every request")
            .help("docs/attach/README.md says which attachments see bodies".to_owned())
            .report();
    }
    if !bodies && spec.dialect == Dialect::Native {
        at.key("bodies")
            .error("contradiction", "`native` says of each request whether its body is there")
            .at_key()
            .label("has no effect")
            .report();
    }
}

fn path_prefix(spec: &InspectSpec, at: &At<'_>) -> String {
    let prefix = spec.path_prefix.clone().unwrap_or_default();
    let at = at.key("path_prefix");
    let is_path = prefix.starts_with('/') && prefix.bytes().all(|byte| byte.is_ascii_graphic());
    if spec.path_prefix.is_some() && spec.dialect != Dialect::ExternalAuth {
        at.error("contradiction", "`path_prefix` is for `external-auth`")
            .at_key()
            .label("has no effect")
            .report();
    } else if spec.path_prefix.is_some() && (!is_path || prefix.contains(['?', '#'])) {
        at.error("invalid-path", format!("expected a path, found `{prefix}`"))
            .label("no path that could be in front of others")
            .help("write it as the gateway does, `/inspect` for example".to_owned())
            .report();
    }
    prefix.trim_end_matches('/').to_owned()
}

/// Who may ask when nobody is named: who is on this machine, or in this pod.
const USUAL_GATEWAYS: [&str; 3] = ["127.0.0.0/8", "::1", "unix"];
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Questions at once (count): more of them are not answered in the time that gateways wait.
const QUESTIONS: u32 = 1_000;
