//! A connection to a store.

use std::io;
use std::time::Duration;

use engine::config::{Store, StoreNode};
use engine::{Quota, RateKey};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, Script,
};
use transaction::Rate;

/// A connection that all requests share: what they ask goes one behind the other, and nobody waits for another's answer.
#[derive(Clone)]
pub(super) enum Link {
    Cluster(ClusterConnection),
    Single(MultiplexedConnection),
}

impl Link {
    /// Connects, and tries whether requests can be counted.
    pub(super) async fn open(settings: &Store, script: &Script) -> Result<Self, RedisError> {
        let password = password(settings).await?;
        let nodes: Vec<ConnectionInfo> = settings
            .nodes
            .iter()
            .map(|node| info(node, settings, password.as_deref()))
            .collect::<Result<_, _>>()?;
        let link = if settings.is_cluster {
            let mut builder =
                ClusterClient::builder(nodes).connection_timeout(PATIENCE).response_timeout(PATIENCE);
            if let Some(username) = &settings.username {
                builder = builder.username(username);
            }
            if let Some(password) = password {
                builder = builder.password(password);
            }
            Self::Cluster(builder.retries(1).build()?.get_async_connection().await?)
        } else {
            let node = nodes.into_iter().next().ok_or_else(|| io::Error::other("no address"))?;
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE));
            Self::Single(Client::open(node)?.get_multiplexed_async_connection_with_config(&config).await?)
        };
        link.try_out(settings, script).await?;
        Ok(link)
    }

    /// Counts a request that nobody sent: whether the store is there, and takes what is written.
    pub(super) async fn try_out(&self, settings: &Store, script: &Script) -> Result<(), RedisError> {
        let quota = Quota { count: 100_000, period: Duration::from_secs(1), burst: 1_000 };
        self.count(&format!("{}alive", settings.prefix), quota, script).await.map(drop)
    }

    /// Counts a request.
    pub(super) async fn count(&self, key: &str, quota: Quota, script: &Script) -> Result<Rate, RedisError> {
        let micros = |time: Duration| format!("{:.6}", time.as_secs_f64() * 1e6);
        let mut call = script.key(key);
        call.arg(micros(quota.interval())).arg(micros(quota.window()));
        let (over, remaining, wait_us): (u8, u32, u64) = match self.clone() {
            Self::Cluster(mut link) => call.invoke_async(&mut link).await?,
            Self::Single(mut link) => call.invoke_async(&mut link).await?,
        };
        Ok(Rate { is_over: over != 0, remaining, wait_us })
    }
}

/// The key of what is counted.
pub(super) fn key_of(settings: &Store, limit: &str, key: RateKey) -> String {
    format!("{}{limit}:{}", settings.prefix, key.to_hex())
}

fn info(node: &StoreNode, settings: &Store, password: Option<&str>) -> Result<ConnectionInfo, RedisError> {
    let (address, database) = match node {
        StoreNode::Tcp(host, port, database) => (ConnectionAddr::Tcp(host.clone(), *port), *database),
        StoreNode::Unix(path) => (ConnectionAddr::Unix(path.into()), 0),
    };
    let mut session = RedisConnectionInfo::default().set_db(database.into());
    if let Some(username) = &settings.username {
        session = session.set_username(username);
    }
    if let Some(password) = password {
        session = session.set_password(password);
    }
    Ok(address.into_connection_info()?.set_redis_settings(session))
}

async fn password(settings: &Store) -> io::Result<Option<String>> {
    let Some(path) = settings.password_file.clone() else { return Ok(None) };
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
    Ok(Some(read.map_err(io::Error::other)??.trim_end_matches(['\r', '\n']).to_owned()))
}

/// How long a connection may take, and an answer to it: requests do not wait so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
