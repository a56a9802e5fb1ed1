//! How certificates are obtained by ACME.

use std::time::Duration;

use signatures::suggest::closest;

use super::quantity::duration_at;
use super::{AcmeSpec, At, AuthoritySpec, ChallengeSpec, DnsCommandSpec, Listener, NamedAuthoritySpec, Tls};

use crate::tls::NamedFile;

/// How certificates are obtained by ACME (RFC 8555).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The directory that accounts, keys and certificates are kept in, found from the working directory.
    pub directory: String,
    /// Where authorities write to about certificates.
    pub email: Option<String>,
    /// Authorities, the preferred one first. Never empty.
    pub authorities: Vec<Authority>,
    /// How it is proved that names are ours.
    pub challenge: Challenge,
    /// The names of each certificate that listeners want, each list once.
    pub names: Vec<Vec<String>>,
}

/// A certificate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// What it is called in files and metrics.
    pub name: String,
    /// The URL of its directory.
    pub directory: String,
    /// Binds our account to another.
    pub eab: Option<Eab>,
    /// A file of certificates (PEM) that its own is checked with; those of the system when absent.
    pub ca: Option<NamedFile>,
}

/// An external account binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eab {
    /// The key's id.
    pub kid: String,
    /// The file with the key, in base64url.
    pub hmac_key: NamedFile,
}

/// How it is proved that names are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A file on port 80.
    Http01,
    /// A certificate on port 443.
    TlsAlpn01,
    /// A record in the DNS.
    Dns01 {
        /// A program and its first arguments. Never empty.
        command: Vec<String>,
        /// How long until all name servers have a record.
        wait: Duration,
        /// How long one call may take.
        timeout: Duration,
    },
}

pub(super) fn check(spec: &AcmeSpec, at: &At<'_>) -> Acme {
    if !spec.agree_to_terms {
        at.key("agree_to_terms")
            .error("terms", "authorities issue certificates to those who agree to their terms of service")
            .label("not agreed")
            .help("read them on the authorities' web sites, and write `agree_to_terms: true`".to_owned())
            .report();
    }
    Acme {
        directory: file(spec.directory.as_deref().unwrap_or(DIRECTORY), &at.key("directory")).path,
        email: email(spec.email.as_deref(), &at.key("email")),
        authorities: authorities(spec, &at.key("authorities")),
        challenge: challenge(spec.challenge.as_ref(), &at.key("challenge")),
        names: Vec::new(),
    }
}

/// The same with the names that listeners want certificates for.
pub(super) fn named(mut acme: Acme, listeners: &[Listener], at: &At<'_>) -> Acme {
    let wanted = listeners.iter().filter_map(|listener| listener.tls.as_ref()).flat_map(|tls| &tls.acme);
    acme.names = wanted.cloned().collect();
    acme.names.iter_mut().for_each(|names| {
        names.sort();
        names.dedup();
    });
    acme.names.sort();
    acme.names.dedup();
    if acme.names.is_empty() {
        at.warning("no-certificate", "no listener names a certificate that is obtained by ACME")
            .at_key()
            .label("has no effect")
            .help(
                "write `certificates: [{ acme: { names: [shop.example.com] } }]` in a listener's `tls`"
                    .to_owned(),
            )
            .report();
    } else if acme.challenge == Challenge::Http01 && listeners.iter().all(|listener| listener.tls.is_some()) {
        at.warning(
            "no-plain-listener",
            "`http-01` is asked for over plain HTTP, and all listeners have `tls`",
        )
        .at_key()
        .label("names cannot be proved unless something in front redirects to https")
        .help("add a listener without `tls` at port 80, or set `challenge: tls-alpn-01`".to_owned())
        .report();
    } else if acme.challenge == Challenge::TlsAlpn01
        && listeners.iter().filter_map(|it| it.tls.as_ref()).all(asks_authorities)
    {
        at.warning("no-open-listener", "`tls-alpn-01` is asked for in a handshake, and all listeners want a client's certificate in theirs")
            .at_key()
            .label("authorities show none, so names cannot be proved")
            .help("set `challenge: http-01` or `dns-01`, or `required: false` in `client_certificates`".to_owned())
            .report();
    }
    acme
}

