//! What a connection is for: its listener says so, and a reload may change that.

use std::sync::Arc;

use async_trait::async_trait;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;

use super::Wire;
use crate::attach::{Examiner, Inspector, SpoeAgent};
use crate::inline::Inline;
use crate::listen::{Connection, Front, Serve};

/// All fronts of a process.
pub(crate) struct Fronts {
    inline: Arc<Wire<HttpProxy<Inline>>>,
    inspect: Arc<Wire<Inspector>>,
    envoy: Arc<Examiner>,
    spoe: Arc<SpoeAgent>,
}

impl Fronts {
    /// These.
    pub(crate) fn new(
        inline: Wire<HttpProxy<Inline>>,
        inspect: Wire<Inspector>,
        envoy: Examiner,
        spoe: SpoeAgent,
    ) -> Self {
        Self {
            inline: Arc::new(inline),
            inspect: Arc::new(inspect),
            envoy: Arc::new(envoy),
            spoe: Arc::new(spoe),
        }
    }

    /// No more connections will come: those that are idle are closed.
    pub(crate) async fn finish(&self) {
        self.inline.finish().await;
        self.inspect.finish().await;
        self.spoe.finish();
    }
}

#[async_trait]
impl Serve for Fronts {
    async fn serve(self: &Arc<Self>, connection: Connection, stopping: &ShutdownWatch) {
        match connection.client.listener.front {
            Front::Inline => self.inline.serve(connection, stopping).await,
            Front::Inspect(_) => self.inspect.serve(connection, stopping).await,
            Front::Envoy(_) => self.envoy.serve(connection, stopping).await,
            Front::Spoe(_) => self.spoe.serve(connection, stopping).await,
        }
    }
}
