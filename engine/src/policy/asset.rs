//! What is protected, and which asset a request is for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::path::covers;
use super::target::{self, Target};
use super::{Named, Policy};
use crate::Selection;
use crate::config::{AssetSpec, At, Upstream};
use crate::limit::RateLimit;
use signatures::suggest::closest;

/// What is protected.
#[derive(Clone, Debug)]
pub struct Asset {
    /// A unique name.
    pub name: String,
    /// Host names.
    pub hosts: Vec<HostPattern>,
    /// Path prefixes.
    pub paths: Vec<String>,
    /// Where its requests go.
    pub target: Target,
    /// Index of the policy.
    pub policy: usize,
    /// Rate limits that hold beside those of the policy.
    pub rate_limits: Vec<Arc<RateLimit>>,
}

/// A host name of an asset; lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// `*`.
    Any,
    /// `*.example.com`: any name below it, at any depth, but not itself.
    Below(String),
    /// One name.
    Exact(String),
}

impl HostPattern {
    /// Reads a host pattern: letters, digits, `-`, `_` and dots, or an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let address = !below && name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let labels = name.split('.').all(|label| !label.is_empty() && label.bytes().all(allowed));
        let name = name.to_ascii_lowercase();
        (labels || address).then_some(if below { Self::Below(name) } else { Self::Exact(name) })
    }

    /// Whether `host`, as a normalised `Host` header gives it, is meant.
    #[must_use]
    pub fn selects(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(name) => {
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            Self::Exact(name) => host == name,
        }
    }
}

/// Finds a request's asset without looking at every one.
#[derive(Clone, Debug, Default)]
pub struct AssetIndex {
    exact: HashMap<String, Vec<Route>>,
    below: HashMap<String, Vec<Route>>,
    any: Vec<Route>,
}

#[derive(Clone, Debug)]
struct Route {
    path: String,
    selection: Selection,
}

impl AssetIndex {
    pub(crate) fn new(assets: &[Asset]) -> Self {
        let mut index = Self::default();
        for (at, asset) in assets.iter().enumerate() {
            let selection = Selection { asset: at, policy: asset.policy };
            for host in &asset.hosts {
                let routes = match host {
                    HostPattern::Any => &mut index.any,
                    HostPattern::Below(name) => index.below.entry(name.clone()).or_default(),
                    HostPattern::Exact(name) => index.exact.entry(name.clone()).or_default(),
                };
                routes.extend(asset.paths.iter().map(|path| Route { path: path.clone(), selection }));
            }
        }
        let all = index.exact.values_mut().chain(index.below.values_mut()).chain([&mut index.any]);
        for routes in all {
            routes.sort_by_key(|route| std::cmp::Reverse(route.path.trim_end_matches('/').len()));
        }
        index
    }

    /// The asset for a normalised host and path: an exact host before the longest wildcard before `*`,
    /// then the longest path. A host whose paths do not cover the request leaves it to the next.
    #[must_use]
    pub fn select(&self, host: &str, path: &[u8]) -> Option<Selection> {
        let exact = self.exact.get(host).and_then(|routes| covering(routes, path));
        let below = || {
            if self.below.is_empty() {
                return None;
            }
            let parents = host.match_indices('.').map(|(at, _)| &host[at + 1..]);
            parents.filter_map(|parent| self.below.get(parent)).find_map(|routes| covering(routes, path))
        };
        exact.or_else(below).or_else(|| covering(&self.any, path))
    }
}

fn covering(routes: &[Route], path: &[u8]) -> Option<Selection> {
    routes.iter().find(|route| covers(route.path.as_bytes(), path)).map(|route| route.selection)
}

pub(crate) fn check_all(
    specs: &[AssetSpec],
    at: &At<'_>,
    upstreams: &BTreeMap<String, Upstream>,
    policies: &[Arc<Policy>],
    named: &Named<'_>,
) -> Vec<Asset> {
    let mut assets: Vec<Asset> = Vec::new();
    let mut taken = HashMap::new();
    for (index, spec) in specs.iter().enumerate() {
        let at = at.item(index);
        if assets.iter().any(|asset| asset.name == spec.name) {
            at.key("name")
                .error("duplicate-name", format!("two assets are named `{}`", spec.name))
                .label("again")
                .report();
        }
        let upstream_names = upstreams.keys().map(String::as_str);
        let policy_names = policies.iter().map(|policy| policy.name.as_str());
        let target = target::check(spec, &at, named.is_attached);
        if let Some(Target::Upstream(name)) = &target {
            known("upstream", name, upstream_names, &at.key("upstream"));
        }
        known("policy", &spec.policy, policy_names, &at.key("policy"));
        let (hosts, paths) =
            (hosts(&spec.hosts, &at.key("hosts")), paths(spec.paths.as_deref(), &at.key("paths")));
        overlaps(&hosts, &paths, &spec.name, &mut taken, &at);
        assets.push(Asset {
            name: spec.name.clone(),
            hosts,
            paths,
            // Without one there was an error, and nobody sees this.
            target: target.unwrap_or_else(|| Target::Upstream(String::new())),
            policy: policies.iter().position(|policy| policy.name == spec.policy).unwrap_or(0),
            rate_limits: named.rate_limits(&spec.rate_limits, &at.key("rate_limits")),
        });
    }
    assets
}

