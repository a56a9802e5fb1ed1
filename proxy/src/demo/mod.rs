//! A small application to stand behind a proxy: what `portcullis demo` protects.

mod shop;

use std::io;
use std::net::SocketAddr;

use crate::listen::Listening;

/// The sample application, listening on a loopback port of the system's choice.
pub struct SampleApp {
    listening: Listening,
}

impl SampleApp {
    /// Starts it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No socket on the loopback interface.
    pub fn start() -> io::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self { listening: Listening::open(address, shop::Shop)? })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address
    }

    /// Stops it.
    pub async fn stop(self) {
        self.listening.close().await;
    }
}
