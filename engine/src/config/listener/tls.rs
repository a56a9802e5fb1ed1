//! TLS of a listener.

use crate::config::acme::names;
use crate::config::spec::{
    AcmeCertificateSpec, CertificateSpec, ClientCertificatesSpec, TlsSpec, TlsVersion, UnknownNames,
};
use crate::config::{Acme, At, Challenge};
use crate::tls::{IdentityFiles, NamedFile};

/// TLS of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Its certificates in files, in the order written.
    pub certificates: Vec<IdentityFiles>,
    /// The names of those that are obtained by ACME, in lower case.
    pub acme: Vec<Vec<String>>,
    /// The challenge in which a handshake is the proof (TLS-ALPN-01) may come here.
    pub proves: bool,
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

pub(super) fn check(spec: &TlsSpec, at: &At<'_>, acme: Option<&Acme>) -> Tls {
    let certificates = at.key("certificates");
    let all = || spec.certificates.iter().enumerate().map(|(index, spec)| (spec, certificates.item(index)));
    let obtained = all().filter_map(|(spec, at)| obtained(spec.acme.as_ref()?, acme, &at.key("acme")));
    Tls {
        certificates: all().filter_map(|(spec, at)| certificate(spec, &at)).collect(),
        acme: obtained.collect(),
        proves: acme.is_some_and(|acme| acme.challenge == Challenge::TlsAlpn01),
        unknown_names: spec.unknown_names,
        min_version: spec.min_version,
        http2: spec.http2.unwrap_or(true),
        client_certificates: spec
            .client_certificates
            .as_ref()
            .map(|spec| client_certificates(spec, &at.key("client_certificates"))),
    }
}

/// The names of a certificate that is obtained by ACME.
fn obtained(spec: &AcmeCertificateSpec, acme: Option<&Acme>, at: &At<'_>) -> Option<Vec<String>> {
    let Some(acme) = acme else {
        at.error("no-acme", "nothing says how certificates are obtained")
            .at_key()
            .label("needs `acme` at the top")
            .help("write `acme: { agree_to_terms: true }`, and read docs/edge.md".to_owned())
            .report();
        return None;
    };
    Some(names(&spec.names, &acme.challenge, &at.key("names")))
}

/// The files of a certificate that is in files.
fn certificate(spec: &CertificateSpec, at: &At<'_>) -> Option<IdentityFiles> {
    if spec.acme.is_some() && spec.certificate.is_none() && spec.key.is_none() && spec.secret.is_none() {
        return None;
    }
    match (&spec.certificate, &spec.key, spec.secret.as_ref().filter(|_| spec.acme.is_none())) {
        (Some(certificate), Some(key), None) if spec.acme.is_none() => Some(IdentityFiles {
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
            at.error("contradiction", "expected `certificate` with `key`, `secret` alone, or `acme` alone")
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
