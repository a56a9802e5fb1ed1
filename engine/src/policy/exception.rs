//! What is not looked at, where and until when.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ipnet::IpNet;
use model::Location;
use signatures::{Diagnostic, Exclusion, RuleSelector, Ruleset, Selector, Target, Variable};

use super::asset::bad_host;
use super::path::covers;
use super::spec::{ExceptionSpec, RuleIdsSpec};
use super::{Glob, HostPattern};
use crate::Config;
use crate::config::At;

/// What is not looked at, where and until when.
#[derive(Clone, Debug)]
pub struct Exception {
    /// A name for records; the reason when it has none.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Which requests it is about.
    pub scope: Scope,
    /// When it ends (microseconds since the Unix epoch); `i64::MAX` for never.
    pub expires_us: i64,
    /// Which rules are meant; any of these.
    pub rules: Vec<Arc<RuleSelector>>,
    /// What these rules do not look at; everything when empty.
    pub targets: Vec<Target>,
    /// What the model does not look at.
    pub fields: FieldScope,
}

/// Which fields an exception takes from the model.
#[derive(Clone, Debug, Default)]
pub struct FieldScope {
    /// Whether the model is meant at all.
    pub is_model: bool,
    /// Names of arguments.
    pub parameters: Vec<Glob>,
    /// Names of cookies.
    pub cookies: Vec<Glob>,
    /// Names of headers.
    pub headers: Vec<Glob>,
}

impl FieldScope {
    fn of(spec: &ExceptionSpec) -> Self {
        let globs = |names: &[String]| names.iter().map(|name| Glob::folding(name)).collect();
        Self {
            is_model: spec.model.unwrap_or(spec.rules.is_empty() && spec.tags.is_empty()),
            parameters: globs(&spec.parameters),
            cookies: globs(&spec.cookies),
            headers: globs(&spec.headers),
        }
    }

    /// Whether a view is not for the model to look at.
    #[must_use]
    pub fn covers(&self, location: Location, name: &[u8]) -> bool {
        let fits = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(name));
        let names_none = [&self.parameters, &self.cookies, &self.headers].iter().all(|it| it.is_empty());
        let named = match location {
            Location::Query | Location::Body => fits(&self.parameters),
            Location::Cookie => fits(&self.cookies),
            Location::Header => fits(&self.headers),
            // The sender chooses the names that are sent, and these belong to no parameter.
            _ => false,
        };
        self.is_model && (names_none || named)
    }
}

/// Which requests an exception is about; every list that is not empty must have a hit.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Prefixes, or globs when they have a `*`.
    pub paths: Vec<PathScope>,
    /// Host names.
    pub hosts: Vec<HostPattern>,
    /// Methods.
    pub methods: Vec<String>,
    /// Client addresses.
    pub sources: Vec<IpNet>,
}

/// Paths of a [`Scope`].
#[derive(Clone, Debug, PartialEq)]
pub enum PathScope {
    /// The whole path fits.
    Glob(Glob),
    /// A prefix of whole segments.
    Prefix(String),
}

/// What exceptions are chosen by.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The host, normalised.
    pub host: &'a str,
    /// The path as sent.
    pub path: &'a [u8],
    /// The path, normalised.
    pub normal_path: &'a [u8],
    /// The method as sent.
    pub method: &'a [u8],
    /// The client's address.
    pub client: IpAddr,
    /// When the request began (microseconds since the Unix epoch).
    pub started_us: i64,
}

impl Exception {
    /// Reads an exception as a policy has it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(yaml: &str) -> Result<Self, Vec<Diagnostic>> {
        let text = format!("version: 1\npolicies: {{ p: {{ exceptions: [{yaml}] }} }}\n");
        let (config, _) = Config::parse("exception", &text, 0)?;
        let read = config.policies.first().and_then(|policy| policy.exceptions.first().cloned());
        read.ok_or_else(Vec::new)
    }

    /// Whether it holds for a request.
    #[must_use]
    pub fn holds(&self, request: &RequestFacts<'_>) -> bool {
        request.started_us < self.expires_us && self.scope.selects(request)
    }

    /// What it excludes of a rule set.
    pub(crate) fn exclusions(&self, ruleset: &Ruleset) -> Vec<Exclusion> {
        let of = |rules: &RuleSelector| -> Vec<Exclusion> {
            if self.targets.is_empty() {
                return vec![ruleset.exclusion(rules, None)];
            }
            self.targets.iter().map(|target| ruleset.exclusion(rules, Some(target.clone()))).collect()
        };
        self.rules.iter().flat_map(|rules| of(rules)).collect()
    }
}

impl Scope {
    fn selects(&self, request: &RequestFacts<'_>) -> bool {
        // Both forms must fit, so that no spelling of a path brings another path's exception along.
        let path = |scope: &PathScope| scope.covers(request.path) && scope.covers(request.normal_path);
        let method = |method: &String| method.as_bytes() == request.method;
        (self.paths.is_empty() || self.paths.iter().any(path))
            && (self.hosts.is_empty() || self.hosts.iter().any(|host| host.selects(request.host)))
            && (self.methods.is_empty() || self.methods.iter().any(method))
            && (self.sources.is_empty() || self.sources.iter().any(|net| net.contains(&request.client)))
    }
}