/// Says so where nothing has that name.
pub(crate) fn known<'n>(what: &str, name: &str, names: impl Iterator<Item = &'n str> + Clone, at: &At<'_>) {
    if names.clone().any(|known| known == name) {
        return;
    }
    let help = match closest(name, names.clone()) {
        Some(known) => Some(format!("did you mean `{known}`?")),
        None => {
            let known: Vec<_> = names.map(|known| format!("`{known}`")).collect();
            (!known.is_empty()).then(|| format!("there is {}", known.join(", ")))
        }
    };
    let code = match what {
        "policy" => "unknown-policy",
        "rate limit" => "unknown-rate-limit",
        "store" => "unknown-store",
        "address list" => "unknown-address-list",
        _ => "unknown-upstream",
    };
    at.error(code, format!("there is no {what} `{name}`"))
        .label(format!("not a known {what}"))
        .help(help)
        .report();
}

fn hosts(specs: &[String], at: &At<'_>) -> Vec<HostPattern> {
    let parse = |(index, text): (usize, &String)| {
        let host = HostPattern::parse(text);
        if host.is_none() {
            bad_host(text, &at.item(index));
        }
        host
    };
    specs.iter().enumerate().filter_map(parse).collect()
}

pub(super) fn bad_host(text: &str, at: &At<'_>) {
    let help = if text.contains("://") || text.contains('/') {
        "write the name alone, without scheme and path"
    } else if text.contains(':') {
        "write the name without its port"
    } else {
        "write a name, `*.example.com` or `*`"
    };
    at.error("invalid-host", format!("expected a host name, found `{text}`"))
        .label("not a host pattern")
        .help(help.to_owned())
        .report();
}

fn paths(specs: Option<&[String]>, at: &At<'_>) -> Vec<String> {
    let Some(specs) = specs else { return vec!["/".into()] };
    if specs.is_empty() {
        at.error("empty-list", "expected at least one path, found none")
            .label("is empty")
            .help("leave `paths` out for all of them".to_owned())
            .report();
    }
    for (index, path) in specs.iter().enumerate() {
        if !path.starts_with('/') || path.contains(['*', '?', '#']) {
            at.item(index)
                .error("invalid-path", format!("expected a path prefix, found `{path}`"))
                .label("must begin with `/` and has no `*`, `?` or `#`")
                .report();
        }
    }
    specs.to_vec()
}

fn overlaps(
    hosts: &[HostPattern],
    paths: &[String],
    name: &str,
    taken: &mut HashMap<(HostPattern, String), String>,
    at: &At<'_>,
) {
    for host in hosts {
        for path in paths {
            let key = (host.clone(), path.trim_end_matches('/').to_owned());
            if let Some(other) = taken.insert(key, name.to_owned()) {
                at.key("hosts")
                    .error("duplicate-asset", format!("asset `{other}` has the same host and path `{path}`"))
                    .label("already taken")
                    .report();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(hosts: &[&str], paths: &[&str]) -> Asset {
        Asset {
            name: String::new(),
            hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            target: Target::Upstream(String::new()),
            policy: 0,
            rate_limits: Vec::new(),
        }
    }

    #[test]
    fn selects_the_most_specific() {
        let assets = [
            asset(&["*"], &["/"]),
            asset(&["*.example.com"], &["/"]),
            asset(&["*.shop.example.com"], &["/"]),
            asset(&["a.shop.example.com"], &["/api", "/api/v2/"]),
            asset(&["a.shop.example.com"], &["/api/v2/x"]),
        ];
        let index = AssetIndex::new(&assets);
        for (host, path, expected) in [
            ("other.org", "/", 0),
            ("example.com", "/", 0),
            ("www.example.com", "/", 1),
            ("b.shop.example.com", "/", 2),
            ("a.shop.example.com", "/", 2),
            ("a.shop.example.com", "/api/v1", 3),
            ("a.shop.example.com", "/api/v2/x/y", 4),
            ("a.shop.example.com", "/apis", 2),
        ] {
            let found = index.select(host, path.as_bytes()).map(|selection| selection.asset);
            assert_eq!(found, Some(expected), "{host}{path}");
        }
    }

    #[test]
    fn reads_host_patterns() {
        for (text, expected) in [
            ("*", Some(HostPattern::Any)),
            ("*.Example.com", Some(HostPattern::Below("example.com".into()))),
            ("192.0.2.1", Some(HostPattern::Exact("192.0.2.1".into()))),
            ("[::1]", Some(HostPattern::Exact("[::1]".into()))),
            ("exa*mple.com", None),
            ("http://x", None),
            ("x:80", None),
            ("", None),
            ("a..b", None),
        ] {
            assert_eq!(HostPattern::parse(text), expected, "{text}");
        }
    }
}
