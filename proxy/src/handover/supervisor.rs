//! What the service manager is told (sd_notify(3)); nothing where there is none.

use std::time::Duration;

use sd_notify::NotifyState;

/// Requests are accepted.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A configuration is being loaded; [`ready`] says that it is done.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Requests in flight are finished.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Another process has taken over.
pub(crate) fn replaced_by(pid: u32) {
    tell(&[NotifyState::MainPid(pid)]);
}

/// Says again and again that this process is alive, if the service manager wants to know (`WatchdogSec=`).
pub(crate) fn keep_alive() {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(within.max(Duration::from_millis(2)) / 2);
        loop {
            tick.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    });
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager is not told");
    }
}
