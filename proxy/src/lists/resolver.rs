//! Name servers, asked for one address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use engine::config::Rbl;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use signatures::operator::listing_of;
use tokio::time::{Instant, timeout};
use transaction::Listing;

/// Name servers, with the bounds of how long an answer is kept.
pub(super) struct Resolver {
    resolver: TokioResolver,
    ttl_min: Duration,
    ttl_max: Duration,
}

impl Resolver {
    pub(super) fn start(settings: &Rbl) -> io::Result<Self> {
        let mut builder = if settings.name_servers.is_empty() {
            TokioResolver::builder_tokio().map_err(io::Error::other)?
        } else {
            let servers = settings.name_servers.iter().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        bound(builder.options_mut(), settings);
        let resolver = builder.build().map_err(io::Error::other)?;
        Ok(Self { resolver, ttl_min: settings.ttl_min, ttl_max: settings.ttl_max })
    }

    /// What a list answers to a question, and how long that is kept.
    pub(super) async fn ask(&self, question: &str) -> (Listing, Duration) {
        match timeout(LOOKUP_TIMEOUT, self.resolver.lookup(question, RecordType::A)).await {
            Ok(Ok(found)) => self.listed(&found),
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(none)))) if is_answer(none.response_code) => {
                let ttl = Duration::from_secs(none.negative_ttl.unwrap_or(0).into());
                (Listing::NotListed, self.bounded(ttl))
            }
            Ok(Err(_)) | Err(_) => (Listing::Unanswered, RETRY_AFTER),
        }
    }

    fn listed(&self, found: &Lookup) -> (Listing, Duration) {
        let ttl = found.valid_until().saturating_duration_since(Instant::now().into_std());
        let says = |wanted| addresses(found).any(|address| listing_of(address) == wanted);
        if says(Listing::Listed) {
            (Listing::Listed, self.bounded(ttl))
        } else if says(Listing::Unanswered) {
            (Listing::Unanswered, RETRY_AFTER)
        } else {
            (Listing::NotListed, self.bounded(ttl))
        }
    }

    fn bounded(&self, ttl: Duration) -> Duration {
        ttl.clamp(self.ttl_min, self.ttl_max)
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    server.connections.iter_mut().for_each(|connection| connection.port = address.port());
    server
}

fn bound(options: &mut ResolverOpts, settings: &Rbl) {
    // What is kept is for our own cache, and lists are in no file of hosts.
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.timeout = ATTEMPT_TIMEOUT;
    options.attempts = ATTEMPTS - 1;
    options.max_active_requests = settings.lookups_max;
}

fn addresses(found: &Lookup) -> impl Iterator<Item = Ipv4Addr> {
    found.answers().iter().filter_map(|record| match &record.data {
        RData::A(address) => Some(address.0),
        _ => None,
    })
}

/// Whether a response says that there is no such name, and not that nobody knows.
fn is_answer(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
}

/// How long one attempt to ask may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How often a name server is asked (count).
const ATTEMPTS: usize = 2;
/// How long a question may be under way, whoever waits for it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// After how long a question without answer is asked again.
const RETRY_AFTER: Duration = Duration::from_secs(10);
