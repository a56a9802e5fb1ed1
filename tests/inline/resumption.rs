//! Sessions of TLS that go on: with a ticket, a client that comes again does without most of the handshake, also after a reload.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use tokio_rustls::rustls;

use super::origin::Origin;
use super::process::{Portcullis, Setup};
use super::tls::Authority;

/// A client that keeps the tickets it is given.
fn client(authority: &Authority, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("PEM")).expect("a root");
    let builder = ClientConfig::builder_with_protocol_versions(&[version]);
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// One request over a connection of its own: how its handshake went.
fn visit(address: SocketAddr, client: &Arc<ClientConfig>) -> (HandshakeKind, ProtocolVersion) {
    let name = ServerName::try_from("a.test").expect("a name");
    let connection = ClientConnection::new(Arc::clone(client), name).expect("a connection");
    let socket = TcpStream::connect(address).expect("connected");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and an end that was announced");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let connection = &stream.conn;
    (connection.handshake_kind().expect("over"), connection.protocol_version().expect("over"))
}

#[test]
fn who_comes_again_is_known_also_after_a_reload() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let origin = Origin::start();
        let authority = Authority::new("test authority");
        let (certificate, key) = authority.issue(&["a.test"], "a");
        let tls = "{ address: \"127.0.0.1:0\", tls: { certificates: [{ certificate: a.crt, key: a.key }] } }";
        let setup = Setup { listener: tls.to_owned(), ..Setup::new(origin.address) };
        let proxy = Portcullis::start_with(&setup, &[("a.crt", &certificate), ("a.key", &key)]);
        let client = client(&authority, version);
        assert_eq!(visit(proxy.address, &client), (HandshakeKind::Full, version.version));
        assert_eq!(visit(proxy.address, &client), (HandshakeKind::Resumed, version.version));
        proxy.signal("HUP");
        let reloaded = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            proxy.metric("portcullis_reloads_total{result=\"ok\"}") >= 1.0
        });
        assert!(reloaded, "{}", proxy.said());
        assert_eq!(visit(proxy.address, &client), (HandshakeKind::Resumed, version.version));
    }
}
