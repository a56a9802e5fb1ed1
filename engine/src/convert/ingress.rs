//! ingress-nginx: `Ingress` objects with their annotations, and the controller's `ConfigMap`.
//!
//! As the controller writes nginx's configuration (its `nginx.tmpl`, `buildModSecurityForLocation`):
//! - `enable-modsecurity` of the ConfigMap inspects everything, unless an annotation says `"false"`; with it rules
//!   are the ConfigMap's snippet or, without one, ModSecurity's recommended settings (detection only), then the
//!   annotation's snippet;
//! - without it the annotation inspects one Ingress, by its snippet or else by the recommended settings;
//! - the Core Rule Set comes with either key, where ModSecurity is on.

use signatures::Diagnostic;
use signatures::seclang::MemoryFiles;

use super::directives::Unit;
use super::manifest::{Object, boolean, objects};
use super::origin::Origin;
use super::plan::{Asset, Plan, Policy, Reading, name_of};
use super::{Converted, Input, Options, output};
use crate::config::{Content, Node};

/// What is prefixed to annotations that the controller reads.
const PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// Converts manifests of ingress-nginx: `Ingress` objects, the controller's `ConfigMap`, and `Service`s, which
/// tell ports that are named.
#[must_use]
pub fn ingress_nginx(inputs: &[Input], options: &Options) -> Converted {
    let mut plan = Plan::default();
    let objects = objects(inputs, &mut plan.diagnostics);
    let controller = Controller::find(&objects, &mut plan.diagnostics);
    let ingresses: Vec<_> = objects.iter().filter(|object| object.kind() == "Ingress").collect();
    if ingresses.is_empty() && !plan.diagnostics.iter().any(|it| it.severity == signatures::Severity::Error) {
        plan.diagnostics.push(
            Diagnostic::error("no-ingress", "there is no `Ingress` in these manifests").help(
                "`kubectl get ingress,service -A -o yaml` and the controller's ConfigMap are what is read"
                    .to_owned(),
            ),
        );
    }
    for ingress in ingresses {
        let policy = policy(&mut plan, &controller, ingress);
        assets(&mut plan, ingress, &objects, &policy);
    }
    if options.crs.is_none() {
        plan.diagnostics.extend(without_crs(plan.policies.values().any(|policy| policy.crs)));
    }
    output::write(plan, options)
}

/// Says that the built-in rules stand in for the Core Rule Set.
pub(super) fn without_crs(wanted: bool) -> Option<Diagnostic> {
    wanted.then(|| {
        Diagnostic::warning("no-crs", "the Core Rule Set is left out; the built-in rules stand in its place")
            .help("`portcullis rules install crs` fetches it; name its directory with `--crs DIR`".to_owned())
    })
}

/// What the controller's ConfigMap says.
#[derive(Default)]
struct Controller<'a> {
    enabled: bool,
    crs: bool,
    snippet: Option<(&'a Object, &'a Node)>,
}

impl<'a> Controller<'a> {
    fn find(objects: &'a [Object], out: &mut Vec<Diagnostic>) -> Self {
        let mut found = None;
        for object in objects.iter().filter(|object| object.kind() == "ConfigMap") {
            let Some(data) = object.node.get("data") else { continue };
            let Some(first) = data.entries().iter().find(|entry| KEYS.contains(&entry.key.as_str())) else {
                continue;
            };
            if found.is_some() {
                out.push(
                    Diagnostic::warning("second-controller", "a second ConfigMap sets ModSecurity")
                        .at(object.span(first.key_span.clone()), "left out: the first one counts")
                        .help("convert the Ingresses of each controller on their own".to_owned()),
                );
                continue;
            }
            let flag = |key: &str, out: &mut Vec<Diagnostic>| {
                data.get(key).is_some_and(|node| flag(object, node, out))
            };
            found = Some(Self {
                enabled: flag("enable-modsecurity", out),
                crs: flag("enable-owasp-modsecurity-crs", out),
                snippet: data.get("modsecurity-snippet").map(|node| (object, node)),
            });
            others(object, data, out);
        }
        found.unwrap_or_default()
    }
}

/// The keys of the ConfigMap that are carried over.
const KEYS: [&str; 3] = ["enable-modsecurity", "enable-owasp-modsecurity-crs", "modsecurity-snippet"];

