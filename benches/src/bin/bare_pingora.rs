//! Pingora alone: a reverse proxy that inspects nothing, with the settings that ours has.
//!
//! ```text
//! cargo run --release -p portcullis-benches --bin bare_pingora -- --listen 127.0.0.1:8080 --upstream 127.0.0.1:3000
//! ```
//! What it costs is what our proxy would cost at least.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use clap::Parser;
use pingora::apps::HttpServerOptions;
use pingora::listeners::tls::TlsSettings;
use pingora::proxy::{ProxyHttp, Session, http_proxy};
use pingora::server::Fds;
use pingora::server::configuration::ServerConf;
use pingora::services::Service as _;
use pingora::services::listening::Service;
use pingora::upstreams::peer::HttpPeer;
use tokio::sync::watch;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A reverse proxy made of Pingora and nothing else.
#[derive(Parser)]
struct Options {
    /// Where requests are accepted.
    #[arg(long)]
    listen: SocketAddr,
    /// The application.
    #[arg(long)]
    upstream: SocketAddr,
    /// A certificate, as PEM: TLS is spoken, with HTTP/1.1 and HTTP/2.
    #[arg(long, requires = "key")]
    certificate: Option<String>,
    /// Its key, as PEM.
    #[arg(long, requires = "certificate")]
    key: Option<String>,
    /// Worker threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

struct Bare {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    fn init_downstream_modules(&self, _modules: &mut pingora::modules::http::HttpModules) {
        // None, as ours.
    }

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> pingora::Result<Box<HttpPeer>> {
        let mut peer = HttpPeer::new(self.upstream, false, String::new());
        peer.options.connection_timeout = Some(Duration::from_secs(5));
        peer.options.total_connection_timeout = Some(Duration::from_secs(5));
        peer.options.read_timeout = Some(TIMEOUT);
        peer.options.write_timeout = Some(TIMEOUT);
        peer.options.idle_timeout = Some(TIMEOUT);
        Ok(Box::new(peer))
    }
}

const TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let options = Options::parse();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(options.threads.max(1)).enable_all().build()?;
    runtime.block_on(serve(&options))
}

/// Serves until the process is ended.
async fn serve(options: &Options) -> Result<()> {
    let conf = Arc::new(ServerConf::default());
    let mut app = http_proxy(&conf, Bare { upstream: options.upstream });
    app.server_options = Some(HttpServerOptions::default());
    let listener = TcpListener::bind(options.listen)?;
    listener.set_nonblocking(true)?;
    let name = listener.local_addr()?.to_string();
    let mut sockets = Fds::new();
    sockets.add(name.clone(), listener.into_raw_fd());
    let mut service = Service::new(name.clone(), app);
    match (&options.certificate, &options.key) {
        (Some(certificate), Some(key)) => {
            let mut settings = TlsSettings::intermediate(certificate, key)?;
            settings.enable_h2();
            service.add_tls_with_settings(&name, None, settings);
        }
        _ => service.add_tcp(&name),
    }
    let (_stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        service.start_service(Some(Arc::new(sockets.into())), stopping, 1).await;
    })
    .await?;
    Ok(())
}
