//! TLS of listeners: which certificate a client gets, and which certificate it must have.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::curl;
use super::origin::Origin;
use super::process::{Portcullis, Setup};

/// An authority of one's own.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(parameters, key).expect("signed") }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these names, and its key.
    pub(crate) fn issue(&self, names: &[&str], common_name: &str) -> (String, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names).expect("names");
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }
}

/// A proxy with certificates for two names and a wildcard.
fn start(more: &str, authority: &Authority) -> (Origin, Portcullis) {
    let origin = Origin::start();
    let listener = format!(
        "{{ address: \"127.0.0.2:0\" }}, {{ address: \"127.0.0.1:0\", tls: {{ certificates: [{{ certificate: a.crt, key: a.key }}, \
         {{ certificate: b.crt, key: b.key }}]{more} }}, hsts: {{}} }}"
    );
    let (a, a_key) = authority.issue(&["a.test", "*.wild.test"], "a");
    let (b, b_key) = authority.issue(&["b.test"], "b");
    let files = [
        ("a.crt", &*a),
        ("a.key", &*a_key),
        ("b.crt", &*b),
        ("b.key", &*b_key),
        ("ca.crt", &*authority.pem()),
    ]
    .map(|(name, text)| (name, text.to_owned()));
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let proxy = Portcullis::start_with(&Setup { listener, ..Setup::new(origin.address) }, &files);
    (origin, proxy)
}

/// What curl gets that asks `host` for `path` and believes the authority.
fn ask(proxy: &Portcullis, more: &[&str], host: &str, path: &str) -> curl::Answer {
    let port = proxy.address.port();
    let resolve = format!("{host}:{port}:127.0.0.1");
    let authority = proxy.file("ca.crt").display().to_string();
    let arguments = [&["--resolve", &resolve, "--cacert", &authority], more].concat();
    curl::run(&arguments, None, &format!("https://{host}:{port}{path}"))
}

#[test]
fn clients_get_the_certificate_for_the_name_they_ask_for() {
    let authority = Authority::new("test authority");
    let (_origin, proxy) = start("", &authority);
    for (host, status) in [
        ("a.test", 200),
        ("b.test", 200),
        ("x.wild.test", 200),
        ("wild.test", 0),
        ("x.y.wild.test", 0),
        ("c.test", 0),
    ] {
        for version in ["--http1.1", "--http2"] {
            assert_eq!(ask(&proxy, &[version], host, "/echo").status, status, "{host} {version}");
        }
    }
    assert_eq!(ask(&proxy, &[], "a.test", "/?q=hostileword").status, 403);
    let head = ask(&proxy, &["-i"], "a.test", "/echo").body.to_lowercase();
    assert!(head.starts_with("http/2 200"), "{head}");
    assert!(head.contains("strict-transport-security: max-age=31536000"), "{head}");
    let old = ask(&proxy, &["--tls-max", "1.1"], "a.test", "/echo");
    assert_eq!(old.status, 0, "TLS 1.1 is too old");
    assert!(
        proxy.metric("portcullis_connections_refused_total{listener=\"127.0.0.1:0\",reason=\"tls\"}") >= 1.0
    );
    assert!(proxy.metric("portcullis_certificate_expiry_seconds") > 1e9, "{}", proxy.admin("/metrics"));
}

#[test]
fn certificates_change_while_it_runs() {
    let authority = Authority::new("test authority");
    let (_origin, proxy) = start("", &authority);
    assert_eq!(ask(&proxy, &[], "a.test", "/echo").status, 200);
    // The certificate first: until the key has followed, the old pair stays.
    let other = Authority::new("another authority");
    let (certificate, key) = other.issue(&["a.test"], "new");
    std::fs::write(proxy.file("a.crt"), certificate).expect("written");
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert_eq!(ask(&proxy, &[], "a.test", "/echo").status, 200, "{}", proxy.said());
    std::fs::write(proxy.file("a.key"), key).expect("written");
    let changed = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        ask(&proxy, &[], "a.test", "/echo").status == 0
    });
    assert!(changed, "{}", proxy.said());
    std::fs::write(proxy.file("ca.crt"), other.pem()).expect("written");
    assert_eq!(ask(&proxy, &[], "a.test", "/echo").status, 200);
}

/// What only the proxy may say, also by names that applications take for its.
const FORGED: [&str; 2] = ["-HX-Subject: CN=forged", "-HX_Subject: CN=forged"];

#[test]
fn clients_show_their_certificates() {
    let authority = Authority::new("test authority");
    let more = ", client_certificates: { authorities: ca.crt, subject_header: X-Subject }";
    let (_origin, proxy) = start(more, &authority);
    assert_eq!(ask(&proxy, &[], "a.test", "/echo").status, 0, "none shown");
    let (certificate, key) = authority.issue(&[], "till 7");
    std::fs::write(proxy.file("client.crt"), certificate).expect("written");
    std::fs::write(proxy.file("client.key"), key).expect("written");
    let (certificate, key) = Authority::new("a stranger").issue(&[], "till 8");
    std::fs::write(proxy.file("stranger.crt"), certificate).expect("written");
    std::fs::write(proxy.file("stranger.key"), key).expect("written");
    let show = |name: &str, more: &[&str]| {
        let file = |end: &str| proxy.file(&format!("{name}.{end}")).display().to_string();
        let (certificate, key) = (file("crt"), file("key"));
        let arguments = [&["--cert", &*certificate, "--key", &key][..], &FORGED[..], more].concat();
        ask(&proxy, &arguments, "a.test", "/headers")
    };
    // Nor by a listener that asks for no certificate.
    let said = proxy.said();
    let plain =
        said.lines().find_map(|line| line.strip_prefix("listening on http://")).expect("a plain listener");
    let forged = curl::run(&FORGED, None, &format!("http://{plain}/headers"));
    assert_eq!(forged.status, 200, "{plain}");
    assert!(!forged.body.contains("forged"), "{}", forged.body);
    for version in ["--http1.1", "--http2"] {
        let answer = show("client", &[version]);
        assert_eq!(answer.status, 200, "{version}: {}", proxy.said());
        let told = answer.body.to_lowercase();
        assert!(told.contains("x-subject: cn=till 7"), "{told}");
        assert!(!told.contains("forged"), "{told}");
        assert_eq!(show("stranger", &[version]).status, 0);
    }
}