/// Other keys of the ConfigMap that are about ModSecurity.
fn others(object: &Object, data: &Node, out: &mut Vec<Diagnostic>) {
    for entry in data.entries() {
        let mentions =
            entry.value.text().is_some_and(|text| text.to_ascii_lowercase().contains("modsecurity"));
        if mentions && !KEYS.contains(&entry.key.as_str()) {
            out.push(
                Diagnostic::warning("not-carried-over", format!("`{}` is not carried over", entry.key))
                    .at(
                        object.span(entry.key_span.clone()),
                        "mentions ModSecurity, as nginx's own configuration",
                    )
                    .help("write its rules into a file of the policy".to_owned()),
            );
        }
    }
}

/// A flag; one that is none is reported and false.
fn flag(object: &Object, node: &Node, out: &mut Vec<Diagnostic>) -> bool {
    let value = boolean(node);
    if value.is_none() {
        out.push(
            Diagnostic::warning("invalid-value", "this is neither `\"true\"` nor `\"false\"`")
                .at(object.at(node), "taken as `\"false\"`"),
        );
    }
    value.unwrap_or(false)
}

/// The policy of an Ingress, by name; the same policy is written once.
fn policy(plan: &mut Plan, controller: &Controller<'_>, ingress: &Object) -> String {
    let annotations = Annotations::read(ingress, &mut plan.diagnostics);
    let enabled = annotations.enabled.unwrap_or(controller.enabled);
    if !enabled {
        return add(plan, "uninspected", Policy { settings: off(), ..Policy::default() });
    }
    let name = name_of(&format!("{}-{}", ingress.namespace(), ingress.name()));
    let mut policy = Policy { crs: controller.crs || annotations.crs, ..Policy::default() };
    if let Some((object, node)) = controller.snippet.filter(|_| controller.enabled) {
        snippet(object, node, "controller", &mut policy, &mut plan.diagnostics);
    }
    if let Some(node) = annotations.snippet {
        snippet(ingress, node, &name, &mut policy, &mut plan.diagnostics);
    }
    add(plan, &name, policy)
}

fn off() -> super::settings::Settings {
    super::settings::Settings { mode: Some("off"), ..Default::default() }
}

/// Adds a policy, unless there is the same one; gives its name.
fn add(plan: &mut Plan, name: &str, policy: Policy) -> String {
    let records = (policy.settings.records_to.clone(), policy.settings.records_only);
    if plan.records == (None, None) {
        plan.records = records;
    } else if records != (None, None) && records != plan.records {
        let title = format!("`SecAuditEngine` and `SecAuditLog` of `{name}` are not carried over");
        plan.diagnostics.push(
            Diagnostic::warning("second-report", title)
                .help("records of all policies go to one place: `reports.decisions`".to_owned()),
        );
    }
    if let Some((same, _)) = plan.policies.iter().find(|(_, other)| **other == policy) {
        return same.clone();
    }
    let others = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(others);
    let name = names.find(|name| !plan.policies.contains_key(name)).unwrap_or_default();
    plan.policies.insert(name.clone(), policy);
    name
}

/// Reads a snippet into a policy.
fn snippet(object: &Object, node: &Node, name: &str, policy: &mut Policy, out: &mut Vec<Diagnostic>) {
    let Some(text) = node.text() else { return };
    // Once for each Ingress, but said once.
    let mut found = Vec::new();
    let origin = Origin::within(&object.file, text, node.span.clone());
    let reader = MemoryFiles::default();
    let mut reading = Reading {
        policy,
        diagnostics: &mut found,
        reader: &reader,
        name: &format!("{name}.conf"),
        path: &object.file.path,
        origin: &origin,
        is_ordered: false,
    };
    reading.text(text, &mut include);
    found.retain(|new| !out.iter().any(|old| is_same(old, new)));
    out.append(&mut found);
}

fn is_same(one: &Diagnostic, other: &Diagnostic) -> bool {
    let place = |it: &Diagnostic| it.location.as_ref().map(|at| (at.file.path.clone(), at.span.clone()));
    one.title == other.title && place(one) == place(other)
}

/// What files of the controller's image hold: its settings, or the Core Rule Set.
fn include(reading: &mut Reading<'_>, unit: &Unit) -> Option<String> {
    let path = unit.words.first().map_or("", String::as_str).to_ascii_lowercase();
    if path.contains("crs") || path.contains("coreruleset") {
        reading.policy.crs = true;
        return Some("the Core Rule Set: a source of the policy".to_owned());
    }
    if path.ends_with("modsecurity.conf") {
        return Some("ModSecurity's recommended settings: the policy's own".to_owned());
    }
    reading.say(
        unit,
        "not-carried-over",
        format!("`{}` is not here to be read", unit.words.join(" ")),
        "put the file beside the configuration, and name it in the policy",
    );
    Some("not carried over: the file was not here to be read".to_owned())
}

