//! TLS of a listener.

use crate::config::At;
use crate::config::spec::{CertificateSpec, ClientCertificatesSpec, TlsSpec, TlsVersion, UnknownNames};
use crate::tls::{IdentityFiles, NamedFile};

/// TLS of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Its certificates, in the order written.
    pub certificates: Vec<IdentityFiles>,
    /// Whether the first certificate is for unknown names as well.
    pub unknown_names: UnknownNames,
    /// The oldest version.
    pub min_version: TlsVersion,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Certificates of clients, if they are asked for.
    pub client_certificates: Option<ClientCertificates>,
}

/// Certificates of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// The file of the authorities that are believed.
    pub authorities: NamedFile,
    /// Whether a client without one is refused.
    pub required: bool,
    /// The header that tells the application the subject, in lower case.
    pub subject_header: String,
}

pub(super) fn check(spec: &TlsSpec, at: &At<'_>) -> Tls {
    let certificates = at.key("certificates");
    let certificate = |(index, spec)| certificate(spec, &certificates.item(index));
    Tls {
        certificates: spec.certificates.iter().enumerate().filter_map(certificate).collect(),
        unknown_names: spec.unknown_names,
        min_version: spec.min_version,
        http2: spec.http2.unwrap_or(true),
        client_certificates: spec
            .client_certificates
            .as_ref()
            .map(|spec| client_certificates(spec, &at.key("client_certificates"))),
    }
}

fn certificate(spec: &CertificateSpec, at: &At<'_>) -> Option<IdentityFiles> {
    match (&spec.certificate, &spec.key, &spec.secret) {
        (Some(certificate), Some(key), None) => Some(IdentityFiles {
            certificate: NamedFile::new(certificate, at.key("certificate").location()),
            key: NamedFile::new(key, at.key("key").location()),
        }),
        (None, None, Some(directory)) => {
            let place = at.key("secret").location();
            let directory = directory.trim_end_matches('/');
            Some(IdentityFiles {
                certificate: NamedFile::new(&format!("{directory}/tls.crt"), place.clone()),
                key: NamedFile::new(&format!("{directory}/tls.key"), place),
            })
        }
        _ => {
            at.error("contradiction", "expected `certificate` with `key`, or `secret` alone")
                .label("which certificate?")
                .help(
                    "write `{ certificate: shop.crt, key: shop.key }` or `{ secret: /etc/tls/shop }`"
                        .to_owned(),
                )
                .report();
            None
        }
    }
}

fn client_certificates(spec: &ClientCertificatesSpec, at: &At<'_>) -> ClientCertificates {
    let header =
        spec.subject_header.clone().unwrap_or_else(|| SUBJECT_HEADER.to_owned()).to_ascii_lowercase();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if header.is_empty() || !header.bytes().all(is_token) {
        at.key("subject_header")
            .error("invalid-header", format!("expected the name of a header, found `{header}`"))
            .label("not a name")
            .report();
    }
    ClientCertificates {
        authorities: NamedFile::new(&spec.authorities, at.key("authorities").location()),
        required: spec.required.unwrap_or(true),
        subject_header: header,
    }
}

const SUBJECT_HEADER: &str = "x-client-subject";
