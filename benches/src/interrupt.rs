//! How a user ends a measurement in order, so that every server that was started is ended too.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};

static STOP: AtomicBool = AtomicBool::new(false);

/// Whether the user wants an end: whoever waits or loops looks at it.
pub fn is_wanted() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// An error once the user wants an end.
///
/// # Errors
/// Then.
pub fn go_on() -> Result<()> {
    ensure!(!is_wanted(), "interrupted");
    Ok(())
}

/// Has a signal say that the user wants an end.
///
/// # Errors
/// When signals cannot be listened to.
pub fn listen() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        STOP.store(true, Ordering::Relaxed);
    });
    Ok(())
}