/// Annotations of an Ingress.
#[derive(Default)]
struct Annotations<'a> {
    enabled: Option<bool>,
    crs: bool,
    snippet: Option<&'a Node>,
}

impl<'a> Annotations<'a> {
    fn read(ingress: &'a Object, out: &mut Vec<Diagnostic>) -> Self {
        let mut found = Self::default();
        let Some(all) = ingress.node.get("metadata").and_then(|it| it.get("annotations")) else {
            return found;
        };
        for entry in all.entries() {
            let Some(key) = entry.key.strip_prefix(PREFIX) else { continue };
            match key {
                "enable-modsecurity" => found.enabled = Some(flag(ingress, &entry.value, out)),
                "enable-owasp-core-rules" => found.crs = flag(ingress, &entry.value, out),
                "modsecurity-snippet" => found.snippet = Some(&entry.value),
                _ => {
                    let (label, help) = lost(key);
                    out.push(
                        Diagnostic::warning(
                            "not-carried-over",
                            format!("annotation `{key}` is not carried over"),
                        )
                        .at(ingress.span(entry.key_span.clone()), label)
                        .help(help.map(str::to_owned)),
                    );
                }
            }
        }
        found
    }
}

/// Why an annotation is not carried over, and what to do.
fn lost(key: &str) -> (&'static str, Option<&'static str>) {
    match key {
        "modsecurity-transaction-id" => (
            "a request's id is its `X-Request-Id`, or else one that Portcullis gives",
            Some("have the proxy in front send `X-Request-Id`"),
        ),
        "enable-owasp-modsecurity-crs" => (
            "ingress-nginx takes this from its ConfigMap alone",
            Some("write the annotation `enable-owasp-core-rules`, or this key in the ConfigMap"),
        ),
        "configuration-snippet" | "server-snippet" => ("nginx's own configuration", None),
        "proxy-body-size" => (
            "what is beyond a limit is for the policy to say",
            Some("set in the policy `limits.body_bytes_max` and `on_limit`"),
        ),
        "whitelist-source-range" | "allowlist-source-range" | "denylist-source-range" => (
            "who may come is for a rule to say",
            Some("SecRule REMOTE_ADDR \"!@ipMatch 192.0.2.0/24\" \"id:1,phase:1,deny\""),
        ),
        "rewrite-target" | "use-regex" | "app-root" => {
            ("paths go on as they came, and are prefixes", Some("leave it to a proxy behind or in front"))
        }
        _ => ("this is for the controller to do", Some("keep the controller in front or behind for it")),
    }
}

/// One asset for each host and upstream of an Ingress.
fn assets(plan: &mut Plan, ingress: &Object, objects: &[Object], policy: &str) {
    let Some(spec) = ingress.node.get("spec") else { return };
    if let Some(tls) = spec.get("tls") {
        plan.diagnostics.push(
            Diagnostic::warning("not-carried-over", "TLS is not carried over")
                .at(ingress.at(tls), "listeners speak plain HTTP")
                .help("end TLS in front: at the load balancer, or at the controller".to_owned()),
        );
    }
    let rules = spec.get("rules").map(Node::items).unwrap_or_default();
    for rule in rules {
        let host = rule.get("host").and_then(Node::text).unwrap_or("*");
        let paths = rule.get("http").and_then(|http| http.get("paths")).map(Node::items).unwrap_or_default();
        for path in paths {
            let Some(upstream) = path.get("backend").and_then(|it| upstream(plan, ingress, it, objects))
            else {
                continue;
            };
            let prefix = prefix(plan, ingress, path);
            asset(plan, ingress, host, prefix, upstream, policy);
        }
    }
    let default = spec.get("defaultBackend").or_else(|| spec.get("backend"));
    if let Some(upstream) = default.and_then(|backend| upstream(plan, ingress, backend, objects)) {
        asset(plan, ingress, "*", "/".to_owned(), upstream, policy);
    }
}

