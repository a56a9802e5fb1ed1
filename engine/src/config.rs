//! The configuration, checked: what a [`crate::Snapshot`] is built from.
//!
//! Text becomes a tree whose nodes know their place ([`node`]); one pass compares it with the schema of
//! the types ([`schema`]); what has no error there is read into a [`ConfigSpec`] and checked for meaning.
//! Every error is reported at once.

mod acme;
mod addresses;
mod admin;
mod at;
mod attachments;
mod clients;
mod collections;
mod drain;
mod flags;
mod learning;
mod listener;
mod node;
mod quantity;
mod rates;
mod rbl;
mod report;
mod schema;
mod secrets;
mod spec;
mod stores;
mod token;
mod upstream;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use signatures::{Diagnostic, SourceFile};

pub use acme::{Acme, Authority, Challenge, Eab};
pub use addresses::{AddressList, Countries};
pub use admin::Admin;
pub use attachments::{Attachments, Envoy, Inspect, Spoe};
pub use clients::{BrokenChain, Clients, Origin};
pub use collections::Collections;
pub use drain::Drain;
pub use flags::Flags;
pub use learning::Learning;
pub use listener::{ClientCertificates, ListenAddress, Listener, ListenerLimits, Peers, Tls};
pub use rbl::Rbl;
pub use report::{DecisionLog, DecisionsTo};
pub use schema::json_schema;
pub use spec::{
    AcmeCertificateSpec, AcmeSpec, AddressListSpec, AdminSpec, AssetSpec, AttachmentsSpec, AuthoritySpec,
    BalanceSpec, CertificateSpec, ChallengeSpec, ClientCertificatesSpec, ClientPrefixSpec, CollectionsSpec,
    ConfigSpec, CountriesSpec, DecisionsOnly, DecisionsSpec, Dialect, DnsChallengeSpec, DnsCommandSpec,
    DrainSpec, EabSpec, EnvoyLimitsSpec, EnvoySpec, Forwarded, ForwardedHeader, HashFieldSpec, HashKeySpec,
    HashSpec, HealthCheckSpec, HstsSpec, InspectSpec, LearningMode, LearningSpec, ListenerLimitsSpec,
    ListenerSpec, NamedAuthoritySpec, OutlierSettingsSpec, OutlierSpec, QuorumSpec, RateKeyPartSpec,
    RateKeySpec, RateLimitHeaders, RateLimitSpec, RblSpec, RedirectSpec, ReportsSpec, RespondSpec,
    RetriesSpec, RetryOnSpec, ServerSpec, Skip, SpoeLimitsSpec, SpoeSpec, StatusSpec, StoreSpec, TlsSpec,
    TlsVersion, TraceContext, UnknownCountry, UnknownNames, UpstreamProtocol, UpstreamSpec,
    UpstreamTlsSettingsSpec, UpstreamTlsSpec, WeightedServerSpec,
};
pub use stores::{Store, StoreNode};
pub use upstream::{
    Balance, HashKey, HealthCheck, Outlier, Probe, Retries, RetryOn, Server, ServerAddress, Statuses,
    Upstream, UpstreamHost, UpstreamTls,
};

pub(crate) use addresses::countries;
pub(crate) use at::{At, Findings};
pub(crate) use quantity::{duration_at, size, size_at};

use crate::limit::RateLimit;
use crate::policy::{Asset, AssetIndex, Named, Policy};
use node::NodeError;
pub(crate) use node::{Content, Node};

/// A checked configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where requests are accepted.
    pub listeners: Vec<Listener>,
    /// Headers that tell applications whose certificate a client showed, in small letters: no client may send one of them
    /// itself, by whatever listener.
    pub subject_headers: Vec<String>,
    /// Ways in beside them.
    pub attachments: Attachments,
    /// The applications behind, by name.
    pub upstreams: BTreeMap<String, Upstream>,
    /// What is protected, in the order written.
    pub assets: Vec<Asset>,
    /// Policies, in the order of their names.
    pub policies: Vec<Arc<Policy>>,
    /// How many requests of a kind may come, in the order of their names.
    pub rate_limits: Vec<Arc<RateLimit>>,
    /// Lists of client addresses, by name.
    pub address_lists: BTreeMap<String, AddressList>,
    /// Where instances share what they count, by name.
    pub stores: BTreeMap<String, Store>,
    /// The listener for metrics and health.
    pub admin: Option<Admin>,
    /// Where decision records go.
    pub decisions: DecisionLog,
    /// What was learned of sites, and whether that goes on.
    pub learning: Option<Learning>,
    /// Where persistent collections of rules are kept.
    pub collections: Collections,
    /// How the proxy stops.
    pub drain: Drain,
    /// How lists in the DNS are asked; none is when absent.
    pub rbl: Option<Rbl>,
    /// How certificates are obtained by ACME; none is when absent.
    pub acme: Option<Acme>,
    pub(crate) index: AssetIndex,
}

