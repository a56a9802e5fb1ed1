//! Which server gets the next request.

use crate::config::At;
use crate::config::spec::{BalanceSpec, HashFieldSpec, HashKeySpec};
use signatures::suggest::closest;

/// Which server gets the next request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The one whose turn it is.
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight for its weight.
    LeastRequests,
    /// The one that the key of the request leads to.
    Hash(HashKey),
}

/// Where the key of a request is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The client's address.
    ClientAddress,
    /// A cookie, by its name.
    Cookie(String),
    /// A header, by its name in lower case.
    Header(String),
}

pub(super) fn check(spec: Option<&BalanceSpec>, at: &At<'_>) -> Balance {
    match spec {
        None => Balance::RoundRobin,
        Some(BalanceSpec::Named(name)) => match name.as_str() {
            "round-robin" => Balance::RoundRobin,
            "least-requests" => Balance::LeastRequests,
            _ => {
                unknown(name, &["round-robin", "least-requests", "hash"], "`hash: { cookie: NAME }`", at);
                Balance::RoundRobin
            }
        },
        Some(BalanceSpec::Hash(spec)) => {
            let at = at.key("hash");
            match &spec.hash {
                HashKeySpec::Named(name) if name == "client-address" => Balance::Hash(HashKey::ClientAddress),
                HashKeySpec::Named(name) => {
                    unknown(name, &["client-address"], "`cookie: NAME`, `header: NAME`", &at);
                    Balance::RoundRobin
                }
                HashKeySpec::Field(field) => Balance::Hash(field_key(field, &at)),
            }
        }
    }
}

fn field_key(spec: &HashFieldSpec, at: &At<'_>) -> HashKey {
    let (key, name) = match (&spec.cookie, &spec.header) {
        (Some(name), None) => ("cookie", HashKey::Cookie(name.clone())),
        (None, Some(name)) => ("header", HashKey::Header(name.to_ascii_lowercase())),
        _ => {
            at.error("contradiction", "expected exactly one of `cookie` and `header`")
                .at_key()
                .label("what is the key?")
                .report();
            return HashKey::ClientAddress;
        }
    };
    let (HashKey::Cookie(text) | HashKey::Header(text)) = &name else { return name };
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        at.key(key)
            .error("invalid-header", format!("expected the name of a {key}, found `{text}`"))
            .label("not a name")
            .report();
    }
    name
}

fn unknown(found: &str, words: &[&str], other: &str, at: &At<'_>) {
    let help = match closest(found, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("write `{}` or {other}", words[0]),
    };
    at.error("unknown-value", format!("there is no way to balance called `{found}`"))
        .label("not one of them")
        .help(help)
        .report();
}
