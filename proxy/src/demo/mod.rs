//! A small application to stand behind a proxy: what `portcullis demo` protects.

mod shop;

use std::io;
use std::net::SocketAddr;

use crate::handover::Inherited;
use crate::listen::Listening;
use crate::report::Connections;

/// The sample application, listening on a loopback port of the system's choice.
pub struct SampleApp {
    listening: Listening,
    address: SocketAddr,
}

impl SampleApp {
    /// Starts it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No socket on the loopback interface.
    pub fn start() -> io::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let counters = Connections::unread().map_err(io::Error::other)?;
        let listening = Listening::plain(address, shop::Shop, counters, &Inherited::default())
            .map_err(io::Error::other)?;
        let address = listening.bound.tcp().unwrap_or(address);
        Ok(Self { listening, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it.
    pub async fn stop(self) {
        self.listening.close().await;
    }
}