/// A path as a prefix of whole segments.
fn prefix(plan: &mut Plan, ingress: &Object, path: &Node) -> String {
    let text = path.get("path").and_then(Node::text).unwrap_or("/");
    let kind = path.get("pathType").and_then(Node::text).unwrap_or_default();
    let literal: String = text.chars().take_while(|letter| !"(*[\\|$^+?{".contains(*letter)).collect();
    let mut say = |title: String, label: &str| {
        let place = path.get("path").map_or_else(|| ingress.at(path), |node| ingress.at(node));
        plan.diagnostics.push(Diagnostic::warning("wider-path", title).at(place, label));
    };
    if literal.len() < text.len() {
        let whole = literal.rfind('/').map_or("/", |at| &literal[..at.max(1)]);
        say(format!("`{text}` is a pattern: the asset has `{whole}`"), "paths of assets are prefixes");
        return whole.to_owned();
    }
    if kind == "Exact" && text != "/" {
        say(format!("`{text}` was exact, and is a prefix now"), "what is below it belongs to the asset too");
    }
    text.to_owned()
}

fn asset(plan: &mut Plan, ingress: &Object, host: &str, path: String, upstream: String, policy: &str) {
    if let Some(taken) = plan.assets.iter().find(|it| it.host == host && it.paths.contains(&path)) {
        let title = format!("`{host}{path}` is taken by asset `{}`", taken.name);
        let place =
            ingress.node.get("metadata").map_or_else(|| ingress.at(&ingress.node), |node| ingress.at(node));
        plan.diagnostics
            .push(Diagnostic::warning("second-asset", title).at(place, "left out: the first one counts"));
        return;
    }
    let name = name_of(&format!("{}-{}", ingress.namespace(), ingress.name()));
    let same = |it: &&mut Asset| {
        it.name.starts_with(&name) && it.host == host && it.upstream == upstream && it.policy == policy
    };
    if let Some(asset) = plan.assets.iter_mut().find(same) {
        asset.paths.push(path);
        return;
    }
    let others = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.clone()).chain(others);
    let name = names.find(|name| !plan.assets.iter().any(|it| it.name == *name)).unwrap_or_default();
    let (host, policy) = (host.to_owned(), policy.to_owned());
    plan.assets.push(Asset { name, host, paths: vec![path], upstream, policy });
}

/// The upstream that a backend is, by name.
fn upstream(plan: &mut Plan, ingress: &Object, backend: &Node, objects: &[Object]) -> Option<String> {
    let service = backend.get("service");
    let name = service.and_then(|it| it.get("name")).or_else(|| backend.get("serviceName"));
    let Some(name) = name.and_then(Node::text) else {
        plan.diagnostics.push(
            Diagnostic::warning("not-carried-over", "a backend that is no Service is not carried over")
                .at(ingress.at(backend), "no `service` here"),
        );
        return None;
    };
    let port = service.and_then(|it| it.get("port")).or_else(|| backend.get("servicePort"));
    let port = port.and_then(|port| number(port, ingress, name, objects)).unwrap_or_else(|| {
        let place = port.map_or_else(|| ingress.at(backend), |port| ingress.at(port));
        plan.diagnostics.push(
            Diagnostic::warning("unknown-port", format!("the port of service `{name}` is not known"))
                .at(place, "80 is taken")
                .help("give the Service's manifest as well: `kubectl get service -A -o yaml`".to_owned()),
        );
        80
    });
    let key = name_of(&format!("{}-{name}-{port}", ingress.namespace()));
    let server = format!("{name}.{}.svc.cluster.local:{port}", ingress.namespace());
    plan.upstreams.insert(key.clone(), server);
    Some(key)
}

/// The number of a port: as it stands, or as the Service says by its name.
fn number(port: &Node, ingress: &Object, service: &str, objects: &[Object]) -> Option<u16> {
    let integer = |node: &Node| match &node.content {
        Content::Integer(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    if let Some(number) = integer(port).or_else(|| port.get("number").and_then(integer)) {
        return Some(number);
    }
    let name = port.text().or_else(|| port.get("name")?.text())?;
    let is_it = |object: &&Object| {
        object.kind() == "Service" && object.name() == service && object.namespace() == ingress.namespace()
    };
    let ports = objects.iter().find(is_it)?.node.get("spec")?.get("ports")?;
    let named = |it: &&Node| it.get("name").and_then(Node::text) == Some(name);
    ports.items().iter().find(named)?.get("port").and_then(integer)
}
