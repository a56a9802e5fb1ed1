//! A keeper with its authorities, and a clock that does not wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use acme::{
    Authority, Binding, Certificate, Challenges, Keeper, Method, Names, Observer, Settings, Status, Store,
};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::clock::Virtual;
use crate::server::{Server, Trouble};

/// What a keeper told.
pub(crate) struct Seen {
    pub(crate) clock: Virtual,
    pub(crate) certificates: Mutex<Vec<Certificate>>,
    pub(crate) status: Mutex<Option<Status>>,
    pub(crate) attempts: Mutex<Vec<Attempt>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) authority: String,
    pub(crate) outcome: &'static str,
    pub(crate) at: SystemTime,
}

pub(crate) fn held<T: Clone>(value: &Mutex<T>) -> T {
    value.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Seen {
    pub(crate) fn new(clock: Virtual) -> Self {
        Self { clock, certificates: Mutex::default(), status: Mutex::default(), attempts: Mutex::default() }
    }
}

impl Observer for Seen {
    fn certificate(&self, certificate: &Certificate) {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner).push(certificate.clone());
    }

    fn attempt(&self, authority: &str, outcome: &'static str) {
        let attempt = Attempt { authority: authority.to_owned(), outcome, at: self.clock.time() };
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
    }

    fn status(&self, status: &Status) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status.clone());
    }
}

/// A keeper with its authorities.
pub(crate) struct World {
    pub(crate) clock: Virtual,
    pub(crate) began: SystemTime,
    pub(crate) servers: Vec<Server>,
    pub(crate) authorities: Vec<Authority>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) directory: TempDir,
    pub(crate) seen: Arc<Seen>,
}

impl World {
    /// One authority for each list of troubles; nobody is there for an empty one that is `None`.
    pub(crate) async fn new(seconds: u64, authorities: &[Option<&[Trouble]>]) -> Self {
        let clock = Virtual::until(seconds);
        let challenges = Arc::new(Challenges::default());
        let mut servers = Vec::new();
        let mut list = Vec::new();
        for (index, troubles) in authorities.iter().enumerate() {
            let mut directory = "http://127.0.0.1:1/directory".to_owned();
            if let Some(troubles) = troubles {
                let server = Server::start(clock.clone(), Arc::clone(&challenges), troubles.to_vec()).await;
                directory = format!("{}/directory", server.url);
                servers.push(server);
            }
            list.push(authority(index, directory));
        }
        Self {
            began: clock.time(),
            seen: Arc::new(Seen::new(clock.clone())),
            clock,
            servers,
            authorities: list,
            challenges,
            directory: tempfile::tempdir().expect("directory"),
        }
    }

    /// Keeps a certificate until the clock's end.
    pub(crate) async fn run(&self) {
        self.run_within(ANSWER_WITHIN).await;
    }

    pub(crate) async fn run_within(&self, answer_within: Duration) {
        let settings = Settings { answer_within, ..self.settings() };
        let (challenges, environment) = (Arc::clone(&self.challenges), self.clock.environment());
        let keeper = Keeper::new(settings, challenges, environment, self.seen.clone()).expect("keeper");
        let (stop, stopping) = watch::channel(false);
        let over = Arc::clone(&self.clock.over);
        tokio::join!(keeper.run(stopping), async move {
            over.notified().await;
            let _ = stop.send(true);
        });
    }

    pub(crate) fn authority(&self, index: usize, server: &Server) -> Authority {
        authority(index, format!("{}/directory", server.url))
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            store: Store::open(self.directory.path()).expect("store"),
            authorities: self.authorities.clone(),
            email: Some("ops@example.com".into()),
            method: Method::Http01,
            wanted: vec![Names::new(["shop.example.com"]).expect("names")],
            answer_within: ANSWER_WITHIN,
        }
    }

    /// The seconds from the beginning to each certificate, and who issued it.
    pub(crate) fn obtained(&self) -> Vec<(u64, String)> {
        let attempts = held(&self.seen.attempts).into_iter().filter(|it| it.outcome == "obtained");
        attempts.map(|it| (self.seconds(it.at), it.authority)).collect()
    }

    pub(crate) fn seconds(&self, at: SystemTime) -> u64 {
        at.duration_since(self.began).unwrap_or_default().as_secs()
    }

    /// What became of it: who issued the first certificate, or what is said.
    pub(crate) fn outcome(&self) -> String {
        if let Some((_, name)) = self.obtained().first() {
            return format!("certificate from {name}");
        }
        let status = held(&self.seen.status).expect("a status");
        assert!(
            status.next.expect("a next attempt") > self.clock.time() && status.authority.is_some(),
            "{status:?}"
        );
        status.failure.unwrap_or_default()
    }

    /// No authority got more than it is meant to, in any five minutes.
    pub(crate) fn assert_bounded(&self, name: &str) {
        for server in &self.servers {
            let requests = server.requests();
            for (index, first) in requests.iter().enumerate() {
                let within =
                    requests[index..].iter().take_while(|at| **at < *first + Duration::from_secs(300));
                let within = within.count();
                assert!(within <= 150, "{name}: {within} requests in five minutes");
            }
        }
    }
}

fn authority(index: usize, directory: String) -> Authority {
    let binding = Some(Binding { kid: "ours".into(), hmac_key: vec![1; 32] });
    Authority { name: format!("ca{index}"), directory, binding, roots: Some(root()) }
}

fn root() -> String {
    rcgen::generate_simple_self_signed(vec!["root.example.com".into()]).expect("certificate").cert.pem()
}

/// How long an authority may take to answer: long, as the machine may be busy.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