impl PathScope {
    /// Whether a path is one of them.
    pub(crate) fn covers(&self, path: &[u8]) -> bool {
        match self {
            Self::Glob(glob) => glob.matches(path),
            Self::Prefix(prefix) => covers(prefix.as_bytes(), path),
        }
    }
}

pub(super) fn check_all(specs: &[ExceptionSpec], at: &At<'_>, now_us: i64) -> Vec<Exception> {
    specs.iter().enumerate().map(|(index, spec)| check(spec, &at.item(index), now_us)).collect()
}

fn check(spec: &ExceptionSpec, at: &At<'_>, now_us: i64) -> Exception {
    if spec.reason.trim().is_empty() {
        at.key("reason")
            .error("missing-reason", "an exception needs a reason")
            .label("is empty")
            .help("say what was blocked wrongly, for whoever reads this in a year".to_owned())
            .report();
    }
    let scope = Scope {
        paths: paths(&spec.paths, &at.key("paths")),
        hosts: hosts(&spec.hosts, &at.key("hosts")),
        methods: methods(&spec.methods, &at.key("methods")),
        sources: sources(&spec.sources, &at.key("sources")),
    };
    let requests = [&spec.paths, &spec.hosts, &spec.methods, &spec.sources];
    let fields = [&spec.parameters, &spec.cookies, &spec.headers, &spec.tags];
    if requests.iter().chain(&fields).all(|list| list.is_empty()) && spec.rules.is_empty() {
        at.error("unscoped-exception", "an exception without a scope excepts everything")
            .label("no paths, hosts, methods, sources, parameters, cookies, headers, rules or tags")
            .help("name what is excepted, or set the policy's `mode: off`".to_owned())
            .report();
    }
    Exception {
        name: spec.name.clone().unwrap_or_else(|| spec.reason.clone()),
        reason: spec.reason.clone(),
        scope,
        expires_us: expires(&spec.expires, &at.key("expires"), now_us),
        rules: selectors(spec, at),
        targets: targets(spec),
        fields: FieldScope::of(spec),
    }
}

/// Paths as they are written: prefixes and globs.
pub(crate) fn paths(specs: &[String], at: &At<'_>) -> Vec<PathScope> {
    let read = |(index, path): (usize, &String)| {
        if !path.starts_with(['/', '*']) {
            at.item(index)
                .error("invalid-path", format!("expected a path, found `{path}`"))
                .label("must begin with `/` or `*`")
                .report();
        }
        if path.contains(['*', '?']) {
            PathScope::Glob(Glob::exact(path))
        } else {
            PathScope::Prefix(path.clone())
        }
    };
    specs.iter().enumerate().map(read).collect()
}

fn hosts(specs: &[String], at: &At<'_>) -> Vec<HostPattern> {
    let read = |(index, text): (usize, &String)| {
        let host = HostPattern::parse(text);
        if host.is_none() {
            bad_host(text, &at.item(index));
        }
        host
    };
    specs.iter().enumerate().filter_map(read).collect()
}

/// Methods, in upper case.
pub(crate) fn methods(specs: &[String], at: &At<'_>) -> Vec<String> {
    for (index, method) in specs.iter().enumerate() {
        let upper = method.to_ascii_uppercase();
        if method.is_empty() || *method != upper || !method.bytes().all(|byte| byte.is_ascii_graphic()) {
            at.item(index)
                .error("invalid-method", format!("expected a method, found `{method}`"))
                .label("not a method")
                .help(format!("write `{}`", if upper.is_empty() { "GET" } else { &upper }))
                .report();
        }
    }
    specs.to_vec()
}

fn sources(specs: &[String], at: &At<'_>) -> Vec<IpNet> {
    let read = |(index, text): (usize, &String)| {
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        if net.is_none() {
            at.item(index)
                .error("invalid-network", format!("expected an address or a network, found `{text}`"))
                .label("not a network")
                .help("write `192.0.2.7`, `192.0.2.0/24` or `2001:db8::/32`".to_owned())
                .report();
        }
        net
    };
    specs.iter().enumerate().filter_map(read).collect()
}

fn expires(text: &str, at: &At<'_>, now_us: i64) -> i64 {
    if text == "never" {
        return i64::MAX;
    }
    let date = text.parse::<jiff::civil::Date>().ok();
    let Some(zoned) = date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok()) else {
        at.error("invalid-date", format!("expected a date, found `{text}`"))
            .label("not a date")
            .help("write year, month and day (`2027-06-30`), or `never`".to_owned())
            .report();
        return 0;
    };
    let expires_us = zoned.timestamp().as_microsecond();
    if expires_us <= now_us {
        at.warning("expired-exception", format!("this exception expired on {text}"))
            .label("in the past")
            .help("take it out, or give it another day".to_owned())
            .report();
    }
    expires_us
}