/// Whether who has no certificate is refused, an authority too.
fn asks_authorities(tls: &Tls) -> bool {
    tls.client_certificates.as_ref().is_some_and(|asked| asked.required)
}

/// A path that is relative to the configuration's directory.
fn file(path: &str, at: &At<'_>) -> NamedFile {
    if path.is_empty() {
        at.error("empty-path", "the path is empty").label("must name a file or directory").report();
    }
    NamedFile::new(path, at.location())
}

fn email(text: Option<&str>, at: &At<'_>) -> Option<String> {
    let text = text?;
    let fits = |byte: u8| byte.is_ascii_graphic() && !b",?<>\"".contains(&byte);
    let parts = text.split_once('@').filter(|(user, host)| !user.is_empty() && host.contains('.'));
    if parts.is_none() || !text.bytes().all(fits) {
        at.error("invalid-email", format!("expected an address for mail, found `{text}`"))
            .label("not an address")
            .report();
    }
    Some(text.to_owned())
}

fn authorities(spec: &AcmeSpec, at: &At<'_>) -> Vec<Authority> {
    let usual = [AuthoritySpec::Known(LETS_ENCRYPT.0.to_owned())];
    let listed = spec.authorities.as_deref().unwrap_or(&usual);
    let mut authorities: Vec<Authority> = Vec::new();
    for (index, listed) in listed.iter().enumerate() {
        let at = at.item(index);
        let authority = match listed {
            AuthoritySpec::Known(name) => known(name, spec.staging, &at),
            AuthoritySpec::Named(named) => by_url(named, spec.staging, &at),
        };
        let Some(authority) = authority else { continue };
        if authorities.iter().any(|it| it.name == authority.name) {
            at.error("duplicate-authority", format!("two authorities are `{}`", authority.name))
                .label("again")
                .report();
        }
        authorities.push(authority);
    }
    if authorities.is_empty() && spec.staging {
        at.error("no-authority", "no authority is left for `staging`")
            .label("none has a staging directory")
            .help("give one a `staging_directory`, or list `lets-encrypt`".to_owned())
            .report();
    }
    authorities
}

fn known(name: &str, staging: bool, at: &At<'_>) -> Option<Authority> {
    let known = [LETS_ENCRYPT, LETS_ENCRYPT_STAGING].into_iter().find(|it| it.0 == name);
    let Some(known) = known else {
        let names = [LETS_ENCRYPT.0, LETS_ENCRYPT_STAGING.0];
        let help = match closest(name, names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "give any other with its URL: `{name: .., directory: https://..}`".to_owned(),
        };
        at.error("unknown-authority", format!("there is no authority `{name}`"))
            .label("not known by name")
            .help(help)
            .report();
        return None;
    };
    let (name, directory) = if staging { LETS_ENCRYPT_STAGING } else { known };
    Some(Authority { name: name.to_owned(), directory: directory.to_owned(), eab: None, ca: None })
}

fn by_url(spec: &NamedAuthoritySpec, staging: bool, at: &At<'_>) -> Option<Authority> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let name = &spec.name;
    if !name.bytes().all(letter)
        || !name.starts_with(|first: char| first.is_ascii_alphanumeric())
        || name.len() > 64
    {
        at.key("name")
            .error("invalid-name", format!("expected small letters, digits, `-` and `.`, found `{name}`"))
            .label("becomes a part of a file's name")
            .report();
    }
    let directory = url(&spec.directory, &at.key("directory"));
    let staged = spec.staging_directory.as_ref().map(|text| url(text, &at.key("staging_directory")));
    let eab = spec.eab.as_ref().map(|eab| {
        let at = at.key("eab");
        if eab.kid.is_empty() {
            at.key("kid").error("empty-value", "the key's id is empty").label("must not be empty").report();
        }
        Eab { kid: eab.kid.clone(), hmac_key: file(&eab.hmac_key_file, &at.key("hmac_key_file")) }
    });
    let ca = spec.ca.as_ref().map(|ca| file(ca, &at.key("ca")));
    match (staging, staged) {
        (false, _) => Some(Authority { name: name.clone(), directory, eab, ca }),
        (true, Some(directory)) => Some(Authority { name: format!("{name}-staging"), directory, eab, ca }),
        (true, None) => {
            at.key("name")
                .warning("no-staging", format!("`{name}` has no `staging_directory`, and `staging` is set"))
                .label("left out")
                .report();
            None
        }
    }
}

