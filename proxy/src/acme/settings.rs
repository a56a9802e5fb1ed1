//! What the keeper is told, with the files that the configuration names.

use std::time::Duration;

use acme::{Authority, Binding, DnsCommand, Method, Names, Settings, Store};
use engine::config::{self, Challenge};

/// Reads the files that settings name.
pub(super) fn read(settings: &config::Acme, store: Store) -> Result<Settings, String> {
    let method = match &settings.challenge {
        Challenge::Http01 => Method::Http01,
        Challenge::TlsAlpn01 => Method::TlsAlpn01,
        Challenge::Dns01 { command, wait, timeout } => {
            Method::Dns01(DnsCommand { command: command.clone(), wait: *wait, timeout: *timeout })
        }
    };
    Ok(Settings {
        store,
        authorities: settings.authorities.iter().map(authority).collect::<Result<_, _>>()?,
        email: settings.email.clone(),
        method,
        wanted: settings.names.iter().filter_map(Names::new).collect(),
        answer_within: ANSWER_WITHIN,
    })
}

fn authority(settings: &config::Authority) -> Result<Authority, String> {
    let file = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("`{path}`: {error}"));
    let binding = settings.eab.as_ref().map(|eab| {
        let path = &eab.hmac_key.path;
        Binding::read(&eab.kid, &file(path)?).map_err(|error| format!("`{path}`: {error}"))
    });
    Ok(Authority {
        name: settings.name.clone(),
        directory: settings.directory.clone(),
        binding: binding.transpose()?,
        roots: settings.ca.as_ref().map(|ca| file(&ca.path)).transpose()?,
    })
}

/// How long an authority may take to answer a request.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