fn selectors(spec: &ExceptionSpec, at: &At<'_>) -> Vec<Arc<RuleSelector>> {
    let mut selectors = Vec::new();
    let ids: Vec<_> = spec
        .rules
        .iter()
        .enumerate()
        .filter_map(|(index, ids)| rule_ids(ids, &at.key("rules").item(index)))
        .collect();
    if !ids.is_empty() {
        selectors.push(RuleSelector::Ids(ids));
    }
    for (index, tag) in spec.tags.iter().enumerate() {
        match regex::bytes::Regex::new(&Glob::folding(tag).to_regex()) {
            Ok(regex) if !tag.is_empty() => selectors.push(RuleSelector::Tag(regex)),
            _ => at
                .key("tags")
                .item(index)
                .error("invalid-glob", format!("expected a tag, found `{tag}`"))
                .label("not a tag")
                .report(),
        }
    }
    if spec.rules.is_empty() && spec.tags.is_empty() && spec.model != Some(true) {
        selectors.push(RuleSelector::Ids(vec![0..=u32::MAX]));
    }
    selectors.into_iter().map(Arc::new).collect()
}

fn rule_ids(spec: &RuleIdsSpec, at: &At<'_>) -> Option<RangeInclusive<u32>> {
    let (text, range) = match spec {
        RuleIdsSpec::Id(id) => (id.to_string(), Some(*id..=*id)),
        RuleIdsSpec::Range(text) => (text.clone(), id_range(text)),
    };
    let range = range.filter(|range| *range.start() != 0 && range.start() <= range.end());
    if range.is_none() {
        at.error("invalid-rule-id", format!("expected a rule id or a range of them, found `{text}`"))
            .label("not a rule id")
            .help("write `942100` or `942100-942199`".to_owned())
            .report();
    }
    range
}

fn id_range(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}

/// Values wherever they are looked at. A parameter's name is still looked at, because the sender chooses
/// the names that are sent.
fn targets(spec: &ExceptionSpec) -> Vec<Target> {
    let arguments = [Variable::Args, Variable::ArgsGet, Variable::ArgsPost];
    let of = |variables: &[Variable], names: &[String]| -> Vec<Target> {
        let target = |name: &String, variable: Variable| {
            Some(Target { variable, selector: selector(name)?, count: false })
        };
        let each = names.iter().flat_map(|name| variables.iter().map(move |variable| (name, *variable)));
        each.filter_map(|(name, variable)| target(name, variable)).collect()
    };
    [
        of(&arguments, &spec.parameters),
        of(&[Variable::RequestCookies], &spec.cookies),
        of(&[Variable::RequestHeaders], &spec.headers),
    ]
    .concat()
}

fn selector(name: &str) -> Option<Selector> {
    let glob = Glob::folding(name);
    match glob.as_literal() {
        Some(literal) => Some(Selector::Named(literal.into())),
        None => regex::bytes::Regex::new(&glob.to_regex()).ok().map(Selector::Matching),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(path: &'a [u8], normal_path: &'a [u8]) -> RequestFacts<'a> {
        let client = IpAddr::from([192, 0, 2, 7]);
        RequestFacts { host: "shop.example.com", path, normal_path, method: b"POST", client, started_us: 5 }
    }

    #[test]
    fn every_scope_must_have_a_hit() {
        let path = |text: &str| vec![PathScope::Prefix(text.into())];
        let net = |text: &str| vec![text.parse().unwrap()];
        for (scope, expected) in [
            (Scope::default(), true),
            (Scope { paths: path("/api"), ..Scope::default() }, true),
            (Scope { paths: path("/other"), ..Scope::default() }, false),
            (Scope { paths: path("/api"), methods: vec!["GET".into()], ..Scope::default() }, false),
            (Scope { sources: net("192.0.2.0/24"), ..Scope::default() }, true),
            (Scope { sources: net("198.51.100.0/24"), ..Scope::default() }, false),
            (Scope { hosts: vec![HostPattern::Below("example.com".into())], ..Scope::default() }, true),
        ] {
            assert_eq!(scope.selects(&facts(b"/api/x", b"/api/x")), expected, "{scope:?}");
        }
    }

    #[test]
    fn no_spelling_brings_another_paths_exception() {
        let scope = Scope { paths: vec![PathScope::Prefix("/api".into())], ..Scope::default() };
        assert!(!scope.selects(&facts(b"/api/../login", b"/login")));
        assert!(!scope.selects(&facts(b"/login/..%2fapi", b"/api")));
    }

    #[test]
    fn reads_ranges() {
        for (text, expected) in
            [("942100", Some(942_100..=942_100)), ("1-9", Some(1..=9)), ("x", None), ("1-", None)]
        {
            assert_eq!(id_range(text), expected, "{text}");
        }
    }
}
