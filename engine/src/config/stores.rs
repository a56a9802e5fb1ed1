//! Where instances share what they count, checked.

use std::collections::BTreeMap;
use std::time::Duration;

use signatures::Location;

use super::quantity::duration_at;
use super::rates::check_name;
use super::{At, StoreSpec};

/// A Redis or Valkey in which instances share what they count.
#[derive(Clone, Debug)]
pub struct Store {
    /// Its name.
    pub name: String,
    /// Where it is; of a cluster some of its nodes.
    pub nodes: Vec<StoreNode>,
    /// Whether it is a cluster.
    pub is_cluster: bool,
    /// The user's name.
    pub username: Option<String>,
    /// The file that has the password, found from the working directory.
    pub password_file: Option<String>,
    /// How long a request waits for it.
    pub timeout: Duration,
    /// What its keys begin with.
    pub prefix: String,
    /// Where the configuration names the file of the password.
    pub place: Location,
}

/// The same settings, wherever they stand in the text.
impl PartialEq for Store {
    fn eq(&self, other: &Self) -> bool {
        let Self { name, nodes, is_cluster, username, password_file, timeout, prefix, place: _ } = self;
        (name, nodes, is_cluster, username) == (&other.name, &other.nodes, &other.is_cluster, &other.username)
            && (password_file, timeout, prefix) == (&other.password_file, &other.timeout, &other.prefix)
    }
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreNode {
    /// A host and port, with the number of the database.
    Tcp(String, u16, u8),
    /// A socket in the file system.
    Unix(String),
}

pub(super) fn check_all(specs: &BTreeMap<String, StoreSpec>, at: &At<'_>) -> BTreeMap<String, Store> {
    specs.iter().map(|(name, spec)| (name.clone(), check(name, spec, &at.key(name)))).collect()
}

fn check(name: &str, spec: &StoreSpec, at: &At<'_>) -> Store {
    check_name(name, at);
    let timeout = duration_at(spec.timeout.as_deref(), TIMEOUT, &at.key("timeout"));
    if timeout > TIMEOUT_MAX {
        at.key("timeout")
            .error("out-of-range", "expected 1s at most")
            .label("too long for a request to wait")
            .report();
    }
    if spec.prefix.as_ref().is_some_and(|prefix| prefix.len() > PREFIX_BYTES_MAX) {
        at.key("prefix")
            .error("out-of-range", format!("expected {PREFIX_BYTES_MAX} bytes at most"))
            .label("too long")
            .report();
    }
    Store {
        name: name.to_owned(),
        nodes: nodes(spec, &at.key("redis")),
        is_cluster: spec.cluster,
        username: spec.username.clone(),
        password_file: spec.password_file.as_deref().map(|file| at.beside(file)),
        timeout,
        prefix: spec.prefix.clone().unwrap_or_else(|| PREFIX.to_owned()),
        place: at.key("password_file").location(),
    }
}

fn nodes(spec: &StoreSpec, at: &At<'_>) -> Vec<StoreNode> {
    if spec.redis.len() > 1 && !spec.cluster {
        at.error("contradiction", "several nodes, but no cluster")
            .label("one, or `cluster: true`")
            .help("instances that count in different places share nothing".to_owned())
            .report();
    }
    let read = |(index, url): (usize, &String)| node(url, spec.cluster, &at.item(index));
    spec.redis.iter().enumerate().filter_map(read).collect()
}

fn node(url: &str, is_cluster: bool, at: &At<'_>) -> Option<StoreNode> {
    match parse(url) {
        Ok(StoreNode::Unix(_)) if is_cluster => {
            at.error("contradiction", "nodes of a cluster are told by hosts and ports")
                .label("a socket in the file system")
                .report();
            None
        }
        Ok(StoreNode::Tcp(_, _, database)) if is_cluster && database > 0 => {
            at.error("contradiction", "a cluster has database 0 alone").label("another database").report();
            None
        }
        Ok(node) => Some(node),
        Err(help) => {
            at.error("invalid-store", format!("expected the address of a store, found `{}`", shown(url)))
                .label("not an address of Redis or Valkey")
                .help(help.to_owned())
                .report();
            None
        }
    }
}

/// Reads an address; or says how it is written.
fn parse(url: &str) -> Result<StoreNode, &'static str> {
    if let Some(path) = url.strip_prefix("unix://") {
        return if path.starts_with('/') { Ok(StoreNode::Unix(path.to_owned())) } else { Err(HELP) };
    }
    if url.starts_with("rediss://") || url.starts_with("valkeys://") {
        return Err("TLS to a store is not in this version: put a tunnel (stunnel) beside the proxy");
    }
    let rest = url.strip_prefix("redis://").or_else(|| url.strip_prefix("valkey://")).ok_or(HELP)?;
    if rest.contains('@') {
        return Err("write `username` and `password_file` instead: secrets have no place in a configuration");
    }
    let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = if database.is_empty() { 0 } else { database.parse().map_err(|_| HELP)? };
    let (host, port) = match place.rsplit_once(':') {
        // An IPv6 address has brackets, and colons within them.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| HELP)?),
        _ => (place, PORT),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let (host, is_host) = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => (address, address.parse::<std::net::Ipv6Addr>().is_ok()),
        None => (host, !host.is_empty() && host.bytes().all(allowed)),
    };
    if is_host && port != 0 { Ok(StoreNode::Tcp(host.to_owned(), port, database)) } else { Err(HELP) }
}

/// The address without what may be a password.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://...@{place}"),
        _ => url.to_owned(),
    }
}

const HELP: &str = "write `redis://127.0.0.1:6379` or `unix:///run/redis/redis.sock`";
const PORT: u16 = 6379;
/// How long a request waits, unless another time is set: many times what a store in the same network takes.
const TIMEOUT: Duration = Duration::from_millis(20);
/// How long it may be set to wait.
const TIMEOUT_MAX: Duration = Duration::from_secs(1);
const PREFIX: &str = "portcullis:";
/// The longest beginning of keys (bytes).
const PREFIX_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        let tcp = |host: &str, port, database| Some(StoreNode::Tcp(host.to_owned(), port, database));
        for (url, expected) in [
            ("redis://127.0.0.1:6379", tcp("127.0.0.1", 6379, 0)),
            ("redis://cache.internal", tcp("cache.internal", 6379, 0)),
            ("valkey://cache.internal/", tcp("cache.internal", 6379, 0)),
            ("redis://[::1]:7000/2", tcp("::1", 7000, 2)),
            ("redis://[::1]", tcp("::1", 6379, 0)),
            ("unix:///run/redis.sock", Some(StoreNode::Unix("/run/redis.sock".to_owned()))),
            ("unix://run/redis.sock", None),
            ("redis://", None),
            ("redis://:6379", None),
            ("redis://a:0", None),
            ("redis://a:b", None),
            ("redis://a:1/x", None),
            ("redis://a:1?x", None),
            ("redis://::1:1", None),
            ("redis://[::x]:1", None),
            ("redis://a::b:1", None),
            ("redis://u:p@a:1", None),
            ("rediss://a:1", None),
            ("127.0.0.1:6379", None),
        ] {
            assert_eq!(parse(url).ok(), expected, "{url}");
        }
        assert_eq!(shown("redis://user:secret@host:1"), "redis://...@host:1");
    }
}