impl Config {
    /// Reads a configuration. `now_us` (microseconds since the Unix epoch) tells which exceptions have
    /// expired. Warnings come with it.
    ///
    /// # Errors
    /// Everything that is wrong with the text, in its order.
    pub fn parse(path: &str, text: &str, now_us: i64) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let parsed = Node::parse(text);
        let shown = parsed.as_ref().map_or_else(|_| text.to_owned(), |node| secrets::covered(text, node));
        let findings = Findings::new(Arc::new(SourceFile { path: path.to_owned(), text: shown }));
        let config = read(parsed, now_us, &findings);
        match config {
            Some(config) if !findings.has_errors() => Ok((config, findings.into_diagnostics())),
            _ => Err(findings.into_diagnostics()),
        }
    }
}

fn read(parsed: Result<Node, NodeError>, now_us: i64, findings: &Findings) -> Option<Config> {
    let node = match parsed {
        Ok(node) => node,
        Err(error) => {
            let place = Node { span: error.span, content: Content::Null };
            At::root(findings, &place).error("invalid-yaml", error.message).label("here").report();
            return None;
        }
    };
    let root = At::root(findings, &node);
    if !matches!(node.content, Content::Map(_)) {
        root.error("wrong-type", format!("expected a map, found {}", node.kind()))
            .label("not a configuration")
            .help("a configuration begins with `version: 1`".to_owned())
            .report();
        return None;
    }
    schema::validate(&json_schema(), &root);
    let spoilt = findings.spoilt();
    match serde_json::from_value(node.to_json(&spoilt)) {
        // What has no error of form is checked for meaning all the same, unless errors would follow
        // from what was left out.
        Ok(spec) if !is_referred_to(&node, &spoilt) => Some(check(&spec, &root, now_us)),
        Err(error) if spoilt.is_empty() => {
            root.error("invalid-value", error.to_string()).label("in this document").report();
            None
        }
        Ok(_) | Err(_) => None,
    }
}

/// Whether a spoilt entry is an upstream, a policy, a rate limit, a store, a list, all of them, or how certificates are
/// obtained: others refer to these.
fn is_referred_to(node: &Node, spoilt: &HashSet<usize>) -> bool {
    let named = node.entries().iter().filter(|entry| REFERRED_TO.contains(&entry.key.as_str()));
    named
        .flat_map(|entry| entry.value.entries().iter().chain([entry]))
        .any(|entry| spoilt.contains(&entry.key_span.start))
}

/// What others refer to by name.
const REFERRED_TO: [&str; 6] = ["upstreams", "policies", "acme", "rate_limits", "stores", "address_lists"];

fn check(spec: &ConfigSpec, at: &At<'_>, now_us: i64) -> Config {
    if spec.version != 1 {
        at.key("version")
            .error("unsupported-version", format!("expected version 1, found {}", spec.version))
            .label("not a version of this format")
            .report();
    }
    let upstreams = upstream::check_all(&spec.upstreams, &at.key("upstreams"));
    let stores = stores::check_all(&spec.stores, &at.key("stores"));
    let rate_limits = rates::check_all(&spec.rate_limits, &stores, &at.key("rate_limits"));
    let address_lists = addresses::check_all(&spec.address_lists, &at.key("address_lists"));
    // Also where what is there has errors of its own.
    let is_attached = attachments::are_there(&at.key("attachments"));
    let named = Named { rate_limits: &rate_limits, address_lists: &address_lists, is_attached };
    let policies = crate::policy::check_all(&spec.policies, &at.key("policies"), &named, now_us);
    let assets = crate::policy::check_assets(&spec.assets, &at.key("assets"), &upstreams, &policies, &named);
    let acme = spec.acme.as_ref().map(|it| acme::check(it, &at.key("acme")));
    let listeners = listener::check_all(&spec.listeners, &at.key("listeners"), acme.as_ref());
    let attachments = attachments::check(&spec.attachments, &at.key("attachments"), &listeners);
    Config {
        attachments,
        acme: acme.map(|it| acme::named(it, &listeners, &at.key("acme"))),
        subject_headers: listener::subject_headers(&listeners),
        listeners,
        index: AssetIndex::new(&assets),
        admin: spec.admin.as_ref().and_then(|admin| admin::check(admin, &at.key("admin"))),
        learning: spec.learning.as_ref().and_then(|it| learning::check(it, &at.key("learning"))),
        collections: collections::check(&spec.collections, &at.key("collections")),
        drain: drain::check(&spec.drain, &at.key("drain")),
        rbl: spec.rbl.as_ref().map(|it| rbl::check(it, &at.key("rbl"))),
        decisions: report::check(&spec.reports.decisions, &at.key("reports").key("decisions")),
        upstreams,
        address_lists,
        rate_limits,
        stores,
        assets,
        policies,
    }
}