fn url(text: &str, at: &At<'_>) -> String {
    let host =
        text.strip_prefix("https://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    if host.is_none_or(str::is_empty) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        at.error("invalid-url", format!("expected an `https` URL, found `{text}`"))
            .label("not the URL of a directory")
            .report();
    }
    text.to_owned()
}

fn challenge(spec: Option<&ChallengeSpec>, at: &At<'_>) -> Challenge {
    match spec {
        None => Challenge::Http01,
        Some(ChallengeSpec::Dns(spec)) => dns(&spec.dns_01, &at.key("dns-01")),
        Some(ChallengeSpec::Word(word)) => match word.as_str() {
            "http-01" => Challenge::Http01,
            "tls-alpn-01" => Challenge::TlsAlpn01,
            _ => {
                let help = match closest(word, ["http-01", "tls-alpn-01"]) {
                    Some(close) if word != "dns-01" => format!("did you mean `{close}`?"),
                    _ => "a record in the DNS is made by a command: `dns-01: {command: [..]}`".to_owned(),
                };
                at.error("unknown-challenge", format!("there is no challenge `{word}`"))
                    .label("expected `http-01`, `tls-alpn-01`, or `dns-01` with a command")
                    .help(help)
                    .report();
                Challenge::Http01
            }
        },
    }
}

fn dns(spec: &DnsCommandSpec, at: &At<'_>) -> Challenge {
    if spec.command.first().is_some_and(|program| !program.starts_with('/')) {
        at.key("command")
            .item(0)
            .error("relative-path", format!("expected the program's whole path, found `{}`", spec.command[0]))
            .label("where it is found must not depend on where this runs")
            .report();
    }
    Challenge::Dns01 {
        command: spec.command.clone(),
        wait: duration_at(spec.wait.as_deref(), Duration::from_secs(30), &at.key("wait")),
        timeout: duration_at(spec.timeout.as_deref(), Duration::from_secs(60), &at.key("timeout")),
    }
}

/// The names of one certificate: host names, wildcards only where the DNS proves them. In lower case.
pub(super) fn names(names: &[String], challenge: &Challenge, at: &At<'_>) -> Vec<String> {
    for (index, name) in names.iter().enumerate() {
        let at = at.item(index);
        let host = name.strip_prefix("*.").unwrap_or(name);
        if !is_host(host) {
            at.error("invalid-host", format!("expected a host name, found `{name}`"))
                .label("no authority certifies this")
                .report();
        } else if host != name && !matches!(challenge, Challenge::Dns01 { .. }) {
            at.error("wildcard", format!("`{name}` can only be proved by `dns-01`"))
                .label("a wildcard")
                .help("set `challenge: {dns-01: ..}` in `acme`, or list the names".to_owned())
                .report();
        }
    }
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// Whether an authority may certify it: at least two labels, of letters, digits and `-`, and no address.
fn is_host(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && name.contains('.') && !numeric && name.split('.').all(label)
}

/// Where everything is kept, unless another directory is named.
const DIRECTORY: &str = "/var/lib/portcullis/acme";
/// Authorities known by name, with their directories.
const LETS_ENCRYPT: (&str, &str) = ("lets-encrypt", "https://acme-v02.api.letsencrypt.org/directory");
const LETS_ENCRYPT_STAGING: (&str, &str) =
    ("lets-encrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_certified() {
        for (name, expected) in [
            ("shop.example.com", true),
            ("xn--bcher-kva.example", true),
            ("localhost", false),
            ("192.0.2.1", false),
            ("shop_1.example.com", false),
            ("-shop.example.com", false),
            ("shop..example.com", false),
            ("shop.example.com.", false),
            ("", false),
        ] {
            assert_eq!(is_host(name), expected, "{name}");
        }
    }
}
