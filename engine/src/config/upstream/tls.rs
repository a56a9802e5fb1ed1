//! TLS to the servers of an upstream.

use rustls::pki_types::ServerName;

use super::Server;
use crate::config::At;
use crate::config::spec::{UpstreamTlsSettingsSpec, UpstreamTlsSpec};
use crate::tls::{IdentityFiles, NamedFile};

/// TLS to the servers of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Whether their certificates are verified.
    pub verify: bool,
    /// The file of the authorities that are believed; the system's without.
    pub authorities: Option<NamedFile>,
    /// The name that servers are asked for; each one's own without, and then all of them have one.
    pub server_name: Option<String>,
    /// The certificate that servers are shown.
    pub identity: Option<IdentityFiles>,
}

pub(super) fn check(
    spec: &UpstreamTlsSpec,
    upstream: &str,
    servers: &[Server],
    at: &At<'_>,
) -> Option<UpstreamTls> {
    let nothing = UpstreamTlsSettingsSpec::default();
    let spec = match spec {
        UpstreamTlsSpec::On(false) => return None,
        UpstreamTlsSpec::On(true) => &nothing,
        UpstreamTlsSpec::Settings(settings) => settings,
    };
    let verify = spec.verify.unwrap_or(true);
    if !verify {
        at.key("verify")
            .warning(
                "unverified-upstream",
                format!("whoever answers is taken for the servers of `{upstream}`"),
            )
            .label("certificates are not verified")
            .help("name the file of their authority instead: `authorities: internal-ca.pem`".to_owned())
            .report();
    }
    let server_name = server_name(spec.server_name.as_deref(), servers, at);
    let authorities = spec.authorities.as_ref();
    if let Some(file) = authorities.filter(|_| !verify) {
        at.key("authorities")
            .error("contradiction", format!("`{file}` is not asked where nothing is verified"))
            .label("has no effect")
            .report();
    }
    Some(UpstreamTls {
        verify,
        authorities: authorities.map(|file| NamedFile::new(file, at.key("authorities").location())),
        server_name,
        identity: identity(spec, at),
    })
}

/// The name for all servers; without, each must have a name or an address of its own.
fn server_name(name: Option<&str>, servers: &[Server], at: &At<'_>) -> Option<String> {
    let Some(name) = name else {
        if let Some(server) = servers.iter().find(|server| server.address.host().is_none()) {
            at.error(
                "missing-key",
                format!("`{}` has no name that a certificate could have", server.address),
            )
            .at_key()
            .label("needs `server_name`")
            .report();
        }
        return None;
    };
    if ServerName::try_from(name).is_err() {
        at.key("server_name")
            .error("invalid-host", format!("expected a host name, found `{name}`"))
            .label("not a name that a certificate could have")
            .report();
    }
    Some(name.to_owned())
}

fn identity(spec: &UpstreamTlsSettingsSpec, at: &At<'_>) -> Option<IdentityFiles> {
    let (certificate, key) = match (&spec.certificate, &spec.key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return None,
        (certificate, _) => {
            let (given, missing) =
                if certificate.is_some() { ("certificate", "key") } else { ("key", "certificate") };
            at.key(given)
                .error("contradiction", format!("`{given}` without `{missing}`"))
                .at_key()
                .label("one belongs to the other")
                .report();
            return None;
        }
    };
    Some(IdentityFiles {
        certificate: NamedFile::new(certificate, at.key("certificate").location()),
        key: NamedFile::new(key, at.key("key").location()),
    })
}
