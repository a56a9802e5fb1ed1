//! Requests, one at a time, as clients of the gateway send them.

use std::future::Ready;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context as Waiting, Poll};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// A body of a known length, or in chunks.
pub(super) type Body = BoxBody<Bytes, std::convert::Infallible>;

/// A client that keeps its connection.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Body>,
}

impl Http {
    /// One that connects to `connect` whatever the name, and trusts `ca` beside the system's authorities.
    pub(super) fn new(connect: Option<IpAddr>, ca: Option<&Path>, speaks: Speaks) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(ca)?)
            .with_no_client_auth();
        let mut connector = HttpConnector::new_with_resolver(Resolver { connect });
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIME));
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        // What is not offered over TLS is not chosen there.
        let connector = match speaks {
            Speaks::Http1 => builder.enable_http1().wrap_connector(connector),
            Speaks::Http2 => builder.enable_http2().wrap_connector(connector),
        };
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_max_idle_per_host(1).http2_only(speaks == Speaks::Http2);
        Ok(Self { client: client.build(connector) })
    }

    /// Sends a request; the answer with up to [`ANSWER_BYTES_MAX`] of its body.
    pub(super) async fn send(&self, request: Request<Body>) -> anyhow::Result<Response<Bytes>> {
        let exchange = async {
            let (head, body) = self.client.request(request).await.map_err(Error::from)?.into_parts();
            // A page may be long or without an end: what it says is not what is asked for.
            let body = match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => Bytes::new(),
            };
            anyhow::Ok(Response::from_parts(head, body))
        };
        tokio::time::timeout(ANSWER_TIME, exchange).await.context("no answer in time")?
    }
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: agreed on over TLS (ALPN), known beforehand without.
    Http2,
}

/// What went wrong, down to its cause: the client's own message says only that something did.
#[derive(Debug)]
struct Error(String);

impl std::fmt::Display for Error {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<hyper_util::client::legacy::Error> for Error {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Self(cause.to_string())
    }
}

/// Resolves every name to one address, if there is one.
#[derive(Clone)]
struct Resolver {
    connect: Option<IpAddr>,
}

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Waiting<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        use std::net::ToSocketAddrs as _;
        // Nothing else happens in this process meanwhile.
        let found = match self.connect {
            Some(address) => Ok(vec![SocketAddr::new(address, 0)]),
            None => (name.as_str(), 0).to_socket_addrs().map(Iterator::collect),
        };
        std::future::ready(found.map(Vec::into_iter))
    }
}

fn roots(ca: Option<&Path>) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // A system without authorities is one that is asked over plain HTTP.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        let wrong = || format!("`{}` is no certificate", path.display());
        for certificate in CertificateDer::pem_file_iter(path).with_context(wrong)? {
            roots.add(certificate.with_context(wrong)?).with_context(wrong)?;
        }
    }
    Ok(roots)
}

/// A URL that clients ask: `http` or `https`, with a host.
pub(super) fn target(text: &str) -> anyhow::Result<Uri> {
    let uri: Uri = text.parse().with_context(|| format!("`{text}` is no URL"))?;
    ensure!(
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some(),
        "`{text}` is no URL of http or https: https://shop.example.com/"
    );
    if uri.query().is_some() {
        bail!("`{text}` has a query: probes have their own");
    }
    Ok(uri)
}

const CONNECT_TIME: Duration = Duration::from_secs(5);
/// An agent that hangs is waited for by its gateway first.
const ANSWER_TIME: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_urls_of_sites() {
        for (text, wrong) in [
            ("https://shop.example.com/", None),
            ("http://[::1]:8080/path", None),
            ("shop.example.com", Some("is no URL of http")),
            ("ftp://shop.example.com/", Some("is no URL of http")),
            ("/path", Some("is no URL of http")),
            ("http://shop.example.com/?a=1", Some("has a query")),
            ("http://shop example/", Some("is no URL")),
        ] {
            match (target(text), wrong) {
                (Ok(_), None) => {}
                (Err(error), Some(wrong)) if error.to_string().contains(wrong) => {}
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
