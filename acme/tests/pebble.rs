//! Pebble, a real ACME server: every challenge, an account bound to another, nonces refused at random.

#[path = "pebble/pebble.rs"]
mod pebble;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use acme::{
    Authority, Binding, Certificate, Challenges, Chance, Clock, DnsCommand, Environment, HTTP01_PATH, Keeper,
    Method, Names, Observer, Settings, Status, Store, TLS_ALPN01_PROTOCOL,
};
use pebble::{BINDING, Pebble};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Answers as the proxy's listeners do.
struct Listeners(Arc<Challenges>);

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listeners")
    }
}

impl ResolvesServerCert for Listeners {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.tls_alpn01(hello.server_name()?)
    }
}

/// Listens for both challenges; the ports.
async fn listen(challenges: &Arc<Challenges>) -> (u16, u16) {
    let [plain, tls] = [TcpListener::bind("127.0.0.1:0").await, TcpListener::bind("127.0.0.1:0").await];
    let (plain, tls) = (plain.expect("a port"), tls.expect("a port"));
    let ports = (plain.local_addr().expect("address").port(), tls.local_addr().expect("address").port());
    let answers = Arc::clone(challenges);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.unwrap_or_default();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let token = head.split(' ').nth(1).and_then(|path| path.strip_prefix(HTTP01_PATH));
            let body = token.and_then(|token| answers.http01(token)).unwrap_or_default();
            let length = body.len();
            let text =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Listeners(Arc::clone(challenges))));
    config.alpn_protocols = vec![TLS_ALPN01_PROTOCOL.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = tls.accept().await {
            tokio::spawn(acceptor.accept(stream));
        }
    });
    ports
}

/// The system's clock, without its patience; and ahead, once it is told to be.
#[derive(Default)]
struct Hasty {
    ahead_days: AtomicU64,
}

impl Clock for Hasty {
    #[expect(clippy::disallowed_methods, reason = "Pebble lives in real time")]
    fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_secs(86_400 * self.ahead_days.load(Ordering::Relaxed))
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time.min(Duration::from_millis(300))))
    }
}

impl Chance for Hasty {
    fn unit(&self) -> f64 {
        0.0
    }
}

/// Keeps what it was told.
#[derive(Default)]
struct Seen {
    certificates: Mutex<Vec<Certificate>>,
    attempts: Mutex<Vec<(String, &'static str)>>,
}

impl Observer for Seen {
    fn certificate(&self, certificate: &Certificate) {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner).push(certificate.clone());
    }

    fn attempt(&self, authority: &str, outcome: &'static str) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).push((authority.to_owned(), outcome));
    }

    fn status(&self, status: &Status) {
        status.failure.iter().for_each(|failure| println!("{failure}"));
    }
}

impl Seen {
    /// Two minutes at most: an attempt that fails is made again five seconds later.
    async fn wait_for(&self, certificates: usize) {
        for _ in 0..6_000 {
            if self.certificates.lock().unwrap_or_else(PoisonError::into_inner).len() >= certificates {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn authority(pebble: &Pebble, name: &str, kid: &str) -> Authority {
    Authority {
        name: name.into(),
        directory: pebble.directory.clone(),
        binding: Some(Binding::read(kid, BINDING.1).expect("a key")),
        roots: Some(pebble.root.clone()),
    }
}

/// Obtains a certificate for each list of names, and months later another.
async fn obtain(
    pebble: &Pebble,
    challenges: &Arc<Challenges>,
    method: &Method,
    wanted: &[&[&str]],
) -> Arc<Seen> {
    let directory = tempfile::tempdir().expect("directory");
    let settings = Settings {
        store: Store::open(directory.path()).expect("store"),
        // The first has an account that nobody bound.
        authorities: vec![authority(pebble, "unbound", "kid-9"), authority(pebble, "bound", BINDING.0)],
        email: Some("ops@example.com".into()),
        method: method.clone(),
        wanted: wanted.iter().map(|names| Names::new(*names).expect("names")).collect(),
        answer_within: Duration::from_secs(30),
    };
    let seen = Arc::new(Seen::default());
    let clock = Arc::new(Hasty::default());
    let environment = Environment { clock: clock.clone(), chance: clock.clone() };
    let keeper = Keeper::new(settings, Arc::clone(challenges), environment, seen.clone()).expect("keeper");
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn(keeper.run(stopping));
    seen.wait_for(wanted.len()).await;
    // It goes on to ask for advice on renewal. It is for the 60th day of 90.
    tokio::time::sleep(Duration::from_millis(300)).await;
    clock.ahead_days.store(70, Ordering::Relaxed);
    seen.wait_for(2 * wanted.len()).await;
    let _ = stop.send(true);
    task.await.expect("it ends");
    let files = std::fs::read_dir(directory.path().join("certificates")).expect("certificates");
    let advised = files.filter_map(Result::ok).filter(|file| {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        text.contains("\"window\": {")
    });
    println!("{method}: {:?}; advised {}", seen.attempts, advised.count());
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_by_every_challenge() {
    let challenges = Arc::new(Challenges::default());
    let (http_port, tls_port) = listen(&challenges).await;
    let started = tokio::task::spawn_blocking(move || Pebble::start(http_port, tls_port)).await;
    let Some(pebble) = started.expect("it starts") else { return };
    let command = DnsCommand {
        command: vec![pebble.hook.display().to_string()],
        wait: Duration::from_millis(1),
        timeout: Duration::from_secs(20),
    };
    let plain: &[&[&str]] = &[&["shop.example.com", "www.example.com"], &["api.example.com"]];
    let wild: &[&[&str]] = &[&["*.example.com"]];
    // Of the method tried last, which is the one with the hook.
    let mut failed = 0;
    for (method, wanted) in
        [(Method::Http01, plain), (Method::TlsAlpn01, plain), (Method::Dns01(command), wild)]
    {
        let seen = obtain(&pebble, &challenges, &method, wanted).await;
        let certificates = seen.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(certificates.len(), 2 * wanted.len(), "{method}: {:?}", seen.attempts);
        let attempts = seen.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(attempts.iter().any(|it| *it == ("unbound".into(), "refused")), "{attempts:?}");
        let obtained: Vec<_> = attempts.iter().filter(|it| it.1 == "obtained").collect();
        assert!(
            obtained.iter().all(|it| it.0 == "bound") && obtained.len() == 2 * wanted.len(),
            "{attempts:?}"
        );
        assert!(challenges.is_empty());
        failed = attempts.iter().filter(|it| it.0 == "bound").count() - obtained.len();
    }
    let once = "set _acme-challenge.example.com\nunset _acme-challenge.example.com\n";
    let hooked = pebble.hooked();
    let pairs = hooked.lines().count() / 2;
    assert_eq!(hooked, once.repeat(pairs), "what is set is unset before the next is set");
    // For the second certificate Pebble takes the first one's authorization one time in a hundred, even where it is told never to; and
    // an attempt fails of which one request in a hundred is refused for its nonce three times, after which what is proved is set again.
    assert!((1..=2 + failed).contains(&pairs), "{failed} attempts failed: {hooked}");
}
